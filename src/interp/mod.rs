//! The interpreter: the reference for what every instruction does.
//!
//! Guest code is found block by block ([`block`]) and predecoded into [`Op`]s: a function pointer
//! and the fields it needs. One small function an instruction, in files named after the manual's
//! chapters; [`Word`] has them all by the names that the table of the ISA uses.

pub mod block;
mod branch;
mod execute;
mod fpu;
mod fpu_move;
mod integer;
mod memory;
mod muldiv;
mod system;
mod trap;
mod word;

pub use block::Block;
pub use execute::{finish_step, run_block, run_part};
pub use memory::address_in;
pub use word::Word;

use branch::Branches;
use fpu::Floats;
use fpu_move::FloatMoves;
use integer::Integers;
use memory::Accesses;
use muldiv::Products;
use system::Privileged;
use trap::Traps;

use crate::isa::{Fields, Insn, TABLE};
use mirrorball_runtime::cpu::Reg;
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::cpu::model::Width;
use mirrorball_runtime::vm::Vm;

/// What executing an instruction led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// On to the next one.
    Next,
    /// Done, but something asks for attention: leave the block here.
    Stop,
    /// It has done a part of its work, and is to run again for what is left.
    Again,
    /// A branch-likely was not taken: its delay slot does not run.
    Skip,
    /// WAIT has nothing to do.
    Wait,
    /// The instruction is refused.
    Raise(Exception),
}

/// The function that executes one instruction.
pub type Handler = fn(&mut Vm, &Op) -> Step;

/// A predecoded instruction.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Op {
    /// What executes it.
    pub run: Handler,
    /// The operand that the word holds, ready to use: immediate, shift amount, branch target, or
    /// the word itself where none of these applies.
    pub imm: u32,
    /// rs.
    pub rs: Reg,
    /// rt; a destination if the instruction writes it.
    pub rt: Reg,
    /// rd; a destination if the instruction writes it.
    pub rd: Reg,
    /// How many instructions of the block have not run yet, this one included.
    pub owed: u8,
}

impl Op {
    /// The word of an instruction that keeps it in `imm`, to be read by fields.
    #[inline]
    fn fields(&self) -> Fields {
        Fields(self.imm)
    }

    #[inline]
    fn owed(&self) -> u32 {
        u32::from(self.owed)
    }
}

macro_rules! table {
    ($($variant:ident $function:ident $mnemonic:literal $bits:literal $operands:tt $effects:tt
       $since:ident $unit:ident $flow:ident;)*) => {
        /// The handlers, by [`number`].
        pub static HANDLERS: &[Handler] = &[
            $(<u32>::$function,)*
            $(<u64>::$function,)*
        ];
    };
}
for_each_instruction!(table);

/// The number of the handler that executes `insn` on registers that are so wide.
#[inline]
#[must_use]
pub fn number(insn: Insn, width: Width) -> usize {
    match width {
        Width::W32 => insn as usize,
        Width::W64 => TABLE.len() + insn as usize,
    }
}
