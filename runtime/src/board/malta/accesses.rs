//! How often each part of the board was read and written.

use super::chips::{BOARD, Chip};
use crate::sound::{Sound, is_count};
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;

/// Counters, in the order of the board's table.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Accesses {
    #[serde(with = "BigArray")]
    reads: [u64; BOARD.len()],
    #[serde(with = "BigArray")]
    writes: [u64; BOARD.len()],
}

impl Default for Accesses {
    fn default() -> Self {
        Self {
            reads: [0; BOARD.len()],
            writes: [0; BOARD.len()],
        }
    }
}

impl Accesses {
    pub(super) fn count_read(&mut self, chip: Chip) {
        self.reads[chip as usize] += 1;
    }

    pub(super) fn count_write(&mut self, chip: Chip) {
        self.writes[chip as usize] += 1;
    }

    /// Each part's name, and how often it was read and written.
    pub(super) fn by_name(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        let counts = self.reads.iter().zip(&self.writes);
        let rows = BOARD.iter().zip(counts);
        rows.map(|(row, (reads, writes))| (row.name, *reads, *writes))
    }

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

impl Sound for Accesses {
    fn is_sound(&self) -> bool {
        self.reads.into_iter().chain(self.writes).all(is_count)
    }
}
