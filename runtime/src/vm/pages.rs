//! The pages of a VM: reading and writing them from outside, and what the monitor does with them
//! behind the guest's back.
//!
//! Whatever moves a page to another frame, or takes its frame away, sees to it that no space of
//! the software TLB leads to the old one.

use super::Vm;
use crate::addr::{Ma, PAGE_SIZE, Pa};
use crate::memory::VmId;
use crate::memory::machine::MachineMemory;
use crate::memory::pmap::{Access, Page, PageCounts};
use crate::memory::share::Content;
use crate::memory::{Gain, HostFailure, Quota};
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes that are loaded before another look at machine memory.
const LOADED_AT_ONCE: usize = 1 << 20;

impl Vm {
    /// The VM's number in its machine memory.
    #[must_use]
    pub fn id(&self) -> VmId {
        self.id
    }

    /// The machine memory that the VM is in.
    #[must_use]
    pub fn machine_memory(&self) -> &Arc<MachineMemory> {
        &self.machine
    }

    /// How many pages are what.
    #[must_use]
    pub fn page_counts(&self) -> PageCounts {
        self.pmap.counts()
    }

    /// The number of memory pages that were touched.
    #[must_use]
    pub fn pages_touched(&self) -> u64 {
        self.pmap.counts().touched()
    }

    /// Where the page of `pa` can be read. `None` where there is no RAM.
    pub(super) fn page_to_read(&mut self, pa: Pa) -> Result<Option<Access>, HostFailure> {
        let had = self.pmap.counts().private;
        let access = self.pmap.read(pa, &self.machine)?;
        self.heed_shortage(had);
        Ok(access)
    }

    /// Where the page of `pa` can be written to. `None` where there is no RAM.
    pub(super) fn page_to_write(&mut self, pa: Pa) -> Result<Option<Access>, HostFailure> {
        let had = self.pmap.counts().private;
        let access = self.pmap.write(pa, &self.machine)?;
        if let Some(left) = access.and_then(|access| access.left) {
            let mapped = self.pmap.take_mappings(pa);
            let host = self.machine.host(left.ma());
            self.soft.forget_frame(pa.page(), host, mapped);
        }
        self.heed_shortage(had);
        Ok(access)
    }

    /// Notes that the host failed. The machine ends before its next instruction.
    pub(super) fn fail(&mut self, failure: HostFailure) {
        // The first is the cause of those that follow.
        let _ = self.failure.set(failure);
        self.request_stop();
    }

    /// What the host refused when the machine needed it, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&HostFailure> {
        self.failure.get()
    }

    /// While machine memory is short, a VM that has more private pages than it `had` goes no
    /// further than its next instruction.
    fn heed_shortage(&mut self, had: u64) {
        if self.pmap.counts().private > had && self.machine.is_short() {
            self.shortages += 1;
            self.request_stop();
        }
    }

    /// How often the VM was stopped because it took a frame when machine memory was short. That
    /// is nothing that its guest, or the same guest elsewhere, could know of.
    #[must_use]
    pub fn shortages(&self) -> u64 {
        self.shortages
    }

    /// Writes `bytes` into RAM at `pa`, as [`Vm::write_physical`] does, but before the machine
    /// runs. While machine memory is short, what was written goes to the swap file.
    pub fn load_physical(&mut self, pa: Pa, bytes: &[u8]) {
        let mut at = pa;
        for piece in bytes.chunks(LOADED_AT_ONCE) {
            self.write_physical(at, piece);
            at = Pa(at.0.wrapping_add(piece.len() as u64));
            if self.machine.is_short() {
                self.begin_epoch();
                self.swap_some(Quota::Frames(self.machine.missing(0)), true);
            }
        }
    }

    /// The content of a page; `None` if it is zeros, or the host failed, which is noted.
    pub(super) fn content(&self, page: Page) -> Option<Cow<'_, Content>> {
        match page {
            Page::Absent | Page::Zero | Page::Ballooned => None,
            Page::Private(frame) | Page::Shared(frame) => {
                Some(Cow::Borrowed(self.machine.frame(frame)))
            }
            Page::Swapped(slot) => match self.machine.swap().read(slot) {
                Ok(content) => Some(Cow::Owned(*content)),
                Err(error) => {
                    let _ = self.failure.set(HostFailure::Swap(error.to_string()));
                    None
                }
            },
        }
    }

    /// Writes `bytes` into RAM at `pa`, as DMA and image loading do. Bytes outside RAM are
    /// dropped, as nothing answers there.
    pub fn write_physical(&mut self, pa: Pa, bytes: &[u8]) {
        let mut at = pa;
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = (PAGE_SIZE - at.page_offset()) as usize;
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.write_in_page(at, now);
            at = Pa(at.0.wrapping_add(now.len() as u64));
            rest = later;
        }
    }

    fn write_in_page(&mut self, pa: Pa, bytes: &[u8]) {
        if let Ok(content) = bytes.try_into()
            && self.pmap.adopt(pa, content, &self.machine)
        {
            return;
        }
        match self.page_to_write(pa) {
            Ok(Some(access)) => {
                self.machine.write(access.ma, bytes);
                self.note_code_write(pa, bytes.len() as u64);
            }
            Ok(None) => {}
            Err(failure) => self.fail(failure),
        }
    }

    /// Reads RAM at `pa`; where there is none, zeros.
    pub fn read_physical(&self, pa: Pa, bytes: &mut [u8]) {
        let mut at = pa;
        let mut rest = bytes;
        while !rest.is_empty() {
            let start = at.page_offset() as usize;
            let room = (PAGE_SIZE as usize - start).min(rest.len());
            let (now, later) = rest.split_at_mut(room);
            let content = self.pmap.page(at).and_then(|page| self.content(page));
            match content {
                Some(content) => now.copy_from_slice(&content[start..start + room]),
                None => now.fill(0),
            }
            at = Pa(at.0.wrapping_add(room as u64));
            rest = later;
        }
    }

    /// The instruction word at `pa`, which must be RAM.
    #[must_use]
    pub fn instruction(&self, pa: Pa) -> u32 {
        let mut bytes = [0; 4];
        let pa = Pa(pa.0 & !3);
        match self.pmap.resident(pa) {
            Some(access) => bytes.copy_from_slice(self.bytes_at(access.ma)),
            None => self.read_physical(pa, &mut bytes),
        }
        if self.config.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    /// The instruction words from `pa` on, which must be RAM, as far as the page goes.
    pub fn instructions(&self, pa: Pa, words: &mut [u32]) {
        let start = pa.page_offset() as usize & !3;
        let content = self.pmap.page(pa).and_then(|page| self.content(page));
        let Some(content) = content else {
            return words.fill(0);
        };
        for (word, bytes) in words.iter_mut().zip(content[start..].as_chunks().0) {
            *word = if self.config.big_endian {
                u32::from_be_bytes(*bytes)
            } else {
                u32::from_le_bytes(*bytes)
            };
        }
    }

    fn bytes_at(&self, ma: Ma) -> &[u8] {
        let start = ma.page_offset() as usize;
        &self.machine.frame(ma.into())[start..start + 4]
    }

    /// Whether `pa` is RAM that was ever touched and is not swapped.
    #[must_use]
    pub fn is_touched(&self, pa: Pa) -> bool {
        self.pmap.resident(pa).is_some()
    }

    /// Begins an epoch: from now on it shows which pages are used. Says how many were in the last.
    pub fn begin_epoch(&mut self) -> u64 {
        self.clear_spaces();
        self.pmap.begin_epoch()
    }

    /// Shares pages that were not used in this epoch, and those whose like was met. Looks at no
    /// more than `pages`. `eager` is for a machine that has not run: it offers every page.
    pub fn share_some(&mut self, pages: usize, eager: bool) -> Gain {
        let met = self.machine.shares().take_mail(self.id);
        let mut gain = self
            .pmap
            .share_some(&mut self.hands, &self.machine, pages, eager);
        gain.freed += self.pmap.share_met(&self.machine, &met);
        gain
    }

    /// Sends pages that were not used in this epoch to the swap file, until the quota is reached;
    /// shared ones only if `shared`.
    pub fn swap_some(&mut self, quota: Quota, shared: bool) -> Gain {
        self.pmap
            .swap_some(&mut self.hands, &self.machine, quota, shared)
    }

    /// Makes the page of `pa`, which is RAM, read as zeros at every address until something is
    /// stored to it, and takes its frame back. For code that was made from it, it was a store to
    /// all of it. `page` is what it is from now on: `Zero` or `Ballooned`.
    fn empty_page(&mut self, pa: Pa, page: Page) {
        let pa = pa.page();
        // What was never touched is zeros, and no code was made from it.
        if page == Page::Zero && self.pmap.page(pa) == Some(Page::Absent) {
            return;
        }
        self.note_code_write(pa, PAGE_SIZE);
        if let Some(access) = self.pmap.resident(pa) {
            let mapped = self.pmap.take_mappings(pa);
            self.soft
                .forget_frame(pa, self.machine.host(access.ma), mapped);
        }
        self.pmap.empty(pa, &self.machine, page);
    }

    /// The guest does not need what the page holds, nor will it soon need the page.
    pub fn release_page(&mut self, pa: Pa) {
        self.empty_page(pa, Page::Zero);
    }

    /// The guest wants the page to be zero, most likely because it is about to use it.
    pub fn zero_page(&mut self, pa: Pa) {
        self.empty_page(pa, Page::Zero);
    }

    /// The guest gives the page to the monitor, and will not use it before it has taken it back.
    /// If it does nevertheless, it finds a page of zeros, which counts as given still.
    pub fn give_page(&mut self, pa: Pa) {
        self.empty_page(pa, Page::Ballooned);
        self.given.insert(pa.page_number());
    }

    /// The guest takes a page back that it gave. It is zero.
    pub fn take_page(&mut self, pa: Pa) {
        self.given.remove(&pa.page_number());
        self.zero_page(pa);
    }

    /// The number of pages that the guest has given and not taken back.
    #[must_use]
    pub fn pages_given(&self) -> u64 {
        self.given.len() as u64
    }
}
