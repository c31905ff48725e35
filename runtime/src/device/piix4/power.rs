//! Function 3, power management and SMBus.

use super::space;
use crate::clock::Nanos;
use crate::device::acpi::{self, Acpi, Smbus};
use crate::device::pci::{ConfigSpace, Hit, PciFunction, Space};
use crate::device::{Device, Registers, Request, Width};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

const PM_BASE: u8 = 0x40;
const PM_MISC: u8 = 0x80;
const SMBUS_BASE: u8 = 0x90;
const SMBUS_CONFIG: u8 = 0xd2;

/// What stands for the base address of the power management ports, and of those of the SMBus:
/// they have registers and enable bits of their own.
const PM: u8 = 0;
const SMBUS: u8 = 1;

/// The function. Its interrupt output is the system control interrupt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Power {
    config: ConfigSpace,
    acpi: Acpi,
    smbus: Smbus,
}

impl Default for Power {
    fn default() -> Self {
        Self::new()
    }
}

fn config() -> ConfigSpace {
    let values = [
        (0x04, 0x0280_0000),
        (PM_BASE, 1),
        (0x58, 0x0200_0000),
        (0x5c, 0x9000_0000),
        (0x60, 0x6000_0000),
        (0x64, 0x9800_0000),
        (SMBUS_BASE, 0x1101),
        (0xd0, 0x0009_0000),
    ];
    let mut config = space(0x7113, 0x06_8000, 3, &values);
    config.set_interrupt_pin(0);
    config.allow(PM_BASE, Width::Word, 0xffc0);
    config.allow(SMBUS_BASE, Width::Word, 0xfff0);
    config
}

impl Power {
    /// The function after reset.
    #[must_use]
    pub fn new() -> Self {
        Self {
            config: config(),
            acpi: Acpi::new(),
            smbus: Smbus::new(),
        }
    }

    /// The value of a base register, if its enable bit is set.
    fn base(&self, register: u8, mask: u32, enable: u8) -> Option<u64> {
        let enabled = self.config.read(enable, Width::Byte) & 1 != 0;
        enabled.then(|| u64::from(self.config.read(register, Width::Half) & mask))
    }

    fn registers(&mut self, bar: u8) -> &mut dyn Registers {
        match bar {
            PM => &mut self.acpi,
            _ => &mut self.smbus,
        }
    }
}

impl Device for Power {
    fn reset(&mut self) {
        self.config = config();
        self.acpi.reset();
        self.smbus.reset();
    }

    fn interrupt(&self) -> bool {
        self.acpi.interrupt()
    }

    fn take_request(&mut self) -> Option<Request> {
        self.acpi.take_request()
    }

    fn deadline(&self) -> Option<Nanos> {
        self.acpi.deadline()
    }

    fn advance(&mut self, now: Nanos) {
        self.acpi.advance(now);
    }
}

impl PciFunction for Power {
    fn config(&self) -> &ConfigSpace {
        &self.config
    }

    fn config_mut(&mut self) -> &mut ConfigSpace {
        &mut self.config
    }

    fn decode(&self, space: Space, address: u64) -> Option<Hit> {
        if space == Space::Memory {
            return None;
        }
        let pm = self.base(PM_BASE, 0xffc0, PM_MISC);
        let smbus = self.base(SMBUS_BASE, 0xfff0, SMBUS_CONFIG);
        pm.and_then(|base| Hit::within(PM, base, acpi::PM_PORTS, address))
            .or_else(|| Hit::within(SMBUS, smbus?, acpi::SMBUS_PORTS, address))
    }

    fn read_bar(&mut self, bar: u8, offset: u64, width: Width, now: Nanos) -> u32 {
        self.registers(bar).read(offset, width, now)
    }

    fn write_bar(&mut self, bar: u8, offset: u64, width: Width, value: u32, now: Nanos) {
        self.registers(bar).write(offset, width, value, now);
    }
}

impl Sound for Power {
    fn is_sound(&self) -> bool {
        self.config.is_like(&config()) && self.acpi.is_sound() && self.smbus.is_sound()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_management_moves_when_enabled() {
        let mut power = Power::new();
        assert_eq!(power.decode(Space::Io, 0x1000), None);
        power.config_mut().write(0x40, Width::Word, 0x1001);
        power.config_mut().write(0x80, Width::Byte, 1);
        let hit = power.decode(Space::Io, 0x1004).expect("enabled");
        assert_eq!((hit.bar, hit.offset, hit.left), (PM, 4, 0x3c));
        assert_eq!(power.config().read(0x40, Width::Word), 0x1001);
        let hit = power.decode(Space::Io, 0x110f).expect("from the start");
        assert_eq!((hit.bar, hit.offset, hit.left), (SMBUS, 15, 1));
        assert_eq!(power.decode(Space::Memory, 0x1004), None);
    }
}
