//! The 82371AB (PIIX4) south bridge as configuration space (82371AB data sheet, chapters 4 to 7):
//! function 0 the ISA bridge with the interrupt routing, 1 IDE, 2 USB, 3 power management.
//!
//! Here are also the bus master registers of the IDE function and the reset control port. No
//! drive is attached: the IDE channels' own ports float, and a bus master has nothing to move. The
//! ISA chips inside a PIIX4 are files of their own, and so are USB and power management.

use super::pci::{ConfigSpace, Identity};
use super::{Device, Width};
use crate::clock::Nanos;

const INTEL: u16 = 0x8086;
const PIRQ_ROUTE: u8 = 0x60;
const PM_BASE: u8 = 0x40;
const PM_MISC: u8 = 0x80;
const SMBUS_BASE: u8 = 0x90;
const SMBUS_CONFIG: u8 = 0xd2;

/// The functions of the chip.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// The bridge to ISA.
    Isa,
    /// The IDE controller.
    Ide,
    /// The USB host controller.
    Usb,
    /// Power management and SMBus.
    Power,
}

/// The configuration of all four functions.
#[derive(Clone, Debug)]
pub struct Piix4 {
    functions: [ConfigSpace; 4],
}

impl Default for Piix4 {
    fn default() -> Self {
        Self::new()
    }
}

fn space(device: u16, class: u32, revision: u8, values: &[(u8, u32)]) -> ConfigSpace {
    let mut space = ConfigSpace::new(Identity {
        vendor: INTEL,
        device,
        class,
        revision,
    });
    for &(offset, value) in values {
        space.put(offset, Width::Word, value);
    }
    space
}

impl Piix4 {
    /// The chip after reset, with the interrupt routes that a Malta's boot code sets.
    #[must_use]
    pub fn new() -> Self {
        let isa = [
            (0x04, 0x0200_0000),
            (0x0c, 0x0080_0000),
            (0x4c, 0x0003_004d),
            (PIRQ_ROUTE, 0x0b0b_0a0a),
            (0x68, 0x0000_0200),
            (0x70, 0x0000_0080),
            (0x74, 0x0c0c_0000),
            (0x78, 0x0000_0002),
            (0xa0, 0x0000_0008),
            (0xa8, 0x0000_000f),
        ];
        let usb = [(0x3c, 0x0400), (0x60, 0x10), (0x68, 0x1_0000)];
        let power = [
            (0x04, 0x0280_0000),
            (0x3c, 0x0100),
            (PM_BASE, 1),
            (0x58, 0x0200_0000),
            (0x5c, 0x9000_0000),
            (0x60, 0x6000_0000),
            (0x64, 0x9800_0000),
            (SMBUS_BASE, 0x1101),
            (0xd0, 0x0009_0000),
        ];
        let mut functions = [
            space(0x7110, 0x06_0100, 0, &isa),
            space(0x7111, 0x01_0180, 0, &[(0x04, 0x0280_0000)]),
            space(0x7112, 0x0c_0300, 1, &usb),
            space(0x7113, 0x06_8000, 3, &power),
        ];
        functions[Function::Ide as usize].add_io_bar(4, 16);
        functions[Function::Usb as usize].add_io_bar(4, 32);
        functions[Function::Power as usize].allow(PM_BASE, Width::Word, 0xffc0);
        functions[Function::Power as usize].allow(SMBUS_BASE, Width::Word, 0xfff0);
        Self { functions }
    }

    fn function(&self, function: Function) -> &ConfigSpace {
        &self.functions[function as usize]
    }

    /// The configuration space of a function, if there is one of that number.
    pub fn config(&mut self, function: u8) -> Option<&mut ConfigSpace> {
        self.functions.get_mut(usize::from(function))
    }

    /// The ISA interrupt that PCI interrupt `pirq` (0 for A to 3 for D) is routed to.
    #[must_use]
    pub fn route(&self, pirq: u8) -> Option<u8> {
        let route = self
            .function(Function::Isa)
            .read(PIRQ_ROUTE + (pirq & 3), Width::Byte) as u8;
        (route & 0x80 == 0).then_some(route & 0x0f)
    }

    /// Where the power management ports are.
    #[must_use]
    pub fn pm_base(&self) -> Option<u64> {
        let power = self.function(Function::Power);
        let enabled = power.read(PM_MISC, Width::Byte) & 1 != 0;
        enabled.then(|| u64::from(power.read(PM_BASE, Width::Half) & 0xffc0))
    }

    /// Where the SMBus ports are.
    #[must_use]
    pub fn smbus_base(&self) -> Option<u64> {
        let power = self.function(Function::Power);
        let enabled = power.read(SMBUS_CONFIG, Width::Byte) & 1 != 0;
        enabled.then(|| u64::from(power.read(SMBUS_BASE, Width::Half) & 0xfff0))
    }

    /// Where the bus master ports are.
    #[must_use]
    pub fn bus_master_base(&self) -> Option<u64> {
        self.function(Function::Ide).io_bar(4)
    }

    /// Where the USB host controller's ports are.
    #[must_use]
    pub fn usb_base(&self) -> Option<u64> {
        self.function(Function::Usb).io_bar(4)
    }
}

/// The number of I/O ports of the bus master.
pub const BUS_MASTER_PORTS: u64 = 16;

/// The bus master registers of both IDE channels, eight ports each.
#[derive(Clone, Debug, Default)]
pub struct BusMaster {
    command: [u8; 2],
    status: [u8; 2],
    table: [u32; 2],
}

impl BusMaster {
    /// The registers after reset.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read_byte(&self, offset: u64) -> u8 {
        let channel = usize::from(offset & 8 != 0);
        match offset & 7 {
            0 => self.command[channel],
            2 => self.status[channel],
            lane @ 4.. => self.table[channel].to_le_bytes()[lane as usize - 4],
            _ => 0xff,
        }
    }

    fn write_byte(&mut self, offset: u64, value: u8) {
        let channel = usize::from(offset & 8 != 0);
        match offset & 7 {
            0 => self.command[channel] = value & 0x09,
            2 => {
                let status = &mut self.status[channel];
                *status = *status & 0x06 & !value | value & 0x60;
            }
            lane @ 4.. => {
                let mut bytes = self.table[channel].to_le_bytes();
                bytes[lane as usize - 4] = value;
                self.table[channel] = u32::from_le_bytes(bytes) & !3;
            }
            _ => {}
        }
    }
}

impl Device for BusMaster {
    fn read(&mut self, offset: u64, width: Width, _now: Nanos) -> u32 {
        let mut lanes = [0; 4];
        for (lane, at) in lanes.iter_mut().zip(0..width.bytes()) {
            *lane = self.read_byte(offset.wrapping_add(at));
        }
        u32::from_le_bytes(lanes)
    }

    fn write(&mut self, offset: u64, width: Width, value: u32, _now: Nanos) {
        for (lane, at) in value.to_le_bytes().into_iter().zip(0..width.bytes()) {
            self.write_byte(offset.wrapping_add(at), lane);
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// The two IDE channels with no drive on either: nothing drives the bus, and the pull-down on the
/// status lines reads as zero.
#[derive(Clone, Debug, Default)]
pub struct EmptyIde;

impl Device for EmptyIde {
    fn read(&mut self, _offset: u64, _width: Width, _now: Nanos) -> u32 {
        0
    }

    fn write(&mut self, _offset: u64, _width: Width, _value: u32, _now: Nanos) {}

    fn reset(&mut self) {}
}

/// The reset control register, one port.
#[derive(Clone, Debug, Default)]
pub struct ResetControl {
    value: u8,
    requested: bool,
}

impl ResetControl {
    /// The register after reset.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the guest has asked for a reset since the last call.
    pub fn take_reset(&mut self) -> bool {
        std::mem::take(&mut self.requested)
    }
}

impl Device for ResetControl {
    fn read(&mut self, _offset: u64, _width: Width, _now: Nanos) -> u32 {
        u32::from(self.value)
    }

    fn write(&mut self, _offset: u64, _width: Width, value: u32, _now: Nanos) {
        self.value = value as u8 & 0x02;
        self.requested |= value & 0x04 != 0;
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(chip: &mut Piix4, function: u8) -> &mut ConfigSpace {
        chip.config(function).expect("a function")
    }

    #[test]
    fn there_are_four_functions() {
        let mut chip = Piix4::new();
        for (function, id) in [(0, 0x7110), (1, 0x7111), (2, 0x7112), (3, 0x7113)] {
            assert_eq!(config(&mut chip, function).read(2, Width::Half), id);
        }
        assert!(chip.config(4).is_none());
        let header = config(&mut chip, 0).read(0x0e, Width::Byte);
        assert_eq!(header & 0x80, 0x80, "more than one function");
    }

    #[test]
    fn interrupts_are_routed() {
        let mut chip = Piix4::new();
        assert_eq!(
            [0, 1, 2, 3].map(|pirq| chip.route(pirq)),
            [10, 10, 11, 11].map(Some)
        );
        config(&mut chip, 0).write(0x63, Width::Byte, 0x80);
        assert_eq!(chip.route(3), None);
    }

    #[test]
    fn power_management_moves_when_enabled() {
        let mut chip = Piix4::new();
        assert_eq!(chip.pm_base(), None);
        config(&mut chip, 3).write(0x40, Width::Word, 0x1001);
        config(&mut chip, 3).write(0x80, Width::Byte, 1);
        assert_eq!(chip.pm_base(), Some(0x1000));
        assert_eq!(config(&mut chip, 3).read(0x40, Width::Word), 0x1001);
        assert_eq!(chip.smbus_base(), Some(0x1100));
    }

    #[test]
    fn bus_master_status_clears_by_ones() {
        let mut master = BusMaster::new();
        master.status[1] = 0x06;
        master.write(0x0a, Width::Byte, 0x24, Nanos(0));
        assert_eq!(master.read(0x0a, Width::Byte, Nanos(0)), 0x22);
        master.write(0x04, Width::Word, 0x0f82_c003, Nanos(0));
        assert_eq!(master.read(0x04, Width::Word, Nanos(0)), 0x0f82_c000);
        master.write(0, Width::Byte, 0xff, Nanos(0));
        assert_eq!(master.read(0, Width::Byte, Nanos(0)), 0x09);
    }

    #[test]
    fn the_reset_port_asks_once() {
        let mut port = ResetControl::new();
        port.write(0, Width::Byte, 0x02, Nanos(0));
        assert!(!port.take_reset());
        port.write(0, Width::Byte, 0x06, Nanos(0));
        assert!(port.take_reset());
        assert!(!port.take_reset());
    }
}
