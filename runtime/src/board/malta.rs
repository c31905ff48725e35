//! The MIPS Malta board (MIPS Malta User's Manual, chapters 4 and 5) with a GT-64120 core card.
//!
//! One table (`malta/chips.rs`) says what is where and which interrupt it drives. An access finds its
//! way as on the hardware: the GT-64120's windows lead to PCI, the PIIX4 on PCI leads to the ISA
//! ports, and an interrupt travels from its device through the 8259 pair to the CPU.
//!
//! Values are what the CPU's load and store instructions see. GT-64120 and PCI are little-endian
//! buses that keep byte addresses, so a big-endian CPU sees their wider values swapped; the
//! board's own registers have the CPU's byte order.
//!
//! A board without flash memory has no boot code: a reset leaves the state in which boot code hands
//! over. One with it is reset as the hardware is.

mod accesses;
mod bus;
mod chips;
mod table;
#[cfg(test)]
mod tests;
mod wiring;

use super::{BusError, Request};
use crate::account::Holding;
use crate::addr::Pa;
use crate::clock::Nanos;
use crate::device::disk::{Bus, Disk, Disks, Shape};
use crate::device::folder::Job;
use crate::device::i8042::Button;
use crate::device::network::{Frame, Port, Traffic};
use crate::device::stroke::Stroke;
use crate::device::uart16550::Uart16550;
use crate::device::virtio::{Balloon, Console, Entropy, VirtioPci, WindowSize};
use crate::device::{Device, Outside, Registers, Width};
use crate::memory::pmap::rom;
use crate::sound::Sound;
pub use accesses::Accesses;
use chips::{BOARD, CHIPS, Chip, Chips};
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;
use wiring::Wiring;

/// What can differ from one Malta to the next.
#[derive(Clone, Copy, Debug)]
pub struct MaltaConfig {
    /// The byte order that the CPU is strapped to.
    pub big_endian: bool,
    /// What the real-time clock shows at first, in seconds since 1970.
    pub rtc_base: u64,
    /// The amount of memory. The board has no memory modules to read it from yet.
    pub ram_bytes: u64,
    /// Whether there is a [`Copier`](crate::device::copier::Copier) in PCI slot 21.
    pub test_device: bool,
}

/// The inputs of the 8259 pair that PCI interrupts use. They are level-triggered.
const PCI_IRQS: u32 = 1 << 10 | 1 << 11;

const FLASH: u64 = rom::FLASH.0;
const REGISTERS: u64 = 0x1f00_0000;
const BOOT_ROM: u64 = rom::BOOT_ROM.0;
/// What the boot ROM holds where software looks for the revision of board and core card.
pub const REVISION: u32 = 0x0000_0420;
/// Whether the guest uses its virtio console.
fn listens(console: &VirtioPci<Console>) -> bool {
    console.is_served() && console.device().is_used()
}

/// A Malta board. It is plain data: what was saved of it can be restored, and goes on as it would
/// have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Malta {
    big_endian: bool,
    chips: Chips,
    wiring: Wiring,
    /// When each chip wants to be woken, and the first of these moments.
    #[serde(with = "BigArray")]
    due: [Option<Nanos>; BOARD.len()],
    next: Option<Nanos>,
    /// The CPU's hardware interrupt lines.
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
            chips: Chips::new(config),
            wiring: Wiring::default(),
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
        let Chips { gt, pic, .. } = &mut self.chips;
        gt.boot_state();
        pic.write(4, Width::Byte, PCI_IRQS & 0xff, Nanos(0));
        pic.write(5, Width::Byte, PCI_IRQS >> 8, Nanos(0));
        self.propagate_all();
    }

    /// Resets every device. The clock keeps its time, and the serial ports keep what waits on
    /// the host's side.
    pub fn reset(&mut self) {
        for &chip in CHIPS {
            if let Some(device) = self.chips.device(chip) {
                device.reset();
            }
        }
        self.wiring = Wiring::default();
        self.request = None;
        if self.chips.flash.is_fitted() {
            self.propagate_all();
        } else {
            self.boot();
        }
    }

    /// Puts flash memory on the board, and resets it: what the flash memory holds is to boot it.
    pub fn fit_flash(&mut self) {
        self.chips.flash.fit();
        self.reset();
    }

    /// The name of a part of it that is not sound, if there is one.
    #[must_use]
    pub fn unsound(&self) -> Option<&'static str> {
        let first = self.due.into_iter().flatten().min();
        let places = (!self.chips.are_in_place()).then_some("slots");
        let due = (!self.due.is_sound() || self.next != first).then_some("deadlines");
        let accesses = (!self.accesses.is_sound()).then_some("counters");
        (self.chips.unsound()).or(places).or(due).or(accesses)
    }

    /// Whether it has flash memory.
    #[must_use]
    pub fn has_flash(&self) -> bool {
        self.chips.flash.is_fitted()
    }

    /// Whether a read at `pa` comes to the board although ROM is there.
    #[must_use]
    pub fn hides(&self, pa: Pa) -> bool {
        self.chips.flash.hides_array() && rom::flash_offset(pa).is_some()
    }

    /// How many bytes that were typed are on their way to the guest.
    #[must_use]
    pub fn typed_ahead(&self) -> usize {
        let virtio = self.chips.console.as_ref();
        self.chips.serial0.input_pending() + virtio.map_or(0, |it| it.device().typed_ahead())
    }

    /// The first serial port, ttyS0.
    pub fn console(&mut self) -> &mut Uart16550 {
        &mut self.chips.serial0
    }

    /// Something is typed: for the virtio console if the guest uses it, else for the serial port. A
    /// break is for the serial port, as virtio has none.
    pub fn push_input(&mut self, stroke: Stroke, outside: &mut Outside<'_>, now: Nanos) {
        match (stroke, &mut self.chips.console) {
            (Stroke::Byte(byte) | Stroke::Piped(byte), Some(console)) if listens(console) => {
                console.update(|console| console.push_input(byte));
                self.lend_bus(Chip::Console, outside, now);
                self.propagate(Chip::Console);
            }
            _ => self.chips.serial0.push_input(stroke),
        }
    }

    /// An operator presses a button of the machine.
    pub fn press(&mut self, button: Button) {
        self.chips.keyboard.press(button);
        self.propagate(Chip::Keyboard);
    }

    /// Sees to it that a stream which is to arrive whole goes to the virtio console, once the guest
    /// uses that.
    pub fn redirect_input(&mut self, outside: &mut Outside<'_>, now: Nanos) {
        if self.chips.console.as_ref().is_some_and(listens) {
            for byte in self.chips.serial0.take_piped() {
                self.push_input(Stroke::Piped(byte), outside, now);
            }
        }
    }

    /// Takes what was printed, on either console.
    pub fn take_output(&mut self) -> Vec<u8> {
        let mut output = self.chips.serial0.take_output();
        if let Some(console) = &mut self.chips.console {
            output.extend(console.update(Console::take_output));
        }
        output
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
        [self.next, self.chips.serial0.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Lets time pass: every device does what was due at or before `now`.
    pub fn advance(&mut self, outside: &mut Outside<'_>, now: Nanos) {
        for &chip in CHIPS {
            if let Some(device) = self.chips.device(chip) {
                device.advance(now);
            }
            self.lend_bus(chip, outside, now);
            self.propagate(chip);
        }
    }

    /// Lets a chip do what it wants with the disk images, and the DMA that it wants to do, if it may
    /// master its bus.
    fn lend_bus(&mut self, chip: Chip, outside: &mut Outside<'_>, now: Nanos) {
        let function = self.chips.function(chip);
        let may = function.is_none_or(|function| function.config().may_master());
        let Some(device) = self.chips.device(chip) else {
            return;
        };
        device.use_disks(&mut outside.backends.disks, now);
        if may && device.wants_bus() {
            device.master(outside, now);
        }
    }

    /// Whether the host still works on what a device is to show at or before `now`.
    pub fn is_held(&mut self, disks: &mut Disks, now: Nanos) -> bool {
        let mut chips = CHIPS.iter();
        chips.any(|&chip| {
            let device = self.chips.device(chip);
            device.is_some_and(|device| device.is_held(disks, now))
        })
    }

    /// Whether data is on its way between a device and the guest: from or to a disk, or by a serial
    /// line. How long that takes is up to the device's model.
    pub fn transfers(&mut self) -> bool {
        CHIPS.iter().any(|&chip| {
            let device = self.chips.device(chip);
            device.is_some_and(|device| device.transfers())
        })
    }

    /// Puts a disk into its slot, or finds it there with the same shape; says whether it is there
    /// now.
    pub fn fit_disk(&mut self, number: usize, bus: Bus, disk: &dyn Disk) -> bool {
        let (shape, big_endian) = (Shape::of(disk), self.big_endian);
        self.chips.fit_disk(number, bus, &shape, big_endian)
    }

    /// Puts a network port into its slot, or finds it there; says whether it is there now.
    pub fn fit_port(&mut self, number: usize, port: Port) -> bool {
        self.chips.fit_port(number, port, self.big_endian)
    }

    /// Whether a frame may come in by a network port.
    pub fn has_room(&mut self, number: usize) -> bool {
        let port = self.chips.network_mut(number);
        port.is_some_and(|(_, port)| port.as_ref().is_some_and(VirtioPci::has_room))
    }

    /// A frame comes in by a network port.
    pub fn deliver(&mut self, number: usize, frame: Frame, outside: &mut Outside<'_>, now: Nanos) {
        if let Some((chip, Some(port))) = self.chips.network_mut(number) {
            port.deliver(frame);
            self.lend_bus(chip, outside, now);
            self.propagate(chip);
        }
    }

    /// What went through all network ports, if there are some.
    #[must_use]
    pub fn traffic(&self) -> Option<Traffic> {
        let ports = self.chips.networks().map(|port| port.device().traffic());
        ports.reduce(|mut all, traffic| {
            all += traffic;
            all
        })
    }

    /// The frames that came in and wait for their guest.
    #[must_use]
    pub fn frames_held(&self) -> Holding {
        let mut held = Holding::default();
        (self.chips.networks()).for_each(|port| held += port.device().held());
        held
    }

    /// Puts a folder into its slot, or finds it there; says whether it is there now.
    pub fn fit_folder(&mut self, number: usize, tag: &str) -> bool {
        self.chips.fit_folder(number, tag, self.big_endian)
    }

    /// The host answers what a guest asked of a folder.
    pub fn answer(
        &mut self,
        number: usize,
        job: Job,
        answer: Vec<u8>,
        outside: &mut Outside<'_>,
        now: Nanos,
    ) {
        if let Some((chip, Some(folder))) = self.chips.folder_mut(number) {
            folder.update(|folder| folder.answer(job, answer));
            self.lend_bus(chip, outside, now);
            self.propagate(chip);
        }
    }

    /// Puts a source of random bytes into its slot, which gives what follows from a seed.
    pub fn fit_entropy(&mut self, seed: u64) {
        let source = VirtioPci::new(Entropy::new(seed), self.big_endian, 0);
        self.chips.rng = Some(source);
    }

    /// Puts a balloon into its slot.
    pub fn fit_balloon(&mut self) {
        let balloon = VirtioPci::new(Balloon::default(), self.big_endian, 0);
        self.chips.balloon = Some(balloon);
    }

    /// The balloon, if there is one.
    #[must_use]
    pub fn balloon(&self) -> Option<&VirtioPci<Balloon>> {
        self.chips.balloon.as_ref()
    }

    /// Asks the guest to have so many pages in the balloon.
    pub fn ask_for_pages(&mut self, pages: u32) {
        if let Some(balloon) = &mut self.chips.balloon {
            balloon.update(|balloon| balloon.ask(pages));
            self.propagate(Chip::Balloon);
        }
    }

    /// Puts a console into its slot, beside the serial ports.
    pub fn fit_console(&mut self) {
        let console = VirtioPci::new(Console::default(), self.big_endian, 0);
        self.chips.console = Some(console);
    }

    /// The size of the window that the virtio console knows of, if there is one.
    #[must_use]
    pub fn window_size(&self) -> Option<WindowSize> {
        let console = self.chips.console.as_ref();
        console.map(|console| console.device().size())
    }

    /// The window of the virtio console has another size.
    pub fn resize(&mut self, size: WindowSize) {
        if let Some(console) = &mut self.chips.console {
            console.update(|console| console.resize(size));
            self.propagate(Chip::Console);
        }
    }

    /// The image behind a disk is another from now on: starts the jobs anew that have not ended.
    pub fn reconnect(&mut self, disk: usize, outside: &mut Outside<'_>) {
        for &chip in CHIPS {
            if let Some(device) = self.chips.device(chip) {
                device.reconnect(disk, outside);
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
        self.accesses.by_name()
    }

    /// The counters behind [`Malta::accesses`], to be set back or moved on.
    pub fn accesses_mut(&mut self) -> &mut Accesses {
        &mut self.accesses
    }

    fn propagate_all(&mut self) {
        for &chip in CHIPS {
            self.propagate(chip);
        }
    }

    /// Carries what `chip` puts out to the CPU, takes what the guest asked of it, and notes when
    /// it wants to be woken. Called when the chip may have changed; the others have not.
    fn propagate(&mut self, chip: Chip) {
        let Some(device) = self.chips.device(chip) else {
            return;
        };
        let (levels, pulses) = (device.interrupts(), device.take_pulses());
        let due = device.deadline().filter(|due| due.0 < u64::MAX);
        if let Some(request) = device.take_request() {
            self.note_request(request);
        }
        self.drive(chip, levels, pulses);
        self.refresh_lines();
        if self.due[chip as usize] != due {
            self.due[chip as usize] = due;
            self.next = self.due.into_iter().flatten().min();
        }
    }

    fn refresh_lines(&mut self) {
        self.lines = self.cpu_lines();
    }

    /// A machine that is switched off is not started anew.
    fn note_request(&mut self, request: Request) {
        match request {
            Request::PowerOff => self.request = Some(request),
            Request::Reset => {
                self.request.get_or_insert(request);
            }
        }
    }
}
