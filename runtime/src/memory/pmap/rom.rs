//! Read-only memory: pages that the guest reads and runs like RAM, and that only its flash memory
//! changes.
//!
//! A machine has them if it has firmware. They lie behind its RAM in the map, have no home, and are
//! shared, swapped, saved and hashed as RAM is. The CPU sees the flash memory's array twice: where
//! the flash memory takes commands, and from the address at which the CPU starts.

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

/// Where the pages of ROM are in a map.
#[derive(Clone, Copy, Debug)]
pub struct Rom {
    /// The index of the first: how many pages of RAM there are.
    pub first: usize,
    /// Whether there are any.
    pub fitted: bool,
}

impl Rom {
    /// No pages, behind so many of RAM.
    pub fn none_behind(first: usize) -> Self {
        let fitted = false;
        Self { first, fitted }
    }

    /// The index of the page that holds `pa`.
    pub fn index(self, pa: Pa) -> Option<usize> {
        let page = |offset: u64| (offset / PAGE_SIZE) as usize;
        let number = match offset(pa, FLASH) {
            Some(offset) => page(offset),
            None => EACH + page(offset(pa, BOOT_ROM)?),
        };
        self.fitted.then_some(self.first + number)
    }

    /// The physical address of the page with this index, if it is one.
    pub fn address(self, index: usize) -> Option<Pa> {
        let number = index.checked_sub(self.first)?;
        let base = if number < EACH { FLASH } else { BOOT_ROM };
        Some(Pa(base.0 + (number % EACH) as u64 * PAGE_SIZE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::VmId;
    use crate::memory::machine::MachineMemory;
    use crate::memory::pmap::{HIGH_BASE, LOW_LIMIT, Pmap};

    #[test]
    #[cfg_attr(miri, ignore = "it takes minutes")]
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
