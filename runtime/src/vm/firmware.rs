//! Firmware: a machine that starts from its flash memory.

use super::Vm;
use crate::memory::Busy;
use crate::memory::pmap::rom::{BOOT_ROM, FLASH, SIZE};

impl Vm {
    /// Gives a machine that has not run, and has no disks yet, flash memory that holds these bytes.
    /// Its board is as it is after a hardware reset, and so is its CPU: it starts from the flash
    /// memory.
    ///
    /// # Errors
    /// If machine memory is too small for flash memory.
    pub fn fit_flash(&mut self, content: &[u8]) -> Result<(), Busy> {
        self.ram.add_rom()?;
        for base in [FLASH, BOOT_ROM] {
            self.view().load_physical(base, content);
        }
        self.view().put_revision();
        self.board.fit_flash();
        Ok(())
    }

    /// What its flash memory holds, if it has one.
    #[must_use]
    pub fn flash(&self) -> Option<Vec<u8>> {
        self.board.has_flash().then(|| {
            let mut content = vec![0; SIZE as usize];
            self.ram.read_physical(FLASH, &mut content);
            content
        })
    }
}
