//! How an access finds its way over the Malta's buses: ports, PCI memory, configuration cycles,
//! board registers.
//!
//! ISA is eight bits wide: a wider access becomes one to each of its ports, lowest first. A function
//! on PCI gets an access as it is, if all of it is in one range of the function's.

use super::chips::{CHIPS, Chip, FUNCTIONS};
use super::{BOOT_ROM, BusError, FLASH, Malta, REGISTERS, REVISION};
use crate::addr::Pa;
use crate::clock::Nanos;
use crate::device::gt64120::{self, Door, Gt64120};
use crate::device::pci::{Hit, Space};
use crate::device::{Outside, Registers, Width, fpga};

/// What the boot ROM holds where software looks for the revision of board and core card.
const REVISION_OFFSET: u64 = 0x10;

/// Below this, an address without a device reads as zero; above, nothing answers.
const QUIET_END: u64 = 0x2000_0000;

/// Where an access goes.
enum Place {
    Gt(u64),
    Port(u64),
    PciMemory(u64),
    Board(u64),
    Rom(u64),
    Flash(u64),
    Nothing,
}

/// The register that an access is for.
#[derive(Clone, Copy)]
struct Target {
    chip: Chip,
    hit: Hit,
}

impl Target {
    /// A register of a chip that is not on PCI.
    fn register(chip: Chip, offset: u64) -> Self {
        let hit = Hit {
            bar: 0,
            offset,
            left: 1,
        };
        Self { chip, hit }
    }

    /// Whether the chip gets an access of this width as it is.
    fn takes(&self, width: Width) -> bool {
        self.chip.row().slot.is_some() && width.bytes() <= self.hit.left
    }
}

impl Malta {
    /// Reads `width` at `pa`, which is not memory.
    ///
    /// # Errors
    ///
    /// Fails where no part of the board answers.
    pub fn read(&mut self, pa: Pa, width: Width, now: Nanos) -> Result<u32, BusError> {
        let value = match self.place(pa)? {
            Place::Gt(offset) => {
                let value = self.read_gt(offset, width, now);
                self.to_cpu(value, width)
            }
            Place::Port(port) => {
                let value = self.read_port(port, width, now);
                self.to_cpu(value, width)
            }
            Place::Board(offset) => self.read_board(offset, width, now),
            Place::Rom(offset) => self.read_rom(offset, width),
            Place::Flash(offset) => self.read_flash(offset, width, now),
            Place::PciMemory(address) => {
                let value = self.read_memory(address, width, now);
                self.to_cpu(value, width)
            }
            Place::Nothing => {
                self.accesses.count_read(Chip::Unclaimed);
                0
            }
        };
        Ok(value & width.mask())
    }

    /// Writes `value` to `pa`, which is not memory.
    ///
    /// # Errors
    ///
    /// Fails where no part of the board answers.
    pub fn write(
        &mut self,
        pa: Pa,
        width: Width,
        value: u32,
        outside: &mut Outside<'_>,
        now: Nanos,
    ) -> Result<(), BusError> {
        let value = value & width.mask();
        let swapped = self.to_cpu(value, width);
        match self.place(pa)? {
            Place::Gt(offset) => self.write_gt(offset, width, swapped, outside, now),
            Place::Port(port) => self.write_port(port, width, swapped, outside, now),
            Place::PciMemory(address) => self.write_memory(address, width, swapped, outside, now),
            Place::Board(offset) => self.write_board(offset, width, value, outside, now),
            Place::Flash(offset) => self.write_flash(offset, width, value, outside, now),
            Place::Rom(_) => self.accesses.count_write(Chip::Rom),
            Place::Nothing => self.accesses.count_write(Chip::Unclaimed),
        }
        Ok(())
    }

    /// Before which moment every read of `width` at `pa` gives what it gives `now` and changes
    /// nothing, as long as there is no write; `None` if that cannot be said. Ports alone are asked.
    pub fn steady_until(&mut self, pa: Pa, width: Width, now: Nanos) -> Option<Nanos> {
        match self.place(pa) {
            Ok(Place::Port(port)) if width == Width::Byte => self.port_steady_until(port, now),
            _ => None,
        }
    }

    /// Whether writing `value` to `pa` would change nothing, now and as long as nothing else is
    /// written. Then it counts as written.
    pub fn ignores(&mut self, pa: Pa, width: Width, value: u32) -> bool {
        match self.place(pa) {
            Ok(Place::Port(port)) if width == Width::Byte => {
                self.port_ignores(port, value & width.mask())
            }
            _ => false,
        }
    }

    /// Between a little-endian bus and the CPU, either way.
    fn to_cpu(&self, value: u32, width: Width) -> u32 {
        if self.big_endian {
            value.swap_bytes() >> (32 - 8 * width.bytes())
        } else {
            value
        }
    }

    fn place(&self, pa: Pa) -> Result<Place, BusError> {
        let at = pa.0;
        if let Some(offset) = self.chips.gt.register_window().offset(at) {
            return Ok(Place::Gt(offset));
        }
        if let Some(port) = self.chips.gt.io_window().offset(at) {
            return Ok(Place::Port(port));
        }
        let memory = self.chips.gt.memory_windows();
        if memory.iter().any(|window| window.offset(at).is_some()) {
            return Ok(Place::PciMemory(at));
        }
        match at {
            QUIET_END.. => Err(BusError(pa)),
            BOOT_ROM.. => Ok(Place::Rom(at - BOOT_ROM)),
            REGISTERS.. => Ok(Place::Board(at - REGISTERS)),
            FLASH.. => Ok(Place::Flash(at - FLASH)),
            _ => Ok(Place::Nothing),
        }
    }

    /// The register behind a port.
    fn port(&self, port: u64) -> Target {
        for &chip in CHIPS {
            let ports = chip.row().ports.iter();
            if let Some(hit) = ports.filter_map(|ports| ports.decode(port)).next() {
                return Target { chip, hit };
            }
        }
        self.function_at(Space::Io, port)
            .unwrap_or(Target::register(Chip::Unclaimed, port))
    }

    /// The register of a PCI function that answers at an address.
    fn function_at(&self, space: Space, address: u64) -> Option<Target> {
        FUNCTIONS.iter().find_map(|&chip| {
            let hit = self.chips.function(chip)?.decode(space, address)?;
            Some(Target { chip, hit })
        })
    }

    /// Reads a register; where there is no chip the bus floats high.
    fn read_target(&mut self, target: Target, width: Width, now: Nanos) -> u32 {
        let Target { chip, hit } = target;
        self.accesses.count_read(chip);
        let value = if let Some(function) = self.chips.function_mut(chip) {
            function.read_bar(hit.bar, hit.offset, width, now)
        } else if let Some(registers) = self.chips.registers(chip) {
            registers.read(hit.offset, width, now)
        } else {
            !0
        };
        self.propagate(chip);
        value & width.mask()
    }

    fn write_target(
        &mut self,
        target: Target,
        width: Width,
        value: u32,
        outside: &mut Outside<'_>,
        now: Nanos,
    ) {
        let Target { chip, hit } = target;
        self.accesses.count_write(chip);
        if let Some(function) = self.chips.function_mut(chip) {
            function.write_bar(hit.bar, hit.offset, width, value, now);
        } else if let Some(registers) = self.chips.registers(chip) {
            registers.write(hit.offset, width, value, now);
        }
        self.lend_bus(chip, outside, now);
        self.propagate(chip);
    }

    pub(super) fn read_port(&mut self, port: u64, width: Width, now: Nanos) -> u32 {
        let target = self.port(port);
        if target.takes(width) {
            return self.read_target(target, width, now);
        }
        width.gather(|lane| {
            let target = self.port(port + lane);
            self.read_target(target, Width::Byte, now) as u8
        })
    }

    pub(super) fn write_port(
        &mut self,
        port: u64,
        width: Width,
        value: u32,
        outside: &mut Outside<'_>,
        now: Nanos,
    ) {
        let target = self.port(port);
        if target.takes(width) {
            return self.write_target(target, width, value, outside, now);
        }
        for (lane, byte) in width.lanes(value) {
            let target = self.port(port + lane);
            self.write_target(target, Width::Byte, byte.into(), outside, now);
        }
    }

    /// As [`Registers::steady_until`], of a port.
    pub(super) fn port_steady_until(&mut self, port: u64, now: Nanos) -> Option<Nanos> {
        let Target { chip, hit } = self.port(port);
        self.chips.registers(chip)?.steady_until(hit.offset, now)
    }

    /// As [`Registers::ignores`], of a port.
    pub(super) fn port_ignores(&mut self, port: u64, value: u32) -> bool {
        let Target { chip, hit } = self.port(port);
        let registers = self.chips.registers(chip);
        let ignores = registers.is_some_and(|registers| registers.ignores(hit.offset, value));
        if ignores {
            self.accesses.count_write(chip);
        }
        ignores
    }

    /// Reads PCI memory; zero where no function answers.
    pub(super) fn read_memory(&mut self, address: u64, width: Width, now: Nanos) -> u32 {
        match self.function_at(Space::Memory, address) {
            Some(target) if target.takes(width) => self.read_target(target, width, now),
            _ => {
                self.accesses.count_read(Chip::Unclaimed);
                0
            }
        }
    }

    pub(super) fn write_memory(
        &mut self,
        address: u64,
        width: Width,
        value: u32,
        outside: &mut Outside<'_>,
        now: Nanos,
    ) {
        match self.function_at(Space::Memory, address) {
            Some(target) if target.takes(width) => {
                self.write_target(target, width, value, outside, now);
            }
            _ => self.accesses.count_write(Chip::Unclaimed),
        }
    }

    pub(super) fn read_gt(&mut self, offset: u64, width: Width, now: Nanos) -> u32 {
        match Gt64120::door(offset) {
            Door::Register => {
                self.accesses.count_read(Chip::Gt);
                self.chips.gt.read(offset, width, now)
            }
            Door::ConfigData => self.read_config(offset & 3, width, now),
            Door::InterruptAcknowledge => {
                self.accesses.count_read(Chip::Acknowledge);
                let vector = u32::from(self.chips.pic.acknowledge());
                self.propagate(Chip::Pic);
                let word = if self.chips.gt.swaps_registers() {
                    vector.swap_bytes()
                } else {
                    vector
                };
                word >> (8 * (offset & 3))
            }
        }
    }

    pub(super) fn write_gt(
        &mut self,
        offset: u64,
        width: Width,
        value: u32,
        outside: &mut Outside<'_>,
        now: Nanos,
    ) {
        match Gt64120::door(offset) {
            Door::Register => {
                self.accesses.count_write(Chip::Gt);
                self.chips.gt.write(offset, width, value, now);
            }
            Door::ConfigData => self.write_config(offset & 3, width, value, outside, now),
            Door::InterruptAcknowledge => self.accesses.count_write(Chip::Acknowledge),
        }
    }

    fn read_config(&mut self, lane: u64, width: Width, now: Nanos) -> u32 {
        self.accesses.count_read(Chip::Config);
        let swaps = self.swaps_config();
        let lane = if swaps {
            gt64120::swapped(lane, width, 0).0
        } else {
            lane
        };
        let value = match self.configured() {
            Some((chip, register)) => {
                let function = self.chips.function_mut(chip);
                let register = register | lane as u8;
                let value = function.map_or(0, |it| it.read_config(register, width, now));
                self.propagate(chip);
                value
            }
            None => {
                self.chips.gt.master_abort();
                width.mask()
            }
        };
        if swaps {
            gt64120::swapped(0, width, value).1
        } else {
            value
        }
    }

    /// What a function's interrupt pin shows, where it leads, and whether the function may master
    /// the bus can all be other things afterwards.
    fn write_config(
        &mut self,
        lane: u64,
        width: Width,
        value: u32,
        outside: &mut Outside<'_>,
        now: Nanos,
    ) {
        self.accesses.count_write(Chip::Config);
        let (lane, value) = if self.swaps_config() {
            gt64120::swapped(lane, width, value)
        } else {
            (lane, value)
        };
        let Some((chip, register)) = self.configured() else {
            return self.chips.gt.master_abort();
        };
        if let Some(function) = self.chips.function_mut(chip) {
            function.write_config(register | lane as u8, width, value, now);
        }
        self.lend_bus(chip, outside, now);
        self.propagate(chip);
        self.set_inputs();
        self.refresh_lines();
    }

    fn swaps_config(&self) -> bool {
        let slot = self
            .chips
            .gt
            .config_target()
            .map_or(0, |target| target.slot);
        self.chips.gt.swaps_config(slot)
    }

    /// The function and the register that a configuration cycle is for.
    fn configured(&self) -> Option<(Chip, u8)> {
        let target = self.chips.gt.config_target()?;
        let place = Some((target.slot, target.function));
        let chip = FUNCTIONS.iter().copied().find(|&chip| {
            target.bus == 0 && chip.row().slot == place && self.chips.function(chip).is_some()
        })?;
        Some((chip, target.register))
    }

    /// The register of the board's own at an offset.
    fn board_register(offset: u64) -> (Target, bool) {
        match offset.wrapping_sub(fpga::SERIAL) {
            at @ ..fpga::SERIAL_LENGTH => (Target::register(Chip::Serial2, at >> 3), true),
            _ => (Target::register(Chip::Fpga, offset), false),
        }
    }

    pub(super) fn read_board(&mut self, offset: u64, width: Width, now: Nanos) -> u32 {
        let (target, narrow) = Self::board_register(offset);
        let width = if narrow { Width::Byte } else { width };
        self.read_target(target, width, now)
    }

    pub(super) fn write_board(
        &mut self,
        offset: u64,
        width: Width,
        value: u32,
        outside: &mut Outside<'_>,
        now: Nanos,
    ) {
        let (target, narrow) = Self::board_register(offset);
        let width = if narrow { Width::Byte } else { width };
        self.write_target(target, width, value & width.mask(), outside, now);
    }

    /// Without flash memory, nothing is there.
    pub(super) fn read_flash(&mut self, offset: u64, width: Width, now: Nanos) -> u32 {
        if self.chips.flash.is_fitted() {
            return self.read_target(Target::register(Chip::Flash, offset), width, now);
        }
        self.accesses.count_read(Chip::Rom);
        0
    }

    pub(super) fn write_flash(
        &mut self,
        offset: u64,
        width: Width,
        value: u32,
        outside: &mut Outside<'_>,
        now: Nanos,
    ) {
        if self.chips.flash.is_fitted() {
            let target = Target::register(Chip::Flash, offset);
            return self.write_target(target, width, value, outside, now);
        }
        self.accesses.count_write(Chip::Rom);
    }

    /// Without flash memory, the ROM is empty but for the revision, which is in the CPU's byte order.
    pub(super) fn read_rom(&mut self, offset: u64, width: Width) -> u32 {
        self.accesses.count_read(Chip::Rom);
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
