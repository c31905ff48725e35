//! The baseline translator: one block to host code, an instruction at a time.
//!
//! It makes code a hundred times faster than Cranelift does, and that code runs several times
//! faster than the interpreter: it is for blocks that are warm, until they are hot. Guest registers
//! stay in the CPU. Loads and stores probe the software TLB of the space; what misses, and each
//! instruction that is not known here, calls the interpreter for that instruction, as all
//! translated code does (see [`super::calls`]). Frames, links and lookups are those of regions (see
//! `src/translate/exits.rs`), so that control goes from one kind of code to the other.
//!
//! Each run of the block takes one off the runs that it has left. When that is used up, or the
//! budget does not cover the block, the code returns to the dispatcher with the note [`Unrun`].
//!
//! What many blocks have in common they jump to ([`Symbol::LookUp`]): there are a lot of them.
//!
//! Registers of the host: `rdi` is the machine; `r12` says while a delay slot runs where control
//! goes afterwards; all others are scratch.

mod alu;
mod flow;
mod memory;

use super::Translation;
use super::calls::Call;
use super::glue::Symbol;
use crate::interp::block::{MAX_BLOCK, Meaning, Source, predecode};
use crate::interp::number;
use crate::isa::{Fields, Insn};
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::model::Width;
use mirrorball_runtime::cpu::{Cpu, Reg};
use std::mem::offset_of;

/// From this on numbers are none of translations: with the cycles that are to be given back they are
/// the lower half of what code of the baseline returns instead of a
/// [`Cell::note`](super::Cell::note) when its block did not run. The upper half says where that is.
pub const UNRUN: u32 = 0xffff_ff00;
const _: () = assert!(MAX_BLOCK < 0xff);
/// Code and cells start at multiples of this. They may share cache lines with code: a link is soon
/// made and then stays.
const ALIGNMENT: usize = 16;

/// That a block did not run: it has run as often as it may before the engine looks after it, or the
/// budget does not cover it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unrun {
    /// Its [`code_address`](crate::interp::block::code_address).
    pub pc: u32,
    /// The cycles that were taken off the budget.
    pub cycles: u8,
}

impl Unrun {
    /// What a note says, if it says this.
    #[inline]
    #[must_use]
    pub fn from_note(note: u64) -> Option<Self> {
        let (pc, cycles) = ((note >> 32) as u32, note as u8);
        (note as u32 >= UNRUN).then_some(Self { pc, cycles })
    }

    fn note(self) -> u64 {
        u64::from(self.pc) << 32 | u64::from(UNRUN) | u64::from(self.cycles)
    }
}

/// What the code for a block depends on beside the block.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Whether memory is big-endian.
    pub big_endian: bool,
    /// The distance from [`Cpu::code_runs`] to the number of runs that are left.
    pub runs: i32,
}

/// An instruction to be translated.
#[derive(Clone, Copy)]
struct Instruction {
    insn: Insn,
    fields: Fields,
    /// Its place: see [`code_address`](crate::interp::block::code_address).
    pc: u32,
    op: crate::interp::Op,
    slot: bool,
}

impl Instruction {
    /// Where in the CPU the general register is that it writes; for `$0` the sink.
    fn written(&self) -> i32 {
        gpr(match self.insn.info().destination() {
            Some(destination) => Reg::new(destination.number(self.fields))
                .destination()
                .slot(),
            None => Reg::SINK.slot(),
        })
    }

    fn rs(&self) -> i32 {
        gpr(self.fields.rs() as usize)
    }

    fn rt(&self) -> i32 {
        gpr(self.fields.rt() as usize)
    }
}

/// Where a general register is in the CPU.
fn gpr(number: usize) -> i32 {
    (offset_of!(Cpu, gpr) + number * 8) as i32
}

/// Where control goes after the block.
#[derive(Clone, Copy)]
enum Next {
    /// To a place.
    To(u32),
    /// To the first place if `r12` is not zero, else to the second.
    Either(u32, u32),
    /// To the address in `r12`.
    Computed,
    /// Out of a mapped page, to these lower 28 bits of an address.
    Jump(u32),
    /// To the address that the CPU's program counter has.
    Anywhere,
}

/// A translation while it is made.
struct Baseline<'a> {
    ops: VecAssembler<X64Relocation>,
    source: &'a Source,
    setting: Setting,
    /// Where the block starts, behind the making of its frame.
    start: DynamicLabel,
    next: Next,
    /// Calls of the interpreter for accesses that missed: they lie behind the block.
    misses: Vec<Miss>,
    /// The places that links lead to, and the labels of their cells.
    links: Vec<(u32, DynamicLabel)>,
    closed: bool,
}

struct Miss {
    label: DynamicLabel,
    back: DynamicLabel,
    instruction: Instruction,
    next: Next,
}

macro_rules! asm {
    ($e:expr; $($code:tt)*) => {
        dynasm!($e.ops ; .arch x64 ; $($code)*)
    };
}
use asm;

/// Translates a block. `None` if it is none for the baseline, as on a 64-bit CPU.
#[must_use]
pub fn translate(source: &Source, setting: Setting) -> Option<Translation> {
    if source.width != Width::W32 || source.split || !source.translatable() {
        return None;
    }
    let mut ops = VecAssembler::new(0);
    let baseline = Baseline {
        start: ops.new_dynamic_label(),
        ops,
        source,
        setting,
        next: Next::To(source.next()),
        misses: Vec::new(),
        links: Vec::new(),
        closed: false,
    };
    baseline.run()
}

impl Baseline<'_> {
    fn run(mut self) -> Option<Translation> {
        let cycles = self.source.cycles() as i32;
        let unrun = self.label();
        let left = offset_of!(Cpu, left) as i32;
        let (all, runs) = (offset_of!(Cpu, code_runs) as i32, self.setting.runs);
        let start = self.start;
        asm!(self;
            push rbp;
            mov rbp, rsp;
            =>start;
            sub QWORD [rdi + left], cycles;
            js =>unrun;
            mov rax, [rdi + all];
            sub WORD [rax + runs], 1;
            js =>unrun
        );
        self.body();
        self.make_misses();
        let note = Unrun {
            pc: self.source.pc,
            cycles: cycles as u8,
        };
        asm!(self; =>unrun; mov rax, QWORD note.note() as i64; pop rbp; ret);
        let need = cycles as u32;
        let (bytes, links) = self.finish()?;
        Some(Translation {
            bytes,
            links,
            need,
            alignment: ALIGNMENT,
        })
    }

    fn label(&mut self) -> DynamicLabel {
        self.ops.new_dynamic_label()
    }

    fn body(&mut self) {
        let slots = usize::from(self.source.slot);
        for index in 0..self.source.code.len() - slots {
            if let Some(instruction) = self.instruction(index) {
                self.translate(&instruction);
            }
        }
        if !self.closed {
            self.go_on();
        }
    }

    fn instruction(&self, index: usize) -> Option<Instruction> {
        let (word, meaning) = self.source.code[index];
        let Meaning::Insn(insn) = meaning else {
            return None;
        };
        let owed = (self.source.cycles() - index) as u8;
        Some(Instruction {
            insn,
            fields: Fields(word),
            pc: self.source.pc.wrapping_add(index as u32 * 4),
            op: predecode(word, meaning, self.source.width, owed),
            slot: self.source.slot && index + 1 == self.source.code.len(),
        })
    }

    /// Translates one instruction; a branch with its delay slot.
    fn translate(&mut self, i: &Instruction) {
        let flow = i.insn.info().flow;
        if flow.has_slot() {
            return self.branch(i);
        }
        if self.alu(i) || memory::access(self, i) {
            return;
        }
        self.interpret(i, self.next);
        if flow.ends() {
            self.next = Next::Anywhere;
            self.go_on();
        }
    }

    /// Translates the delay slot.
    fn slot(&mut self) {
        if let Some(slot) = self.instruction(self.source.code.len() - 1) {
            self.translate(&slot);
        }
    }

    /// Calls the interpreter for an instruction. Control comes back if it goes on behind it.
    fn interpret(&mut self, i: &Instruction, next: Next) {
        if i.op.owed == 1 {
            self.store_next(next);
        }
        let call = Call::new(
            number(i.insn, Width::W32),
            &i.op,
            i.slot,
            self.source.end(),
            None,
        );
        let [first, second] = call.pack();
        let function = Symbol::Interpret.place() as i32;
        asm!(self;
            mov rsi, QWORD first as i64;
            mov rdx, QWORD second as i64;
            call QWORD [rdi + function]
        );
    }

    /// An access goes to the interpreter at `label`, and comes `back` afterwards.
    fn miss(&mut self, i: &Instruction, label: DynamicLabel, back: DynamicLabel) {
        self.misses.push(Miss {
            label,
            back,
            instruction: *i,
            next: self.next,
        });
    }

    fn make_misses(&mut self) {
        for miss in std::mem::take(&mut self.misses) {
            let (label, back) = (miss.label, miss.back);
            asm!(self; =>label);
            self.interpret(&miss.instruction, miss.next);
            asm!(self; jmp =>back);
        }
    }

    /// Whether the block lies in kseg0 or kseg1.
    fn is_direct(&self) -> bool {
        Va(u64::from(self.source.pc)).is_direct()
    }

    /// Adds what stands for cells, so that links know where they are, and takes the code up to there.
    fn finish(mut self) -> Option<(Vec<u8>, Vec<u32>)> {
        asm!(self; .align ALIGNMENT);
        let cells = self.ops.offset().0;
        let (mut places, mut labels) = (Vec::new(), Vec::new());
        for (place, label) in std::mem::take(&mut self.links) {
            places.push(place);
            labels.push(label);
        }
        for label in labels {
            asm!(self; =>label; .u64 0; .u64 0);
        }
        let mut bytes = self.ops.finalize().ok()?;
        bytes.truncate(cells);
        Some((bytes, places))
    }
}
