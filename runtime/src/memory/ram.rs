//! A machine's RAM: its map from physical pages to frames, the memory that the frames are in, and
//! what the monitor does with its pages.
//!
//! `Ram` knows nothing of the CPUs that have the pages in their software TLBs. What takes a page
//! away from under them goes through [`View`](crate::vm::View), which knows both.

use super::failure::HostFailure;
use super::frozen::Busy;
use super::machine::MachineMemory;
use super::pmap::{Access, LOW_LIMIT, Page, PageCounts, Pmap, rom};
use super::reclaim::{Gain, Hands, Quota};
use super::share::Content;
use super::store::Stored;
use super::window::{Grants, Window};
use super::{Frame, VmId};
use crate::addr::{Ma, PAGE_SIZE, Pa};
use roaring::RoaringBitmap;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ptr::NonNull;
use std::sync::Arc;

/// The RAM of one machine.
pub struct Ram {
    id: VmId,
    big_endian: bool,
    machine: Arc<MachineMemory>,
    pub(crate) pmap: Pmap,
    /// Which pages of kseg0 the direct map gives access to.
    pub(crate) grants: Grants,
    hands: Hands,
    /// How often the machine was stopped because it took a frame when machine memory was short.
    pub(crate) shortages: u64,
    failure: OnceCell<HostFailure>,
    /// If set, each store is noted here.
    pub(crate) written: Option<Vec<(Pa, u8)>>,
    /// How many pages the monitor wants the guest to give. The monitor sets it, between runs of
    /// the engine; the guest asks.
    pub balloon_target: u32,
    /// The numbers of the pages that the guest has given.
    pub(crate) given: RoaringBitmap,
}

impl Ram {
    /// `bytes` of RAM, all absent, in machine memory that others may share.
    #[must_use]
    pub fn new(bytes: u64, big_endian: bool, machine: Arc<MachineMemory>) -> Self {
        let id = machine.next_vm();
        let home = machine.take_home(bytes);
        let window = machine.window(home.as_ref());
        let low_pages = home
            .as_ref()
            .map_or(0, |_| bytes.min(LOW_LIMIT) / PAGE_SIZE);
        Self {
            id,
            big_endian,
            pmap: Pmap::new(id, bytes, home),
            grants: Grants::new(window, low_pages as usize),
            machine,
            hands: Hands::default(),
            shortages: 0,
            failure: OnceCell::new(),
            written: None,
            balloon_target: 0,
            given: RoaringBitmap::new(),
        }
    }

    /// The machine's number in its machine memory.
    #[must_use]
    pub fn id(&self) -> VmId {
        self.id
    }

    /// The machine memory that the RAM is in.
    #[must_use]
    pub fn machine_memory(&self) -> &Arc<MachineMemory> {
        &self.machine
    }

    /// The bytes of RAM.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pmap.bytes()
    }

    /// Where the direct map of kseg0 begins, with its access bitmap.
    pub(crate) fn window(&self) -> NonNull<Window> {
        self.grants.window()
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

    /// Whether `pa` is RAM.
    #[inline]
    #[must_use]
    pub fn is_ram(&self, pa: Pa) -> bool {
        self.pmap.is_ram(pa)
    }

    /// Gives the machine its pages of ROM. Machine memory lends it frames for them.
    ///
    /// # Errors
    /// If machine memory is too small for that.
    pub fn add_rom(&mut self) -> Result<(), Busy> {
        if !self.pmap.has_rom() {
            if !self.machine.lend(rom::PAGES) {
                return Err(Busy);
            }
            self.pmap.add_rom();
        }
        Ok(())
    }

    /// Whether `pa` is RAM or ROM: what instructions are fetched from.
    #[must_use]
    pub fn is_memory(&self, pa: Pa) -> bool {
        self.pmap.page(pa).is_some()
    }

    /// Whether `pa` is ROM.
    #[must_use]
    pub fn is_rom(&self, pa: Pa) -> bool {
        self.pmap.is_rom(pa)
    }

    /// How many pages of RAM follow one another from the page of `pa` on.
    #[must_use]
    pub fn ram_from(&self, pa: Pa) -> u64 {
        self.pmap.ram_from(pa)
    }

    /// Whether `pa` is RAM that was ever touched and is not swapped.
    #[must_use]
    pub fn is_touched(&self, pa: Pa) -> bool {
        self.pmap.resident(pa).is_some()
    }

    /// The frame of machine memory that the page of `pa` is in, if it is in one.
    #[must_use]
    pub fn frame(&self, pa: Pa) -> Option<Frame> {
        let access = self.pmap.resident(pa)?;
        Some(access.ma.into())
    }

    /// Notes that the host failed. The first failure is the cause of those that follow.
    pub(crate) fn fail(&self, failure: HostFailure) {
        let _ = self.failure.set(failure);
    }

    /// What the host refused when the machine needed it, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&HostFailure> {
        self.failure.get()
    }

    /// How often the machine was stopped because it took a frame when machine memory was short.
    /// That is nothing that its guest, or the same guest elsewhere, could know of.
    #[must_use]
    pub fn shortages(&self) -> u64 {
        self.shortages
    }

    /// Has the page of `pa` where it can be read. `None` where there is no RAM.
    pub(crate) fn read(&mut self, pa: Pa) -> Result<Option<Access>, HostFailure> {
        self.pmap.read(pa, &self.machine)
    }

    /// Has the page of `pa` where it can be written to. `None` where there is no RAM. If the page
    /// was in another frame until now, the caller sees to the spaces that may lead there.
    pub(crate) fn write(&mut self, pa: Pa) -> Result<Option<Access>, HostFailure> {
        self.pmap.write(pa, &self.machine)
    }

    /// Whether the page of `pa` is to be shared when it is written whole. One that processes may
    /// have mapped is not: to find the ways that lead there takes longer than to copy it.
    pub(crate) fn shares_at_once(&self, pa: Pa) -> bool {
        self.machine.shares().shares_at_once() && !self.pmap.is_mapped(pa)
    }

    /// A shared frame with this content, which has this hash, for the page of `pa`: the caller makes
    /// the page that.
    pub(crate) fn find_alike(&self, pa: Pa, content: &Content, hash: u64) -> Option<Frame> {
        self.pmap.find_alike(pa, content, hash, &self.machine)
    }

    /// Has others share the page of `pa`, to which no space leads, when they write the same. Its
    /// content has this hash.
    pub(crate) fn publish(&mut self, pa: Pa, hash: u64) {
        self.pmap.publish(pa, hash, &self.machine);
    }

    /// The host address of a machine address.
    #[inline]
    pub(crate) fn host(&self, ma: Ma) -> *mut u8 {
        self.machine.host(ma)
    }

    /// Writes into a page that [`Ram::write`] has made writable.
    pub(crate) fn put(&mut self, access: Access, bytes: &[u8]) {
        self.machine.write(access.ma, bytes);
    }

    /// Makes the page of `pa`, to which no space leads, what `page` says, without its old content.
    pub(crate) fn replace(&mut self, pa: Pa, page: Page) {
        self.pmap.replace(pa, &self.machine, page);
    }

    /// The host address of a frame.
    pub(crate) fn host_of(&self, frame: Frame) -> *mut u8 {
        self.machine.host(frame.ma())
    }

    /// The content of a page; `None` if it is zeros, or the host failed, which is noted.
    pub(crate) fn content(&self, page: Page) -> Option<Cow<'_, Content>> {
        let content = self.pmap.content(page, &self.machine);
        content.unwrap_or_else(|failure| {
            self.fail(failure);
            None
        })
    }

    /// Says which pages are in a store. None was touched.
    pub(crate) fn load(&mut self, stored: &Stored) {
        self.pmap.load(stored);
    }

    /// Every page that was touched, in order of address, with its content if it is not zeros.
    pub(crate) fn contents(&self) -> impl Iterator<Item = (Pa, Option<Cow<'_, Content>>)> {
        let pages = self.pmap.touched();
        pages.map(|(pa, page)| (pa, self.content(page)))
    }

    /// Reads RAM and ROM at `pa`; where there is none, zeros.
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

    /// The word at `pa`, which must be RAM, in the guest's byte order.
    #[must_use]
    pub fn word(&self, pa: Pa) -> u32 {
        let mut bytes = [0; 4];
        let pa = Pa(pa.0 & !3);
        match self.pmap.resident(pa) {
            Some(access) => bytes.copy_from_slice(self.bytes_at(access.ma)),
            None => self.read_physical(pa, &mut bytes),
        }
        self.to_word(bytes)
    }

    /// The words from `pa` on, which must be RAM, as far as the page goes.
    pub fn words(&self, pa: Pa, words: &mut [u32]) {
        let start = pa.page_offset() as usize & !3;
        let content = self.pmap.page(pa).and_then(|page| self.content(page));
        let Some(content) = content else {
            return words.fill(0);
        };
        for (word, bytes) in words.iter_mut().zip(content[start..].as_chunks().0) {
            *word = self.to_word(*bytes);
        }
    }

    fn bytes_at(&self, ma: Ma) -> &[u8] {
        let start = ma.page_offset() as usize;
        &self.machine.frame(ma.into())[start..start + 4]
    }

    /// Whether memory is big-endian.
    #[must_use]
    pub fn big_endian(&self) -> bool {
        self.big_endian
    }

    fn to_word(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    /// Says that what the engine keeps of the page of `pa` is only what it adds from now on.
    pub fn clear_code(&mut self, pa: Pa) {
        self.pmap.clear_code(pa);
    }

    /// Says that the engine keeps nothing that it made from the page of `pa`.
    pub fn remove_code(&mut self, pa: Pa) {
        self.pmap.remove_code(pa);
    }

    /// The stores since the last call, with their sizes, if they are watched.
    pub fn take_written(&mut self) -> Vec<(Pa, u8)> {
        self.written
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
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

    /// The number of pages that the guest has given and not taken back.
    #[must_use]
    pub fn pages_given(&self) -> u64 {
        self.given.len()
    }
}

impl Drop for Ram {
    fn drop(&mut self) {
        self.pmap.clear(&self.machine);
        if self.pmap.has_rom() {
            self.machine.take_lent(rom::PAGES);
        }
    }
}
