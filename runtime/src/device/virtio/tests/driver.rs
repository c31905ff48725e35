//! A driver of a disk, by either set of registers and in either order of bytes.

use super::*;
use crate::device::disk::{Disk, MemoryDisk, SECTOR, Shape};
use crate::device::testing::Ram;
use crate::device::virtio::{Block, VirtioPci};
use crate::device::{Backends, Outside};

pub const ENTRIES: u16 = 256;
/// Where the queue lies: as the legacy registers have it.
pub const TABLE: u64 = 0x4000;
const AVAILABLE: u32 = 0x5000;
const USED: u32 = 0x6000;
/// Where requests lie: heads, and data with a status behind.
const HEADS: u32 = 0x800;
const DATA: u32 = 0x8000;
const ROOM: u32 = 0x1000;
pub const SECTORS: u64 = 64;

/// The registers that a driver uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interface {
    Legacy,
    Modern,
}

pub const SETTINGS: [(Interface, bool); 4] = [
    (Interface::Legacy, false),
    (Interface::Legacy, true),
    (Interface::Modern, false),
    (Interface::Modern, true),
];

/// What a sector of the disk holds at first.
pub fn sector(number: u64) -> Vec<u8> {
    (0..SECTOR).map(|at| (number * 3 + at * 7) as u8).collect()
}

pub fn image() -> MemoryDisk {
    MemoryDisk::new((0..SECTORS).flat_map(sector).collect(), "serial-1")
}

pub struct Driver {
    pub function: VirtioPci<Block>,
    pub memory: Ram,
    pub backends: Backends,
    pub now: Nanos,
    interface: Interface,
    order: Order,
    features: u64,
    /// Chains handed out, and chains seen to be given back.
    given: u16,
    taken: u16,
}

impl Driver {
    pub fn new(interface: Interface, big_endian: bool) -> Self {
        Self::with(Box::new(image()), interface, big_endian)
    }

    pub fn with(disk: Box<dyn Disk>, interface: Interface, big_endian: bool) -> Self {
        let block = Block::new(0, Shape::of(&*disk));
        let mut backends = Backends::default();
        backends.disks.connect(0, disk);
        let legacy = interface == Interface::Legacy && big_endian;
        Self {
            function: VirtioPci::new(block, big_endian, 0),
            memory: Ram::new(0x2_0000),
            backends,
            now: Nanos(0),
            interface,
            order: if legacy { Order::Big } else { Order::Little },
            features: 1 << 28 | 1 << 9,
            given: 0,
            taken: 0,
        }
    }

    /// A driver that has set its device up.
    pub fn started(interface: Interface, big_endian: bool) -> Self {
        let mut driver = Self::new(interface, big_endian);
        driver.start();
        driver
    }

    fn bar(&self) -> u8 {
        match self.interface {
            Interface::Legacy => 0,
            Interface::Modern => 4,
        }
    }

    pub fn read(&mut self, offset: u64, width: Width) -> u32 {
        let bar = self.bar();
        self.function.read_bar(bar, offset, width, self.now)
    }

    pub fn write(&mut self, offset: u64, width: Width, value: u32) {
        let bar = self.bar();
        self.function.write_bar(bar, offset, width, value, self.now);
        self.lend();
    }

    /// What the board does after a write, and when time has passed.
    pub fn lend(&mut self) {
        if self.function.wants_bus() {
            let mut outside = Outside {
                memory: &mut self.memory,
                backends: &mut self.backends,
            };
            self.function.master(&mut outside, self.now);
        }
    }

    pub fn offered(&mut self) -> u64 {
        self.write(0x00, Width::Word, 0);
        let low = u64::from(self.read(0x04, Width::Word));
        self.write(0x00, Width::Word, 1);
        low | u64::from(self.read(0x04, Width::Word)) << 32
    }

    pub fn accept(&mut self, features: u64) {
        for (half, word) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.write(0x08, Width::Word, half);
            self.write(0x0c, Width::Word, word);
        }
    }

    /// Resets the device and sets it up, with nested tables and without event indices.
    pub fn start(&mut self) {
        self.memory.at(TABLE as u32, 0x4000).fill(0);
        (self.given, self.taken) = (0, 0);
        match self.interface {
            Interface::Legacy => {
                for (offset, width, value) in [
                    (0x12, Width::Byte, 0),
                    (0x12, Width::Byte, 3),
                    (0x04, Width::Word, self.features as u32),
                    (0x0e, Width::Half, 0),
                    (0x08, Width::Word, (TABLE >> 12) as u32),
                    (0x12, Width::Byte, 7),
                ] {
                    self.write(offset, width, value);
                }
                assert_eq!(self.read(0x08, Width::Word), (TABLE >> 12) as u32);
            }
            Interface::Modern => {
                self.write(0x14, Width::Byte, 0);
                self.write(0x14, Width::Byte, 3);
                self.accept(1 << 32 | self.features);
                for (offset, width, value) in [
                    (0x14, Width::Byte, 11),
                    (0x20, Width::Word, TABLE as u32),
                    (0x28, Width::Word, AVAILABLE),
                    (0x30, Width::Word, USED),
                    (0x1c, Width::Half, 1),
                    (0x14, Width::Byte, 15),
                ] {
                    self.write(offset, width, value);
                }
            }
        }
    }

    pub fn status(&mut self) -> u8 {
        let offset = match self.interface {
            Interface::Legacy => 0x12,
            Interface::Modern => 0x14,
        };
        self.read(offset, Width::Byte) as u8
    }

    pub fn notify(&mut self) {
        match self.interface {
            Interface::Legacy => self.write(0x10, Width::Half, 0),
            Interface::Modern => self.write(0x3000, Width::Half, 0),
        }
    }

    /// Why there is an interrupt, which ends it.
    pub fn interrupt_cause(&mut self) -> u32 {
        match self.interface {
            Interface::Legacy => self.read(0x13, Width::Byte),
            Interface::Modern => self.read(0x1000, Width::Byte),
        }
    }

    fn put(&mut self, at: u32, bytes: &[u8]) {
        self.memory
            .at(at, bytes.len() as u32)
            .copy_from_slice(bytes);
    }

    fn half(&mut self, at: u32) -> u16 {
        let bytes = self.memory.at(at, 2);
        self.order.get16([bytes[0], bytes[1]])
    }

    pub fn set_half(&mut self, at: u32, value: u16) {
        self.put(at, &self.order.put16(value));
    }

    /// As [`Driver::start`], with event indices: each side says which entry it wants to hear of.
    pub fn start_with_events(&mut self) {
        self.features |= 1 << 29;
        self.start();
    }

    /// Says which entry the driver wants to hear of.
    pub fn set_event(&mut self, entry: u16) {
        self.set_half(AVAILABLE + 4 + 2 * u32::from(ENTRIES), entry);
    }

    /// The entry that the device wants to hear of.
    pub fn event(&mut self) -> u16 {
        self.half(USED + 4 + 8 * u32::from(ENTRIES))
    }

    /// Lets the driver say that it wants no interrupts.
    pub fn set_available_flags(&mut self, flags: u16) {
        self.set_half(AVAILABLE, flags);
    }

    pub fn descriptor(&mut self, index: u16, address: u64, length: u32, flags: u16, next: u16) {
        self.entry(TABLE as u32, index, address, length, flags, next);
    }

    fn entry(&mut self, table: u32, index: u16, at: u64, length: u32, flags: u16, next: u16) {
        let order = self.order;
        let mut bytes = order.put64(at).to_vec();
        bytes.extend(order.put32(length));
        bytes.extend(order.put16(flags));
        bytes.extend(order.put16(next));
        self.put(table + 16 * u32::from(index), &bytes);
    }

    /// Hands out a chain, and counts as if there were so many.
    pub fn hand_out(&mut self, head: u16, count: u16) {
        let slot = AVAILABLE + 4 + 2 * u32::from(self.given % ENTRIES);
        self.set_half(slot, head);
        self.given = self.given.wrapping_add(count);
        self.set_half(AVAILABLE + 2, self.given);
    }

    /// Hands out request `number`, with `data` for the device and so many bytes from it.
    pub fn request(&mut self, number: u16, kind: u32, sector: u64, data: &[u8], wanted: u32) {
        let order = self.order;
        let (head, place) = (
            HEADS + 16 * u32::from(number),
            DATA + ROOM * u32::from(number),
        );
        let mut bytes = order.put32(kind).to_vec();
        bytes.extend([0; 4]);
        bytes.extend(order.put64(sector));
        self.put(head, &bytes);
        self.memory.at(place, wanted + 1).fill(0xee);
        self.put(place + 0x800, data);
        let first = 4 * number;
        self.descriptor(first, head.into(), 16, 1, first + 1);
        self.descriptor(
            first + 1,
            u64::from(place) + 0x800,
            data.len() as u32,
            1,
            first + 2,
        );
        self.descriptor(first + 2, place.into(), wanted + 1, 2, 0);
        self.hand_out(first, 1);
    }

    /// The same request by way of a table of its own, its data in two pieces.
    pub fn nested_request(&mut self, kind: u32, sector: u64, wanted: u32) {
        self.request(0, kind, sector, &[], wanted);
        let (table, half) = (DATA + 0xc00, wanted / 2 + 1);
        self.entry(table, 0, HEADS.into(), 16, 1, 1);
        self.entry(table, 1, DATA.into(), half, 3, 2);
        self.entry(table, 2, u64::from(DATA + half), wanted + 1 - half, 2, 0);
        self.descriptor(0, table.into(), 48, 4, 0);
    }

    /// What came of a request: the status, and the bytes from the device.
    pub fn answer(&mut self, number: u16, wanted: u32) -> (u8, Vec<u8>) {
        let place = DATA + ROOM * u32::from(number);
        let status = self.memory.at(place + wanted, 1)[0];
        (status, self.memory.at(place, wanted).to_vec())
    }

    /// The chains that were given back since this was last asked, each with the bytes written.
    pub fn given_back(&mut self) -> Vec<(u16, u32)> {
        let order = self.order;
        let mut chains = Vec::new();
        while self.half(USED + 2) != self.taken {
            let at = USED + 4 + 8 * u32::from(self.taken % ENTRIES);
            let bytes: [u8; 8] = self.memory.at(at, 8).try_into().expect("eight");
            let [a, b, c, d, rest @ ..] = bytes;
            chains.push((order.get32([a, b, c, d]) as u16, order.get32(rest)));
            self.taken = self.taken.wrapping_add(1);
        }
        chains
    }

    /// Lets time pass to the next moment at which something is due.
    pub fn wait(&mut self) {
        self.now = self.function.deadline().expect("something is due");
        self.function.advance(self.now);
        self.lend();
        assert!(self.function.deadline().is_none_or(|due| due > self.now));
    }

    /// One request from beginning to end.
    pub fn ask(&mut self, kind: u32, sector: u64, data: &[u8], wanted: u32) -> (u8, Vec<u8>) {
        self.request(0, kind, sector, data, wanted);
        self.notify();
        assert_eq!(self.given_back(), [], "it takes time");
        self.wait();
        let (status, bytes) = self.answer(0, wanted);
        let written = if status == 0 { wanted + 1 } else { 1 };
        assert_eq!(self.given_back(), [(0, written)]);
        assert_eq!(self.interrupt_cause(), 1);
        assert!(!self.function.interrupt());
        (status, bytes)
    }

    pub fn read_disk(&mut self, sector: u64) -> Vec<u8> {
        let (status, bytes) = self.ask(0, sector, &[], 512);
        assert_eq!(status, 0);
        bytes
    }

    /// The range of sectors that discarding and zeroing take.
    pub fn range(&self, sector: u64, sectors: u32, flags: u32) -> Vec<u8> {
        let order = self.order;
        let mut bytes = order.put64(sector).to_vec();
        bytes.extend(order.put32(sectors));
        bytes.extend(order.put32(flags));
        bytes
    }
}
