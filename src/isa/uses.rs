//! What follows from the operands and effects of a line of the table.

use super::{Access, Effect, Field, Fields, Info, Memory, Operand, State, Unit};

/// A set of general registers by number, and of [`HI`] and [`LO`]. `$0` is in none.
pub type RegisterSet = u64;

/// HI in a [`RegisterSet`].
pub const HI: usize = 32;
/// LO in a [`RegisterSet`].
pub const LO: usize = 33;

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

/// The general register that an instruction writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    /// One that it names.
    Field(Field),
    /// `$31`.
    Ra,
}

impl Destination {
    /// The number of the register.
    #[must_use]
    pub const fn number(self, fields: Fields) -> u32 {
        match self {
            Self::Field(field) => field.of(fields),
            Self::Ra => 31,
        }
    }
}

impl Info {
    /// The immediate among the operands.
    #[must_use]
    pub fn immediate(&self) -> Immediate {
        let immediate = |operand: &Operand| match operand {
            Operand::Shift => Some(Immediate::Shift),
            Operand::Signed | Operand::Offset => Some(Immediate::Signed),
            Operand::Unsigned => Some(Immediate::Unsigned),
            Operand::Branch => Some(Immediate::Branch),
            Operand::Jump => Some(Immediate::Jump),
            _ => None,
        };
        let found = self.operands.iter().find_map(immediate);
        found.unwrap_or(Immediate::None)
    }

    /// The general register that is written, if one is.
    #[must_use]
    pub fn destination(&self) -> Option<Destination> {
        let written = |operand: &Operand| match *operand {
            Operand::Gpr(access, field) if access.writes() => Some(Destination::Field(field)),
            _ => None,
        };
        let links = self.access(State::Ra).is_some();
        let ra = links.then_some(Destination::Ra);
        self.operands.iter().find_map(written).or(ra)
    }

    /// Whether it is a branch or jump that leaves a return address.
    #[must_use]
    pub fn links(&self) -> bool {
        self.flow.has_slot() && self.destination().is_some()
    }

    /// What is done to something that no operand names.
    #[must_use]
    pub fn access(&self, state: State) -> Option<Access> {
        self.effects.iter().find_map(|&effect| match effect {
            Effect::State(access, other) if other == state => Some(access),
            _ => None,
        })
    }

    /// What is done to memory.
    #[must_use]
    pub fn memory(&self) -> Option<Memory> {
        self.effects.iter().find_map(|&effect| match effect {
            Effect::Memory(memory) => Some(memory),
            _ => None,
        })
    }

    /// Whether there is such an operand.
    #[must_use]
    pub fn takes(&self, operand: Operand) -> bool {
        self.operands.contains(&operand)
    }

    /// Whether there is such an effect.
    #[must_use]
    pub fn has(&self, effect: Effect) -> bool {
        self.effects.contains(&effect)
    }

    /// Whether it may be refused for what it is to do.
    #[must_use]
    pub fn may_raise(&self) -> bool {
        self.memory().is_some() || self.has(Effect::Float) || self.has(Effect::Raise)
    }

    /// The registers that a word of this instruction reads.
    #[must_use]
    pub fn reads(&self, fields: Fields) -> RegisterSet {
        let named = self.operands.iter().map(|&operand| match operand {
            Operand::Gpr(access, field) if access.reads() => 1 << field.of(fields),
            Operand::Offset => 1 << fields.rs(),
            Operand::Indexed => 1 << fields.rs() | 1 << fields.rt(),
            _ => 0,
        });
        let named = named.fold(0, |set: RegisterSet, register| set | register);
        (named | self.unnamed(Access::reads)) & !1
    }

    /// The registers that a word of this instruction writes.
    #[must_use]
    pub fn writes(&self, fields: Fields) -> RegisterSet {
        let named = self.destination();
        let named = named.map_or(0, |named| 1 << named.number(fields));
        (named | self.unnamed(Access::writes)) & !1
    }

    /// Of the registers that no operand names those that are accessed like this.
    fn unnamed(&self, like: fn(Access) -> bool) -> RegisterSet {
        let registers = [(State::Hi, HI), (State::Lo, LO), (State::Ra, 31)];
        registers.into_iter().fold(0, |set, (state, number)| {
            let accessed = self.access(state).is_some_and(like);
            set | RegisterSet::from(accessed) << number
        })
    }

    /// The FPU condition code that a word of this instruction reads.
    #[must_use]
    pub fn condition_read(&self, fields: Fields) -> Option<u32> {
        let reads = self.takes(Operand::BranchCode) || self.takes(Operand::MoveCode);
        reads.then_some(fields.cc())
    }

    /// The FPU condition code that a word of this instruction writes.
    #[must_use]
    pub fn condition_written(&self, fields: Fields) -> Option<u32> {
        self.takes(Operand::CompareCode)
            .then_some(fields.compare_cc())
    }

    /// Whether a word of this instruction names an odd register as one of 64 bits, which only
    /// exists while FR = 1.
    #[must_use]
    pub fn names_odd_pair(&self, fields: Fields) -> bool {
        self.unit == Unit::Fpu
            && self.operands.iter().any(|operand| match operand {
                Operand::Fpr(_, field, format) => format.is_wide() && field.of(fields) & 1 != 0,
                _ => false,
            })
    }
}
