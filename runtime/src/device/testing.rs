//! What the tests of devices share.

use super::{Backends, Device, Fate, Memory, NoMemory, Outside};
use crate::addr::{PAGE_SIZE, Pa};
use crate::clock::Nanos;
use crate::memory::pmap::rom::{BOOT_ROM, SIZE, flash_offset};

/// Lends a device the bus, on a machine with nothing behind its devices.
pub fn lend(device: &mut dyn Device, memory: &mut Ram, now: Nanos) {
    let backends = &mut Backends::default();
    device.master(&mut Outside { memory, backends }, now);
}

/// The array of a flash memory, at both of its addresses: zeros at first.
pub struct Rom(Vec<[u8; SIZE as usize]>);

impl Default for Rom {
    fn default() -> Self {
        Self(vec![[0; SIZE as usize]; 2])
    }
}

impl Rom {
    fn range(&mut self, pa: Pa, length: usize) -> &mut [u8] {
        let (array, at) = match flash_offset(pa) {
            Some(at) => (0, at),
            None => (1, pa.0 - BOOT_ROM.0),
        };
        &mut self.0[array][at as usize..][..length]
    }
}

impl Memory for Rom {
    fn read(&mut self, pa: Pa, _: &mut [u8]) -> Result<(), NoMemory> {
        Err(NoMemory(pa))
    }

    fn write(&mut self, pa: Pa, _: &[u8]) -> Result<(), NoMemory> {
        Err(NoMemory(pa))
    }

    fn read_rom(&mut self, pa: Pa, bytes: &mut [u8]) {
        bytes.copy_from_slice(self.range(pa, bytes.len()));
    }

    fn write_rom(&mut self, pa: Pa, bytes: &[u8]) {
        self.range(pa, bytes.len()).copy_from_slice(bytes);
    }

    fn decide(&mut self, page: Pa, _: Fate) -> Result<(), NoMemory> {
        Err(NoMemory(page))
    }
}

/// Memory from address 0 on.
pub struct Ram(pub Vec<u8>);

impl Ram {
    /// So many bytes, each different from its neighbours.
    pub fn new(bytes: u32) -> Self {
        Self((0..bytes).map(|at| (at ^ at >> 8) as u8).collect())
    }

    /// The bytes from `at` on.
    pub fn at(&mut self, at: u32, length: u32) -> &mut [u8] {
        &mut self.0[at as usize..(at + length) as usize]
    }

    fn range(&mut self, pa: Pa, length: usize) -> Result<&mut [u8], NoMemory> {
        let end = pa.0.checked_add(length as u64).ok_or(NoMemory(pa))?;
        let range = pa.0 as usize..end as usize;
        self.0.get_mut(range).ok_or(NoMemory(pa))
    }
}

impl Memory for Ram {
    fn read(&mut self, pa: Pa, bytes: &mut [u8]) -> Result<(), NoMemory> {
        bytes.copy_from_slice(self.range(pa, bytes.len())?);
        Ok(())
    }

    fn write(&mut self, pa: Pa, bytes: &[u8]) -> Result<(), NoMemory> {
        self.range(pa, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    fn decide(&mut self, page: Pa, fate: Fate) -> Result<(), NoMemory> {
        let bytes = self.range(page, PAGE_SIZE as usize)?;
        if fate != Fate::Wanted {
            bytes.fill(0);
        }
        Ok(())
    }
}
