//! Virtual time.
//!
//! Time is the retired-instruction count: one instruction is one cycle of virtual time, and WAIT
//! skips cycles until the next event. Device time in nanoseconds follows exactly, and two runs of
//! the same guest see the same time at the same instruction.

use serde::{Deserialize, Serialize};

/// Instructions in a second of virtual time. The guest sees a CPU of twice this frequency, which
/// takes two clocks for an instruction, and Count, which advances every other clock, counts
/// instructions.
pub const INSTRUCTIONS_PER_SECOND: u64 = 100_000_000;

const NANOS_PER_CYCLE: u64 = 1_000_000_000 / INSTRUCTIONS_PER_SECOND;

/// A point in virtual time or a span of it, in instructions since reset.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
#[repr(transparent)]
pub struct Cycles(pub u64);

/// A point in virtual time or a span of it, in nanoseconds since the VM was made.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
#[repr(transparent)]
pub struct Nanos(pub u64);

impl Cycles {
    /// The last moment of a machine that is loaded, which is centuries away: what comes later still has
    /// a number.
    pub const LAST: Cycles = Cycles(1 << 59);

    /// The same moment in nanoseconds.
    #[must_use]
    pub const fn to_nanos(self) -> Nanos {
        Nanos(self.0.saturating_mul(NANOS_PER_CYCLE))
    }
}

impl Nanos {
    /// The last moment that the state of a machine names which is loaded: a century and more behind
    /// [`Cycles::LAST`].
    pub const LAST: Nanos = Nanos(u64::MAX / 2);
    /// One second.
    pub const SECOND: Nanos = Nanos(1_000_000_000);

    /// The first cycle at or after this moment.
    #[must_use]
    pub const fn to_cycles(self) -> Cycles {
        Cycles(self.0.div_ceil(NANOS_PER_CYCLE))
    }

    /// The cycles that fit into this span.
    #[must_use]
    pub const fn whole_cycles(self) -> Cycles {
        Cycles(self.0 / NANOS_PER_CYCLE)
    }

    /// The moment `span` later.
    #[must_use]
    pub const fn plus(self, span: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(span.0))
    }
}
