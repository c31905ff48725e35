//! The instruction set: one table, and what is read from it.

pub mod decode;
pub mod disasm;
pub mod operand;
#[macro_use]
pub mod table;

pub use decode::decode;
pub use operand::Fields;

/// The immediate operand of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Immediate {
    /// The shift amount.
    Shift,
    /// 16 bits, sign-extended.
    Signed,
    /// 16 bits, zero-extended.
    Unsigned,
    /// The target of a branch.
    Branch,
    /// The target of a jump.
    Jump,
    /// There is none.
    None,
}

impl Immediate {
    /// The first immediate among operands, see [`operand`].
    const fn among(operands: &str) -> Self {
        let letters = operands.as_bytes();
        let mut i = 0;
        while i < letters.len() {
            match letters[i] {
                b'a' => return Self::Shift,
                b'i' | b'o' => return Self::Signed,
                b'u' => return Self::Unsigned,
                b'b' => return Self::Branch,
                b'j' => return Self::Jump,
                _ => i += 1,
            }
        }
        Self::None
    }
}

/// Which register an instruction writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writes {
    /// rd.
    D,
    /// rt.
    T,
    /// $31.
    Ra,
    /// None of the general registers.
    N,
}

/// The release that an instruction came with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Since {
    /// MIPS32 release 1.
    R1,
    /// MIPS32 release 2.
    R2,
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
    /// The FPU, on double-precision registers: even ones while FR = 0.
    FpuD,
    /// The FPU with 64-bit registers: FR = 1.
    Fpu64,
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
    /// It cannot be known: a block ends here.
    End,
}

impl Flow {
    /// Whether a delay slot follows.
    #[must_use]
    pub const fn has_slot(self) -> bool {
        matches!(self, Flow::Jump | Flow::Branch | Flow::Likely)
    }
}

/// What the table says of one instruction.
#[derive(Debug)]
pub struct Info {
    /// The instruction.
    pub insn: Insn,
    /// As the assembler writes it; `~` stands for the condition of a comparison.
    pub mnemonic: &'static str,
    /// The fixed bits.
    pub value: u32,
    /// Which bits are fixed.
    pub mask: u32,
    /// The operands, see [`operand`].
    pub operands: &'static str,
    /// The immediate among them.
    pub immediate: Immediate,
    /// The register that is written.
    pub writes: Writes,
    /// The release that it came with.
    pub since: Since,
    /// The unit that it needs.
    pub unit: Unit,
    /// How control goes on.
    pub flow: Flow,
}

macro_rules! define {
    ($($variant:ident $function:ident $mnemonic:literal $bits:literal $operands:literal
       $writes:ident $since:ident $unit:ident $flow:ident;)*) => {
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
                operands: $operands,
                immediate: Immediate::among($operands),
                writes: Writes::$writes,
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
