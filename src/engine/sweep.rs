//! Sweeps: dropping predecoded blocks, to bound the memory that they take.
//!
//! A sweep drops the blocks that no translation is made of and that ran least since the one before.
//! Their heat is remembered, so that a block that comes back goes on where it was. If much of what
//! is predecoded between two sweeps was there before, the bound is too small for the guest, and
//! grows.

use super::heat::Extra;
use super::jit::Jit;
use crate::cache::blocks::{Blocks, Cached};
use crate::cache::code::CacheConfig;
use mirrorball_runtime::vm::Vm;

/// How often a block must have run since the last sweep to stay: the least of these that makes
/// enough room.
const RUNS: [u32; 5] = [1, 4, 16, 64, u32::MAX];
/// The bound grows if this part of the blocks that are predecoded was there before.
const AGAIN: u64 = 4;

/// When blocks are swept.
pub(super) struct Sweeping {
    /// The bytes of blocks at which they are.
    pub at: usize,
    /// The bytes that are to stay below.
    bound: usize,
    most: usize,
    /// How many blocks were predecoded by the last sweep, and how many of them again.
    predecoded: u64,
    again: u64,
}

impl Sweeping {
    /// With the bounds of this cache.
    pub fn new(config: &CacheConfig) -> Self {
        let (bound, most) = config.blocks_bytes().into_inner();
        Self {
            at: bound,
            bound,
            most,
            predecoded: 0,
            again: 0,
        }
    }

    /// Raises the bound if blocks come back often. Says what is to be left after the sweep.
    fn adapt(&mut self, predecoded: u64, again: u64) -> usize {
        let new = predecoded - self.predecoded;
        let thrashes = (again - self.again) * AGAIN > new;
        (self.predecoded, self.again) = (predecoded, again);
        if thrashes && self.bound < self.most {
            self.bound = (self.bound * 2).min(self.most);
            return usize::MAX;
        }
        self.bound / 4 * 3
    }

    /// After a sweep that left so many bytes. What translations are made of stays, however much it
    /// is.
    fn done(&mut self, left: usize) {
        self.at = self.bound.max(left + self.bound / 4);
    }
}

/// How often a block ran since the last sweep, unless it is part of a translation.
fn runs(extra: &Extra) -> Option<u32> {
    let translated = extra.installed() != 0 || !extra.regions.is_empty();
    (!translated).then(|| extra.heat.saturating_sub(extra.swept))
}

/// Sweeps predecoded blocks.
#[cold]
pub(super) fn sweep(jit: &mut Jit, vm: &mut Vm) {
    let (predecoded, again) = (jit.blocks.predecoded(), jit.blocks.predecoded_again());
    let wanted = jit.sweeping.adapt(predecoded, again);
    if jit.blocks.bytes() > wanted {
        jit.counters.sweeps += 1;
        let least = least_runs(&jit.blocks, wanted);
        jit.blocks.drop_others(vm, |Cached { extra, .. }| {
            let kept = runs(extra).is_none_or(|runs| runs >= least);
            extra.swept = extra.heat;
            kept
        });
    }
    jit.sweeping.done(jit.blocks.bytes());
}

/// How often a block must have run to stay, if no more than these bytes are to be left.
fn least_runs(blocks: &Blocks<Extra>, wanted: usize) -> u32 {
    // What there is to gain from each.
    let mut gains = [0; RUNS.len()];
    for cached in blocks.iter() {
        let runs = runs(&cached.extra).unwrap_or(u32::MAX);
        if let Some(place) = RUNS.iter().position(|&least| runs < least) {
            gains[place] += Blocks::bytes_of(cached);
        }
    }
    let mut left = blocks.bytes();
    let enough = gains.iter().position(|&gain| {
        left -= gain;
        left <= wanted
    });
    RUNS[enough.unwrap_or(RUNS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_grows_while_blocks_come_back_and_no_further_than_it_may() {
        let config = CacheConfig {
            bytes: 4 << 20,
            ..CacheConfig::default()
        };
        let mut sweeping = Sweeping::new(&config);
        assert_eq!(sweeping.adapt(1000, 0), 3 << 20);
        sweeping.done(3 << 20);
        assert_eq!(sweeping.at, 4 << 20);
        assert_eq!(sweeping.adapt(2000, 500), usize::MAX, "nothing goes");
        sweeping.done(4 << 20);
        assert_eq!(sweeping.at, 8 << 20);
        assert_eq!(sweeping.adapt(3000, 510), 6 << 20, "hardly any came back");
        assert_eq!(sweeping.adapt(4000, 1500), usize::MAX);
        assert_eq!(sweeping.adapt(5000, 2500), 12 << 20, "that is the most");
    }
}
