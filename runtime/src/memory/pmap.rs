//! pmap: one VM's map from physical pages to machine frames (P→M).
//!
//! It is consulted on every miss of the software TLB and by every DMA. A page gets its frame when
//! it is first touched.

use super::machine::MachineMemory;
use crate::addr::{Ma, PAGE_SIZE, Pa};
use rustc_hash::FxHashMap;

/// The RAM below this address is what kseg0 can reach; more lies from [`HIGH_BASE`] up.
pub const LOW_LIMIT: u64 = 256 << 20;
/// Where a Malta's RAM beyond the first 256 MiB lies.
pub const HIGH_BASE: u64 = 0x9000_0000;

/// What a physical page is.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// The frame's number plus one; 0 while the page is absent.
    frame: u32,
    /// Whether translations or predecoded blocks were made from this page.
    code: bool,
    /// Whether a space may have permission to write to the page at a mapped address.
    mapped: bool,
}

/// Which words of a page code was made from.
type CodeWords = [u64; PAGE_SIZE as usize / 4 / 64];

/// The words that `bytes` at `pa` touch, by their number in the page.
fn words_of(pa: Pa, bytes: u64) -> std::ops::RangeInclusive<usize> {
    let first = pa.page_offset();
    let last = (first + bytes.max(1) - 1).min(PAGE_SIZE - 1);
    first as usize / 4..=last as usize / 4
}

/// The map of one VM.
pub struct Pmap {
    entries: Vec<Entry>,
    /// For every page with code.
    code: FxHashMap<usize, Box<CodeWords>>,
}

impl Pmap {
    /// The map of a VM with `bytes` of RAM, all absent.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self {
            entries: vec![Entry::default(); bytes.div_ceil(PAGE_SIZE) as usize],
            code: FxHashMap::default(),
        }
    }

    /// The index of the RAM page that holds `pa`, or `None` where there is no RAM.
    #[inline]
    fn index(&self, pa: Pa) -> Option<usize> {
        let offset = if pa.0 < LOW_LIMIT {
            pa.0
        } else {
            pa.0.checked_sub(HIGH_BASE)?.checked_add(LOW_LIMIT)?
        };
        let index = (offset / PAGE_SIZE) as usize;
        (index < self.entries.len()).then_some(index)
    }

    /// The physical address of the page with this index.
    fn address(index: usize) -> Pa {
        let offset = index as u64 * PAGE_SIZE;
        Pa(if offset < LOW_LIMIT {
            offset
        } else {
            offset - LOW_LIMIT + HIGH_BASE
        })
    }

    /// Whether `pa` is RAM.
    #[inline]
    #[must_use]
    pub fn is_ram(&self, pa: Pa) -> bool {
        self.index(pa).is_some()
    }

    /// The machine address of `pa`, or `None` where there is no RAM or it was never touched.
    #[must_use]
    pub fn find(&self, pa: Pa) -> Option<Ma> {
        let frame = u64::from(self.entries[self.index(pa)?].frame).checked_sub(1)?;
        Some(Ma(frame * PAGE_SIZE + pa.page_offset()))
    }

    /// The machine address of `pa`, which gets a frame if it has none. `None` where there is no
    /// RAM, or no frame is left.
    pub fn touch(&mut self, pa: Pa, machine: &mut MachineMemory) -> Option<Ma> {
        let index = self.index(pa)?;
        let entry = &mut self.entries[index];
        if entry.frame == 0 {
            entry.frame = (machine.allocate()?.page_number() + 1) as u32;
        }
        Some(Ma(
            (u64::from(entry.frame) - 1) * PAGE_SIZE + pa.page_offset()
        ))
    }

    /// Whether code was made from the page of `pa`.
    #[must_use]
    pub fn is_code(&self, pa: Pa) -> bool {
        self.index(pa).is_some_and(|index| self.entries[index].code)
    }

    /// Whether code was made from any of the `bytes` at `pa`, which lie in one page.
    #[must_use]
    pub fn has_code(&self, pa: Pa, bytes: u64) -> bool {
        let Some(index) = self.index(pa).filter(|&index| self.entries[index].code) else {
            return false;
        };
        let words = &self.code[&index];
        words_of(pa, bytes).any(|word| words[word / 64] >> (word % 64) & 1 != 0)
    }

    /// Notes that code was made from the `bytes` at `pa`, which lie in one page. Says whether the
    /// page had no code before.
    pub fn add_code(&mut self, pa: Pa, bytes: u64) -> bool {
        let Some(index) = self.index(pa) else {
            return false;
        };
        let words = self.code.entry(index).or_default();
        for word in words_of(pa, bytes) {
            words[word / 64] |= 1 << (word % 64);
        }
        !std::mem::replace(&mut self.entries[index].code, true)
    }

    /// Notes that nothing made from the page of `pa` is left for now. It counts as a page with
    /// code still: that is for [`Pmap::remove_code`] to end.
    pub fn clear_code(&mut self, pa: Pa) {
        let words = self.index(pa).and_then(|index| self.code.get_mut(&index));
        if let Some(words) = words {
            words.fill(0);
        }
    }

    /// Notes that a space has permission to write to the page at a mapped address.
    pub fn set_mapped(&mut self, pa: Pa) {
        if let Some(index) = self.index(pa) {
            self.entries[index].mapped = true;
        }
    }

    /// Whether any space may have that permission. It is about to be taken back.
    pub fn take_mapped(&mut self, pa: Pa) -> bool {
        let entry = self.index(pa).map(|index| &mut self.entries[index]);
        entry.is_some_and(|entry| std::mem::take(&mut entry.mapped))
    }

    /// Notes that nothing made from the page of `pa` is left.
    pub fn remove_code(&mut self, pa: Pa) {
        if let Some(index) = self.index(pa) {
            self.entries[index].code = false;
            self.code.remove(&index);
        }
    }

    /// Every page that has a frame, in order of address.
    pub fn present(&self) -> impl Iterator<Item = (Pa, Ma)> + '_ {
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.frame != 0)
            .map(|(index, entry)| {
                (
                    Self::address(index),
                    Ma((u64::from(entry.frame) - 1) * PAGE_SIZE),
                )
            })
    }

    /// The bytes of RAM.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.entries.len() as u64 * PAGE_SIZE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ram_beyond_256_mib_lies_from_90000000_up() {
        let mut machine = MachineMemory::new(1 << 20).unwrap();
        let mut pmap = Pmap::new(LOW_LIMIT + PAGE_SIZE);
        assert!(pmap.is_ram(Pa(LOW_LIMIT - 1)));
        assert!(!pmap.is_ram(Pa(LOW_LIMIT)));
        assert!(pmap.is_ram(Pa(HIGH_BASE)));
        assert!(!pmap.is_ram(Pa(HIGH_BASE + PAGE_SIZE)));
        assert!(!pmap.is_ram(Pa(u64::MAX)));
        let high = pmap.touch(Pa(HIGH_BASE + 4), &mut machine).unwrap();
        assert_eq!(high, Ma(4));
        assert_eq!(pmap.touch(Pa(8), &mut machine), Some(Ma(PAGE_SIZE + 8)));
        assert_eq!(pmap.touch(Pa(HIGH_BASE), &mut machine), Some(Ma(0)));
        let present: Vec<_> = pmap.present().collect();
        assert_eq!(present, [(Pa(0), Ma(PAGE_SIZE)), (Pa(HIGH_BASE), Ma(0))]);
    }

    #[test]
    fn code_is_known_to_the_word() {
        let mut pmap = Pmap::new(2 * PAGE_SIZE);
        assert!(pmap.add_code(Pa(0xff8), 8));
        assert!(!pmap.add_code(Pa(0x10), 4), "the page had code already");
        assert!(pmap.has_code(Pa(0xffc), 1) && pmap.has_code(Pa(0), PAGE_SIZE));
        assert!(!pmap.has_code(Pa(0x14), 4) && !pmap.has_code(Pa(0xff7), 1));
        assert!(pmap.is_code(Pa(0x500)) && !pmap.is_code(Pa(PAGE_SIZE)));
        pmap.remove_code(Pa(0x123));
        assert!(!pmap.is_code(Pa(0)) && !pmap.has_code(Pa(0x10), 4));
    }

    #[test]
    fn memory_that_is_used_up_is_refused() {
        let mut machine = MachineMemory::new(PAGE_SIZE).unwrap();
        let mut pmap = Pmap::new(2 * PAGE_SIZE);
        assert!(pmap.touch(Pa(0), &mut machine).is_some());
        assert!(pmap.touch(Pa(PAGE_SIZE), &mut machine).is_none());
    }
}
