//! The software TLB: the tables that translated code probes.
//!
//! There is one [`Space`] for each recently used address space and mode, so that a context switch
//! of the guest swaps a pointer. An entry is present only while the guest's own TLB holds the
//! mapping: what the architecture says of TLB misses stays exact.

use super::segment::Mode;
use super::tlb::Entry as TlbEntry;
use crate::addr::{PAGE_BITS, PAGE_SIZE, Va};

/// Data entries in a space.
pub const DATA_ENTRIES: usize = 512;
/// Code entries that a page maps to: one group, so that forgetting a page costs one group.
pub const CODE_GROUP: usize = 128;
/// Code entries in a space.
pub const CODE_ENTRIES: usize = 64 * CODE_GROUP;
/// A tag that no access has: a data probe keeps the page number and at most the three lowest bits
/// of an address, and only an aligned program counter is probed for.
pub const NO_TAG: u32 = 0x0801;

/// A data entry: one page of one space.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DataEntry {
    /// The page's virtual address if it may be read here, else [`NO_TAG`].
    pub read: u32,
    /// The page's virtual address if it may be written here, else [`NO_TAG`].
    pub write: u32,
    /// What to add to a virtual address to get the host address.
    pub addend: u64,
}

/// A code entry: where the code for one virtual address of one space is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CodeEntry {
    /// The virtual address, or [`NO_TAG`].
    pub pc: u32,
    /// The engine's number for the block.
    pub block: u32,
    /// The block's translated code, or 0 while there is none.
    pub entry: usize,
}

const NO_DATA: DataEntry = DataEntry {
    read: NO_TAG,
    write: NO_TAG,
    addend: 0,
};
const NO_CODE: CodeEntry = CodeEntry {
    pc: NO_TAG,
    block: 0,
    entry: 0,
};

/// What tells spaces apart: all that a translation of a virtual address depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct SpaceKey {
    /// The address space.
    pub asid: u8,
    /// The mode, which decides on segments and privilege.
    pub mode: Mode,
    /// The Status bits that decide which instructions there are: CU0, CU1, FR.
    pub status: u32,
}

/// The tables of one address space and mode.
#[repr(C)]
pub struct Space {
    /// Pages, by [`data_index`].
    pub data: [DataEntry; DATA_ENTRIES],
    /// Blocks, by [`code_index`].
    pub code: [CodeEntry; CODE_ENTRIES],
    /// Whose tables these are.
    pub key: SpaceKey,
    /// Which groups of `code` may hold entries, a bit each.
    code_groups: u64,
}

const _: () = assert!(CODE_ENTRIES / CODE_GROUP == 64, "a group is a bit");

/// The data entry that a virtual address belongs to.
#[inline(always)]
#[must_use]
pub const fn data_index(va: Va) -> usize {
    (va.0 >> PAGE_BITS) as usize % DATA_ENTRIES
}

/// The code entry that a program counter belongs to. Translated code computes the same.
#[inline(always)]
#[must_use]
pub const fn code_index(pc: Va) -> usize {
    let group = (pc.0 >> PAGE_BITS) as usize % (CODE_ENTRIES / CODE_GROUP);
    group * CODE_GROUP + (pc.0 >> 2) as usize % CODE_GROUP
}

impl Space {
    fn new(key: SpaceKey) -> Box<Self> {
        Box::new(Self {
            data: [NO_DATA; DATA_ENTRIES],
            code: [NO_CODE; CODE_ENTRIES],
            key,
            code_groups: 0,
        })
    }

    fn reset(&mut self, key: SpaceKey) {
        self.data.fill(NO_DATA);
        if std::mem::take(&mut self.code_groups) != 0 {
            self.code.fill(NO_CODE);
        }
        self.key = key;
    }

    /// The host address for reading `size` aligned bytes at `va`, if the table knows it.
    #[inline(always)]
    #[must_use]
    pub fn probe_read(&self, va: Va, size: u32) -> Option<*mut u8> {
        let entry = &self.data[data_index(va)];
        (entry.read == tag(va, size)).then(|| entry.host(va))
    }

    /// The host address for writing `size` aligned bytes at `va`, if the table knows it.
    #[inline(always)]
    #[must_use]
    pub fn probe_write(&self, va: Va, size: u32) -> Option<*mut u8> {
        let entry = &self.data[data_index(va)];
        (entry.write == tag(va, size)).then(|| entry.host(va))
    }

    /// The code entry of `pc`, if it is present.
    #[inline(always)]
    #[must_use]
    pub fn probe_code(&self, pc: Va) -> Option<&CodeEntry> {
        let entry = &self.code[code_index(pc)];
        (u64::from(entry.pc) == pc.0 && pc.0 & 3 == 0).then_some(entry)
    }

    /// Makes the code entry of `pc`.
    pub fn fill_code(&mut self, pc: Va, block: u32, entry: usize) {
        let index = code_index(pc);
        self.code_groups |= 1 << (index / CODE_GROUP);
        self.code[index] = CodeEntry {
            pc: pc.0 as u32,
            block,
            entry,
        };
    }

    /// Makes the data entry of the page of `va`, whose bytes lie at `host`.
    pub fn fill_data(&mut self, va: Va, host: *mut u8, writable: bool) {
        let page = va.page().0 as u32;
        let entry = &mut self.data[data_index(va)];
        let write = if writable { page } else { NO_TAG };
        *entry = DataEntry {
            read: page,
            write,
            addend: (host as u64).wrapping_sub(u64::from(page)),
        };
    }

    /// Forgets the page of `va`.
    fn forget_page(&mut self, va: Va) {
        let page = va.page().0 as u32;
        let entry = &mut self.data[data_index(va)];
        if entry.read == page {
            *entry = NO_DATA;
        }
        let group = code_index(va.page()) / CODE_GROUP;
        if self.code_groups >> group & 1 == 0 {
            return;
        }
        let start = group * CODE_GROUP;
        let mut left = false;
        for entry in &mut self.code[start..start + CODE_GROUP] {
            if entry.pc & !(PAGE_SIZE as u32 - 1) == page {
                *entry = NO_CODE;
            }
            left |= entry.pc != NO_TAG;
        }
        self.code_groups &= !(u64::from(!left) << group);
    }
}

impl DataEntry {
    #[inline(always)]
    fn host(&self, va: Va) -> *mut u8 {
        self.addend.wrapping_add(va.0) as *mut u8
    }
}

/// What a tag must be for an access of `size` bytes at `va`: the page, and no address bits below
/// the alignment.
#[inline(always)]
const fn tag(va: Va, size: u32) -> u32 {
    va.0 as u32 & (!(PAGE_SIZE as u32 - 1) | (size - 1))
}

/// A page pair larger than this is forgotten by clearing whole tables.
const SMALL: u32 = 0xffff;

/// How many spaces there are before the one that rested longest is given up.
const SPACES: usize = 16;

/// A space and what it is found and given up by.
struct Slot {
    key: SpaceKey,
    /// When the space was last entered.
    last_used: u64,
    space: Box<Space>,
}

/// All spaces of one CPU.
#[derive(Default)]
pub struct SoftTlb {
    slots: Vec<Slot>,
    clock: u64,
}

impl SoftTlb {
    /// The space of `key`, empty if it was not there.
    pub fn select(&mut self, key: SpaceKey) -> *mut Space {
        self.clock += 1;
        let index = self
            .slots
            .iter()
            .position(|slot| slot.key == key)
            .unwrap_or_else(|| self.make(key));
        let slot = &mut self.slots[index];
        slot.last_used = self.clock;
        &mut *slot.space
    }

    /// Makes a space for `key`, if need be of the one that rested longest.
    #[cold]
    fn make(&mut self, key: SpaceKey) -> usize {
        if self.slots.len() < SPACES {
            self.slots.push(Slot {
                key,
                last_used: 0,
                space: Space::new(key),
            });
            return self.slots.len() - 1;
        }
        let oldest = self
            .slots
            .iter()
            .enumerate()
            .min_by_key(|(_, slot)| slot.last_used);
        let index = oldest.map_or(0, |(index, _)| index);
        self.slots[index].key = key;
        self.slots[index].space.reset(key);
        index
    }

    fn spaces(&mut self) -> impl Iterator<Item = &mut Space> {
        self.slots.iter_mut().map(|slot| &mut *slot.space)
    }

    /// Forgets what came from `entry` of the guest's TLB.
    pub fn forget_entry(&mut self, entry: &TlbEntry) {
        for slot in &mut self.slots {
            if !entry.global && slot.key.asid != entry.asid {
                continue;
            }
            let space = &mut slot.space;
            if entry.mask > SMALL {
                let key = space.key;
                space.reset(key);
                continue;
            }
            let half = entry.mask / 2 + 1;
            for (odd, page) in entry.halves.iter().enumerate() {
                if page.valid {
                    let start = entry.vpn2 + odd as u32 * half;
                    for va in (start..=start + (half - 1)).step_by(PAGE_SIZE as usize) {
                        space.forget_page(Va(u64::from(va)));
                    }
                }
            }
        }
    }

    /// Takes back every permission to write to the page at `host`.
    pub fn protect(&mut self, host: *mut u8) {
        for space in self.spaces() {
            for entry in &mut space.data {
                if entry.write != NO_TAG
                    && entry.addend.wrapping_add(u64::from(entry.write)) == host as u64
                {
                    entry.write = NO_TAG;
                }
            }
        }
    }

    /// Forgets the code entries of a block of the engine.
    pub fn forget_code(&mut self, pc: Va, block: u32) {
        for space in self.spaces() {
            let entry = &mut space.code[code_index(pc)];
            if entry.pc == pc.0 as u32 && entry.block == block {
                *entry = NO_CODE;
            }
        }
    }

    /// Sets the translated code of a block in every space that has an entry for it.
    pub fn set_code(&mut self, pc: Va, block: u32, code: usize) {
        for space in self.spaces() {
            let entry = &mut space.code[code_index(pc)];
            if entry.pc == pc.0 as u32 && entry.block == block {
                entry.entry = code;
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        for space in self.spaces() {
            let key = space.key;
            space.reset(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(asid: u8) -> SpaceKey {
        SpaceKey {
            asid,
            mode: Mode::User,
            status: 0,
        }
    }

    fn space(soft: &mut SoftTlb, asid: u8) -> &mut Space {
        // SAFETY: the space lives in its box for as long as `soft` does.
        unsafe { &mut *soft.select(key(asid)) }
    }

    #[test]
    fn unaligned_and_unknown_addresses_miss() {
        let mut soft = SoftTlb::default();
        let space = space(&mut soft, 1);
        let mut page = [0u8; 4096];
        space.fill_data(Va(0x40_0000), page.as_mut_ptr(), false);
        assert_eq!(
            space.probe_read(Va(0x40_0004), 4),
            Some(page.as_mut_ptr().wrapping_add(4))
        );
        assert_eq!(space.probe_read(Va(0x40_0002), 4), None);
        assert_eq!(
            space.probe_read(Va(0x60_0004), 4),
            None,
            "same slot, other page"
        );
        assert_eq!(space.probe_write(Va(0x40_0004), 4), None);
        assert_eq!(
            space.probe_read(Va(0), 1),
            None,
            "an empty table knows nothing"
        );
    }

    #[test]
    fn no_address_is_found_in_an_empty_table() {
        let mut soft = SoftTlb::default();
        let space = space(&mut soft, 1);
        for va in (0..2 * PAGE_SIZE).map(Va) {
            for size in [1, 2, 4, 8] {
                assert_eq!(space.probe_read(va, size), None, "{va}");
                assert_eq!(space.probe_write(va, size), None, "{va}");
            }
            assert!(space.probe_code(va).is_none(), "{va}");
        }
    }

    #[test]
    fn a_displaced_entry_is_forgotten_in_its_address_space_only() {
        let mut soft = SoftTlb::default();
        let mut page = [0u8; 4096];
        for asid in [1, 2] {
            let space = space(&mut soft, asid);
            space.fill_data(Va(0x40_1000), page.as_mut_ptr(), true);
            space.fill_code(Va(0x40_1ffc), 7, 0);
        }
        let entry = TlbEntry::from_registers(0x40_0001, [2, 2], 0);
        soft.forget_entry(&entry);
        assert!(space(&mut soft, 1).probe_read(Va(0x40_1000), 1).is_none());
        assert!(space(&mut soft, 1).probe_code(Va(0x40_1ffc)).is_none());
        assert!(space(&mut soft, 2).probe_write(Va(0x40_1000), 1).is_some());
        soft.protect(page.as_mut_ptr());
        assert!(space(&mut soft, 2).probe_write(Va(0x40_1000), 1).is_none());
        assert!(space(&mut soft, 2).probe_read(Va(0x40_1000), 1).is_some());
    }

    #[test]
    fn the_space_that_rested_longest_is_given_up() {
        let mut soft = SoftTlb::default();
        let mut page = [0u8; 4096];
        for asid in 0..SPACES as u8 {
            space(&mut soft, asid).fill_data(Va(0), page.as_mut_ptr(), true);
        }
        space(&mut soft, 0);
        space(&mut soft, 200);
        assert!(space(&mut soft, 0).probe_read(Va(0), 1).is_some());
        assert!(space(&mut soft, 1).probe_read(Va(0), 1).is_none());
    }
}
