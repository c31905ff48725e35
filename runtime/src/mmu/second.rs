//! The second-level TLB: what TLBWR displaced, kept by the monitor (Disco, SOSP '97, 4.2.2).
//!
//! TLBWR replaces an entry at random, so the guest cannot know which one went, and a mapping that
//! is kept behind its back is one that its TLB might still hold. A miss that finds its mapping here
//! does not enter the guest. This is so only while the guest cannot know better; an entry goes when
//!
//! - TLBP asks for its address, and so tells the guest that the TLB has it not;
//! - another entry for its address is written;
//! - the guest has written or read each entry that TLBWR may choose since it was displaced;
//! - the room is needed.

use super::tlb::Entry;
use crate::addr::Va;
use crate::sound::{Sound, is_count};
use serde::{Deserialize, Serialize};

/// The entries of a machine that does not say how many it has: enough for what a few programs use
/// between two changes of address space.
pub const DEFAULT_ENTRIES: usize = 1024;
/// The most that a machine has.
pub const MOST_ENTRIES: usize = 4096;
/// Entries whose addresses share a place.
const WAYS: usize = 4;
/// By how many sets neighbouring address spaces differ: an odd number, so that all sets are used.
const SPREAD: u32 = 37;
/// The mask of a pair of 4 KiB pages. Larger ones are not kept.
const SMALL: u32 = 0x1fff;

/// A displaced entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Kept {
    entry: Entry,
    since: u64,
}

/// The second-level TLB of one CPU.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct SecondTlb {
    sets: Vec<[Option<Kept>; WAYS]>,
    /// When the guest last wrote or read each entry of its TLB by its index.
    known: Vec<u64>,
    clock: u64,
}

impl SecondTlb {
    /// Whether it has as much room as another, behind a TLB of the same size.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.sets.len() == other.sets.len() && self.known.len() == other.known.len()
    }

    /// Whether there is any room.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Room for `entries` (rounded up) behind a TLB of `size`; none if that is 0.
    #[must_use]
    pub fn new(entries: usize, size: usize) -> Self {
        let sets = entries.div_ceil(WAYS);
        let sets = if sets == 0 {
            0
        } else {
            sets.next_power_of_two()
        };
        Self {
            sets: vec![[None; WAYS]; sets],
            known: vec![0; size],
            clock: 0,
        }
    }

    /// The set for `va` in address space `asid`, or for a global entry: the same address is in use
    /// in many address spaces, so these differ in where it is.
    fn place(&self, va: u32, asid: Option<u8>) -> usize {
        let spread = asid.map_or(0, |asid| (u32::from(asid) + 1) * SPREAD);
        ((va >> 13) ^ spread) as usize & (self.sets.len() - 1)
    }

    fn place_of(&self, entry: &Entry) -> usize {
        let asid = (!entry.is_global()).then_some(entry.asid());
        self.place(entry.vpn2(), asid)
    }

    /// The sets that may have an entry for `va` in address space `asid`.
    fn places(&self, va: Va, asid: u8) -> [usize; 2] {
        [Some(asid), None].map(|asid| self.place(va.0 as u32, asid))
    }

    /// The entry that translates `va` in address space `asid`.
    #[must_use]
    pub fn find(&self, va: Va, asid: u8) -> Option<&Entry> {
        if self.sets.is_empty() {
            return None;
        }
        let sets = self.places(va, asid).map(|place| &self.sets[place]);
        let entries = sets.into_iter().flatten().flatten().map(|kept| &kept.entry);
        entries.into_iter().find(|entry| entry.matches(va, asid))
    }

    /// Keeps what TLBWR displaced by `new`, unless that is for the same addresses. Returns what
    /// there is no room for, if need be that.
    pub fn keep(&mut self, entry: Entry, new: &Entry) -> Option<Entry> {
        let useful = || entry.mask() == SMALL && entry.is_valid() && !entry.overlaps(new);
        if self.sets.is_empty() || !useful() {
            return Some(entry);
        }
        self.clock += 1;
        let since = self.clock;
        let place = self.place_of(&entry);
        let set = &mut self.sets[place];
        let age = |kept: &Option<Kept>| kept.map_or(0, |kept| kept.since);
        let oldest = (0..WAYS).min_by_key(|&way| age(&set[way]))?;
        let kept = Kept { entry, since };
        set[oldest].replace(kept).map(|gone| gone.entry)
    }

    /// Takes out the entries that `gone` says.
    fn take(&mut self, gone: impl Fn(&Kept) -> bool) -> Vec<Entry> {
        Self::take_from(&mut self.sets, gone)
    }

    fn take_from(sets: &mut [[Option<Kept>; WAYS]], gone: impl Fn(&Kept) -> bool) -> Vec<Entry> {
        let ways = sets.iter_mut().flatten();
        ways.filter(|way| way.as_ref().is_some_and(&gone))
            .filter_map(|way| way.take().map(|kept| kept.entry))
            .collect()
    }

    /// TLBP did not find `va`: now the guest knows.
    pub fn missed(&mut self, va: Va, asid: u8) -> Option<Entry> {
        if self.sets.is_empty() {
            return None;
        }
        let matches = |kept: &Kept| kept.entry.matches(va, asid);
        let mut gone = self.places(va, asid).into_iter().flat_map(|place| {
            let set = std::slice::from_mut(&mut self.sets[place]);
            Self::take_from(set, matches)
        });
        gone.next()
    }

    /// The guest writes `entry`: what is kept for the same addresses is out of date.
    pub fn overwritten(&mut self, entry: &Entry) -> Vec<Entry> {
        if self.sets.is_empty() {
            return Vec::new();
        }
        let overlaps = |kept: &Kept| kept.entry.overlaps(entry);
        if entry.mask() != SMALL || entry.is_global() {
            return self.take(overlaps);
        }
        let places = self.places(Va(u64::from(entry.vpn2())), entry.asid());
        let sets = &mut self.sets;
        let taken = places
            .into_iter()
            .flat_map(|place| Self::take_from(std::slice::from_mut(&mut sets[place]), overlaps));
        taken.collect()
    }

    /// The guest has written or read its TLB's entry `index`, while TLBWR spares the first `wired`.
    pub fn known(&mut self, index: usize, wired: usize) -> Vec<Entry> {
        if self.sets.is_empty() {
            return Vec::new();
        }
        let all = |known: &[u64]| known[wired.min(known.len() - 1)..].iter().copied().min();
        let before = all(&self.known);
        self.clock += 1;
        let count = self.known.len();
        self.known[index % count] = self.clock;
        match all(&self.known) {
            Some(since) if before != Some(since) => self.take(|kept| kept.since < since),
            _ => Vec::new(),
        }
    }

    /// Forgets everything, as when TLBWR chooses among other entries from now on.
    pub fn clear(&mut self) -> Vec<Entry> {
        self.take(|_| true)
    }
}

impl Sound for SecondTlb {
    fn is_sound(&self) -> bool {
        let in_place = |(place, set): (usize, &[Option<Kept>; WAYS])| {
            let mut kept = set.iter().flatten();
            kept.all(|Kept { entry, since }| {
                let useful = entry.mask() == SMALL && entry.is_valid() && entry.is_sound();
                useful && self.place_of(entry) == place && *since <= self.clock
            })
        };
        is_count(self.clock)
            && self.known.iter().all(|&when| when <= self.clock)
            && self.sets.iter().enumerate().all(in_place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(vpn2: u32) -> Entry {
        Entry::from_registers(vpn2 | 1, [0x1002, 0x1042], 0)
    }

    /// What displaces entries here: for other addresses.
    fn other() -> Entry {
        Entry::from_registers(0xc000_0001, [2, 2], 0)
    }

    fn knows(second: &SecondTlb, vpn2: u32) -> bool {
        second.find(Va(u64::from(vpn2)), 1).is_some()
    }

    #[test]
    fn what_the_guest_cannot_know_to_be_gone_is_found() {
        let mut second = SecondTlb::new(16, 4);
        assert_eq!(second.keep(entry(0x4000), &other()), None);
        assert!(knows(&second, 0x4000) && knows(&second, 0x5000));
        assert!(!knows(&second, 0x6000));
        assert!(
            second.find(Va(0x4000), 2).is_none(),
            "another address space"
        );
        assert_eq!(second.missed(Va(0x4000), 1), Some(entry(0x4000)));
        assert!(!knows(&second, 0x4000));
    }

    #[test]
    fn an_entry_goes_once_every_place_it_may_be_in_is_known() {
        let mut second = SecondTlb::new(16, 4);
        second.keep(entry(0x4000), &other());
        for index in [1, 2] {
            assert!(second.known(index, 1).is_empty());
        }
        second.keep(entry(0x8000), &other());
        assert_eq!(second.known(3, 1), [entry(0x4000)]);
        assert!(knows(&second, 0x8000), "it was displaced later");
    }

    #[test]
    fn another_entry_for_the_address_replaces_it() {
        let mut second = SecondTlb::new(16, 4);
        second.keep(entry(0x4000), &other());
        second.keep(entry(0xa000), &other());
        assert_eq!(second.overwritten(&entry(0x4000)), [entry(0x4000)]);
        let large = Entry::from_registers(1, [0x1002, 0x1042], 0x1e000);
        assert_eq!(second.overwritten(&large), [entry(0xa000)]);
    }

    #[test]
    fn what_is_displaced_by_its_like_is_gone() {
        let mut second = SecondTlb::new(16, 4);
        let large = Entry::from_registers(1, [0x2002, 0x2042], 0x1e000);
        assert_eq!(second.keep(entry(0x4000), &large), Some(entry(0x4000)));
        assert!(!knows(&second, 0x4000));
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let mut second = SecondTlb::new(0, 4);
        assert_eq!(second.keep(entry(0x4000), &other()), Some(entry(0x4000)));
        let mut second = SecondTlb::new(1, 4);
        for index in 0..4 {
            assert_eq!(second.keep(entry(0x4000 + index * 0x2000), &other()), None);
        }
        assert_eq!(second.keep(entry(0x2_0000), &other()), Some(entry(0x4000)));
    }
}
