//! The machine's memory as the board lends it to bus masters.
//!
//! A write by DMA is a store: it takes code that was made from the bytes with it, and lockstep
//! looks at it.

use super::View;
use crate::addr::{PAGE_SIZE, Pa};
use crate::board::malta;
use crate::device::{Fate, Memory, NoMemory};
use crate::memory::pmap::rom::BOOT_ROM;

/// The most bytes that lockstep compares at once.
const COMPARED: usize = 8;

/// Where software finds the revision of board and core card, and what it is.
const REVISION: (Pa, u32) = (Pa(BOOT_ROM.0 + 0x10), malta::REVISION);

impl View<'_> {
    /// Writes bytes that nothing refuses.
    fn change(&mut self, pa: Pa, bytes: &[u8]) {
        self.counters.shared_reads += self.write_pages(pa, bytes);
        if let Some(written) = &mut self.ram.written {
            let places = (pa.0..).step_by(COMPARED).map(Pa);
            let sizes = bytes.chunks(COMPARED).map(|piece| piece.len() as u8);
            written.extend(places.zip(sizes));
        }
    }

    /// Puts the revision where the boot ROM does not show what the flash memory holds.
    pub(super) fn put_revision(&mut self) {
        let (pa, value) = REVISION;
        if self.ram.word(pa) != value {
            self.set_word(pa, value);
        }
    }

    /// Fails unless all of the range is RAM.
    fn expect_ram(&self, pa: Pa, bytes: usize) -> Result<(), NoMemory> {
        let end = pa.0.checked_add(bytes as u64).ok_or(NoMemory(pa))?;
        let pages = (pa.page().0..end).step_by(PAGE_SIZE as usize).map(Pa);
        let missing = pages.into_iter().find(|&page| !self.ram.is_ram(page));
        missing.map_or(Ok(()), |page| Err(NoMemory(page)))
    }
}

impl Memory for View<'_> {
    fn read(&mut self, pa: Pa, bytes: &mut [u8]) -> Result<(), NoMemory> {
        self.expect_ram(pa, bytes.len())?;
        self.ram.read_physical(pa, bytes);
        if self.ram.failure().is_some() {
            self.cpu.request_stop();
        }
        Ok(())
    }

    fn write(&mut self, pa: Pa, bytes: &[u8]) -> Result<(), NoMemory> {
        self.expect_ram(pa, bytes.len())?;
        self.change(pa, bytes);
        Ok(())
    }

    fn read_rom(&mut self, pa: Pa, bytes: &mut [u8]) {
        self.ram.read_physical(pa, bytes);
    }

    /// The word by which software knows the board stays in the boot ROM.
    fn write_rom(&mut self, pa: Pa, bytes: &[u8]) {
        self.change(pa, bytes);
        self.put_revision();
    }

    fn decide(&mut self, page: Pa, fate: Fate) -> Result<(), NoMemory> {
        self.expect_ram(page, 1)?;
        match fate {
            Fate::Given => self.give_page(page),
            Fate::Wanted => self.reclaim_page(page),
            Fate::Free => self.zero_page(page),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
