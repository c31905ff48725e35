//! Read-only memory: pages that the guest reads and runs like RAM, and that only its flash memory
//! changes.
//!
//! A machine has them if it has firmware. They lie behind its RAM in the map, have no home, and are
//! shared, swapped, saved and hashed as RAM is. The CPU sees the flash memory's array twice: where
//! the flash memory takes commands, and from the address at which the CPU starts.

use super::{Entry, Pmap};
use crate::addr::{PAGE_SIZE, Pa};

/// Where the flash memory is.
pub const FLASH: Pa = Pa(0x1e00_0000);
/// Where the CPU starts, and finds the same bytes.
pub const BOOT_ROM: Pa = Pa(0x1fc0_0000);
/// The bytes of each of both.
pub const SIZE: u64 = 4 << 20;

/// The pages of each of both.
const EACH: usize = (SIZE / PAGE_SIZE) as usize;
/// How many pages of ROM a machine has, if it has any.
pub const PAGES: u64 = 2 * EACH as u64;

/// How far into one of both an address is.
fn offset(pa: Pa, base: Pa) -> Option<u64> {
    pa.0.checked_sub(base.0).filter(|&offset| offset < SIZE)
}

/// Whether an address is in the flash memory, and how far.
#[must_use]
pub fn flash_offset(pa: Pa) -> Option<u64> {
    offset(pa, FLASH)
}

/// The physical address of a page of ROM by its number.
pub(super) fn address(number: usize) -> Pa {
    let base = if number < EACH { FLASH } else { BOOT_ROM };
    Pa(base.0 + (number % EACH) as u64 * PAGE_SIZE)
}

impl Pmap {
    /// Adds the pages of ROM, all absent.
    pub fn add_rom(&mut self) {
        let pages = self.ram_pages + PAGES as usize;
        self.entries.resize(pages, Entry::default());
    }

    /// Whether there are pages of ROM.
    #[must_use]
    pub fn has_rom(&self) -> bool {
        self.entries.len() > self.ram_pages
    }

    /// Whether `pa` is in one of them.
    #[must_use]
    pub fn is_rom(&self, pa: Pa) -> bool {
        self.rom_index(pa).is_some()
    }

    /// The index of the page of ROM that holds `pa`.
    pub(super) fn rom_index(&self, pa: Pa) -> Option<usize> {
        let page = |offset: u64| (offset / PAGE_SIZE) as usize;
        let number = match offset(pa, FLASH) {
            Some(offset) => page(offset),
            None => EACH + page(offset(pa, BOOT_ROM)?),
        };
        let index = self.ram_pages + number;
        (index < self.entries.len()).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::VmId;
    use crate::memory::machine::MachineMemory;
    use crate::memory::pmap::{HIGH_BASE, LOW_LIMIT};

    #[test]
    fn the_pages_of_rom_are_between_low_and_high_ram_and_are_neither() {
        let bytes = LOW_LIMIT + 2 * PAGE_SIZE;
        let machine = MachineMemory::new(bytes).unwrap();
        let mut pmap = Pmap::new(VmId(1), bytes, machine.take_home(bytes));
        assert!(!pmap.has_rom() && !pmap.is_rom(FLASH));
        assert_eq!(pmap.read(FLASH, &machine).unwrap(), None);
        pmap.add_rom();
        let last = Pa(SIZE - PAGE_SIZE);
        let places = [
            Pa(0),
            FLASH,
            Pa(FLASH.0 + last.0),
            BOOT_ROM,
            Pa(BOOT_ROM.0 + last.0),
            Pa(HIGH_BASE),
        ];
        for pa in places {
            pmap.write(pa, &machine).unwrap().unwrap();
        }
        let touched: Vec<Pa> = pmap.touched().map(|(pa, _)| pa).collect();
        assert_eq!(touched, places, "in order of address");
        for (at, pa) in places.into_iter().enumerate() {
            let rom = (1..5).contains(&at);
            assert_eq!((pmap.is_rom(pa), pmap.is_ram(pa)), (rom, !rom), "{pa}");
            let access = pmap.read(pa, &machine).unwrap().unwrap();
            assert_eq!(access.writable, !rom, "{pa}");
            assert_eq!(pmap.is_at_home(pa, access.ma.into()), !rom, "{pa}");
        }
        assert_eq!((pmap.bytes(), pmap.ram_from(FLASH)), (bytes, 0));
        assert!(!pmap.is_rom(Pa(FLASH.0 + SIZE)) && !pmap.is_rom(Pa(FLASH.0 - 1)));
        pmap.clear(&machine);
    }
}
