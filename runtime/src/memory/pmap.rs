//! pmap: one VM's map from physical pages to machine frames (P→M).
//!
//! It is consulted on every miss of the software TLB and by every DMA. A page gets a frame of its
//! own when it is first written to. Only what runs or holds the VM touches its map.

mod counts;
mod entry;
mod layout;
pub mod rom;
mod words;

use super::backmap::{Frame, User, VmId};
use super::failure::HostFailure;
use super::homes::Home;
use super::machine::MachineMemory;
use super::share::Content;
use super::store::{PageStore, StoredPage};
use super::swap::Slot;
use crate::addr::{Ma, PAGE_SIZE, Pa};
pub use counts::PageCounts;
use entry::Entry;
pub use layout::{HIGH_BASE, LOW_LIMIT, MOST_RAM, WHOLE_BASE};
use rom::Rom;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::sync::Arc;
use words::CodeWords;

/// What a physical page is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Page {
    /// Never touched. It reads as zeros.
    #[default]
    Absent,
    /// Known to be all zeros, and read from the one frame of zeros.
    Zero,
    /// In a frame of its own.
    Private(Frame),
    /// In a frame that others may use as well: a VM that writes gets a frame of its own.
    Shared(Frame),
    /// In the swap file.
    Swapped(Slot),
    /// In the store that the machine was loaded from, and not touched since.
    Stored(StoredPage),
    /// Given to the monitor by the guest. It reads as zeros.
    Ballooned,
}

/// A page that may be accessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Where its bytes are.
    pub ma: Ma,
    /// Whether they may be written to: no one else sees them.
    pub writable: bool,
    /// The frame in which the page was until now, if spaces may still lead there.
    pub left: Option<Frame>,
}

/// The map of one VM.
pub struct Pmap {
    vm: VmId,
    /// Where its pages lie if nothing speaks against it.
    home: Option<Home>,
    /// The pages of RAM, and behind them those of ROM.
    entries: Vec<Entry>,
    rom: Rom,
    /// For every page with code.
    code: FxHashMap<usize, Box<CodeWords>>,
    counts: PageCounts,
    /// Where pages are that were not touched since the machine was loaded.
    store: Option<Arc<dyn PageStore>>,
}

impl Pmap {
    /// The map of a VM with `bytes` of RAM, all absent.
    #[must_use]
    pub fn new(vm: VmId, bytes: u64, home: Option<Home>) -> Self {
        let ram_pages = bytes.div_ceil(PAGE_SIZE) as usize;
        Self {
            vm,
            home,
            entries: vec![Entry::default(); ram_pages],
            rom: Rom::none_behind(ram_pages),
            code: FxHashMap::default(),
            counts: PageCounts::default(),
            store: None,
        }
    }

    /// The index of the page that holds `pa`, or `None` where there is neither RAM nor ROM.
    #[inline]
    pub(super) fn index(&self, pa: Pa) -> Option<usize> {
        let offset = if pa.0 < LOW_LIMIT {
            pa.0
        } else if pa.0 < HIGH_BASE {
            return self.rom.index(pa);
        } else {
            (pa.0 - HIGH_BASE).checked_add(LOW_LIMIT)?
        };
        let index = (offset / PAGE_SIZE) as usize;
        (index < self.rom.first).then_some(index)
    }

    /// The physical address of the page with this index.
    pub(super) fn address(&self, index: usize) -> Pa {
        if let Some(pa) = self.rom.address(index) {
            return pa;
        }
        Pa::at_offset(index as u64 * PAGE_SIZE)
    }

    /// The frame that the page with this index has at home.
    pub(super) fn home_of(&self, index: usize) -> Option<Frame> {
        let home = self.home.as_ref().filter(|_| index < self.rom.first);
        home.map(|home| home.frame(index))
    }

    /// The home; from now on there is none.
    pub(super) fn take_home(&mut self) -> Option<Home> {
        self.home.take()
    }

    /// Whether the page of `pa`, which is in `frame`, is at home there.
    #[inline]
    #[must_use]
    pub fn is_at_home(&self, pa: Pa, frame: Frame) -> bool {
        let home = self.index(pa).and_then(|index| self.home_of(index));
        home == Some(frame)
    }

    /// Whether `pa` is RAM.
    #[inline]
    #[must_use]
    pub fn is_ram(&self, pa: Pa) -> bool {
        self.index(pa).is_some_and(|index| index < self.rom.first)
    }

    /// How many pages of RAM follow one another from the page of `pa` on.
    #[must_use]
    pub fn ram_from(&self, pa: Pa) -> u64 {
        let Some(index) = self.index(pa).filter(|&index| index < self.rom.first) else {
            return 0;
        };
        let low = self.low_pages();
        let end = if index < low { low } else { self.rom.first };
        (end - index) as u64
    }

    /// Adds the pages of ROM, all absent.
    pub fn add_rom(&mut self) {
        self.rom.fitted = true;
        let pages = self.rom.first + rom::PAGES as usize;
        self.entries.resize(pages, Entry::default());
    }

    /// Whether there are pages of ROM.
    #[must_use]
    pub fn has_rom(&self) -> bool {
        self.rom.fitted
    }

    /// Whether `pa` is in one of them.
    #[must_use]
    pub fn is_rom(&self, pa: Pa) -> bool {
        self.rom.index(pa).is_some()
    }

    /// How many pages of RAM are below [`LOW_LIMIT`].
    fn low_pages(&self) -> usize {
        self.rom.first.min((LOW_LIMIT / PAGE_SIZE) as usize)
    }

    /// What the page of `pa` is, or `None` where there is neither RAM nor ROM.
    #[inline]
    #[must_use]
    pub fn page(&self, pa: Pa) -> Option<Page> {
        Some(self.entries[self.index(pa)?].page)
    }

    /// What the page with this index is.
    pub(super) fn page_at(&self, index: usize) -> Option<Page> {
        self.entries.get(index).map(|entry| entry.page)
    }

    /// The number of pages.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many pages are what.
    #[must_use]
    pub fn counts(&self) -> PageCounts {
        self.counts
    }

    /// Whose page it is, for the backmap.
    pub(super) fn user(&self, index: usize) -> User {
        User {
            vm: self.vm,
            pa: self.address(index),
        }
    }

    /// Makes the page something else. What it was is the caller's to give back.
    pub(super) fn set(&mut self, index: usize, page: Page) {
        let old = std::mem::replace(&mut self.entries[index].page, page);
        if let Some(count) = self.counts.of(old) {
            *count -= 1;
        }
        if let Some(count) = self.counts.of(page) {
            *count += 1;
        }
    }

    /// Where the page of `pa` can be accessed at once, if it can.
    #[inline]
    #[must_use]
    pub fn resident(&self, pa: Pa) -> Option<Access> {
        let index = self.index(pa)?;
        let (frame, writable) = match self.entries[index].page {
            Page::Private(frame) => (frame, index < self.rom.first),
            Page::Shared(frame) => (frame, false),
            Page::Zero => (Frame::ZERO, false),
            Page::Absent | Page::Swapped(_) | Page::Stored(_) | Page::Ballooned => return None,
        };
        Some(Access {
            ma: frame.at(pa),
            writable,
            left: None,
        })
    }

    /// Has the page of `pa` where it can be read. `None` where there is no RAM.
    ///
    /// # Errors
    /// If the host does not give the page.
    #[inline]
    pub fn read(&mut self, pa: Pa, machine: &MachineMemory) -> Result<Option<Access>, HostFailure> {
        let Some(index) = self.index(pa) else {
            return Ok(None);
        };
        self.entries[index].used = true;
        if let Some(access) = self.resident(pa) {
            return Ok(Some(access));
        }
        self.bring(index, machine)?;
        Ok(self.resident(pa))
    }

    /// Has the page of `pa` where the monitor can write to it. `None` where there is neither RAM nor
    /// ROM.
    ///
    /// # Errors
    /// If the host does not give the page, or a frame for it.
    #[inline]
    pub fn write(
        &mut self,
        pa: Pa,
        machine: &MachineMemory,
    ) -> Result<Option<Access>, HostFailure> {
        let Some(index) = self.index(pa) else {
            return Ok(None);
        };
        self.entries[index].used = true;
        let (frame, left) = match self.entries[index].page {
            Page::Private(frame) => (frame, None),
            _ => self.own(index, machine)?,
        };
        Ok(Some(Access {
            ma: frame.at(pa),
            writable: true,
            left,
        }))
    }

    /// Makes a page readable that is not.
    #[cold]
    fn bring(&mut self, index: usize, machine: &MachineMemory) -> Result<(), HostFailure> {
        match self.entries[index].page {
            Page::Swapped(slot) => {
                self.fetch(index, slot, machine)?;
            }
            Page::Stored(page) => self.bring_stored(index, page, machine)?,
            _ => self.set(index, Page::Zero),
        }
        Ok(())
    }

    /// The content of a page of this map; `None` if it is zeros.
    pub(super) fn content<'a>(
        &self,
        page: Page,
        machine: &'a MachineMemory,
    ) -> Result<Option<Cow<'a, Content>>, HostFailure> {
        Ok(match page {
            Page::Absent | Page::Zero | Page::Ballooned => None,
            Page::Private(frame) | Page::Shared(frame) => Some(Cow::Borrowed(machine.frame(frame))),
            Page::Swapped(slot) => match machine.swap().read(slot) {
                Ok(content) => Some(Cow::Owned(*content)),
                Err(error) => return Err(HostFailure::Swap(error.to_string())),
            },
            Page::Stored(page) => Some(Cow::Owned(self.stored(page)?)),
        })
    }

    /// The store that the machine was loaded from, if it was.
    pub(super) fn store(&self) -> Option<&Arc<dyn PageStore>> {
        self.store.as_ref()
    }

    /// Sets the store that [`Page::Stored`] is about.
    pub(super) fn set_store(&mut self, store: Option<Arc<dyn PageStore>>) {
        self.store = store;
    }

    /// Reads a page back from the swap file.
    fn fetch(
        &mut self,
        index: usize,
        slot: Slot,
        machine: &MachineMemory,
    ) -> Result<Frame, HostFailure> {
        let content = machine.swap().fetch(slot);
        let content = content.map_err(|error| HostFailure::Swap(error.to_string()))?;
        let frame = self.frame_for(index, machine)?;
        machine.write(frame.ma(), &*content);
        machine.swap().free(slot);
        self.set(index, Page::Private(frame));
        Ok(frame)
    }

    pub(super) fn frame_for(
        &self,
        index: usize,
        machine: &MachineMemory,
    ) -> Result<Frame, HostFailure> {
        let frame = machine.allocate(self.user(index), self.home_of(index));
        frame.ok_or(HostFailure::Frames)
    }

    /// Gives a page a frame of its own; tells that and the one that the page was in.
    #[cold]
    fn own(
        &mut self,
        index: usize,
        machine: &MachineMemory,
    ) -> Result<(Frame, Option<Frame>), HostFailure> {
        let user = self.user(index);
        let (frame, left) = match self.entries[index].page {
            Page::Private(frame) => (frame, None),
            Page::Absent | Page::Ballooned => (self.frame_for(index, machine)?, None),
            Page::Zero => (self.frame_for(index, machine)?, Some(Frame::ZERO)),
            Page::Swapped(slot) => (self.fetch(index, slot, machine)?, None),
            Page::Stored(page) => (self.fetch_stored(index, page, machine)?, None),
            Page::Shared(shared) if machine.shares().take_back(user, shared) => {
                machine.set_owner(shared, user);
                (shared, None)
            }
            Page::Shared(shared) => {
                // It stays shared until the copy is made: it must not be written meanwhile.
                let frame = self.frame_for(index, machine)?;
                machine.write(frame.ma(), machine.frame(shared));
                if machine.shares().leave(user, shared) {
                    machine.free(shared);
                }
                (frame, Some(shared))
            }
        };
        self.set(index, Page::Private(frame));
        Ok((frame, left))
    }

    /// Notes that a space leads to the page: at an address of kseg0 or kseg1 if `direct`, else at
    /// a mapped one.
    pub fn note_space(&mut self, pa: Pa, direct: bool, writable: bool) {
        if let Some(index) = self.index(pa) {
            self.entries[index].note_space(direct, writable);
        }
    }

    /// Whether any space may have permission to read or write at a mapped address.
    #[must_use]
    pub fn is_mapped(&self, pa: Pa) -> bool {
        let entry = self.index(pa).map(|index| &self.entries[index]);
        entry.is_some_and(Entry::is_mapped)
    }

    /// Whether any space may have permission to read or write at a mapped address. It is about to
    /// be taken back.
    pub fn take_mappings(&mut self, pa: Pa) -> bool {
        let Some(index) = self.index(pa) else {
            return false;
        };
        self.entries[index].take_mappings()
    }

    /// Whether the page was used since the epoch began. If not, no space leads to it.
    pub(super) fn is_used(&self, index: usize) -> bool {
        self.entries[index].used
    }

    /// Begins an epoch: no space leads anywhere, and no page was used. Says how many were.
    pub fn begin_epoch(&mut self) -> u64 {
        let entries = self.entries.iter_mut();
        entries.map(|entry| u64::from(entry.begin_epoch())).sum()
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
        self.code[&index].touch(pa, bytes)
    }

    /// Notes that code was made from the `bytes` at `pa`, which lie in one page. Says whether the
    /// page had no code before.
    pub fn add_code(&mut self, pa: Pa, bytes: u64) -> bool {
        let Some(index) = self.index(pa) else {
            return false;
        };
        self.code.entry(index).or_default().note(pa, bytes);
        !std::mem::replace(&mut self.entries[index].code, true)
    }

    /// Notes that nothing made from the page of `pa` is left for now. It counts as a page with
    /// code still: that is for [`Pmap::remove_code`] to end.
    pub fn clear_code(&mut self, pa: Pa) {
        let words = self.index(pa).and_then(|index| self.code.get_mut(&index));
        if let Some(words) = words {
            **words = CodeWords::default();
        }
    }

    /// Whether any space may have permission to write to the page at a mapped address. It is
    /// about to be taken back.
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

    /// Every page that was touched, in order of address.
    pub fn touched(&self) -> impl Iterator<Item = (Pa, Page)> + '_ {
        let (low, ram, all) = (self.low_pages(), self.rom.first, self.entries.len());
        let indices = (0..low).chain(ram..all).chain(low..ram);
        let pages = indices.map(|index| (self.address(index), self.entries[index].page));
        pages.filter(|&(_, page)| page != Page::Absent)
    }

    /// The bytes of RAM.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.rom.first as u64 * PAGE_SIZE
    }
}

#[cfg(test)]
mod tests;
