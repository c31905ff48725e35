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

mod accesses;
mod bus;
#[cfg(test)]
mod tests;

use super::{BusError, Request};
use crate::addr::Pa;
use crate::clock::Nanos;
use crate::device::acpi::{Acpi, Smbus};
use crate::device::dma8237::{self, Dma8237};
use crate::device::fpga::Fpga;
use crate::device::gt64120::Gt64120;
use crate::device::i8042::I8042;
use crate::device::i8254::I8254;
use crate::device::i8259::I8259Pair;
use crate::device::piix4::{BusMaster, EmptyIde, Piix4, ResetControl};
use crate::device::rtc::Rtc;
use crate::device::uart16550::Uart16550;
use crate::device::uhci::Uhci;
use crate::device::{Device, Memory, Width};
pub use accesses::Accesses;

/// What can differ from one Malta to the next.
#[derive(Clone, Copy, Debug)]
pub struct MaltaConfig {
    /// The byte order that the CPU is strapped to.
    pub big_endian: bool,
    /// What the real-time clock shows at first, in seconds since 1970.
    pub rtc_base: u64,
    /// The amount of memory. The board has no memory modules to read it from yet.
    pub ram_bytes: u64,
}

/// Everything that an access can reach and that is counted by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Chip {
    Serial0,
    Serial1,
    Serial2,
    Rtc,
    Pic,
    Pit,
    Keyboard,
    Dma,
    Ide,
    ResetControl,
    BusMaster,
    Usb,
    Power,
    Smbus,
    Gt,
    Config,
    Acknowledge,
    Fpga,
    Rom,
    Unclaimed,
}

/// A range of ISA ports: the first, how many, and the chip's offset of the first.
struct Ports(u64, u64, u64);

/// A chip's place on the board.
struct Row {
    chip: Chip,
    name: &'static str,
    /// Its ISA ports, if they are where they always were.
    ports: &'static [Ports],
    /// The input of the 8259 pair that its interrupt output drives.
    irq: Option<u8>,
}

const fn row(chip: Chip, name: &'static str, ports: &'static [Ports], irq: Option<u8>) -> Row {
    Row {
        chip,
        name,
        ports,
        irq,
    }
}

/// The board, in the order of [`Chip`].
const BOARD: [Row; Chip::Unclaimed as usize + 1] = [
    row(Chip::Serial0, "ttyS0", &[Ports(0x3f8, 8, 0)], Some(4)),
    row(Chip::Serial1, "ttyS1", &[Ports(0x2f8, 8, 0)], Some(3)),
    // Among the board registers, and on an interrupt line of the CPU's own.
    row(Chip::Serial2, "ttyS2", &[], None),
    row(Chip::Rtc, "rtc", &[Ports(0x70, 2, 0)], Some(8)),
    row(
        Chip::Pic,
        "i8259",
        &[Ports(0x20, 2, 0), Ports(0xa0, 2, 2), Ports(0x4d0, 2, 4)],
        None,
    ),
    // Drives input 0, by edges.
    row(
        Chip::Pit,
        "i8254",
        &[Ports(0x40, 4, 0), Ports(0x61, 1, 4)],
        None,
    ),
    // The mouse behind the same chip drives an input too.
    row(
        Chip::Keyboard,
        "i8042",
        &[Ports(0x60, 1, 0), Ports(0x64, 1, 4)],
        Some(KEYBOARD_IRQ),
    ),
    row(
        Chip::Dma,
        "dma8237",
        &[
            Ports(0x00, 0x10, 0),
            Ports(0x80, 0x10, dma8237::PAGES),
            Ports(0xc0, 0x20, dma8237::SECOND),
        ],
        None,
    ),
    row(
        Chip::Ide,
        "ide",
        &[
            Ports(0x1f0, 8, 0),
            Ports(0x3f6, 1, 8),
            Ports(0x170, 8, 0),
            Ports(0x376, 1, 8),
        ],
        None,
    ),
    row(
        Chip::ResetControl,
        "reset-control",
        &[Ports(0xcf9, 1, 0)],
        None,
    ),
    // Where the PIIX4's configuration says.
    row(Chip::BusMaster, "bus-master", &[], None),
    row(Chip::Usb, "uhci", &[], None),
    row(Chip::Power, "acpi", &[], Some(9)),
    row(Chip::Smbus, "smbus", &[], None),
    // Not on ISA.
    row(Chip::Gt, "gt64120", &[], None),
    row(Chip::Config, "pci-config", &[], None),
    row(Chip::Acknowledge, "interrupt-acknowledge", &[], None),
    row(Chip::Fpga, "fpga", &[], None),
    row(Chip::Rom, "rom", &[], None),
    row(Chip::Unclaimed, "unclaimed", &[], None),
];

const TIMER_IRQ: u8 = 0;
const KEYBOARD_IRQ: u8 = 1;
const MOUSE_IRQ: u8 = 12;
/// The inputs of the 8259 pair that PCI interrupts use. They are level-triggered.
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
const REGISTERS: u64 = 0x1f00_0000;
const BOOT_ROM: u64 = 0x1fc0_0000;
/// Below this, an address without a device reads as zero; above, nothing answers.
const QUIET_END: u64 = 0x2000_0000;

/// Where an access goes.
enum Place {
    Gt(u64),
    Port(u64),
    PciMemory,
    Board(u64),
    Rom(u64),
    Flash,
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
    /// When each chip wants to be woken, and the first of these moments.
    due: [Option<Nanos>; BOARD.len()],
    next: Option<Nanos>,
    lines: u8,
    request: Option<Request>,
    accesses: Accesses,
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
            due: [None; BOARD.len()],
            next: None,
            lines: 0,
            request: None,
            accesses: Accesses::default(),
        };
        board.boot();
        board
    }

    /// Does what the boot code does before it starts a kernel.
    fn boot(&mut self) {
        self.gt.boot_state();
        self.pic.write(4, Width::Byte, PCI_IRQS & 0xff, Nanos(0));
        self.pic.write(5, Width::Byte, PCI_IRQS >> 8, Nanos(0));
        self.settle_all();
    }

    /// Resets every device. The clock keeps its time, and the serial ports keep what waits on
    /// the host's side.
    pub fn reset(&mut self) {
        self.piix4 = Piix4::new();
        for row in &BOARD {
            if let Some(device) = self.device(row.chip) {
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
    pub fn advance(&mut self, _memory: &mut dyn Memory, now: Nanos) {
        for chip in TIMED {
            if let Some(device) = self.device(chip) {
                device.advance(now);
                self.settle(chip);
            }
        }
    }

    /// What the guest has asked of the machine since the last call.
    pub fn take_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// Whether [`Malta::take_request`] has something.
    #[must_use]
    pub fn has_request(&self) -> bool {
        self.request.is_some()
    }

    /// How often each device was read and written.
    pub fn accesses(&self) -> impl Iterator<Item = (&'static str, u64, u64)> + '_ {
        let counts = self.accesses.reads.iter().zip(&self.accesses.writes);
        BOARD
            .iter()
            .zip(counts)
            .map(|(row, (reads, writes))| (row.name, *reads, *writes))
    }

    /// The counters behind [`Malta::accesses`], to be set back or moved on.
    pub fn accesses_mut(&mut self) -> &mut Accesses {
        &mut self.accesses
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
            Place::Flash => {
                self.count_read(Chip::Rom);
                0
            }
            Place::PciMemory | Place::Nothing => {
                self.count_read(Chip::Unclaimed);
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
        _memory: &mut dyn Memory,
        now: Nanos,
    ) -> Result<(), BusError> {
        let value = value & width.mask();
        match self.place(pa)? {
            Place::Gt(offset) => {
                self.write_gt(offset, width, self.to_cpu(value, width), now);
            }
            Place::Port(port) => {
                self.write_port(port, width, self.to_cpu(value, width), now);
            }
            Place::Board(offset) => self.write_board(offset, width, value, now),
            Place::Rom(_) | Place::Flash => self.count_write(Chip::Rom),
            Place::PciMemory | Place::Nothing => self.count_write(Chip::Unclaimed),
        }
        self.collect_requests();
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
            REGISTERS.. => Ok(Place::Board(at - REGISTERS)),
            FLASH.. => Ok(Place::Flash),
            _ => Ok(Place::Nothing),
        }
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
            Chip::Config | Chip::Acknowledge | Chip::Rom | Chip::Unclaimed => return None,
        })
    }

    fn count_read(&mut self, chip: Chip) {
        self.accesses.reads[chip as usize] += 1;
    }

    fn count_write(&mut self, chip: Chip) {
        self.accesses.writes[chip as usize] += 1;
    }

    fn settle_all(&mut self) {
        for row in &BOARD {
            self.settle(row.chip);
        }
    }

    /// Carries what `chip` puts out to the CPU, and notes when it wants to be woken. Called when
    /// the chip may have changed; the others have not.
    fn settle(&mut self, chip: Chip) {
        let Some(device) = self.device(chip) else {
            return;
        };
        let level = device.interrupt();
        let due = device.deadline().filter(|due| due.0 < u64::MAX);
        match chip {
            Chip::Keyboard => self.settle_mouse(),
            Chip::Pit if self.pit.take_edge() => {
                self.pic.set_line(TIMER_IRQ, true);
                self.pic.set_line(TIMER_IRQ, false);
            }
            _ => {}
        }
        if let Some(irq) = BOARD[chip as usize].irq {
            self.pic.set_line(irq, level);
        }
        let line = |level, bit| if level { bit } else { 0 };
        self.lines =
            line(self.pic.interrupt(), LINE_PIC) | line(self.serial[2].interrupt(), LINE_SERIAL2);
        if self.due[chip as usize] != due {
            self.due[chip as usize] = due;
            self.next = self.due.into_iter().flatten().min();
        }
    }

    /// The second interrupt output of the keyboard's chip, and that both were low for a moment
    /// if a byte made room for the next one.
    fn settle_mouse(&mut self) {
        if self.keyboard.take_emptied() {
            self.pic.set_line(KEYBOARD_IRQ, false);
            self.pic.set_line(MOUSE_IRQ, false);
        }
        self.pic
            .set_line(MOUSE_IRQ, self.keyboard.mouse_interrupt());
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
