use super::*;
use crate::device::pci::Space;
use crate::device::testing::{Ram, lend};

const TABLE: u32 = 0x8000;
const START: u32 = 0x01;
const TO_MEMORY: u32 = 0x08;
const ACTIVE: u32 = 0x01;
const ERROR: u32 = 0x02;
const INTERRUPT: u32 = 0x04;
const LAST: u32 = 1 << 31;

/// A drive that has, or wants, so much data; it interrupts when that was moved.
#[derive(Clone, Debug)]
struct Disk {
    direction: Direction,
    data: Vec<u8>,
    done: usize,
    /// How much is moved before the drive pauses; a write to register 0 ends the pause.
    burst: usize,
    room: usize,
}

impl Disk {
    fn new(direction: Direction, data: Vec<u8>, burst: usize) -> Self {
        Self {
            direction,
            data,
            done: 0,
            burst,
            room: burst,
        }
    }

    /// What is moved of `wanted` bytes.
    fn next(&mut self, wanted: usize) -> std::ops::Range<usize> {
        let count = wanted.min(self.room).min(self.data.len() - self.done);
        self.room -= count;
        self.done += count;
        self.done - count..self.done
    }
}

impl Sound for Disk {
    fn is_sound(&self) -> bool {
        true
    }
}

impl Device for Disk {
    fn reset(&mut self) {
        self.done = 0;
    }

    fn interrupt(&self) -> bool {
        self.done == self.data.len()
    }
}

impl Registers for Disk {
    fn read(&mut self, offset: u64, _width: Width, _now: Nanos) -> u32 {
        0x50 + offset as u32
    }

    fn write(&mut self, _offset: u64, _width: Width, _value: u32, _now: Nanos) {
        self.room = self.burst;
    }
}

impl Channel for Disk {
    fn dma_request(&self) -> Option<Direction> {
        let wants = self.room > 0 && self.done < self.data.len();
        wants.then_some(self.direction)
    }

    fn give(&mut self, bytes: &mut [u8]) -> usize {
        let range = self.next(bytes.len());
        bytes[..range.len()].copy_from_slice(&self.data[range.clone()]);
        range.len()
    }

    fn take(&mut self, bytes: &[u8]) -> usize {
        let range = self.next(bytes.len());
        self.data[range.clone()].copy_from_slice(&bytes[..range.len()]);
        range.len()
    }
}

/// A controller with a disk on its second channel, and memory with a table.
struct Setup {
    ide: Ide<Disk>,
    memory: Ram,
}

impl Setup {
    fn new(disk: Disk, regions: &[(u32, u32)]) -> Self {
        let idle = Disk::new(Direction::ToMemory, vec![0], 0);
        let mut memory = Ram::new(0x3_0000);
        for (at, (address, size)) in (TABLE..).step_by(8).zip(regions) {
            memory.at(at, 4).copy_from_slice(&address.to_le_bytes());
            memory.at(at + 4, 4).copy_from_slice(&size.to_le_bytes());
        }
        let mut setup = Self {
            ide: Ide::new([idle, disk]),
            memory,
        };
        setup.write(0x0c, Width::Word, TABLE);
        setup
    }

    fn write(&mut self, offset: u64, width: Width, value: u32) {
        self.ide
            .write_bar(BUS_MASTER, offset, width, value, Nanos(0));
        self.lend_bus();
    }

    fn lend_bus(&mut self) {
        if self.ide.wants_bus() {
            lend(&mut self.ide, &mut self.memory, Nanos(0));
        }
    }

    /// Starts the second channel's bus master, and gives its status.
    fn start(&mut self, direction: u32) -> u32 {
        self.write(0x08, Width::Byte, direction | START);
        self.status()
    }

    fn status(&mut self) -> u32 {
        self.ide.read_bar(BUS_MASTER, 0x0a, Width::Byte, Nanos(0))
    }
}

fn data(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + 1) as u8).collect()
}

#[test]
fn a_read_fills_the_regions_of_the_table() {
    let disk = Disk::new(Direction::ToMemory, data(0x1200), usize::MAX);
    let regions = [(0x1001, 0x1000), (0x4000, 0x100), (0x3000, 0x100 | LAST)];
    let mut setup = Setup::new(disk, &regions);
    assert_eq!(setup.start(TO_MEMORY), INTERRUPT, "done, and all was used");
    let data = data(0x1200);
    assert_eq!(setup.memory.at(0x1000, 0x1000), &data[..0x1000]);
    assert_eq!(setup.memory.at(0x4000, 0x100), &data[0x1000..0x1100]);
    assert_eq!(setup.memory.at(0x3000, 0x100), &data[0x1100..]);
    assert_eq!(setup.ide.interrupts(), 2, "the second channel's");
}

#[test]
fn a_write_takes_from_the_regions_of_the_table() {
    let disk = Disk::new(Direction::FromMemory, vec![0; 0x1_0200], usize::MAX);
    let mut setup = Setup::new(disk, &[(0x1_0000, 0), (0x200, 0x200 | LAST)]);
    assert_eq!(setup.start(0), INTERRUPT);
    let mut expected = setup.memory.at(0x1_0000, 0x1_0000).to_vec();
    expected.extend_from_slice(setup.memory.at(0x200, 0x200));
    assert!(
        setup.ide.channels[1].data == expected,
        "size 0 stands for 64 KiB"
    );
}

#[test]
fn a_table_can_be_longer_or_shorter_than_the_data() {
    let disk = Disk::new(Direction::ToMemory, data(0x80), usize::MAX);
    let mut setup = Setup::new(disk.clone(), &[(0x1000, 0x100 | LAST)]);
    assert_eq!(setup.start(TO_MEMORY), ACTIVE | INTERRUPT);
    setup.write(0x08, Width::Byte, 0);
    assert_eq!(setup.status(), INTERRUPT, "stopping makes it inactive");
    let mut setup = Setup::new(disk, &[(0x1000, 0x40 | LAST)]);
    assert_eq!(setup.start(TO_MEMORY), 0, "neither active nor interrupted");
}

#[test]
fn a_drive_that_pauses_goes_on_where_it_was() {
    let disk = Disk::new(Direction::ToMemory, data(0x300), 0x110);
    let mut setup = Setup::new(disk, &[(0x1000, 0x200), (0x2000, 0x100 | LAST)]);
    assert_eq!(setup.start(TO_MEMORY), ACTIVE);
    assert_eq!(setup.ide.channels[1].done, 0x110);
    for done in [0x220, 0x300] {
        setup.ide.write_bar(2, 0, Width::Byte, 0, Nanos(0));
        setup.lend_bus();
        assert_eq!(setup.ide.channels[1].done, done);
    }
    assert_eq!(setup.status(), INTERRUPT);
    let data = data(0x300);
    assert_eq!(setup.memory.at(0x1000, 0x200), &data[..0x200]);
    assert_eq!(setup.memory.at(0x2000, 0x100), &data[0x200..]);
}

#[test]
fn no_memory_is_an_error() {
    for (table, region) in [(0x9000_0000, 0), (TABLE, 0x9000_0000), (TABLE, 0x2_fff0)] {
        let disk = Disk::new(Direction::ToMemory, data(0x20), usize::MAX);
        let mut setup = Setup::new(disk, &[(region, 0x20 | LAST)]);
        setup.write(0x0c, Width::Word, table);
        assert_eq!(setup.start(TO_MEMORY) & (ACTIVE | ERROR), ERROR);
        assert!(!setup.ide.wants_bus(), "it has stopped");
        setup.write(0x0a, Width::Byte, ERROR | INTERRUPT);
        assert_eq!(setup.status(), 0, "ones clear the bits");
    }
}

#[test]
fn nothing_moves_against_the_direction_of_the_drive() {
    let disk = Disk::new(Direction::FromMemory, data(0x20), usize::MAX);
    let mut setup = Setup::new(disk, &[(0x1000, 0x20 | LAST)]);
    let before = setup.memory.0.clone();
    assert_eq!(setup.start(TO_MEMORY), ACTIVE);
    assert_eq!(setup.ide.channels[1].data, data(0x20));
    assert_eq!(setup.memory.0, before);
}

#[test]
fn registers_are_those_of_two_channels() {
    let mut setup = Setup::new(Disk::new(Direction::ToMemory, data(2), 0), &[]);
    setup.write(0x0a, Width::Byte, 0x24);
    assert_eq!(setup.status(), 0x20, "software's note about a drive");
    setup.write(0x0c, Width::Word, 0x0f82_c003);
    let ide = &mut setup.ide;
    assert_eq!(
        ide.read_bar(BUS_MASTER, 0x0c, Width::Word, Nanos(0)),
        0x0f82_c000
    );
    assert_eq!(ide.read_bar(BUS_MASTER, 4, Width::Word, Nanos(0)), 0);
    ide.write_bar(BUS_MASTER, 0, Width::Byte, 0xfe, Nanos(0));
    assert_eq!(ide.read_bar(BUS_MASTER, 0, Width::Byte, Nanos(0)), 0x08);
    assert_eq!(ide.read_bar(2, 7, Width::Byte, Nanos(0)), 0x57);
    assert_eq!(ide.read_bar(1, 0, Width::Byte, Nanos(0)), 0x58, "control");
}

#[test]
fn a_reset_stops_the_bus_masters() {
    let disk = Disk::new(Direction::ToMemory, data(0x20), 0x10);
    let mut setup = Setup::new(disk, &[(0x1000, 0x20 | LAST)]);
    setup.ide.config_mut().write(0x20, Width::Word, 0x1060);
    setup.ide.config_mut().write(0x04, Width::Word, 5);
    assert!(setup.ide.decode(Space::Io, 0x1060).is_some());
    assert_eq!(setup.start(TO_MEMORY), ACTIVE);
    setup.ide.reset();
    assert_eq!(setup.status(), 0);
    assert_eq!(setup.ide.decode(Space::Io, 0x1060), None);
}
