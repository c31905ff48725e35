//! RAM as something sees it that changes it behind the CPU's back: DMA, image loading, hypercalls.
//!
//! Whatever moves a page to another frame, takes its frame away, or changes its bytes goes through
//! here: no space of a software TLB leads to the old frame afterwards, and the engine learns of
//! code that changed.

use super::Counters;
use crate::addr::{PAGE_SIZE, Pa};
use crate::memory::pmap::{Access, Page};
use crate::memory::share::{Content, hash, is_zero};
use crate::memory::{Busy, Frozen, HostFailure, Kept, Quota, Ram, Tally};
use crate::vcpu::Vcpu;

/// Bytes that are loaded before another look at machine memory.
const LOADED_AT_ONCE: usize = 1 << 20;

/// RAM with the CPU whose software TLB leads to it.
pub struct View<'a> {
    pub(super) ram: &'a mut Ram,
    pub(super) cpu: &'a mut Vcpu,
    pub(super) counters: &'a mut Counters,
}

impl View<'_> {
    /// Where the page of `pa` can be read. `None` where there is no RAM.
    #[inline]
    pub(super) fn page_to_read(&mut self, pa: Pa) -> Result<Option<Access>, HostFailure> {
        let had = self.ram.pmap.counts().private;
        let access = self.ram.read(pa)?;
        self.heed_shortage(had);
        Ok(access)
    }

    /// Where the page of `pa` can be written to. `None` where there is no RAM.
    #[inline]
    pub(super) fn page_to_write(&mut self, pa: Pa) -> Result<Option<Access>, HostFailure> {
        let had = self.ram.pmap.counts().private;
        let access = self.ram.write(pa)?;
        if let Some(left) = access.and_then(|access| access.left) {
            self.revoke(pa, self.ram.host_of(left));
        }
        self.heed_shortage(had);
        Ok(access)
    }

    /// Revokes every permission that leads to the page of `pa` at `host`.
    fn revoke(&mut self, pa: Pa, host: *mut u8) {
        let mapped = self.ram.pmap.take_mappings(pa);
        self.ram.grants.forbid(pa);
        self.cpu.soft.forget_frame(pa.page(), host, mapped);
    }

    /// Notes that the host failed. The machine ends before its next instruction.
    pub(super) fn fail(&mut self, failure: HostFailure) {
        self.ram.fail(failure);
        self.cpu.request_stop();
    }

    /// While machine memory is short, a VM that has more private pages than it `had` goes no
    /// further than its next instruction.
    fn heed_shortage(&mut self, had: u64) {
        if self.ram.pmap.counts().private > had && self.ram.machine_memory().is_short() {
            self.ram.shortages += 1;
            self.cpu.request_stop();
        }
    }

    /// Before `bytes` at `pa`, in one page, change: the engine that made code from them must know.
    #[inline]
    pub(super) fn note_code_write(&mut self, pa: Pa, bytes: u64) {
        if self.ram.pmap.has_code(pa, bytes) {
            self.counters.code_writes += 1;
            self.cpu.note_modified(pa, bytes);
        }
    }

    /// Says that the engine made code from the `bytes` at `pa`: stores to them must come to the
    /// monitor from now on.
    pub fn add_code(&mut self, pa: Pa, bytes: u64) {
        if self.ram.pmap.add_code(pa, bytes)
            && let Some(page) = self
                .ram
                .pmap
                .resident(pa.page())
                .filter(|page| page.writable)
        {
            let mapped = self.ram.pmap.take_mapped(pa);
            self.ram.grants.protect(pa);
            let host = self.ram.host(page.ma);
            self.cpu.soft.protect(pa.page(), host, mapped);
        }
    }

    /// Keeps a list of every store from now on; no store uses the software TLB any more.
    pub fn watch_writes(&mut self) {
        if self.ram.written.is_none() {
            self.ram.written = Some(Vec::new());
            self.clear_spaces();
        }
    }

    /// Empties all software TLBs.
    pub(super) fn clear_spaces(&mut self) {
        self.ram.grants.clear();
        self.cpu.clear_spaces();
    }

    /// Begins an epoch: from now on it shows which pages are used. Says how many were in the last.
    pub fn begin_epoch(&mut self) -> u64 {
        self.clear_spaces();
        self.ram.pmap.begin_epoch()
    }

    /// The content of RAM as it is now, which stays while the machine runs on.
    ///
    /// # Errors
    /// If there are too many such copies.
    pub fn freeze(&mut self) -> Result<Frozen, Busy> {
        self.begin_epoch();
        self.ram.freeze()
    }

    /// After frozen memory was dropped: has the machine run as fast as before.
    pub fn settle(&mut self) {
        self.begin_epoch();
        self.ram.settle();
    }

    /// What RAM holds now, for the machine to go back to. What is as in `before` is shared with that.
    pub(super) fn keep(&self, before: Option<&Kept>, tally: &Tally) -> Kept {
        Kept::of(self.ram, before, tally)
    }

    /// Makes RAM what it was.
    pub(super) fn go_back(&mut self, kept: &Kept) {
        let mut changes = Vec::new();
        kept.changes(self.ram, |pa, bytes| changes.push((pa, bytes.to_vec())));
        for (pa, bytes) in changes {
            self.write_physical(pa, &bytes);
        }
    }

    /// Writes `bytes` into RAM at `pa`, as [`View::write_physical`] does, but before the machine
    /// runs. While machine memory is short, what was written goes to the swap file.
    pub fn load_physical(&mut self, pa: Pa, bytes: &[u8]) {
        let mut at = pa;
        for piece in bytes.chunks(LOADED_AT_ONCE) {
            self.write_physical(at, piece);
            at = Pa(at.0.wrapping_add(piece.len() as u64));
            let machine = self.ram.machine_memory();
            if machine.is_short() {
                let missing = Quota::Frames(machine.missing(0));
                self.begin_epoch();
                self.ram.swap_some(missing, true);
            }
        }
    }

    /// Writes `bytes` into RAM at `pa`, as DMA and image loading do. Bytes outside RAM are
    /// dropped, as nothing answers there.
    pub fn write_physical(&mut self, pa: Pa, bytes: &[u8]) {
        self.write_pages(pa, bytes);
    }

    /// The same. Says how many whole pages were found to be like others, whose frames they share.
    pub(super) fn write_pages(&mut self, pa: Pa, bytes: &[u8]) -> u64 {
        let mut at = pa;
        let mut rest = bytes;
        let mut alike = 0;
        while !rest.is_empty() {
            let room = (PAGE_SIZE - at.page_offset()) as usize;
            let (now, later) = rest.split_at(room.min(rest.len()));
            match now.try_into() {
                Ok(content) if self.ram.shares_at_once(at) => {
                    alike += u64::from(self.write_shared(at, content));
                }
                _ => self.write_in_page(at, now),
            }
            at = Pa(at.0.wrapping_add(now.len() as u64));
            rest = later;
        }
        alike
    }

    /// Writes a whole page by sharing the frame of one that is like it. If there is none, those
    /// that are written later share the frame of this one. Says whether there was one.
    fn write_shared(&mut self, pa: Pa, content: &Content) -> bool {
        if is_zero(content) {
            self.zero_page(pa);
            return false;
        }
        let hash = hash(content);
        if let Some(frame) = self.ram.find_alike(pa, content, hash) {
            self.replace_page(pa, Page::Shared(frame));
            return true;
        }
        self.write_in_page(pa, content);
        if let Some(access) = self.ram.pmap.resident(pa) {
            self.revoke(pa, self.ram.host(access.ma));
            self.ram.publish(pa, hash);
        }
        false
    }

    fn write_in_page(&mut self, pa: Pa, bytes: &[u8]) {
        match self.page_to_write(pa) {
            Ok(Some(access)) => {
                self.ram.put(access, bytes);
                self.note_code_write(pa, bytes.len() as u64);
            }
            Ok(None) => {}
            Err(failure) => self.fail(failure),
        }
    }

    /// Stores a word to RAM, as the guest would.
    pub(super) fn set_word(&mut self, pa: Pa, value: u32) {
        let bytes = if self.ram.big_endian() {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        self.write_physical(pa, &bytes);
        if let Some(written) = &mut self.ram.written {
            written.push((pa, bytes.len() as u8));
        }
    }

    /// Makes the page of `pa`, which is RAM, something else at every address, and takes its frame
    /// back. For code that was made from it, it was a store to all of it.
    fn replace_page(&mut self, pa: Pa, page: Page) {
        let pa = pa.page();
        // What was never touched is zeros, and no code was made from it.
        if page == Page::Zero && self.ram.pmap.page(pa) == Some(Page::Absent) {
            return;
        }
        self.note_code_write(pa, PAGE_SIZE);
        if let Some(access) = self.ram.pmap.resident(pa) {
            self.revoke(pa, self.ram.host(access.ma));
        }
        self.ram.replace(pa, page);
    }

    /// The guest needs nothing of what the page holds: it is zero from now on, and in no frame.
    pub fn zero_page(&mut self, pa: Pa) {
        self.replace_page(pa, Page::Zero);
    }

    /// The guest gives the page to the monitor, and will not use it before it has taken it back.
    /// If it does nevertheless, it finds a page of zeros, which counts as given still.
    pub fn give_page(&mut self, pa: Pa) {
        self.replace_page(pa, Page::Ballooned);
        self.ram.given.insert(pa.page_number() as u32);
    }

    /// The guest uses a page again that it gave, and may have begun to: what it has stored there
    /// stays.
    pub fn reclaim_page(&mut self, pa: Pa) {
        self.ram.given.remove(pa.page_number() as u32);
        if self.ram.pmap.page(pa) == Some(Page::Ballooned) {
            self.zero_page(pa);
        }
    }

    /// The guest takes a page back that it gave. It is zero.
    pub fn take_page(&mut self, pa: Pa) {
        self.ram.given.remove(pa.page_number() as u32);
        self.zero_page(pa);
    }
}
