//! Firmware: a machine that starts from its flash memory.

use super::Vm;
use crate::memory::Busy;
use crate::memory::pmap::rom::{BOOT_ROM, FLASH, SIZE};

/// Gives a machine that has not run, and has no disks yet, flash memory that holds these bytes.
/// Its board is as it is after a hardware reset, and so is its CPU: it starts from the flash
/// memory.
///
/// # Errors
/// If machine memory is too small for flash memory.
pub fn fit(vm: &mut Vm, content: &[u8]) -> Result<(), Busy> {
    vm.ram.add_rom()?;
    for base in [FLASH, BOOT_ROM] {
        vm.view().load_physical(base, content);
    }
    vm.view().put_revision();
    vm.board.fit_flash();
    Ok(())
}

/// What its flash memory holds, if it has one.
#[must_use]
pub fn content(vm: &Vm) -> Option<Vec<u8>> {
    vm.board.has_flash().then(|| {
        let mut content = vec![0; SIZE as usize];
        vm.ram.read_physical(FLASH, &mut content);
        content
    })
}
