//! How an access finds its way over the Malta's buses: ports, configuration cycles, board
//! registers.
//!
//! ISA is eight bits wide: a wider access becomes one to each of its ports, lowest first. What
//! sits on PCI gets an access as it is.

use super::{BOARD, Chip, Malta, Ports};
use crate::clock::Nanos;
use crate::device::gt64120::{self, Door, Gt64120};
use crate::device::pci::ConfigSpace;
use crate::device::{Width, acpi, fpga, piix4, uhci};

/// What the boot ROM holds where software looks for the revision of board and core card.
const REVISION_OFFSET: u64 = 0x10;
const REVISION: u32 = 0x0000_0420;

/// The slot of the PIIX4 on PCI bus 0.
const PIIX4_SLOT: u8 = 10;

impl Chip {
    /// Whether the chip is on PCI and not on the eight bits of ISA.
    fn takes_any_width(self) -> bool {
        matches!(self, Chip::Ide | Chip::BusMaster | Chip::Usb | Chip::Power)
    }
}

impl Malta {
    /// The device behind a port, and its offset there.
    fn port(&self, port: u64) -> (Chip, u64) {
        for row in &BOARD {
            for Ports(first, count, offset) in row.ports {
                if port.wrapping_sub(*first) < *count {
                    return (row.chip, port - first + offset);
                }
            }
        }
        let movable = [
            (Chip::Power, self.piix4.pm_base(), acpi::PM_PORTS),
            (Chip::Usb, self.piix4.usb_base(), uhci::PORTS),
            (
                Chip::BusMaster,
                self.piix4.bus_master_base(),
                piix4::BUS_MASTER_PORTS,
            ),
            (Chip::Smbus, self.piix4.smbus_base(), acpi::SMBUS_PORTS),
        ];
        for (chip, base, count) in movable {
            if let Some(offset) = base.and_then(|base| port.checked_sub(base))
                && offset < count
            {
                return (chip, offset);
            }
        }
        (Chip::Unclaimed, port)
    }

    /// Reads from a chip; where there is none the bus floats high.
    fn read_chip(&mut self, chip: Chip, offset: u64, width: Width, now: Nanos) -> u32 {
        self.count_read(chip);
        let value = self
            .device(chip)
            .map_or(!0, |device| device.read(offset, width, now));
        self.settle(chip);
        value & width.mask()
    }

    fn write_chip(&mut self, chip: Chip, offset: u64, width: Width, value: u32, now: Nanos) {
        self.count_write(chip);
        if let Some(device) = self.device(chip) {
            device.write(offset, width, value, now);
        }
        self.settle(chip);
    }

    pub(super) fn read_port(&mut self, port: u64, width: Width, now: Nanos) -> u32 {
        let (chip, offset) = self.port(port);
        if chip.takes_any_width() {
            return self.read_chip(chip, offset, width, now);
        }
        (0..width.bytes()).fold(0, |value, lane| {
            let (chip, offset) = self.port(port + lane);
            value | self.read_chip(chip, offset, Width::Byte, now) << (8 * lane)
        })
    }

    /// As [`Device::steady_until`](crate::device::Device::steady_until), of a port.
    pub(super) fn port_steady_until(&mut self, port: u64, now: Nanos) -> Option<Nanos> {
        let (chip, offset) = self.port(port);
        self.device(chip)?.steady_until(offset, now)
    }

    /// As [`Device::ignores`](crate::device::Device::ignores), of a port.
    pub(super) fn port_ignores(&mut self, port: u64, value: u32) -> bool {
        let (chip, offset) = self.port(port);
        let ignores = self
            .device(chip)
            .is_some_and(|device| device.ignores(offset, value));
        if ignores {
            self.count_write(chip);
        }
        ignores
    }

    pub(super) fn write_port(&mut self, port: u64, width: Width, value: u32, now: Nanos) {
        let (chip, offset) = self.port(port);
        if chip.takes_any_width() {
            return self.write_chip(chip, offset, width, value, now);
        }
        for (lane, byte) in value
            .to_le_bytes()
            .into_iter()
            .enumerate()
            .take(width.bytes() as usize)
        {
            let (chip, offset) = self.port(port + lane as u64);
            self.write_chip(chip, offset, Width::Byte, u32::from(byte), now);
        }
    }

    pub(super) fn read_gt(&mut self, offset: u64, width: Width, now: Nanos) -> u32 {
        match Gt64120::door(offset) {
            Door::Register => self.read_chip(Chip::Gt, offset, width, now),
            Door::ConfigData => self.read_config(offset & 3, width),
            Door::InterruptAcknowledge => {
                self.count_read(Chip::Acknowledge);
                let vector = u32::from(self.pic.acknowledge());
                self.settle(Chip::Pic);
                let word = if self.gt.swaps_registers() {
                    vector.swap_bytes()
                } else {
                    vector
                };
                word >> (8 * (offset & 3))
            }
        }
    }

    pub(super) fn write_gt(&mut self, offset: u64, width: Width, value: u32, now: Nanos) {
        match Gt64120::door(offset) {
            Door::Register => self.write_chip(Chip::Gt, offset, width, value, now),
            Door::ConfigData => self.write_config(offset & 3, width, value),
            Door::InterruptAcknowledge => self.count_write(Chip::Acknowledge),
        }
    }

    fn read_config(&mut self, lane: u64, width: Width) -> u32 {
        self.count_read(Chip::Config);
        let swaps = self.swaps_config();
        let lane = if swaps {
            gt64120::swapped(lane, width, 0).0
        } else {
            lane
        };
        let value = match self.function() {
            Some((function, register)) => function.read(register | lane as u8, width),
            None => {
                self.gt.master_abort();
                width.mask()
            }
        };
        if swaps {
            gt64120::swapped(0, width, value).1
        } else {
            value
        }
    }

    fn write_config(&mut self, lane: u64, width: Width, value: u32) {
        self.count_write(Chip::Config);
        let (lane, value) = if self.swaps_config() {
            gt64120::swapped(lane, width, value)
        } else {
            (lane, value)
        };
        match self.function() {
            Some((function, register)) => function.write(register | lane as u8, width, value),
            None => self.gt.master_abort(),
        }
    }

    fn swaps_config(&self) -> bool {
        let slot = self.gt.config_target().map_or(0, |target| target.slot);
        self.gt.swaps_config(slot)
    }

    /// The function and the register that a configuration cycle is for.
    fn function(&mut self) -> Option<(&mut ConfigSpace, u8)> {
        let target = self.gt.config_target()?;
        let config = match (target.bus, target.slot, target.function) {
            (0, 0, 0) => self.gt.config(),
            (0, PIIX4_SLOT, function) => self.piix4.config(function)?,
            _ => return None,
        };
        Some((config, target.register))
    }

    pub(super) fn read_board(&mut self, offset: u64, width: Width, now: Nanos) -> u32 {
        match offset.wrapping_sub(fpga::SERIAL) {
            at @ ..fpga::SERIAL_LENGTH => self.read_chip(Chip::Serial2, at >> 3, Width::Byte, now),
            _ => self.read_chip(Chip::Fpga, offset, width, now),
        }
    }

    pub(super) fn write_board(&mut self, offset: u64, width: Width, value: u32, now: Nanos) {
        match offset.wrapping_sub(fpga::SERIAL) {
            at @ ..fpga::SERIAL_LENGTH => {
                self.write_chip(Chip::Serial2, at >> 3, Width::Byte, value & 0xff, now);
            }
            _ => self.write_chip(Chip::Fpga, offset, width, value, now),
        }
    }

    /// The ROM is empty but for the revision, which is in the CPU's byte order.
    pub(super) fn read_rom(&mut self, offset: u64, width: Width) -> u32 {
        self.count_read(Chip::Rom);
        if offset & !3 != REVISION_OFFSET {
            return 0;
        }
        let lane = offset & 3 & !(width.bytes() - 1);
        let shift = if self.big_endian {
            4 - width.bytes() - lane
        } else {
            lane
        };
        REVISION >> (8 * shift)
    }
}
