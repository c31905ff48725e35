//! When a disk shows its results: a function of what the guest asked for and when, and of nothing
//! else.
//!
//! The model is a solid-state disk with one lane. A job takes a latency, which overlaps with that of
//! others, and then the lane for as long as its bytes need. Results are shown at multiples of a
//! short span, so that jobs that end close together make one interrupt.

use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// From the request to the first byte.
const LATENCY: Nanos = Nanos(40_000);
/// Bytes that pass in a nanosecond.
const BYTES_PER_NANO: u64 = 1;
/// Results are shown together that are ready in the same span of this length.
const GRID: u64 = 10_000;

/// The lane of a disk.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Pace {
    free: Nanos,
}

impl Pace {
    /// When the result of a job is shown that moves so many bytes and starts now. It is never
    /// before that of a job that started earlier.
    pub fn due(&mut self, now: Nanos, bytes: u64) -> Nanos {
        let start = now.plus(LATENCY).max(self.free);
        self.free = start.plus(Nanos(bytes / BYTES_PER_NANO));
        Nanos(self.free.0.div_ceil(GRID).saturating_mul(GRID))
    }
}

impl Sound for Pace {
    fn is_sound(&self) -> bool {
        self.free.is_sound()
    }
}
