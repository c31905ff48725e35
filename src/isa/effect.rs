//! What an instruction does beyond its operands.

use super::Access;

/// Something that changes beside the registers that an instruction names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// HI.
    Hi,
    /// LO.
    Lo,
    /// `$31`.
    Ra,
    /// The FPU's control and status register, all of it.
    Fcsr,
    /// The registers of coprocessor 0.
    Cp0,
    /// The TLB.
    Tlb,
    /// What LL notes for SC.
    Link,
}

/// How many bytes are accessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// One.
    Byte,
    /// Two.
    Half,
    /// Four.
    Word,
    /// Eight.
    Double,
}

impl Size {
    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        1 << self as u32
    }
}

/// What a load takes from memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Number {
    /// A byte with a sign.
    I8,
    /// A byte without.
    U8,
    /// A halfword with a sign.
    I16,
    /// A halfword without.
    U16,
    /// A word with a sign, which 64-bit registers show.
    I32,
    /// A word without.
    U32,
    /// A doubleword.
    U64,
}

impl Number {
    /// How long it is.
    #[must_use]
    pub const fn size(self) -> Size {
        match self {
            Self::I8 | Self::U8 => Size::Byte,
            Self::I16 | Self::U16 => Size::Half,
            Self::I32 | Self::U32 => Size::Word,
            Self::U64 => Size::Double,
        }
    }

    /// Whether it is sign-extended.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32)
    }
}

/// What is done at the address that an instruction computes. All of it may be refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Memory {
    /// An aligned load.
    Load(Number),
    /// An aligned store.
    Store(Size),
    /// A load of those bytes around the address that lie on one side of it.
    LoadPart(Size),
    /// A store of those bytes.
    StorePart(Size),
    /// An aligned load that is noted for SC.
    LoadLinked(Size),
    /// An aligned store, if nothing came between.
    StoreConditional(Size),
    /// The address is translated, and that is all.
    Probe,
}

impl Memory {
    /// The bytes that are accessed; of an unaligned access those around its address.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Load(number) => number.size().bytes(),
            Self::Store(size)
            | Self::LoadPart(size)
            | Self::StorePart(size)
            | Self::LoadLinked(size)
            | Self::StoreConditional(size) => size.bytes(),
            Self::Probe => 0,
        }
    }

    /// Whether what is loaded is sign-extended.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Load(number) if number.is_signed())
    }

    /// Whether bytes may change.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(
            self,
            Self::Store(_) | Self::StorePart(_) | Self::StoreConditional(_)
        )
    }
}

/// An effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It accesses something that no operand names.
    State(Access, State),
    /// It accesses memory.
    Memory(Memory),
    /// It computes with floating-point numbers: FCSR says how, learns what was exceptional of it,
    /// and may have the instruction refused for that.
    Float,
    /// It may be refused for another reason than its address or its numbers.
    Raise,
    /// The monitor does it, and may change anything.
    Monitor,
}

/// The effects of a line of the table.
macro_rules! effects {
    ([$($first:ident $($second:ident)?),*]) => {
        &[$(effects!(@ $first $($second)?)),*]
    };
    (@ Load $number:ident) => {
        Effect::Memory(Memory::Load(Number::$number))
    };
    (@ R $state:ident) => {
        Effect::State(Access::R, State::$state)
    };
    (@ W $state:ident) => {
        Effect::State(Access::W, State::$state)
    };
    (@ RW $state:ident) => {
        Effect::State(Access::RW, State::$state)
    };
    (@ $access:ident $size:ident) => {
        Effect::Memory(Memory::$access(Size::$size))
    };
    (@ Probe) => {
        Effect::Memory(Memory::Probe)
    };
    (@ $effect:ident) => {
        Effect::$effect
    };
}
pub(super) use effects;
