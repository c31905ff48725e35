//! What an assembler writes behind a mnemonic, and how the instruction uses it.

use super::Fields;

/// How an instruction uses a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// It reads it.
    R,
    /// It writes it: all of it, whenever the instruction is not refused.
    W,
    /// It reads and writes it, or writes a part of it or not always: then the rest stays.
    RW,
}

impl Access {
    /// Whether what it was before matters.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Self::R | Self::RW)
    }

    /// Whether it may be something else afterwards.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::W | Self::RW)
    }
}

/// A field that names a general register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// rs.
    Rs,
    /// rt.
    Rt,
    /// rd.
    Rd,
}

impl Field {
    /// The lowest bit of the field.
    #[must_use]
    pub const fn shift(self) -> u32 {
        match self {
            Self::Rs => 21,
            Self::Rt => 16,
            Self::Rd => 11,
        }
    }

    /// The register that a word names.
    #[must_use]
    pub const fn of(self, fields: Fields) -> u32 {
        fields.0 >> self.shift() & 31
    }
}

/// A field that names an FPU register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FpuField {
    /// fr, where rs is.
    Fr,
    /// ft, where rt is.
    Ft,
    /// fs, where rd is.
    Fs,
    /// fd, where the shift amount is.
    Fd,
}

impl FpuField {
    /// The lowest bit of the field.
    #[must_use]
    pub const fn shift(self) -> u32 {
        match self {
            Self::Fr => 21,
            Self::Ft => 16,
            Self::Fs => 11,
            Self::Fd => 6,
        }
    }

    /// The register that a word names.
    #[must_use]
    pub const fn of(self, fields: Fields) -> u32 {
        fields.0 >> self.shift() & 31
    }
}

/// What an FPU register holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// A number of single precision.
    S,
    /// A number of double precision.
    D,
    /// A word.
    W,
    /// A doubleword.
    L,
    /// Anything of 64 bits, of which only the upper half is meant.
    H,
}

impl Format {
    /// Whether it is all of a 64-bit register: with FR = 0 only even ones exist.
    #[must_use]
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::D | Self::L)
    }
}

/// An operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    /// A general register.
    Gpr(Access, Field),
    /// An FPU register.
    Fpr(Access, FpuField, Format),
    /// The number of an FPU control register, where rd is.
    Control,
    /// Shift amount.
    Shift,
    /// An immediate of 16 bits, sign-extended.
    Signed,
    /// An immediate of 16 bits, zero-extended.
    Unsigned,
    /// offset(base): an address from rs and a signed immediate.
    Offset,
    /// index(base): an address from rs and rt.
    Indexed,
    /// The target of a branch.
    Branch,
    /// The target of a jump.
    Jump,
    /// Position and size of EXT.
    Extract,
    /// Position and size of INS.
    Insert,
    /// The FPU condition code that a branch reads, not written out if 0.
    BranchCode,
    /// The FPU condition code that a move reads, always written out.
    MoveCode,
    /// The FPU condition code that a comparison writes, not written out if 0.
    CompareCode,
    /// The number of a CP0 register and the select field.
    Selected,
    /// The number of a hardware register.
    Hardware,
    /// A hint, or an operation of CACHE, where rt is.
    Hint,
    /// A hint where rd is.
    IndexedHint,
    /// The type of SYNC.
    SyncType,
    /// The code of SYSCALL.
    Code,
    /// The code of a trap.
    TrapCode,
    /// The code of BREAK, in two halves.
    BreakCode,
    /// The code of WAIT.
    WaitCode,
    /// The code of HYPCALL.
    Hypercode,
}

impl Operand {
    /// The bits that hold it, in words that have it.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Gpr(_, field) => 31 << field.shift(),
            Self::Fpr(_, field, _) => 31 << field.shift(),
            Self::Control | Self::Hardware | Self::IndexedHint => 31 << 11,
            Self::Shift | Self::SyncType => 31 << 6,
            Self::Signed | Self::Unsigned | Self::Branch => 0xffff,
            Self::Offset => 31 << 21 | 0xffff,
            Self::Indexed => 31 << 21 | 31 << 16,
            Self::Jump => 0x03ff_ffff,
            Self::Extract | Self::Insert => 31 << 11 | 31 << 6,
            Self::BranchCode | Self::MoveCode => 7 << 18,
            Self::CompareCode => 7 << 8,
            Self::Selected => 31 << 11 | 7,
            Self::Hint => 31 << 16,
            Self::Code | Self::BreakCode => 0xf_ffff << 6,
            Self::TrapCode => 0x3ff << 6,
            Self::WaitCode => 0x7_ffff << 6,
            Self::Hypercode => 0x3ff << 11,
        }
    }
}

/// The operands of a line of the table.
macro_rules! operands {
    ([$($first:ident $($second:ident $($format:ident)?)?),*]) => {
        &[$(operands!(@ $first $($second $($format)?)?)),*]
    };
    (@ $access:ident $field:ident $format:ident) => {
        Operand::Fpr(Access::$access, FpuField::$field, Format::$format)
    };
    (@ $access:ident $field:ident) => {
        Operand::Gpr(Access::$access, Field::$field)
    };
    (@ $operand:ident) => {
        Operand::$operand
    };
}
pub(super) use operands;
