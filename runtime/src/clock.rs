//! Virtual time.
//!
//! Time is the retired-instruction count: one instruction is one CPU cycle, and WAIT skips cycles
//! until the next event. The CPU runs at [`CPU_HZ`], so device time in nanoseconds follows
//! exactly, and two runs of the same guest see the same time at the same instruction.

/// The virtual frequency of the CPU clock, in Hz. `Count` advances at half of it.
pub const CPU_HZ: u64 = 200_000_000;

const NANOS_PER_CYCLE: u64 = 1_000_000_000 / CPU_HZ;

/// A point in virtual time or a span of it, in CPU cycles since reset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
#[repr(transparent)]
pub struct Cycles(pub u64);

/// A point in virtual time or a span of it, in nanoseconds since the VM was made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
#[repr(transparent)]
pub struct Nanos(pub u64);

impl Cycles {
    /// The same moment in nanoseconds.
    #[must_use]
    pub const fn to_nanos(self) -> Nanos {
        Nanos(self.0.saturating_mul(NANOS_PER_CYCLE))
    }
}

impl Nanos {
    /// One second.
    pub const SECOND: Nanos = Nanos(1_000_000_000);

    /// The first cycle at or after this moment.
    #[must_use]
    pub const fn to_cycles(self) -> Cycles {
        Cycles(self.0.div_ceil(NANOS_PER_CYCLE))
    }

    /// The moment `span` later.
    #[must_use]
    pub const fn plus(self, span: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(span.0))
    }
}
