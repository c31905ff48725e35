//! What instructions are seen to read and write.

use super::machine::{self, BYTES, DATA, Machine, State};
use fastrand::Rng;
use mirrorball::interp::Step;
use mirrorball::isa::{Fields, Info, Operand};
use mirrorball_runtime::cpu::cp0::STATUS_FR;

/// A set of what can be read and written, a bit each: general registers by number, then these.
pub type Set = u128;
pub const HI: u32 = 32;
pub const LO: u32 = 33;
/// Halves of FPU registers: twice the slot, and one more for the upper half.
pub const FPR: u32 = 34;
/// The FPU's condition codes.
pub const CONDITIONS: u32 = 98;
/// The rest of FCSR: how to compute, what was exceptional so far, and in the last operation.
pub const MODES: u32 = 106;
pub const FLAGS: u32 = 107;
pub const CAUSE: u32 = 108;
pub const LINK: u32 = 109;
pub const INDEX: u32 = 110;
/// The other registers of coprocessor 0.
pub const CONTROL: u32 = 111;
pub const TLB: u32 = 112;
pub const MEMORY: u32 = 113;
/// Where control goes on. It is no operand, as the table says it in a column of its own.
pub const PC: u32 = 114;
/// How the instruction ended.
pub const STEP: u32 = 115;

/// Runs of an instruction; as many again where it was refused.
const RUNS: usize = 120;

const MODES_BITS: u32 = 0x0100_0f83;
const FLAGS_BITS: u32 = 0x7c;
const CAUSE_BITS: u32 = 0x0003_f000;

fn condition_bit(code: u32) -> u32 {
    1 << if code == 0 { 23 } else { 24 + code }
}

/// An instruction that was executed.
pub struct Observation {
    pub fields: Fields,
    pub fr: bool,
    pub step: Step,
    pub before: State,
    pub after: State,
    /// What it changed.
    pub changed: Set,
    pub flips: Vec<Flip>,
    /// The bytes of the data that it changed, and that made a difference.
    pub bytes_written: u64,
    pub bytes_read: u64,
}

/// What comes of something being different before.
pub struct Flip {
    pub item: u32,
    /// What is different afterwards, but for the thing itself if it was left alone.
    pub influence: Set,
    /// Whether it was left alone.
    pub kept: bool,
}

pub struct Observer {
    machine: Machine,
    rng: Rng,
}

impl Observer {
    /// One that sees instructions of a CPU model.
    pub fn new(model: &str) -> Self {
        Self {
            machine: Machine::new(model),
            rng: Rng::with_seed(0x0b5e_77ed),
        }
    }

    /// Executes an instruction with operands at random, again and again.
    pub fn observe(&mut self, info: &Info) -> Vec<Observation> {
        let mut observations = Vec::new();
        let mut done = 0;
        while done < RUNS && observations.len() < 3 * RUNS {
            let word = self.word(info);
            if let Some(observation) = self.once(info, word) {
                done += usize::from(!matches!(observation.step, Step::Raise(_)));
                observations.push(observation);
            }
        }
        observations
    }

    /// A word of the instruction, with operands that mean something.
    fn word(&mut self, info: &Info) -> u32 {
        let word = info.value | self.rng.u32(..) & !info.mask;
        let hardware = info.takes(Operand::Hardware) && self.rng.u32(..4) != 0;
        let control = info.takes(Operand::Control) && self.rng.u32(..4) != 0;
        if hardware {
            word & !(31 << 11) | self.rng.u32(..4) << 11
        } else if control {
            word & !(31 << 11) | [25, 26, 28, 31][self.rng.usize(..4)] << 11
        } else if info.takes(Operand::Selected) {
            // Most registers are there once.
            word & !u32::from(self.rng.u32(..8) != 0).wrapping_mul(7)
        } else {
            word
        }
    }

    fn once(&mut self, info: &Info, word: u32) -> Option<Observation> {
        let before = self.machine.state(&mut self.rng, info, word);
        self.machine.put(&before);
        let before = self.machine.take();
        let step = self.machine.run(word)?;
        let after = self.machine.take();
        let mut observation = Observation {
            fields: Fields(word),
            fr: before.cp0.status & STATUS_FR != 0,
            step,
            changed: difference(&before, &after),
            flips: Vec::new(),
            bytes_written: bytes(|at| before.memory[at] != after.memory[at]),
            bytes_read: 0,
            before,
            after,
        };
        if info.takes(Operand::Offset) || info.takes(Operand::Indexed) {
            observation.bytes_read = bytes(|at| self.is_read(&observation, at));
        }
        self.flip_all(&mut observation);
        Some(observation)
    }

    /// Executes it with one thing after the other changed: those that the word may name, and some
    /// that it does not.
    fn flip_all(&mut self, observation: &mut Observation) {
        let fields = observation.fields;
        let named = [fields.rs(), fields.rt(), fields.rd(), fields.sa()];
        let halves = named.map(|n| [n & !1, n, n | 1]);
        let halves = halves.into_iter().flatten();
        let halves = halves.flat_map(|slot| [FPR + 2 * slot, FPR + 2 * slot + 1]);
        let mut items: Vec<u32> = named.into_iter().chain(halves).collect();
        items.extend([HI, LO, 31, MODES, FLAGS, CAUSE, LINK, INDEX, CONTROL]);
        items.extend(CONDITIONS..CONDITIONS + 8);
        items.extend([self.rng.u32(1..32), FPR + self.rng.u32(..64)]);
        items.sort_unstable();
        items.dedup();
        items.retain(|&item| item != 0);
        // The TLB comes last: it stays changed.
        items.push(TLB);
        for item in items {
            let flip = self.flip(observation, item);
            observation.flips.extend(flip);
        }
    }

    /// What is different at the end if something else was different before. Nothing, if then the
    /// word has no meaning.
    fn flip(&mut self, observation: &Observation, item: u32) -> Option<Flip> {
        let has = |set: Set| set >> item & 1 != 0;
        let mut changed = observation.before.clone();
        change(&mut self.rng, &mut changed, item);
        self.machine.put(&changed);
        if item == TLB {
            self.machine.change_tlb(&mut self.rng);
        }
        let changed = self.machine.take();
        let step = self.machine.run(observation.fields.0)?;
        let end = self.machine.take();
        let different = difference(&end, &observation.after);
        let kept = !has(difference(&end, &changed)) && !has(observation.changed);
        let influence = different & !(Set::from(kept) << item);
        Some(Flip {
            item,
            influence: influence | Set::from(step != observation.step) << STEP,
            kept: kept && has(difference(&changed, &observation.before)),
        })
    }

    /// Whether a byte of the data makes a difference.
    fn is_read(&mut self, observation: &Observation, at: usize) -> bool {
        let mut changed = observation.before.clone();
        changed.memory[at] ^= 1 << self.rng.u32(..8);
        self.machine.put(&changed);
        let step = self.machine.run(observation.fields.0);
        let mut end = self.machine.take();
        if observation.bytes_written >> at & 1 == 0 && end.memory[at] == changed.memory[at] {
            end.memory[at] = observation.after.memory[at];
        }
        step != Some(observation.step) || difference(&end, &observation.after) & !(1 << TLB) != 0
    }
}

/// The bytes of the data of which something holds.
fn bytes(mut holds: impl FnMut(usize) -> bool) -> u64 {
    (0..BYTES).fold(0, |set, at| set | u64::from(holds(at)) << at)
}

/// The address that the instruction computes, if it is one of the data.
pub fn place(observation: &Observation, indexed: bool) -> Option<u32> {
    let (fields, gpr) = (observation.fields, &observation.before.gpr);
    let added = if indexed {
        gpr[fields.rt() as usize] as u32
    } else {
        fields.simm()
    };
    let va = (gpr[fields.rs() as usize] as u32).wrapping_add(added);
    let at = va.wrapping_sub(DATA);
    (8..BYTES as u32 - 8).contains(&at).then_some(at)
}

fn difference(a: &State, b: &State) -> Set {
    let fcsr = a.fcsr ^ b.fcsr;
    let mut set = 0;
    let mut note = |item: u32, differs: bool| set |= Set::from(differs) << item;
    for n in 0..32 {
        note(n, a.gpr[n as usize] != b.gpr[n as usize]);
        let fpr = a.fpr[n as usize] ^ b.fpr[n as usize];
        note(FPR + 2 * n, fpr as u32 != 0);
        note(FPR + 2 * n + 1, fpr >> 32 != 0);
    }
    for code in 0..8 {
        note(CONDITIONS + code, fcsr & condition_bit(code) != 0);
    }
    note(HI, a.hi != b.hi);
    note(LO, a.lo != b.lo);
    note(MODES, fcsr & MODES_BITS != 0);
    note(FLAGS, fcsr & FLAGS_BITS != 0);
    note(CAUSE, fcsr & CAUSE_BITS != 0);
    note(LINK, a.link != b.link);
    let mut others = b.cp0.clone();
    others.index = a.cp0.index;
    note(INDEX, a.cp0.index != b.cp0.index);
    note(CONTROL, a.cp0 != others);
    note(TLB, a.tlb != b.tlb);
    note(MEMORY, a.memory != b.memory);
    note(PC, a.pc != b.pc);
    set
}

/// Has something be different.
fn change(rng: &mut Rng, state: &mut State, item: u32) {
    let other = u64::from(machine::value(rng));
    let bit = u64::from(rng.bool()) << rng.u32(..32);
    match item {
        HI => state.hi ^= u64::from(rng.u32(1..)),
        LO => state.lo ^= u64::from(rng.u32(1..)),
        MODES => state.fcsr ^= 1 << [0, 1, 7, 8, 9, 10, 11, 24][rng.usize(..8)],
        FLAGS => state.fcsr ^= 1 << rng.u32(2..7),
        CAUSE => state.fcsr ^= 1 << rng.u32(12..18),
        LINK => {
            state.link.0 ^= 1;
            state.link.2 ^= rng.u32(..2) << 4;
        }
        INDEX => state.cp0.index = (state.cp0.index + rng.u32(1..8)) % 16,
        CONTROL => {
            let index = state.cp0.index;
            machine::change_cp0(rng, &mut state.cp0);
            state.cp0.index = index;
        }
        TLB => {}
        item if item < HI => {
            let register = &mut state.gpr[item as usize];
            *register = if rng.bool() { other } else { *register ^ bit };
        }
        item if item < CONDITIONS => {
            let (slot, shift) = ((item - FPR) / 2, (item - FPR) % 2 * 32);
            let other = u64::from(machine::number(rng) as u32 ^ rng.u32(..2));
            let register = &mut state.fpr[slot as usize];
            *register = *register & !(0xffff_ffff << shift) | other << shift;
        }
        item => state.fcsr ^= condition_bit(item - CONDITIONS),
    }
}
