//! The MIPS Malta board (MIPS Malta User's Manual, chapters 4 and 5) with a GT-64120 core card.
//!
//! The tables below say where each device is and which interrupt it drives. An access finds its
//! way as on the hardware: the GT-64120's windows lead to PCI, the PIIX4 on PCI leads to the ISA
//! ports, and an interrupt travels from its device through the 8259 pair to the CPU.
//!
//! Values are what the CPU's load and store instructions see. GT-64120 and PCI are little-endian
//! buses that keep byte addresses, so a big-endian CPU sees their wider values swapped; the
//! board's own registers have the CPU's byte order.
//!
//! There is no boot code in the flash: a reset leaves the state in which boot code hands over.

use super::{BusError, Request};
use crate::addr::Pa;
use crate::clock::Nanos;
use crate::device::acpi::{self, Acpi, Smbus};
use crate::device::dma8237::{self, Dma8237};
use crate::device::fpga::{self, Fpga};
use crate::device::gt64120::{self, Door, Gt64120};
use crate::device::i8042::I8042;
use crate::device::i8254::I8254;
use crate::device::i8259::I8259Pair;
use crate::device::piix4::{self, BusMaster, EmptyIde, Piix4, ResetControl};
use crate::device::rtc::Rtc;
use crate::device::uart16550::Uart16550;
use crate::device::uhci::{self, Uhci};
use crate::device::{Device, Width};

/// What can differ from one Malta to the next.
#[derive(Clone, Copy, Debug)]
pub struct MaltaConfig {
    /// The byte order that the CPU is strapped to.
    pub big_endian: bool,
    /// What the real-time clock shows at first, in seconds since 1970.
    pub rtc_base: u64,
    /// The amount of memory.
    pub ram_bytes: u64,
}

/// Everything that an access can reach and that is counted by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Chip {
    Gt,
    Config,
    Acknowledge,
    Serial0,
    Serial1,
    Serial2,
    Pic,
    Pit,
    Rtc,
    Keyboard,
    Dma,
    Ide,
    BusMaster,
    Usb,
    Power,
    Smbus,
    ResetControl,
    Fpga,
    Rom,
    Nobody,
}

/// The names under which accesses are counted, in the order of [`Chip`].
const NAMES: [&str; 20] = [
    "gt64120",
    "pci-config",
    "interrupt-acknowledge",
    "ttyS0",
    "ttyS1",
    "ttyS2",
    "i8259",
    "i8254",
    "rtc",
    "i8042",
    "dma8237",
    "ide",
    "bus-master",
    "uhci",
    "acpi",
    "smbus",
    "reset-control",
    "fpga",
    "rom",
    "nobody",
];

/// A range of ISA ports: the chip, the first port, how many, the chip's offset of the first.
struct Ports(Chip, u64, u64, u64);

/// The ISA ports that are where they always were.
const PORTS: &[Ports] = &[
    Ports(Chip::Serial0, 0x3f8, 8, 0),
    Ports(Chip::Rtc, 0x70, 2, 0),
    Ports(Chip::Pic, 0x20, 2, 0),
    Ports(Chip::Pic, 0xa0, 2, 2),
    Ports(Chip::Pic, 0x4d0, 2, 4),
    Ports(Chip::Pit, 0x40, 4, 0),
    Ports(Chip::Pit, 0x61, 1, 4),
    Ports(Chip::Keyboard, 0x60, 1, 0),
    Ports(Chip::Keyboard, 0x64, 1, 4),
    Ports(Chip::Serial1, 0x2f8, 8, 0),
    Ports(Chip::Dma, 0x00, 0x10, 0),
    Ports(Chip::Dma, 0x80, 0x10, dma8237::PAGES),
    Ports(Chip::Dma, 0xc0, 0x20, dma8237::SECOND),
    Ports(Chip::Ide, 0x1f0, 8, 0),
    Ports(Chip::Ide, 0x3f6, 1, 8),
    Ports(Chip::Ide, 0x170, 8, 0),
    Ports(Chip::Ide, 0x376, 1, 8),
    Ports(Chip::ResetControl, 0xcf9, 1, 0),
];

/// The interrupt inputs of the 8259 pair that devices drive by level; the timer's is by edge.
const TIMER_IRQ: u8 = 0;
const MOUSE_IRQ: u8 = 12;
const IRQS: [(Chip, u8); 5] = [
    (Chip::Keyboard, 1),
    (Chip::Serial1, 3),
    (Chip::Serial0, 4),
    (Chip::Rtc, 8),
    (Chip::Power, 9),
];
/// The inputs that PCI interrupts use; they are level-triggered.
const PCI_IRQS: u32 = 1 << 10 | 1 << 11;

/// The CPU's hardware interrupt lines.
const LINE_PIC: u8 = 1 << 2;
const LINE_SERIAL2: u8 = 1 << 4;

/// The devices that want to be woken at a moment of their own.
const TIMED: [Chip; 6] = [
    Chip::Serial0,
    Chip::Serial1,
    Chip::Serial2,
    Chip::Pit,
    Chip::Rtc,
    Chip::Power,
];

const FLASH: u64 = 0x1e00_0000;
const BOARD: u64 = 0x1f00_0000;
const BOOT_ROM: u64 = 0x1fc0_0000;
/// Below this, an address without a device reads as zero; above, nothing answers.
const QUIET_END: u64 = 0x2000_0000;

/// What the boot ROM holds where software looks for the revision of board and core card.
const REVISION_OFFSET: u64 = 0x10;
const REVISION: u32 = 0x0000_0420;

/// The slot of the PIIX4 on PCI bus 0.
const PIIX4_SLOT: u8 = 10;

/// Where an access goes.
enum Place {
    Gt(u64),
    Port(u64),
    PciMemory,
    Board(u64),
    Rom(u64),
    Nothing,
}

/// A Malta board.
#[derive(Clone, Debug)]
pub struct Malta {
    big_endian: bool,
    gt: Gt64120,
    piix4: Piix4,
    pic: I8259Pair,
    pit: I8254,
    rtc: Rtc,
    keyboard: I8042,
    dma: Dma8237,
    ide: EmptyIde,
    bus_master: BusMaster,
    usb: Uhci,
    power: Acpi,
    smbus: Smbus,
    reset_control: ResetControl,
    fpga: Fpga,
    /// ttyS0 and ttyS1 on ISA, ttyS2 among the board registers.
    serial: [Uart16550; 3],
    next: Option<Nanos>,
    lines: u8,
    request: Option<Request>,
    reads: [u64; NAMES.len()],
    writes: [u64; NAMES.len()],
}

impl Malta {
    /// A board as its boot code leaves it.
    #[must_use]
    pub fn new(config: &MaltaConfig) -> Self {
        let mut board = Self {
            big_endian: config.big_endian,
            gt: Gt64120::new(config.big_endian),
            piix4: Piix4::new(),
            pic: I8259Pair::new(),
            pit: I8254::new(),
            rtc: Rtc::new(config.rtc_base),
            keyboard: I8042::new(),
            dma: Dma8237::new(),
            ide: EmptyIde,
            bus_master: BusMaster::new(),
            usb: Uhci::new(),
            power: Acpi::new(),
            smbus: Smbus::new(),
            reset_control: ResetControl::new(),
            fpga: Fpga::new(config.big_endian),
            serial: [115_200, 115_200, 230_400].map(Uart16550::new),
            next: None,
            lines: 0,
            request: None,
            reads: [0; NAMES.len()],
            writes: [0; NAMES.len()],
        };
        board.boot();
        board
    }

    /// Does what the boot code does before it starts a kernel.
    fn boot(&mut self) {
        self.gt.boot_state();
        self.pic.write(4, Width::Byte, PCI_IRQS & 0xff, Nanos(0));
        self.pic.write(5, Width::Byte, PCI_IRQS >> 8, Nanos(0));
        self.settle();
    }

    /// Resets every device. The clock keeps its time, and the serial ports keep what waits on
    /// the host's side.
    pub fn reset(&mut self) {
        self.gt.reset();
        self.piix4 = Piix4::new();
        for chip in [
            Chip::Serial0,
            Chip::Serial1,
            Chip::Serial2,
            Chip::Pic,
            Chip::Pit,
            Chip::Rtc,
            Chip::Keyboard,
            Chip::Dma,
            Chip::Ide,
            Chip::BusMaster,
            Chip::Usb,
            Chip::Power,
            Chip::Smbus,
            Chip::ResetControl,
            Chip::Fpga,
        ] {
            if let Some(device) = self.device(chip) {
                device.reset();
            }
        }
        self.request = None;
        self.boot();
    }

    /// The first serial port, ttyS0.
    pub fn console(&mut self) -> &mut Uart16550 {
        &mut self.serial[0]
    }

    /// The CPU's hardware interrupt lines: bit 2 is the 8259 pair, bit 4 the third serial port.
    #[must_use]
    pub fn lines(&self) -> u8 {
        self.lines
    }

    /// When [`Malta::advance`] wants to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Nanos> {
        // Input for the console comes from outside, past the board.
        [self.next, self.serial[0].deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Lets time pass: every device does what was due at or before `now`.
    pub fn advance(&mut self, now: Nanos) {
        for chip in TIMED {
            if let Some(device) = self.device(chip) {
                device.advance(now);
            }
        }
        self.settle();
    }

    /// What the guest has asked of the machine since the last call.
    pub fn take_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// How often each device was read and written.
    pub fn accesses(&self) -> impl Iterator<Item = (&'static str, u64, u64)> + '_ {
        let counts = self.reads.iter().zip(&self.writes);
        NAMES
            .iter()
            .zip(counts)
            .map(|(name, (reads, writes))| (*name, *reads, *writes))
    }

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
            Place::PciMemory | Place::Nothing => {
                self.count_read(Chip::Nobody);
                0
            }
        };
        self.settle();
        Ok(value & width.mask())
    }

    /// Writes `value` to `pa`, which is not memory.
    ///
    /// # Errors
    ///
    /// Fails where no part of the board answers.
    pub fn write(&mut self, pa: Pa, width: Width, value: u32, now: Nanos) -> Result<(), BusError> {
        let value = value & width.mask();
        match self.place(pa)? {
            Place::Gt(offset) => {
                self.write_gt(offset, width, self.to_cpu(value, width), now);
            }
            Place::Port(port) => {
                self.write_port(port, width, self.to_cpu(value, width), now);
            }
            Place::Board(offset) => self.write_board(offset, width, value, now),
            Place::Rom(_) => self.count_write(Chip::Rom),
            Place::PciMemory | Place::Nothing => self.count_write(Chip::Nobody),
        }
        self.settle();
        self.collect_requests();
        Ok(())
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
        if let Some(offset) = self.gt.register_window().offset(at) {
            return Ok(Place::Gt(offset));
        }
        if let Some(port) = self.gt.io_window().offset(at) {
            return Ok(Place::Port(port));
        }
        if self
            .gt
            .memory_windows()
            .iter()
            .any(|window| window.offset(at).is_some())
        {
            return Ok(Place::PciMemory);
        }
        match at {
            QUIET_END.. => Err(BusError(pa)),
            BOOT_ROM.. => Ok(Place::Rom(at - BOOT_ROM)),
            BOARD.. => Ok(Place::Board(at - BOARD)),
            FLASH.. => Ok(Place::Rom(at - FLASH + REVISION_OFFSET + 4)),
            _ => Ok(Place::Nothing),
        }
    }

    /// The device behind a port, and its offset there.
    fn port(&self, port: u64) -> (Chip, u64) {
        for &Ports(chip, first, count, offset) in PORTS {
            if port.wrapping_sub(first) < count {
                return (chip, port - first + offset);
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
        (Chip::Nobody, port)
    }

    fn device(&mut self, chip: Chip) -> Option<&mut dyn Device> {
        Some(match chip {
            Chip::Gt => &mut self.gt,
            Chip::Serial0 => &mut self.serial[0],
            Chip::Serial1 => &mut self.serial[1],
            Chip::Serial2 => &mut self.serial[2],
            Chip::Pic => &mut self.pic,
            Chip::Pit => &mut self.pit,
            Chip::Rtc => &mut self.rtc,
            Chip::Keyboard => &mut self.keyboard,
            Chip::Dma => &mut self.dma,
            Chip::Ide => &mut self.ide,
            Chip::BusMaster => &mut self.bus_master,
            Chip::Usb => &mut self.usb,
            Chip::Power => &mut self.power,
            Chip::Smbus => &mut self.smbus,
            Chip::ResetControl => &mut self.reset_control,
            Chip::Fpga => &mut self.fpga,
            Chip::Config | Chip::Acknowledge | Chip::Rom | Chip::Nobody => return None,
        })
    }

    fn count_read(&mut self, chip: Chip) {
        self.reads[chip as usize] += 1;
    }

    fn count_write(&mut self, chip: Chip) {
        self.writes[chip as usize] += 1;
    }

    /// Reads from a chip; where there is none the bus floats high.
    fn read_chip(&mut self, chip: Chip, offset: u64, width: Width, now: Nanos) -> u32 {
        self.count_read(chip);
        self.device(chip)
            .map_or(!0, |device| device.read(offset, width, now))
            & width.mask()
    }

    fn write_chip(&mut self, chip: Chip, offset: u64, width: Width, value: u32, now: Nanos) {
        self.count_write(chip);
        if let Some(device) = self.device(chip) {
            device.write(offset, width, value, now);
        }
    }

    fn read_port(&mut self, port: u64, width: Width, now: Nanos) -> u32 {
        let (chip, offset) = self.port(port);
        if chip.takes_any_width() {
            return self.read_chip(chip, offset, width, now);
        }
        (0..width.bytes()).fold(0, |value, lane| {
            let (chip, offset) = self.port(port + lane);
            value | self.read_chip(chip, offset, Width::Byte, now) << (8 * lane)
        })
    }

    fn write_port(&mut self, port: u64, width: Width, value: u32, now: Nanos) {
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

    fn read_gt(&mut self, offset: u64, width: Width, now: Nanos) -> u32 {
        match Gt64120::door(offset) {
            Door::Register => self.read_chip(Chip::Gt, offset, width, now),
            Door::ConfigData => self.read_config(offset & 3, width),
            Door::InterruptAcknowledge => {
                self.count_read(Chip::Acknowledge);
                let vector = u32::from(self.pic.acknowledge());
                let word = if self.gt.swaps_registers() {
                    vector.swap_bytes()
                } else {
                    vector
                };
                word >> (8 * (offset & 3))
            }
        }
    }

    fn write_gt(&mut self, offset: u64, width: Width, value: u32, now: Nanos) {
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
    fn function(&mut self) -> Option<(&mut crate::device::pci::ConfigSpace, u8)> {
        let target = self.gt.config_target()?;
        let config = match (target.bus, target.slot, target.function) {
            (0, 0, 0) => self.gt.config(),
            (0, PIIX4_SLOT, function) => self.piix4.config(function)?,
            _ => return None,
        };
        Some((config, target.register))
    }

    fn read_board(&mut self, offset: u64, width: Width, now: Nanos) -> u32 {
        match offset.wrapping_sub(fpga::SERIAL) {
            at @ ..fpga::SERIAL_LENGTH => self.read_chip(Chip::Serial2, at >> 3, Width::Byte, now),
            _ => self.read_chip(Chip::Fpga, offset, width, now),
        }
    }

    fn write_board(&mut self, offset: u64, width: Width, value: u32, now: Nanos) {
        match offset.wrapping_sub(fpga::SERIAL) {
            at @ ..fpga::SERIAL_LENGTH => {
                self.write_chip(Chip::Serial2, at >> 3, Width::Byte, value & 0xff, now);
            }
            _ => self.write_chip(Chip::Fpga, offset, width, value, now),
        }
    }

    /// The ROM is empty but for the revision, which is in the CPU's byte order.
    fn read_rom(&mut self, offset: u64, width: Width) -> u32 {
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

    /// Carries the devices' interrupt outputs to the CPU and works out the next deadline.
    fn settle(&mut self) {
        for (chip, irq) in IRQS {
            let level = self.device(chip).is_some_and(|device| device.interrupt());
            self.pic.set_line(irq, level);
        }
        self.pic
            .set_line(MOUSE_IRQ, self.keyboard.mouse_interrupt());
        if self.pit.take_edge() {
            self.pic.set_line(TIMER_IRQ, false);
            self.pic.set_line(TIMER_IRQ, true);
        }
        self.pic.set_line(TIMER_IRQ, self.pit.interrupt());
        let line = |level, bit| if level { bit } else { 0 };
        self.lines =
            line(self.pic.interrupt(), LINE_PIC) | line(self.serial[2].interrupt(), LINE_SERIAL2);
        self.next = TIMED
            .into_iter()
            .filter_map(|chip| self.device(chip)?.deadline())
            .min()
            .filter(|deadline| deadline.0 < u64::MAX);
    }

    fn collect_requests(&mut self) {
        if self.power.take_power_off() {
            self.request = Some(Request::PowerOff);
        }
        let resets = [
            self.fpga.take_reset(),
            self.keyboard.take_reset(),
            self.reset_control.take_reset(),
        ];
        if resets.contains(&true) {
            self.request.get_or_insert(Request::Reset);
        }
    }
}

impl Chip {
    /// Whether the chip is on PCI and not on the eight bits of ISA.
    fn takes_any_width(self) -> bool {
        matches!(self, Chip::Ide | Chip::BusMaster | Chip::Usb | Chip::Power)
    }
}
