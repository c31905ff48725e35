//! The arena in units: where the next translation goes, and what is evicted to make room.
//!
//! Units are filled one after the other, each from the bottom up, and emptied as a whole: no
//! space is managed within one, and a policy has few things to choose from.

use super::arena::{Arena, ArenaError};

/// Which unit goes when all are full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Policy {
    /// All of them.
    Flush,
    /// The one that was filled first.
    #[default]
    Fifo,
    /// The one that was entered least from the dispatcher of late. Every run up to a horizon
    /// starts there, so that code which runs is counted even if it is chained and loops; the counts
    /// are halved at each eviction.
    LeastUsed,
}

/// A unit.
#[derive(Clone, Default)]
struct Unit {
    /// Bytes in use, from its bottom.
    used: usize,
    /// Entries from the dispatcher.
    uses: u32,
    /// When it was last begun to be filled.
    begun: u64,
    /// Whether the host backs memory of it, though it is empty.
    backed: bool,
}

/// Why there is no place for a translation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoPlace {
    /// Other translations are in the way: see [`Units::victims`].
    Full,
    /// It is larger than a unit.
    TooLarge,
    /// The host refused to write it.
    Refused,
}

/// A host page: what is the least that can be given back.
const PAGE: usize = 4096;
/// Units by default.
const UNITS: usize = 16;

/// All units of one VM's cache.
pub struct Units {
    arena: Arena,
    policy: Policy,
    unit_bytes: usize,
    units: Vec<Unit>,
    /// The unit that is being filled.
    current: usize,
    /// How many units were ever begun.
    begun: u64,
    used: usize,
    peak: usize,
}

impl Units {
    /// `bytes` of memory for code, in units of `unit_bytes`: a sixteenth of it if that is 0. Behind
    /// them is room for `glue` bytes of code that stays.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn new(
        bytes: usize,
        unit_bytes: usize,
        policy: Policy,
        glue: usize,
    ) -> Result<Self, ArenaError> {
        let bytes = bytes.max(PAGE);
        let unit_bytes = match unit_bytes {
            0 => bytes.div_ceil(UNITS),
            given => given.min(bytes),
        };
        let unit_bytes = unit_bytes.next_multiple_of(PAGE);
        let count = (bytes / unit_bytes).max(1);
        Ok(Self {
            arena: Arena::new(count * unit_bytes + glue.next_multiple_of(PAGE))?,
            policy,
            unit_bytes,
            units: vec![Unit::default(); count],
            current: 0,
            begun: 0,
            used: 0,
            peak: 0,
        })
    }

    /// Finds room for `bytes`, and returns the offset in the arena: a multiple of `alignment`.
    ///
    /// # Errors
    /// If there is none.
    pub fn reserve(&mut self, bytes: usize, alignment: usize) -> Result<usize, NoPlace> {
        if bytes > self.unit_bytes {
            return Err(NoPlace::TooLarge);
        }
        let start = |unit: &Unit| unit.used.next_multiple_of(alignment);
        if start(&self.units[self.current]) + bytes > self.unit_bytes {
            let next = self.units.iter().position(|unit| unit.used == 0);
            self.current = next.ok_or(NoPlace::Full)?;
            self.give_back();
        }
        let unit = &mut self.units[self.current];
        if unit.used == 0 {
            self.begun += 1;
            unit.begun = self.begun;
        }
        let start = start(unit);
        self.used += start + bytes - unit.used;
        unit.used = start + bytes;
        self.peak = self.peak.max(self.used);
        Ok(self.current * self.unit_bytes + start)
    }

    /// The units to be emptied when there is no room.
    pub fn victims(&mut self) -> Vec<usize> {
        let all = 0..self.units.len();
        let others = all.clone().filter(|&unit| unit != self.current);
        let chosen = match self.policy {
            Policy::Flush => return all.collect(),
            Policy::Fifo => all.min_by_key(|&unit| self.units[unit].begun),
            // What was filled last has had no time to be used.
            Policy::LeastUsed => {
                others.min_by_key(|&unit| (self.units[unit].uses, self.units[unit].begun))
            }
        };
        for unit in &mut self.units {
            unit.uses /= 2;
        }
        vec![chosen.unwrap_or(0)]
    }

    /// Notes that code at `address` is entered from the dispatcher.
    #[inline]
    pub fn note_use(&mut self, address: usize) {
        if self.policy == Policy::LeastUsed {
            let unit = self.unit_of(address);
            self.units[unit].uses = self.units[unit].uses.saturating_add(1);
        }
    }

    /// The unit that an address lies in.
    #[must_use]
    pub fn unit_of(&self, address: usize) -> usize {
        self.arena.offset(address) / self.unit_bytes
    }

    /// Empties a unit. No code in it may be running or be found again.
    pub fn empty(&mut self, unit: usize) {
        let used = std::mem::take(&mut self.units[unit].used);
        self.units[unit].uses = 0;
        self.units[unit].backed = true;
        self.used -= used;
    }

    /// Gives the memory of empty units back to the host, but for the one to be filled next.
    fn give_back(&mut self) {
        for (index, unit) in self.units.iter_mut().enumerate() {
            if index != self.current && unit.used == 0 && unit.backed {
                unit.backed = false;
                self.arena
                    .give_back(index * self.unit_bytes, self.unit_bytes);
            }
        }
    }

    /// The memory itself.
    pub fn arena(&mut self) -> &mut Arena {
        &mut self.arena
    }

    /// The bytes of all units.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.count() * self.unit_bytes()
    }

    /// The number of units.
    #[must_use]
    pub fn count(&self) -> usize {
        self.units.len()
    }

    /// The bytes in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    /// The most bytes that ever were in use.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.peak
    }

    /// The bytes of a unit.
    #[must_use]
    pub fn unit_bytes(&self) -> usize {
        self.unit_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(policy: Policy) -> Units {
        let mut units = Units::new(4 * PAGE, PAGE, policy, 0).unwrap();
        for offset in [0, PAGE, 2 * PAGE, 3 * PAGE] {
            assert_eq!(units.reserve(3000, 64), Ok(offset));
        }
        assert_eq!(units.reserve(3000, 64), Err(NoPlace::Full));
        assert_eq!((units.used(), units.peak()), (4 * 3000, 4 * 3000));
        units
    }

    #[test]
    fn flush_empties_everything() {
        let mut units = full(Policy::Flush);
        assert_eq!(units.victims(), [0, 1, 2, 3]);
        for unit in 0..4 {
            units.empty(unit);
        }
        let page = vec![1; PAGE];
        for unit in 0..4 {
            units.arena().write(unit * PAGE, &page).unwrap();
        }
        assert_eq!((units.used(), units.reserve(3000, 64)), (0, Ok(3 * PAGE)));
        assert_eq!(units.reserve(3000, 64), Ok(0));
        let first = |unit: usize| units.arena.code()[unit * PAGE];
        assert_eq!(
            [0, 1, 2, 3].map(first),
            [1, 0, 0, 1],
            "the others were given back"
        );
    }

    #[test]
    fn fifo_goes_round() {
        let mut units = full(Policy::Fifo);
        for round in 0..9 {
            assert_eq!(units.victims(), [round % 4]);
            units.empty(round % 4);
            assert_eq!(units.reserve(3000, 64), Ok(round % 4 * PAGE));
            assert_eq!(units.reserve(3000, 64), Err(NoPlace::Full));
        }
    }

    #[test]
    fn the_least_used_unit_goes_but_not_the_newest() {
        let mut units = full(Policy::LeastUsed);
        for (unit, uses) in [(0, 5), (1, 2), (2, 9)] {
            let address = units.arena().address(unit * PAGE + 64);
            for _ in 0..uses {
                units.note_use(address);
            }
        }
        assert_eq!(units.victims(), [1]);
        units.empty(1);
        assert_eq!(units.reserve(3000, 64), Ok(PAGE));
        assert_eq!(units.victims(), [3], "it was never used and is not new now");
    }

    #[test]
    fn sizes_are_made_to_fit() {
        let mut units = Units::new(10, 0, Policy::Fifo, 0).unwrap();
        assert_eq!((units.count(), units.unit_bytes()), (1, PAGE));
        assert_eq!(units.reserve(PAGE + 1, 64), Err(NoPlace::TooLarge));
        assert_eq!(units.reserve(PAGE, 64), Ok(0));
        assert_eq!(units.reserve(1, 64), Err(NoPlace::Full));
        assert_eq!(units.victims(), [0]);
        let units = Units::new(256 << 10, 1 << 30, Policy::Fifo, 0).unwrap();
        assert_eq!((units.count(), units.unit_bytes()), (1, 256 << 10));
    }
}
