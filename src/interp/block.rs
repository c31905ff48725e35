//! Finding blocks of guest code and predecoding them.
//!
//! A block is a straight run of instructions on one page, up to and including the first branch
//! with its delay slot or the first instruction after which it is unknown what runs. What an
//! instruction word means depends on the CPU model and on a few Status bits: see [`Meaning`].

use super::{HANDLERS, Op, number};
use crate::isa::{
    Destination, Field, Fields, Flow, Immediate, Info, Insn, Operand, Since, Unit, decode,
};
use mirrorball_runtime::addr::{PAGE_SIZE, Pa, Va};
use mirrorball_runtime::cpu::Reg;
use mirrorball_runtime::cpu::cp0::{STATUS_CU0, STATUS_CU1, STATUS_FR, STATUS_PX};
use mirrorball_runtime::cpu::model::{Model, Width};
use mirrorball_runtime::mmu::soft::SpaceKey;
use mirrorball_runtime::vm::Vm;
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// The most instructions in a block.
pub const MAX_BLOCK: usize = 64;

/// What an instruction word means to a CPU in a given state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// It is executed.
    Insn(Insn),
    /// Reserved Instruction.
    Reserved,
    /// Coprocessor Unusable.
    Unusable(u8),
}

/// The address by which code is known: its virtual address in kseg0 and kseg1, where each page of
/// memory has its place; elsewhere its offset in the page, whatever address the page is mapped at.
#[must_use]
pub fn code_address(va: Va) -> u32 {
    if va.is_direct() {
        va.0 as u32
    } else {
        va.page_offset() as u32
    }
}

/// A block as it stands in guest memory.
#[derive(Clone)]
pub struct Source {
    /// The [`code_address`] of its first instruction.
    pub pc: u32,
    /// How wide the registers are that it works on.
    pub width: Width,
    /// The instructions' words and meanings.
    pub code: Vec<(u32, Meaning)>,
    /// Whether the last instruction is in a delay slot.
    pub slot: bool,
    /// Whether the block is a branch at the end of its page. Its delay slot is there only if what
    /// the next page holds could be seen: that page need not be the same when the block runs.
    pub split: bool,
    /// Whether a debugger has set a breakpoint at one of the instructions.
    pub stops: bool,
    /// Where J or JAL at its end leads, as a [`code_address`]: out of a mapped page nowhere that
    /// the code knows.
    pub jump: Option<u32>,
}

impl Source {
    /// Finds the block at `pc`, which is fetched from `pa`, as the CPU now is.
    #[must_use]
    pub fn find(vm: &Vm, pc: Va, pa: Pa) -> Self {
        let (key, model) = (vm.cpu.space_key(), vm.cpu.model);
        let room = ((PAGE_SIZE - pa.page_offset()) / 4) as usize;
        let mut source = Self {
            pc: code_address(pc),
            width: model.width,
            code: Vec::with_capacity(8),
            slot: false,
            split: false,
            stops: false,
            jump: None,
        };
        let mut words = [0; MAX_BLOCK + 1];
        vm.ram.words(pa, &mut words);
        while source.code.len() < room.min(MAX_BLOCK) {
            let index = source.code.len();
            let word = words[index];
            let meaning = meaning(word, model, key);
            if stands_alone(meaning) && index > 0 {
                break;
            }
            let flow = flow(meaning);
            if flow.has_slot() && index + 2 > room {
                if index == 0 {
                    source.find_split(vm, pc, (word, meaning));
                }
                break;
            }
            source.code.push((word, meaning));
            if flow.has_slot() {
                let word = words[index + 1];
                source.code.push((word, meaning_in_slot(word, model, key)));
                source.slot = true;
            }
            if flow != Flow::Next {
                break;
            }
        }
        source.jump = source.find_jump(pc);
        source.stops = source.has_breakpoint(vm, pc);
        source
    }

    /// Whether a breakpoint is at one of the instructions of the block, which starts at `pc`, or at
    /// one that is at the same place of another page.
    fn has_breakpoint(&self, vm: &Vm, pc: Va) -> bool {
        let mut places = vm.cpu.stops.breakpoints().iter().copied().map(code_address);
        places.any(|place| {
            let mut own = (0..self.cycles() as u32).map(|index| pc.offset(4 * index));
            own.any(|va| code_address(va) == place)
        })
    }

    /// Makes the block one of a branch at `pc`, the end of its page, and of its delay slot, if
    /// there is something to be seen of that.
    fn find_split(&mut self, vm: &Vm, pc: Va, branch: (u32, Meaning)) {
        self.split = true;
        self.code.push(branch);
        let slot = vm.cpu.peek(Va(u64::from((pc.0 as u32).wrapping_add(4))));
        if let Some(pa) = slot.filter(|&pa| vm.ram.is_touched(pa)) {
            let word = vm.ram.word(pa);
            let meaning = meaning_in_slot(word, vm.cpu.model, vm.cpu.space_key());
            self.code.push((word, meaning));
            self.slot = true;
        }
    }

    /// Where J or JAL at the end leads if the block lies at `start`: see [`Source::jump`].
    #[must_use]
    pub fn find_jump(&self, start: Va) -> Option<u32> {
        let (insn, fields, pc) = self.last()?;
        if insn.info().immediate() != Immediate::Jump {
            return None;
        }
        let pc = start.0 as u32 + (pc - self.pc);
        let target = fields.jump_target(pc);
        let stays = Va(u64::from(target)).page() == start.page();
        (start.is_direct() || stays).then(|| code_address(Va(u64::from(target))))
    }

    /// Whether the block can be translated: what leaves the CPU for the monitor every time is left
    /// to the interpreter, and so is what a debugger may stop in, and a branch as long as its delay
    /// slot cannot be seen.
    #[must_use]
    pub fn translatable(&self) -> bool {
        !self.is_cut()
            && !self.stops
            && self.code.iter().all(|&(_, meaning)| !stands_alone(meaning))
    }

    /// Whether the delay slot at the end of the block could not be seen.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.split && !self.slot
    }

    /// The instruction that ends the block's straight run, with its address.
    fn last(&self) -> Option<(Insn, Fields, u32)> {
        let index = self.code.len().checked_sub(1 + usize::from(self.slot))?;
        let (word, Meaning::Insn(insn)) = self.code[index] else {
            return None;
        };
        Some((insn, Fields(word), self.pc.wrapping_add(index as u32 * 4)))
    }

    /// Where the code says that control goes after the block: the target of a direct branch, jump
    /// or call, and what lies behind if the block may fall through.
    #[must_use]
    pub fn successors(&self) -> Vec<u32> {
        let Some((insn, fields, pc)) = self.last() else {
            return Vec::new();
        };
        let info = insn.info();
        let mut targets = Vec::with_capacity(2);
        match info.immediate() {
            Immediate::Branch => targets.push(fields.branch_target(pc)),
            Immediate::Jump => targets.extend(self.jump),
            _ => {}
        }
        if info.flow.may_go_on() {
            targets.push(self.next());
        }
        targets
    }

    /// Where control goes on in the same function: past a call, not into it.
    #[must_use]
    pub fn inside(&self) -> Vec<u32> {
        let last = self.last();
        let mut targets = if last.is_some_and(|(insn, ..)| insn.info().links()) {
            vec![self.next()]
        } else {
            self.successors()
        };
        targets.retain(|&target| linkable(self.pc, target));
        targets
    }

    /// The function that the block calls, if the code says which.
    #[must_use]
    pub fn callee(&self) -> Option<u32> {
        let (insn, fields, pc) = self.last()?;
        let info = insn.info();
        let target = match info.immediate() {
            _ if !info.links() => None,
            Immediate::Branch => Some(fields.branch_target(pc)),
            Immediate::Jump => self.jump,
            _ => None,
        };
        target.filter(|&target| linkable(self.pc, target))
    }

    /// Whether a branch at the end of the block leads back to its start.
    #[must_use]
    pub fn repeats(&self) -> bool {
        let branches = |(insn, fields, pc): (Insn, Fields, u32)| {
            let info = insn.info();
            info.immediate() == Immediate::Branch
                && !info.links()
                && fields.branch_target(pc) == self.pc
        };
        !self.split && self.last().is_some_and(branches)
    }

    /// Whether the block returns from a function.
    #[must_use]
    pub fn returns(&self) -> bool {
        let last = self.last();
        last.is_some_and(|(insn, fields, _)| insn == Insn::Jr && fields.rs() == 31)
    }

    /// The number of instructions that a run of the whole block executes.
    #[must_use]
    pub fn cycles(&self) -> usize {
        self.code.len() + usize::from(self.is_cut())
    }

    /// The address behind the last instruction.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.pc.wrapping_add(self.code.len() as u32 * 4)
    }

    /// A number that tells the block's code from other code, most likely.
    #[must_use]
    pub fn print(&self) -> u32 {
        let mut hasher = FxHasher::default();
        for &(word, _) in &self.code {
            hasher.write_u32(word);
        }
        hasher.finish() as u32
    }

    /// The bytes of guest memory that the block depends on: its instructions, and the word behind
    /// them if that is what ends it.
    #[must_use]
    pub fn bytes(&self) -> u16 {
        if self.split {
            // Code for it looks at the delay slot whenever it runs.
            return 4;
        }
        let len = self.code.len() as u64;
        let open = |&(_, meaning): &(u32, Meaning)| flow(meaning) == Flow::Next;
        let full = self.code.len() >= MAX_BLOCK
            || Va(u64::from(self.pc)).page_offset() + len * 4 >= PAGE_SIZE;
        let looked_on = !self.slot && !full && self.code.last().is_some_and(open);
        (len as u16 + u16::from(looked_on)) * 4
    }

    /// Where control goes if no branch is taken.
    #[must_use]
    pub fn next(&self) -> u32 {
        self.pc.wrapping_add(self.cycles() as u32 * 4)
    }
}

/// A predecoded block. It runs at whatever address the program counter has.
pub struct Block {
    /// The instructions, ready to run.
    pub ops: Box<[Op]>,
    /// The bytes of guest memory that it depends on.
    pub bytes: u16,
    /// Whether the last instruction is in a delay slot.
    pub slot: bool,
    /// Whether the block is a branch alone, whose delay slot lies on the next page.
    pub split: bool,
    /// Whether a debugger may want to stop in it.
    pub stops: bool,
}

impl Block {
    /// Makes a block ready to run.
    #[must_use]
    pub fn predecode(source: &Source) -> Self {
        let op = |(index, &(word, meaning)): (usize, &(u32, Meaning))| {
            let owed = (source.cycles() - index) as u8;
            predecode(word, meaning, source.width, owed)
        };
        let seen = if source.split { 1 } else { source.code.len() };
        Self {
            ops: source.code[..seen].iter().enumerate().map(op).collect(),
            bytes: source.bytes(),
            slot: source.slot && !source.split,
            split: source.split,
            stops: source.stops,
        }
    }

    /// Whether all of it can be run one instruction after the other, without a look at anything else.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        !(self.split | self.stops)
    }

    /// The number of instructions that a run of the whole block executes.
    #[inline]
    #[must_use]
    pub fn cycles(&self) -> i64 {
        self.ops.len() as i64 + i64::from(self.split)
    }
}

/// Whether an instruction is kept in a block of its own, for the interpreter: it always traps, or
/// gives the CPU away.
fn stands_alone(meaning: Meaning) -> bool {
    !matches!(meaning, Meaning::Insn(insn) if insn != Insn::Wait)
}

/// Whether code at `from` always leads to the same code at `to`: the two are on one page, or on
/// one that is not mapped by the TLB.
#[must_use]
pub fn linkable(from: u32, to: u32) -> bool {
    to & 3 == 0
        && (Va(u64::from(from)).page() == Va(u64::from(to)).page()
            || from >> 30 == 2 && to >> 30 == 2 && from >> 29 == to >> 29)
}

/// How control goes on after a word with this meaning.
#[must_use]
pub fn flow(meaning: Meaning) -> Flow {
    match meaning {
        Meaning::Insn(insn) => insn.info().flow,
        Meaning::Reserved | Meaning::Unusable(_) => Flow::Trap,
    }
}

/// What `word` means to a CPU of this model in a space of this key.
#[must_use]
pub fn meaning(word: u32, model: &Model, key: SpaceKey) -> Meaning {
    let fpu = model.has_fpu() && key.status & STATUS_CU1 != 0;
    let fr = key.status & STATUS_FR != 0;
    let cop0 = key.mode.is_kernel() || key.status & STATUS_CU0 != 0;
    // By major opcode first: an absent coprocessor has no reserved encodings.
    match word >> 26 {
        0x10 if !cop0 => return Meaning::Unusable(0),
        0x11 | 0x31 | 0x35 | 0x39 | 0x3d if !fpu => return Meaning::Unusable(1),
        0x13 if !model.has_fpu() && model.release == 1 => return Meaning::Unusable(3),
        0x13 if !fpu => return Meaning::Unusable(1),
        0x12 | 0x32 | 0x36 | 0x3a | 0x3e => return Meaning::Unusable(2),
        _ => {}
    }
    let Some(insn) = decode(word) else {
        return Meaning::Reserved;
    };
    let info = insn.info();
    let there = match info.since {
        Since::R1 => true,
        Since::R2 => model.release >= 2,
        Since::M64 => model.is_wide() && (key.mode.is_kernel() || key.status & STATUS_PX != 0),
    };
    if !there {
        return Meaning::Reserved;
    }
    match info.unit {
        Unit::Cop0 if !cop0 => Meaning::Unusable(0),
        unit if unit.is_fpu() && !fpu => Meaning::Unusable(1),
        Unit::Fpu64 if !fr => Meaning::Reserved,
        Unit::Fpu if !fr && info.names_odd_pair(Fields(word)) => Meaning::Reserved,
        _ => Meaning::Insn(insn),
    }
}

/// What `word` means in a delay slot: a branch, ERET, WAIT or HYPCALL there is
/// reserved.
#[must_use]
pub fn meaning_in_slot(word: u32, model: &Model, key: SpaceKey) -> Meaning {
    match meaning(word, model, key) {
        Meaning::Insn(insn) if !insn.info().flow.fits_slot() => Meaning::Reserved,
        other => other,
    }
}

/// Makes an instruction ready to run.
#[must_use]
pub fn predecode(word: u32, meaning: Meaning, width: Width, owed: u8) -> Op {
    let fields = Fields(word);
    let (rs, rt, rd) = (
        Reg::new(fields.rs()),
        Reg::new(fields.rt()),
        Reg::new(fields.rd()),
    );
    let mut op = Op {
        run: super::trap::reserved,
        imm: word,
        rs,
        rt,
        rd,
        owed,
    };
    match meaning {
        Meaning::Reserved => {}
        Meaning::Unusable(unit) => {
            op.run = super::trap::unusable;
            op.imm = u32::from(unit);
        }
        Meaning::Insn(insn) => {
            let info = insn.info();
            op.run = HANDLERS[number(insn, width)];
            op.imm = immediate(info, fields);
            match info.destination() {
                Some(Destination::Field(Field::Rd)) => op.rd = rd.destination(),
                Some(Destination::Field(Field::Rt)) => op.rt = rt.destination(),
                _ => {}
            }
        }
    }
    op
}

/// The immediate operand of an instruction, or its word if it has none, or a condition code beside
/// it. Other branches hold the distance from what lies behind their delay slot, jumps the lower 28
/// bits of their target.
#[must_use]
pub fn immediate(info: &Info, fields: Fields) -> u32 {
    match info.immediate() {
        Immediate::Shift => fields.sa(),
        Immediate::Signed => fields.simm(),
        Immediate::Unsigned => fields.uimm(),
        Immediate::Branch if info.takes(Operand::BranchCode) => fields.0,
        Immediate::Branch => fields.branch_target(0).wrapping_sub(8),
        Immediate::Jump => fields.jump_target(0),
        Immediate::None => fields.0,
    }
}
