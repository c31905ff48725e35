//! The software TLB: the tables that translated code probes.
//!
//! There is one [`Space`] for each recently used address space and mode, so that a context switch
//! of the guest swaps a pointer. A space has an entry for every page: a probe is one load. An entry
//! is present only while the guest's own TLB holds the mapping: what the architecture says of TLB
//! misses stays exact.

mod code;
mod pool;
mod space;

use super::segment::Mode;
use super::tlb::Entry as TlbEntry;
use crate::account::Holding;
use crate::addr::{Pa, Va};
use pool::{DIRECT_END, Direct, Pool};
use rustix::io::Errno;

pub use code::{CODE_BLOCKS, CODE_PAGES, CODE_WORDS, CodePage, CodePages, CodeSlot, word_of};
use space::CHUNK_BYTES;
pub use space::Space;

/// What tells spaces apart: all that a translation of a virtual address depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct SpaceKey {
    /// The address space.
    pub asid: u8,
    /// The mode, which decides on segments and privilege.
    pub mode: Mode,
    /// The Status bits that decide which instructions there are: CU0, CU1, FR; and PX if a mode that
    /// is not the kernel's has 64-bit operations, whatever bit says so.
    pub status: u32,
}

/// A page pair larger than this is forgotten by emptying whole spaces.
const SMALL: u32 = 0xffff;
/// What kseg0 and kseg1 reach.
const DIRECT_LIMIT: u64 = 1 << 29;

/// The most chunks of tables that the host backs for all spaces together: about 20 MB, and a fraction of a
/// millisecond to look through.
const MOST_CHUNKS: usize = 2048;

/// All spaces of one CPU.
pub struct SoftTlb {
    direct: Direct,
    kernel: Pool,
    others: Pool,
    /// The chunks of tables that the host backs, at most.
    chunks: usize,
}

impl SoftTlb {
    /// What counts as a file with the host: the tables of kseg0 and kseg1.
    pub const FILE_BYTES: u64 = DIRECT_END;

    /// No spaces yet.
    ///
    /// # Errors
    /// What the host said when it was asked for address space.
    pub fn new() -> Result<Self, Errno> {
        let direct = Direct::new()?;
        Ok(Self {
            kernel: Pool::new(Some(&direct))?,
            others: Pool::new(None)?,
            chunks: 0,
            direct,
        })
    }

    /// The space of `key`, empty if it was not there.
    pub fn select(&mut self, key: SpaceKey) -> *mut Space {
        if key.mode.is_kernel() {
            self.kernel.select(key, Some(&self.direct))
        } else {
            self.others.select(key, None)
        }
    }

    /// What the host said if it did not map what a space shows of code. Then code for another mode
    /// may be found: the machine has to end.
    #[must_use]
    pub fn refused(&self) -> Option<Errno> {
        self.kernel.refused()
    }

    /// The space of `key`, if there is one.
    pub fn find(&mut self, key: SpaceKey) -> Option<&mut Space> {
        if key.mode.is_kernel() {
            self.kernel.find(key)
        } else {
            self.others.find(key)
        }
    }

    fn spaces(&mut self) -> impl Iterator<Item = &mut Space> {
        self.kernel.spaces().chain(self.others.spaces())
    }

    /// Forgets what came from `entry` of the guest's TLB.
    pub fn forget_entry(&mut self, entry: &TlbEntry) {
        let asid = (!entry.is_global()).then_some(entry.asid());
        let kernel = self.kernel.spaces_of(asid);
        for space in kernel.chain(self.others.spaces_of(asid)) {
            if entry.mask() > SMALL {
                let key = space.key;
                space.reset(key);
                continue;
            }
            let half = u64::from(entry.mask()) / 2 + 1;
            for (start, page) in (u64::from(entry.vpn2())..)
                .step_by(half as usize)
                .zip(entry.halves())
            {
                if page.valid {
                    space.forget(Va(start), half);
                }
            }
        }
    }

    /// Takes back every permission to write to the page at `pa`, whose bytes are at `host`:
    /// through the TLB only if there may be one, as `mapped` says.
    pub fn protect(&mut self, pa: Pa, host: *mut u8, mapped: bool) {
        if pa.0 < DIRECT_LIMIT
            && let Some(space) = self.kernel.spaces().next()
        {
            space.protect_page(Va(0x8000_0000 | pa.0));
            space.protect_page(Va(0xa000_0000 | pa.0));
        }
        if mapped {
            self.spaces().for_each(|space| space.protect(host));
        }
    }

    /// Forgets every way to the page at `pa`, whose bytes were at `host`: through the TLB only if
    /// there may be one, as `mapped` says.
    pub fn forget_frame(&mut self, pa: Pa, host: *mut u8, mapped: bool) {
        if pa.0 < DIRECT_LIMIT
            && let Some(space) = self.kernel.spaces().next()
        {
            space.forget_data(Va(0x8000_0000 | pa.0));
            space.forget_data(Va(0xa000_0000 | pa.0));
        }
        if mapped {
            self.spaces().for_each(|space| space.forget_frame(host));
        }
    }

    /// What all tables take of the host's memory.
    #[must_use]
    pub fn held(&self) -> Holding {
        let chunks = self.kernel.chunks() + self.others.chunks();
        let limit = MOST_CHUNKS * CHUNK_BYTES + DIRECT_END as usize;
        Holding::new(chunks * CHUNK_BYTES + self.direct.bytes(), limit)
    }

    /// The host has to back one more chunk of a table. If there are too many, the spaces are emptied
    /// and the host has their memory. Says whether they were.
    pub fn grow(&mut self) -> bool {
        self.chunks += 1;
        if self.chunks <= MOST_CHUNKS {
            return false;
        }
        // Spaces that were given up meanwhile were not counted.
        self.chunks = self.kernel.chunks() + self.others.chunks();
        if self.chunks <= MOST_CHUNKS {
            return false;
        }
        self.kernel.shrink();
        self.others.shrink();
        self.chunks = 0;
        true
    }

    /// Forgets which code pages there are.
    pub fn clear_code(&mut self) {
        self.direct.clear_code();
        self.spaces().for_each(Space::clear_code);
    }

    /// Forgets everything. All spaces may be gone, but for the one that is `entered` now.
    pub fn clear(&mut self, entered: *const Space) {
        self.direct.clear();
        self.kernel.clear(entered);
        self.others.clear(entered);
    }
}

#[cfg(test)]
mod tests {
    use super::pool::{CLEARS, SPACES};
    use super::*;
    use crate::addr::PAGE_SIZE;

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
        let mut soft = SoftTlb::new().unwrap();
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
        let mut soft = SoftTlb::new().unwrap();
        let space = space(&mut soft, 1);
        for va in (0..2 * PAGE_SIZE).map(Va) {
            for size in [1, 2, 4, 8] {
                assert_eq!(space.probe_read(va, size), None, "{va}");
                assert_eq!(space.probe_write(va, size), None, "{va}");
            }
            assert!(space.code_slot(va).is_empty(), "{va}");
        }
    }

    #[test]
    fn a_displaced_entry_is_forgotten_in_its_address_space_only() {
        let mut soft = SoftTlb::new().unwrap();
        let mut page = [0u8; 4096];
        for asid in [1, 2] {
            let space = space(&mut soft, asid);
            space.fill_data(Va(0x40_1000), page.as_mut_ptr(), true);
            space.fill_code(Va(0x40_1ffc), CodeSlot(8192));
        }
        let entry = TlbEntry::from_registers(0x40_0001, [2, 2], 0);
        soft.forget_entry(&entry);
        assert!(space(&mut soft, 1).probe_read(Va(0x40_1000), 1).is_none());
        assert!(space(&mut soft, 1).code_slot(Va(0x40_1ffc)).is_empty());
        assert!(space(&mut soft, 2).probe_write(Va(0x40_1000), 1).is_some());
        soft.protect(Pa(0), page.as_mut_ptr(), true);
        assert!(space(&mut soft, 2).probe_write(Va(0x40_1000), 1).is_none());
        assert!(space(&mut soft, 2).probe_read(Va(0x40_1000), 1).is_some());
    }

    #[test]
    fn spaces_that_rested_for_long_are_gone() {
        let mut soft = SoftTlb::new().unwrap();
        let mut page = [0u8; 4096];
        for asid in 1..=3 {
            let space = space(&mut soft, asid);
            space.fill_data(Va(0x40_0000), page.as_mut_ptr(), true);
            space.fill_code(Va(0x40_0000), CodeSlot(8192));
        }
        let entered: *mut Space = space(&mut soft, 3);
        (0..CLEARS).for_each(|_| soft.clear(entered));
        assert!((1..=3).all(|asid| soft.find(key(asid)).is_some()));
        space(&mut soft, 2);
        (1..CLEARS).for_each(|_| soft.clear(entered));
        assert!(soft.find(key(1)).is_some());
        soft.clear(entered);
        assert!(soft.find(key(1)).is_none());
        for asid in 1..=3 {
            let space = space(&mut soft, asid);
            assert_eq!(space.key, key(asid));
            assert!(space.probe_read(Va(0x40_0000), 1).is_none());
            assert!(space.code_slot(Va(0x40_0000)).is_empty());
        }
        assert!(std::ptr::eq(entered, soft.select(key(3))));
    }

    #[test]
    #[cfg_attr(miri, ignore = "it takes minutes")]
    fn tables_have_a_bound() {
        let mut soft = SoftTlb::new().unwrap();
        let mut page = [0u8; 4096];
        let mut emptied = 0;
        for asid in 0..SPACES as u8 {
            let entered: *mut Space = space(&mut soft, asid);
            for va in (0..0x8000_0000).step_by(1 << 21).map(Va) {
                // SAFETY: as in `space`.
                let space = unsafe { &mut *entered };
                if space.fill_data(va, page.as_mut_ptr(), true) && soft.grow() {
                    emptied += 1;
                    assert!(space.probe_read(va, 1).is_none());
                }
                let used: usize = soft.spaces().map(|space| space.chunks()).sum();
                assert!(used <= MOST_CHUNKS);
            }
            // SAFETY: as in `space`.
            assert!(unsafe { &*entered }.key == key(asid));
        }
        // Each has half of all.
        assert_eq!(emptied, SPACES * 1024 / (MOST_CHUNKS + 1));
        let held = soft.held();
        assert!(held.bytes > 0 && held.bytes <= held.limit, "{held:?}");
        assert!(
            space(&mut soft, 15)
                .probe_read(Va(0x7fe0_0000), 1)
                .is_some()
        );
    }

    #[test]
    #[cfg_attr(miri, ignore = "it takes minutes")]
    fn what_a_space_had_under_another_key_counts_as_well() {
        let mut soft = SoftTlb::new().unwrap();
        let mut page = [0u8; 4096];
        // Each space is small; but the next one of its place is elsewhere.
        for round in 0..200u64 {
            let entered: *mut Space = space(&mut soft, round as u8);
            for chunk in 0..64 {
                let va = Va(((round * 64 + chunk) % 1024) << 21);
                // SAFETY: as in `space`.
                if unsafe { &mut *entered }.fill_data(va, page.as_mut_ptr(), true) {
                    soft.grow();
                }
            }
            let held = soft.held();
            assert!(held.bytes <= held.limit, "{round}: {held:?}");
        }
        assert!(
            soft.held().bytes > soft.held().limit / 4,
            "{:?}",
            soft.held()
        );
    }

    #[test]
    fn the_space_that_rested_longest_is_given_up() {
        let mut soft = SoftTlb::new().unwrap();
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
