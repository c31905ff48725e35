//! How often each part of the board was read and written.

use super::BOARD;

/// Counters, in the order of the board's table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accesses {
    pub(super) reads: [u64; BOARD.len()],
    pub(super) writes: [u64; BOARD.len()],
}

impl Accesses {
    fn each(&mut self, other: &Self, change: impl Fn(&mut u64, u64)) {
        let own = self.reads.iter_mut().chain(&mut self.writes);
        for (own, &other) in own.zip(other.reads.iter().chain(&other.writes)) {
            change(own, other);
        }
    }

    /// What was counted since these counters were `before`.
    #[must_use]
    pub fn since(mut self, before: &Self) -> Self {
        self.each(before, |own, before| *own -= before);
        self
    }

    /// Counts `round` so many times.
    pub fn add(&mut self, round: &Self, rounds: u64) {
        self.each(round, |own, round| *own += round * rounds);
    }
}
