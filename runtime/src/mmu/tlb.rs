//! The architectural TLB: what the guest writes and what its accesses are looked up in.
//!
//! MIPS32 Architecture Volume III, chapter "Virtual Memory", "TLB-Based Virtual Address
//! Translation".

use crate::addr::{Pa, Va};
use crate::cpu::cp0::legal_page_mask;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};

/// One half of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Half {
    /// The physical address of the page, with the address bits below the page size not yet
    /// cleared.
    pub frame: u32,
    /// The cache attribute, kept only to be read back.
    pub cache: u8,
    /// May be written.
    pub dirty: bool,
    /// May be used.
    pub valid: bool,
}

/// One entry: a pair of pages, as CP0 registers describe it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// EntryHi, page mask applied: the virtual address of the pair, and the address space.
    hi: u32,
    /// The address bits below the pair's size.
    mask: u32,
    /// EntryLo0 and EntryLo1; both have G or neither has.
    lo: [u32; 2],
}

/// G, V and D of EntryLo.
const GLOBAL: u32 = 1;
const VALID: u32 = 2;
const DIRTY: u32 = 4;
/// What is kept of EntryLo: with it the physical addresses below 4 GiB.
const LO: u32 = (1 << 26) - 1;

impl Entry {
    /// The entry that the CP0 registers describe.
    #[must_use]
    pub fn from_registers(entry_hi: u32, entry_lo: [u32; 2], page_mask: u32) -> Self {
        let mask = page_mask | 0x1fff;
        let global = entry_lo[0] & entry_lo[1] & GLOBAL;
        Self {
            hi: entry_hi & !mask | entry_hi & 0xff,
            mask,
            lo: entry_lo.map(|lo| lo & LO & !GLOBAL | global),
        }
    }

    /// What TLBR puts into EntryHi.
    #[must_use]
    pub fn entry_hi(&self) -> u32 {
        self.hi
    }

    /// What TLBR puts into PageMask.
    #[must_use]
    pub fn page_mask(&self) -> u32 {
        self.mask & !0x1fff
    }

    /// What TLBR puts into EntryLo0 or EntryLo1.
    #[must_use]
    pub fn entry_lo(&self, odd: usize) -> u32 {
        self.lo[odd]
    }

    /// The virtual address of the pair.
    #[must_use]
    pub fn vpn2(&self) -> u32 {
        self.hi & !self.mask
    }

    /// The address bits below the pair's size.
    #[must_use]
    pub fn mask(&self) -> u32 {
        self.mask
    }

    /// The address space.
    #[must_use]
    pub fn asid(&self) -> u8 {
        self.hi as u8
    }

    /// Whether it matches in every address space.
    #[must_use]
    pub fn is_global(&self) -> bool {
        self.lo[0] & GLOBAL != 0
    }

    /// The even and the odd page.
    #[must_use]
    pub fn halves(&self) -> [Half; 2] {
        self.lo.map(Half::of)
    }

    /// Whether either page may be used.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        (self.lo[0] | self.lo[1]) & VALID != 0
    }

    /// Whether the entry translates `va` in address space `asid`.
    #[inline]
    #[must_use]
    pub fn matches(&self, va: Va, asid: u8) -> bool {
        (va.0 as u32 ^ self.hi) & !self.mask == 0 && (self.is_global() || self.asid() == asid)
    }

    /// Whether some address of some address space would match both entries.
    pub(super) fn overlaps(&self, other: &Entry) -> bool {
        (self.hi ^ other.hi) & !(self.mask | other.mask) == 0
            && (self.is_global() || other.is_global() || self.asid() == other.asid())
    }

    /// The half that translates `va`, and the physical address.
    #[inline]
    #[must_use]
    pub fn translate(&self, va: Va) -> (Half, Pa) {
        let va = va.0 as u32;
        let within = self.mask >> 1;
        let half = Half::of(self.lo[usize::from(va & (within + 1) != 0)]);
        (half, Pa(u64::from(half.frame & !within | va & within)))
    }
}

// By its meaning: a state's hash does not depend on how an entry is kept.
impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.vpn2(), self.mask, self.asid(), self.is_global()).hash(state);
        self.halves().hash(state);
    }
}

impl Half {
    /// What EntryLo says.
    fn of(lo: u32) -> Self {
        Self {
            frame: Pa(u64::from(lo >> 6 << 12)).of_ram_once().0 as u32,
            cache: (lo >> 3 & 7) as u8,
            dirty: lo & DIRTY != 0,
            valid: lo & VALID != 0,
        }
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |set, letter| if set { letter } else { '-' };
        write!(
            f,
            "{:#010x} {}{} cache {}",
            self.frame,
            flag(self.valid, 'v'),
            flag(self.dirty, 'd'),
            self.cache
        )
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x} size {:#x}", self.vpn2(), (self.mask >> 1) + 1)?;
        if self.is_global() {
            write!(f, " global")?;
        } else {
            write!(f, " asid {:#x}", self.asid())?;
        }
        let [even, odd] = self.halves();
        write!(f, ": {even}; {odd}")
    }
}

/// The TLB of one CPU.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct Tlb {
    entries: Vec<Entry>,
    /// The addresses and the masks of all entries once more: most searches find nothing, and see
    /// that here at once.
    vpn2s: Vec<u32>,
    masks: Vec<u32>,
}

impl From<Vec<Entry>> for Tlb {
    fn from(entries: Vec<Entry>) -> Self {
        Self {
            vpn2s: entries.iter().map(Entry::vpn2).collect(),
            masks: entries.iter().map(Entry::mask).collect(),
            entries,
        }
    }
}

impl From<Tlb> for Vec<Entry> {
    fn from(tlb: Tlb) -> Self {
        tlb.entries
    }
}

impl Hash for Tlb {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.entries.hash(state);
    }
}

impl Tlb {
    /// A TLB of `size` entries, none of which matches anything software uses: each lies on a page
    /// of its own in kseg0, which is not mapped.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let entry = |index: usize| Entry {
            hi: 0x8000_0000 + (index as u32) * 0x2000,
            mask: 0x1fff,
            lo: [0; 2],
        };
        (0..size).map(entry).collect::<Vec<_>>().into()
    }

    /// The number of entries.
    #[must_use]
    pub fn size(&self) -> usize {
        self.entries.len()
    }

    /// Whether some entry, of whatever address space, translates some address that is like `va`
    /// but for the bits of `mask`.
    #[inline]
    fn any_near(&self, va: u32, mask: u32) -> bool {
        let near = |(&vpn2, &own): (&u32, &u32)| u32::from((va ^ vpn2) & !(mask | own) == 0);
        let entries = self.vpn2s.iter().zip(&self.masks);
        // Without a way out before the end the host compares several at a time.
        entries.map(near).fold(0, std::ops::BitOr::bitor) != 0
    }

    /// The entry that translates `va` in address space `asid`.
    #[inline]
    #[must_use]
    pub fn lookup(&self, va: Va, asid: u8) -> Option<&Entry> {
        if !self.any_near(va.0 as u32, 0) {
            return None;
        }
        self.entries.iter().find(|entry| entry.matches(va, asid))
    }

    /// The index of the entry that matches, for TLBP.
    #[must_use]
    pub fn probe(&self, va: Va, asid: u8) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| entry.matches(va, asid))
    }

    /// Entry `index`; an index that does not exist wraps around.
    #[must_use]
    pub fn read(&self, index: usize) -> &Entry {
        &self.entries[self.wrap(index)]
    }

    /// Divides only if it must.
    fn wrap(&self, index: usize) -> usize {
        let count = self.entries.len();
        if index < count { index } else { index % count }
    }

    /// Replaces entry `index` and returns what was there, or `None` (and changes nothing) if the
    /// new entry would match an address that another entry matches too. That is open for entries
    /// none of whose pages is valid, and they are let be: small kernels drop entries by making
    /// several of them equal.
    pub fn write(&mut self, index: usize, entry: Entry) -> Option<Entry> {
        let index = self.wrap(index);
        let used = |old: &Entry| old.is_valid() || entry.is_valid();
        let duplicate =
            |(other, old): (usize, &Entry)| other != index && old.overlaps(&entry) && used(old);
        if self.any_near(entry.hi, entry.mask) && self.entries.iter().enumerate().any(duplicate) {
            return None;
        }
        (self.vpn2s[index], self.masks[index]) = (entry.vpn2(), entry.mask);
        Some(std::mem::replace(&mut self.entries[index], entry))
    }

    /// All entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// It is what the registers of coprocessor 0 can describe.
impl Sound for Entry {
    fn is_sound(&self) -> bool {
        let mask = self.page_mask();
        legal_page_mask(mask) == mask && *self == Self::from_registers(self.hi, self.lo, mask)
    }
}

/// No address has two entries, unless both allow nothing: see [`Tlb::write`].
impl Sound for Tlb {
    fn is_sound(&self) -> bool {
        let alone = |(index, entry): (usize, &Entry)| {
            let others = self.entries[..index].iter();
            let mut overlapping = others.filter(|other| other.overlaps(entry));
            overlapping.all(|other| !other.is_valid() && !entry.is_valid())
        };
        self.entries.is_sound() && self.entries.iter().enumerate().all(alone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_survive_a_trip_through_an_entry() {
        let entry = Entry::from_registers(0x1234_6055, [0x0012_3457, 0x0012_3417], 0x0000_6000);
        assert_eq!(entry.vpn2(), 0x1234_0000);
        assert_eq!(entry.entry_hi(), 0x1234_0055);
        assert_eq!(entry.page_mask(), 0x6000);
        assert_eq!(
            [entry.entry_lo(0), entry.entry_lo(1)],
            [0x0012_3457, 0x0012_3417]
        );
    }

    #[test]
    fn large_pages_pick_their_half_by_the_bit_above_the_page() {
        // Two pages of 1 MiB, the odd one writable.
        let lo = |frame: u32, bits: u32| -> u32 { frame >> 12 << 6 | bits };
        let entry = Entry::from_registers(
            0x4000_0000,
            [lo(0x0100_0000, 2), lo(0x0230_0000, 6)],
            0x001f_e000,
        );
        let (even, odd) = (
            entry.translate(Va(0x400f_fffc)),
            entry.translate(Va(0x4010_0123)),
        );
        assert!(!even.0.dirty && odd.0.dirty);
        assert_eq!((even.1, odd.1), (Pa(0x010f_fffc), Pa(0x0230_0123)));
    }

    #[test]
    fn a_duplicate_is_refused_and_changes_nothing() {
        let mut tlb = Tlb::new(4);
        let entry = |hi, g: u32| Entry::from_registers(hi, [2 | g, 2 | g], 0);
        assert!(tlb.write(0, entry(0x2001, 0)).is_some());
        assert!(tlb.write(1, entry(0x2002, 0)).is_some(), "another ASID");
        assert!(
            tlb.write(2, entry(0x2003, 1)).is_none(),
            "global clashes with both"
        );
        assert!(tlb.write(0, entry(0x2001, 0)).is_some(), "in its own place");
        assert_eq!(tlb.probe(Va(0x3fff), 2), Some(1));
        assert_eq!(tlb.probe(Va(0x3fff), 3), None);
    }

    #[test]
    fn entries_that_are_equal_and_not_valid_are_let_be() {
        let mut tlb = Tlb::new(4);
        for index in 0..3 {
            assert!(
                tlb.write(index, Entry::from_registers(0, [0; 2], 0))
                    .is_some()
            );
        }
        assert!(tlb.write(3, Entry::from_registers(0, [2, 2], 0)).is_none());
    }

    #[test]
    fn the_first_ram_is_seen_again_from_0x80000000() {
        let frame = |address: u32| Half::of(address >> 12 << 6).frame;
        assert_eq!(frame(0x8000_3000), 0x3000);
        assert_eq!(frame(0x8fff_f000), 0x0fff_f000);
        assert_eq!(frame(0x9000_0000), 0x9000_0000);
    }
}
