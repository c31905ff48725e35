//! Function 2, the USB host controller.

use super::space;
use crate::clock::Nanos;
use crate::device::pci::{Bar, ConfigSpace, PciFunction};
use crate::device::uhci::{self, Uhci};
use crate::device::{Device, Registers, Width};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// The host controller as a function. Its registers are behind base address 4.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Usb {
    config: ConfigSpace,
    uhci: Uhci,
}

impl Default for Usb {
    fn default() -> Self {
        Self::new()
    }
}

impl Usb {
    /// The function after reset.
    #[must_use]
    pub fn new() -> Self {
        let values = [(0x60, 0x10), (0x68, 0x1_0000)];
        let mut config = space(0x7112, 0x0c_0300, 1, &values);
        config.set_interrupt_pin(3);
        config.add_bar(4, Bar::Io(uhci::PORTS as u32));
        Self {
            config,
            uhci: Uhci::new(),
        }
    }
}

impl Device for Usb {
    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl PciFunction for Usb {
    fn config(&self) -> &ConfigSpace {
        &self.config
    }

    fn config_mut(&mut self) -> &mut ConfigSpace {
        &mut self.config
    }

    fn read_bar(&mut self, _bar: u8, offset: u64, width: Width, now: Nanos) -> u32 {
        self.uhci.read(offset, width, now)
    }

    fn write_bar(&mut self, _bar: u8, offset: u64, width: Width, value: u32, now: Nanos) {
        self.uhci.write(offset, width, value, now);
    }
}

impl Sound for Usb {
    fn is_sound(&self) -> bool {
        self.config.is_like(&Self::new().config) && self.uhci.is_sound()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The controller's own reset is not that of the function.
    #[test]
    fn a_host_controller_reset_leaves_the_configuration() {
        let mut usb = Usb::new();
        usb.config_mut().write(0x20, Width::Word, 0x1040);
        usb.write_bar(4, 8, Width::Word, 0xf000, Nanos(0));
        usb.write_bar(4, 0, Width::Half, 2, Nanos(0));
        assert_eq!(usb.read_bar(4, 8, Width::Word, Nanos(0)), 0);
        assert_eq!(usb.config().read(0x20, Width::Word), 0x1041);
        usb.reset();
        assert_eq!(usb.config().read(0x20, Width::Word), 1);
        assert_eq!(usb.config().interrupt_pin(), Some(3));
    }
}
