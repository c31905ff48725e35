//! The instruction set: one table, and what is read from it.

pub mod decode;
pub mod disasm;
mod effect;
mod fields;
mod operand;
#[macro_use]
pub mod table;
mod uses;

pub use decode::decode;
pub use effect::{Effect, Memory, Number, Size, State};
pub use fields::Fields;
pub use operand::{Access, Field, Format, FpuField, Operand};
pub use uses::{Destination, HI, Immediate, LO, RegisterSet};

use effect::effects;
use operand::operands;

/// The release that an instruction came with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Since {
    /// MIPS32 release 1.
    R1,
    /// MIPS32 release 2.
    R2,
    /// MIPS64, of either release: on a 64-bit CPU, where Status allows 64-bit operations.
    M64,
}

/// The unit that an instruction needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Always there.
    Cpu,
    /// Coprocessor 0: kernel mode, or Status.CU0.
    Cop0,
    /// The FPU: Status.CU1.
    Fpu,
    /// The FPU with 64-bit registers: FR = 1.
    Fpu64,
}

impl Unit {
    /// Whether it is the FPU.
    #[must_use]
    pub const fn is_fpu(self) -> bool {
        matches!(self, Self::Fpu | Self::Fpu64)
    }
}

/// How control goes on after an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// To the next instruction.
    Next,
    /// To its target, after the delay slot.
    Jump,
    /// To its target or on, after the delay slot.
    Branch,
    /// To its target after the delay slot, or on without it.
    Likely,
    /// To the next instruction, but perhaps in another mode or address space: a block ends here.
    Change,
    /// Not on: it always traps.
    Trap,
    /// Elsewhere, or out of the CPU: a block ends here. Not in a delay slot.
    Leave,
}

impl Flow {
    /// Whether a delay slot follows.
    #[must_use]
    pub const fn has_slot(self) -> bool {
        matches!(self, Flow::Jump | Flow::Branch | Flow::Likely)
    }

    /// Whether it may stand in a delay slot.
    #[must_use]
    pub const fn fits_slot(self) -> bool {
        matches!(self, Flow::Next | Flow::Change | Flow::Trap)
    }

    /// Whether control may go on behind it, and its delay slot.
    #[must_use]
    pub const fn may_go_on(self) -> bool {
        matches!(
            self,
            Flow::Next | Flow::Branch | Flow::Likely | Flow::Change
        )
    }

    /// Whether a block ends here without a delay slot.
    #[must_use]
    pub const fn ends(self) -> bool {
        matches!(self, Flow::Change | Flow::Trap | Flow::Leave)
    }
}

/// What the table says of one instruction.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// The instruction.
    pub insn: Insn,
    /// As the assembler writes it; `~` stands for the condition of a comparison.
    pub mnemonic: &'static str,
    /// The fixed bits.
    pub value: u32,
    /// Which bits are fixed.
    pub mask: u32,
    /// The operands in the assembler's order.
    pub operands: &'static [Operand],
    /// What it does beyond them.
    pub effects: &'static [Effect],
    /// The release that it came with.
    pub since: Since,
    /// The unit that it needs.
    pub unit: Unit,
    /// How control goes on.
    pub flow: Flow,
}

/// Does not compile if an operand lies where the encoding has fixed bits.
const fn checked(operands: &'static [Operand], mask: u32) -> &'static [Operand] {
    let mut index = 0;
    while index < operands.len() {
        assert!(operands[index].bits() & mask == 0, "an operand has bits");
        index += 1;
    }
    operands
}

macro_rules! define {
    ($($variant:ident $function:ident $mnemonic:literal $bits:literal $operands:tt $effects:tt
       $since:ident $unit:ident $flow:ident;)*) => {
        /// Every instruction of the table.
        #[allow(missing_docs, reason = "the table says what each is")]
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(u16)]
        pub enum Insn {
            $($variant,)*
        }

        /// The table.
        pub static TABLE: &[Info] = &[
            $(Info {
                insn: Insn::$variant,
                mnemonic: $mnemonic,
                value: decode::fixed_bits($bits).0,
                mask: decode::fixed_bits($bits).1,
                operands: checked(operands!($operands), decode::fixed_bits($bits).1),
                effects: effects!($effects),
                since: Since::$since,
                unit: Unit::$unit,
                flow: Flow::$flow,
            },)*
        ];
    };
}
for_each_instruction!(define);

impl Insn {
    /// What the table says of this instruction.
    #[inline]
    #[must_use]
    pub fn info(self) -> &'static Info {
        &TABLE[self as usize]
    }
}
