//! Where a guest spends its time: a profile by samples.
//!
//! A [`Sampler`] is an engine around another that has it come back at even distances of the guest's
//! time, and notes the program counter there. That time is the instruction count, and so the samples
//! are the same in every engine and on every host. A [`Profile`] counts them; with [`Symbols`] it
//! becomes a table, folded stacks and a flame graph.

pub mod kallsyms;
mod render;
mod sampler;
pub mod symbols;

pub use render::{Named, SymbolsOf};
pub use sampler::Sampler;
pub use symbols::{SymbolError, Symbols};

use mirrorball_runtime::clock::INSTRUCTIONS_PER_SECOND;
use mirrorball_runtime::insight::TaskName;
use rustc_hash::FxHashMap;

/// The cycles between two samples if nothing else is said: a millisecond, and no multiple of what loops
/// and timers take.
pub const PERIOD: u64 = 100_003;

/// The most places that are told apart.
const MOST: usize = 1 << 18;

/// Which process a sample is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Process {
    /// The Linux task of this name.
    Task(TaskName),
    /// What has this ASID, in a guest whose tasks are not known.
    Asid(u8),
}

/// Where the CPU was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// At this instruction of a process, in user mode.
    User(Process, u32),
    /// At this instruction of the kernel, on a process's behalf.
    Kernel(Process, u32),
    /// It waited for an interrupt.
    Idle,
    /// Elsewhere: too many places were seen.
    Other,
}

/// How often the CPU was where.
#[derive(Clone, Debug)]
pub struct Profile {
    period: u64,
    counts: FxHashMap<Place, u64>,
}

impl Profile {
    /// An empty profile, for samples every `period` cycles.
    #[must_use]
    pub fn new(period: u64) -> Self {
        Self {
            period: period.max(1),
            counts: FxHashMap::default(),
        }
    }

    /// The cycles between two samples.
    #[must_use]
    pub fn period(&self) -> u64 {
        self.period
    }

    /// Counts `samples` at a place.
    pub fn add(&mut self, place: Place, samples: u64) {
        let full = self.counts.len() >= MOST && !self.counts.contains_key(&place);
        let place = if full { Place::Other } else { place };
        *self.counts.entry(place).or_default() += samples;
    }

    /// How many samples there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The places and the samples at each, in order.
    #[must_use]
    pub fn places(&self) -> Vec<(Place, u64)> {
        let mut places: Vec<_> = self.counts.iter().map(|(&k, &v)| (k, v)).collect();
        places.sort_unstable();
        places
    }

    /// The guest's time between two samples, in microseconds.
    fn micros(&self) -> f64 {
        self.period as f64 * 1e6 / INSTRUCTIONS_PER_SECOND as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_no_sample_is_lost() {
        let mut profile = Profile::new(0);
        for pc in 0..MOST as u32 + 10 {
            profile.add(Place::Kernel(Process::Asid(0), pc), 1);
        }
        profile.add(Place::Kernel(Process::Asid(0), 0), 1);
        assert_eq!(profile.total(), MOST as u64 + 11);
        let places = profile.places();
        assert_eq!(places.len(), MOST + 1);
        assert_eq!(places[0], (Place::Kernel(Process::Asid(0), 0), 2));
        assert_eq!(places[MOST], (Place::Other, 10));
    }
}
