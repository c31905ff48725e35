//! Whether a line of the table says what an instruction was seen to do.

use super::machine::BYTES;
use super::observe::{
    CAUSE, CONDITIONS, CONTROL, FLAGS, FPR, HI, INDEX, LINK, LO, MEMORY, MODES, Observation, PC,
    STEP, Set, TLB, place,
};
use mirrorball::interp::Step;
use mirrorball::isa::{
    Access, Effect, Fields, Flow, Format, FpuField, Info, Insn, Memory, Operand, State,
};
use mirrorball_runtime::cpu::exception::Exception;
use std::ops::RangeInclusive;

/// The parts of FCSR.
const FCSR: RangeInclusive<u32> = CONDITIONS..=CAUSE;
/// The manual has these take their address without its lowest bits.
const ROUNDING_DOWN: [Insn; 2] = [Insn::Luxc1, Insn::Suxc1];
const CP0: Set = 1 << INDEX | 1 << CONTROL;

/// One thing that a line says is accessed.
struct Claim {
    what: String,
    access: Access,
    /// The things, each of which has to be seen accessed in one run or another...
    all: Vec<Set>,
    /// ... unless that is not to be seen.
    visible: bool,
}

/// What is wrong with a line.
pub fn complaints(info: &Info, observations: &[Observation]) -> Vec<String> {
    let mut complaints = Vec::new();
    for observation in observations {
        complaints.extend(undeclared(info, observation));
    }
    complaints.extend(unseen(info, observations));
    complaints.extend(memory(info, observations));
    complaints.extend(refusals(info, observations));
    complaints.extend(flow(info, observations));
    let named = |complaint| format!("{:?}: {complaint}", info.insn);
    complaints.into_iter().map(named).collect()
}

fn fpr(fr: bool, field: FpuField, format: Format, fields: Fields) -> Vec<Set> {
    let n = field.of(fields);
    if format.is_wide() && !fr && n & 1 != 0 {
        // There is none.
        return vec![0, 0];
    }
    let slot = if fr { n } else { n & !1 };
    let half = |upper: u32| 1 << (FPR + 2 * slot + upper);
    match format {
        Format::S | Format::W => vec![half(n - slot)],
        Format::D | Format::L => vec![half(0), half(1)],
        Format::H => vec![half(1)],
    }
}

/// The claims of a line on a run.
fn claims(info: &Info, observation: &Observation) -> Vec<Claim> {
    let fields = observation.fields;
    let operands = info.operands.iter();
    let mut claims: Vec<Claim> = operands
        .flat_map(|operand| claims_of(info, *operand, fields, observation.fr))
        .collect();
    for &effect in info.effects {
        claims.extend(effects_of(effect));
    }
    claims
}

fn claims_of(info: &Info, operand: Operand, fields: Fields, fr: bool) -> Vec<Claim> {
    let claim = |what: &str, access, all, visible| Claim {
        what: format!("{operand:?} {what}"),
        access,
        all,
        visible,
    };
    let register = |what, access, n: u32, visible| {
        // `$0` is there to be read, and never seen to be.
        claim(what, access, vec![1 << n & !1], visible)
    };
    // A hint names an address, and nothing is done with it.
    let address = info.memory().is_some();
    match operand {
        Operand::Gpr(access, field) => vec![register("", access, field.of(fields), true)],
        Operand::Fpr(access, field, format) => {
            vec![claim("", access, fpr(fr, field, format, fields), true)]
        }
        Operand::Offset => vec![register("base", Access::R, fields.rs(), address)],
        Operand::Indexed => vec![
            register("base", Access::R, fields.rs(), address),
            register("index", Access::R, fields.rt(), address),
        ],
        Operand::BranchCode | Operand::MoveCode => {
            vec![claim(
                "",
                Access::R,
                vec![1 << (CONDITIONS + fields.cc())],
                true,
            )]
        }
        Operand::CompareCode => {
            let code = 1 << (CONDITIONS + fields.compare_cc());
            vec![claim("", Access::W, vec![code], true)]
        }
        _ => Vec::new(),
    }
}

fn effects_of(effect: Effect) -> Vec<Claim> {
    let claims = |access, all, visible| Claim {
        what: format!("{effect:?}"),
        access,
        all,
        visible,
    };
    let claim = |access, all, visible| claims(access, vec![all], visible);
    match effect {
        Effect::State(access, State::Fcsr) => {
            vec![claims(access, FCSR.map(|item| 1 << item).collect(), true)]
        }
        Effect::State(access, state) => {
            let all = match state {
                State::Hi => 1 << HI,
                State::Lo => 1 << LO,
                State::Ra => 1 << 31,
                State::Fcsr => 0,
                State::Cp0 => CP0,
                State::Tlb => 1 << TLB,
                State::Link => 1 << LINK,
            };
            vec![claim(access, all, true)]
        }
        Effect::Memory(Memory::LoadLinked(_)) => vec![
            claim(Access::R, 1 << MEMORY, false),
            claim(Access::W, 1 << LINK, true),
        ],
        Effect::Memory(Memory::StoreConditional(_)) => vec![
            claim(Access::RW, 1 << MEMORY, false),
            claim(Access::RW, 1 << LINK, true),
        ],
        Effect::Memory(memory) if memory.writes() => vec![claim(Access::RW, 1 << MEMORY, false)],
        Effect::Memory(_) => vec![claim(Access::R, 1 << MEMORY, false)],
        Effect::Float => vec![
            claim(Access::R, 1 << MODES, false),
            claim(Access::RW, 1 << FLAGS, false),
            claim(Access::W, 1 << CAUSE, true),
        ],
        Effect::Raise | Effect::Monitor => Vec::new(),
    }
}

fn union(claims: &[Claim], like: impl Fn(Access) -> bool) -> Set {
    let claims = claims.iter().filter(|claim| like(claim.access));
    claims
        .flat_map(|claim| &claim.all)
        .fold(0, |set, one| set | one)
}

fn is_refused(observation: &Observation) -> bool {
    matches!(observation.step, Step::Raise(_))
}

/// What was seen accessed in a run, and is not said to be.
fn undeclared(info: &Info, observation: &Observation) -> Vec<String> {
    let claims = claims(info, observation);
    let reads = union(&claims, Access::reads);
    let writes = union(&claims, Access::writes);
    let whole = writes & !reads;
    let word = observation.fields.0;
    let mut complaints = Vec::new();
    let written = observation.changed & !writes & !(1 << PC);
    if written != 0 {
        complaints.push(format!("{word:08x} writes {written:#x}"));
    }
    for flip in &observation.flips {
        let is_read = flip.influence != 0;
        if reads >> flip.item & 1 == 0 && is_read {
            complaints.push(format!("{word:08x} reads {}", flip.item));
        }
        let left = whole >> flip.item & 1 != 0 && flip.kept && !is_refused(observation);
        if left {
            complaints.push(format!("{word:08x} leaves {} alone", flip.item));
        }
    }
    complaints
}

/// What is said to be accessed, and was not seen to be in any run.
fn unseen(info: &Info, observations: &[Observation]) -> Vec<String> {
    let Some(first) = observations.first() else {
        return vec!["it never runs".to_owned()];
    };
    let count = claims(info, first).len();
    let mut complaints = Vec::new();
    for index in 0..count {
        let claim = &claims(info, first)[index];
        if !claim.visible {
            continue;
        }
        for part in 0..claim.all.len() {
            let seen = |like: fn(&Observation, Set) -> bool| {
                let mut alone = observations.iter().filter(|one| names_apart(info, one));
                alone.any(|one| like(one, claims(info, one)[index].all[part]))
            };
            if claim.access.writes() && !seen(is_written) {
                complaints.push(format!("{} is not written", claim.what));
            }
            let is_read = if claim.access.writes() {
                is_used
            } else {
                influences
            };
            if claim.access.reads() && !seen(is_read) {
                complaints.push(format!("{} is not read", claim.what));
            }
        }
    }
    complaints
}

/// Whether all fields name registers of their own: then what is accessed is by one of them.
fn names_apart(info: &Info, observation: &Observation) -> bool {
    let fields = [21, 16, 11, 6].into_iter();
    let there = fields.filter(|shift| info.mask >> shift & 31 == 0);
    let mut named: Vec<u32> = there
        .map(|shift| observation.fields.0 >> shift & 30)
        .collect();
    named.sort_unstable();
    !named.contains(&30) && named.windows(2).all(|pair| pair[0] != pair[1])
}

fn is_written(observation: &Observation, item: Set) -> bool {
    observation.changed & item != 0
}

fn influences(observation: &Observation, item: Set) -> bool {
    let mut flips = observation.flips.iter();
    flips.any(|flip| item >> flip.item & 1 != 0 && flip.influence != 0)
}

/// Whether it makes a difference, or stays, of what is said to be written.
fn is_used(observation: &Observation, item: Set) -> bool {
    let mut flips = observation.flips.iter();
    flips.any(|flip| item >> flip.item & 1 != 0 && (flip.influence != 0 || flip.kept))
        && !is_refused(observation)
}

/// The bytes of an access.
#[derive(Default)]
struct Bytes {
    read: u64,
    written: u64,
    /// What is accessed for an address so many bytes behind a multiple of the size.
    from: [u64; 8],
}

fn memory(info: &Info, observations: &[Observation]) -> Vec<String> {
    let Some(memory) = info.memory() else {
        return Vec::new();
    };
    let size = memory.bytes();
    let part = matches!(memory, Memory::LoadPart(_) | Memory::StorePart(_));
    let around = part || ROUNDING_DOWN.contains(&info.insn);
    let ones = (1 << size) - 1;
    let mut bytes = Bytes::default();
    let mut complaints = Vec::new();
    for one in observations {
        let Some(at) = place(one, info.takes(Operand::Indexed)) else {
            continue;
        };
        if is_refused(one) {
            continue;
        }
        let start = if around { at - at % size.max(1) } else { at };
        let accessed = one.bytes_read | one.bytes_written;
        if accessed & !(ones << start) != 0 {
            complaints.push(format!("{:08x} accesses other bytes", one.fields.0));
        }
        if !around && at % size.max(1) != 0 {
            complaints.push(format!("{:08x} need not be aligned", one.fields.0));
        }
        bytes.read |= one.bytes_read >> start & ones;
        bytes.written |= one.bytes_written >> start & ones;
        bytes.from[(at - start) as usize] |= accessed >> start;
        complaints.extend(extension(info, memory, one, at));
    }
    let expected = |said: bool| if said { ones } else { 0 };
    let loads = !matches!(memory, Memory::Store(_) | Memory::StorePart(_));
    if bytes.read != expected(loads) || bytes.written != expected(memory.writes()) {
        let Bytes { read, written, .. } = bytes;
        complaints.push(format!("reads bytes {read:b}, writes {written:b}"));
    }
    let is_side = |side: fn(usize) -> u64| {
        let mut from = bytes.from[..size as usize].iter().enumerate();
        from.all(|(at, &accessed)| accessed == side(at) & ones)
    };
    if part && !is_side(|at| (2 << at) - 1) && !is_side(|at| !0 << at) {
        complaints.push("it does not access the bytes on one side".to_owned());
    }
    complaints
}

/// Whether a load of less than a register has its sign.
fn extension(info: &Info, memory: Memory, one: &Observation, at: u32) -> Option<String> {
    let (Memory::Load(number), size) = (memory, memory.bytes() as usize) else {
        return None;
    };
    let register = info.destination()?.number(one.fields) as usize;
    if size > 4 || register == 0 {
        return None;
    }
    let mut bytes = [0; 4];
    let at = (at as usize).min(BYTES - 4);
    bytes[..size].copy_from_slice(&one.before.memory[at..at + size]);
    let value = u32::from_le_bytes(bytes);
    let unused = 32 - 8 * size as u32;
    let extended = if number.is_signed() {
        ((value << unused) as i32 >> unused) as u32
    } else {
        value
    };
    (one.after.gpr[register] != u64::from(extended))
        .then(|| format!("{:08x} extends {value:#x} otherwise", one.fields.0))
}

fn is_about_addresses(exception: Exception) -> bool {
    use Exception::{
        AddressLoad, AddressStore, BusData, TlbInvalidLoad, TlbInvalidStore, TlbModified,
        TlbRefillLoad, TlbRefillStore,
    };
    matches!(
        exception,
        AddressLoad
            | AddressStore
            | BusData
            | TlbInvalidLoad
            | TlbInvalidStore
            | TlbModified
            | TlbRefillLoad
            | TlbRefillStore
    )
}

/// Whether it is refused when it may be.
fn refusals(info: &Info, observations: &[Observation]) -> Vec<String> {
    let raised = observations.iter().filter_map(|one| match one.step {
        Step::Raise(exception) => Some(exception),
        _ => None,
    });
    let raised: Vec<Exception> = raised.collect();
    let (addresses, others): (Vec<_>, Vec<_>) =
        raised.into_iter().partition(|&one| is_about_addresses(one));
    let numbers = others.contains(&Exception::FloatingPoint) && info.has(Effect::Float);
    let mut complaints = Vec::new();
    let mut expect = |what: &str, said: bool, seen: bool| {
        if said != seen {
            complaints.push(format!("refused for {what}: {seen}"));
        }
    };
    expect(
        "its address",
        info.memory().is_some(),
        !addresses.is_empty(),
    );
    expect(
        "something else",
        info.has(Effect::Raise),
        !others.is_empty() && !numbers,
    );
    complaints
}

/// How control goes on.
fn flow(info: &Info, observations: &[Observation]) -> Vec<String> {
    let any = |like: &dyn Fn(&Observation) -> bool| observations.iter().any(like);
    let went = |one: &Observation| one.changed >> PC & 1 != 0;
    let skips = any(&|one| one.step == Step::Skip);
    let goes = any(&|one| went(one));
    let stays = any(&|one| !went(one) && !is_refused(one) && one.step != Step::Skip);
    let traps = observations.iter().all(is_refused);
    let waits = any(&|one| one.step == Step::Wait);
    let changes = any(&|one| one.changed & (1 << CONTROL | 1 << TLB) != 0);
    let seen = match (traps, skips, goes, stays) {
        (true, ..) => Flow::Trap,
        (_, true, ..) => Flow::Likely,
        (_, _, true, true) => Flow::Branch,
        // ERET changes more than where control goes.
        (_, _, true, false) if changes => Flow::Leave,
        (_, _, true, false) => Flow::Jump,
        _ if waits => Flow::Leave,
        _ if changes => Flow::Change,
        _ => Flow::Next,
    };
    let complaint = || format!("control goes on as by {seen:?}");
    (info.flow != seen).then(complaint).into_iter().collect()
}

const _: () = assert!(STEP < Set::BITS);
