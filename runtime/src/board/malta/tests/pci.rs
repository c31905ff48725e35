//! PCI functions on the board: windows, interrupts and DMA.

use super::*;
use crate::device::pci::PciFunction;

const SLOT: u32 = 21;
/// In the first window to PCI memory, and behind the ports of the board's own.
const MEMORY: u32 = 0x1200_0000;
const PORTS: u32 = 0x1400;
const DONE: u32 = 2;
/// The input of the 8259 pair that INTA of the slot leads to by way of PIRQD.
const IRQ: u32 = 11;

/// A guest that has placed the copier, which decodes both ranges and may master the bus.
fn guest() -> Guest {
    let mut guest = Guest::new(false);
    guest.start_pic();
    guest.set_config(SLOT, 0, 0x10, MEMORY);
    guest.set_config(SLOT, 0, 0x18, PORTS);
    guest.set_config(SLOT, 0, 0x04, 7);
    guest
}

impl Guest {
    /// Starts a copy through registers at `memory` and `ports`.
    fn copy(&mut self, memory: u32, ports: u32, source: u32, destination: u32, length: u32) {
        for (offset, value) in [(0, source), (8, destination), (0x10, length)] {
            self.sw(u64::from(memory + offset), value);
        }
        self.outb(u64::from(ports), 1);
    }

    fn acknowledged(&mut self) -> u32 {
        let vector = self.lw(GT + 0xc34);
        self.outb(0xa0, 0x20);
        self.outb(0x20, 0x20);
        vector
    }
}

#[test]
fn a_copy_goes_from_registers_to_an_interrupt() {
    let mut guest = guest();
    let source = guest.memory.at(0x100, 0x345).to_vec();
    guest.copy(MEMORY, PORTS, 0x100, 0x7ffd, 0x345);
    assert_eq!(guest.inb(u64::from(PORTS) + 4), 1, "busy");
    assert_eq!(guest.board.lines(), 0);
    guest.wait();
    assert_eq!(guest.now, Nanos(1000 + 0x345));
    assert_eq!(guest.memory.at(0x7ffd, 0x345), source);
    assert_eq!(guest.board.lines(), LINE_PIC);
    assert_eq!(guest.config(SLOT, 0, 4) >> 19 & 1, 1, "interrupt status");
    assert_eq!(guest.acknowledged(), IRQ);
    assert_eq!(guest.board.lines(), LINE_PIC, "a level");
    guest.outb(u64::from(PORTS) + 4, DONE);
    assert_eq!(guest.board.lines(), 0);
}

#[test]
fn a_big_endian_cpu_reaches_the_same_bytes() {
    let mut guest = Guest::new(true);
    let copier = guest.board.chips.copier.as_mut().expect("it is there");
    copier.config_mut().write(0x10, Width::Word, MEMORY);
    copier.config_mut().write(0x04, Width::Half, 2);
    guest.sw(u64::from(MEMORY), 0x1122_3344);
    assert_eq!(guest.load(u64::from(MEMORY), Width::Byte), 0x11);
    assert_eq!(guest.load(u64::from(MEMORY) + 2, Width::Half), 0x3344);
}

#[test]
fn ranges_tell_their_sizes_and_move_while_a_copy_runs() {
    let mut guest = guest();
    guest.copy(MEMORY, PORTS, 0, 0x4000, 16);
    for (register, mask) in [(0x10, 0xffff_f004), (0x14, !0), (0x18, 0xffff_fff9)] {
        guest.set_config(SLOT, 0, register, !0);
        assert_eq!(guest.config(SLOT, 0, register), mask);
    }
    assert_eq!(guest.lw(u64::from(MEMORY)), 0, "nothing answers any more");
    let (memory, ports) = (0x17ff_f000, 0x1_0000);
    for (register, value) in [(0x10, memory), (0x14, 0), (0x18, ports)] {
        guest.set_config(SLOT, 0, register, value);
    }
    assert_eq!(guest.lw(u64::from(memory) + 8), 0x4000);
    assert_eq!(guest.inb(u64::from(ports) + 4), 1, "still busy");
    guest.wait();
    assert_eq!(guest.inb(u64::from(ports) + 4), DONE);
    let source = guest.memory.at(0, 16).to_vec();
    assert_eq!(guest.memory.at(0x4000, 16), source);
    assert_eq!(guest.inb(u64::from(PORTS) + 4), 0xff, "where it was");
}

#[test]
fn what_is_not_decoded_does_not_answer() {
    let mut guest = guest();
    guest.sw(u64::from(MEMORY), 0x1234);
    guest.set_config(SLOT, 0, 0x04, 5);
    assert_eq!(guest.lw(u64::from(MEMORY)), 0);
    guest.sw(u64::from(MEMORY), 0x5678);
    assert_eq!(guest.inb(u64::from(PORTS) + 4), 0);
    guest.set_config(SLOT, 0, 0x04, 6);
    assert_eq!(guest.lw(u64::from(MEMORY)), 0x1234);
    assert_eq!(guest.inb(u64::from(PORTS) + 4), 0xff);
    guest.outb(PORTS.into(), 1);
    assert_eq!(guest.board.deadline(), None, "the port was not reached");
    guest.set_config(SLOT, 0, 0x14, 1);
    assert_eq!(guest.lw(u64::from(MEMORY)), 0, "4 GiB away");
}

#[test]
fn dma_waits_until_the_function_may_master_the_bus() {
    let mut guest = guest();
    guest.set_config(SLOT, 0, 0x04, 3);
    let before = guest.memory.0.clone();
    guest.copy(MEMORY, PORTS, 0, 0x4000, 16);
    guest.wait();
    assert_eq!(guest.board.deadline(), None);
    assert_eq!(guest.memory.0, before);
    assert_eq!(guest.inb(u64::from(PORTS) + 4), 1, "busy");
    guest.set_config(SLOT, 0, 0x04, 7);
    assert_eq!(guest.inb(u64::from(PORTS) + 4), DONE);
    assert_eq!(guest.memory.at(0x4000, 16), &before[..16]);
    assert_eq!(guest.board.lines(), LINE_PIC);
}

#[test]
fn interrupts_go_where_they_are_routed() {
    let mut guest = guest();
    guest.copy(MEMORY, PORTS, 0, 0, 0);
    guest.wait();
    guest.config(10, 0, 0x60);
    guest.store(GT + 0xcff, Width::Byte, 0x0a);
    assert_eq!(guest.acknowledged(), 10);
    guest.store(GT + 0xcff, Width::Byte, 0x80);
    assert_eq!(guest.board.lines(), 0, "routed to nowhere");
    guest.store(GT + 0xcff, Width::Byte, 0x0b);
    guest.set_config(SLOT, 0, 0x04, 0x407);
    assert_eq!(guest.board.lines(), 0, "disabled");
    guest.set_config(SLOT, 0, 0x04, 7);
    assert_eq!(guest.acknowledged(), IRQ);
}

/// The copier is made to share the input of power management's interrupt.
#[test]
fn a_line_is_high_while_one_function_pulls_it() {
    let mut guest = guest();
    guest.set_config(10, 3, 0x40, 0x1001);
    guest.set_config(10, 3, 0x80, 1);
    guest.outb(0x4d1, 0x0e);
    guest.config(10, 0, 0x60);
    guest.store(GT + 0xcff, Width::Byte, 9);
    guest.store(IO + 0x1002, Width::Half, 1);
    guest.copy(MEMORY, PORTS, 0, 0, 0);
    guest.wait();
    guest.wait();
    assert!(guest.load(IO + 0x1000, Width::Half) & 1 != 0, "a carry");
    assert_eq!(guest.acknowledged(), 9);
    guest.outb(u64::from(PORTS) + 4, DONE);
    assert_eq!(guest.acknowledged(), 9, "power management's");
    guest.copy(MEMORY, PORTS, 0, 0, 0);
    guest.store(IO + 0x1000, Width::Half, 1);
    assert_eq!(guest.board.lines(), 0);
    guest.wait();
    assert_eq!(guest.acknowledged(), 9, "the copier's");
    guest.outb(u64::from(PORTS) + 4, DONE);
    assert_eq!(guest.board.lines(), 0);
}

#[test]
fn a_board_that_is_not_configured_so_has_no_test_device() {
    let mut guest = Guest::with(MaltaConfig {
        big_endian: false,
        rtc_base: 0,
        ram_bytes: 1 << 20,
        test_device: false,
    });
    assert_eq!(guest.config(SLOT, 0, 0), !0);
    assert_eq!(guest.lw(GT + 0xc18) >> 18 & 1, 1, "a master abort");
}

#[test]
fn a_capability_says_where_the_registers_are() {
    let mut guest = guest();
    let at = guest.config(SLOT, 0, 0x34) & 0xff;
    assert_eq!(guest.config(SLOT, 0, 4) >> 20 & 1, 1, "there is a list");
    let head = guest.config(SLOT, 0, at);
    assert_eq!(
        head, 0x0005_0009,
        "vendor specific, five bytes, and the last"
    );
    assert_eq!(guest.config(SLOT, 0, at + 4) & 0xff, 2);
}

/// Disks on both buses, and a source of random bytes.
#[test]
fn parts_are_where_they_were_fitted() {
    let mut guest = Guest::new(true);
    let disk = MemoryDisk::new(vec![0; 1 << 16], "serial");
    let other = MemoryDisk::new(vec![0; 1 << 16], "other");
    assert!(guest.board.fit_disk(1, Bus::Virtio, &disk));
    assert!(guest.board.fit_disk(2, Bus::Ide, &disk));
    assert!(
        !guest.board.fit_disk(1, Bus::Ide, &disk),
        "it is on one bus"
    );
    assert!(!guest.board.fit_disk(2, Bus::Virtio, &disk));
    assert!(
        !guest.board.fit_disk(2, Bus::Ide, &other),
        "another one is there"
    );
    assert!(!guest.board.fit_disk(4, Bus::Ide, &disk));
    assert!(guest.board.fit_disk(2, Bus::Ide, &disk), "the same again");
    assert!(guest.board.fit_disk(3, Bus::Virtio, &other));
    assert!(
        guest.board.fit_disk(1, Bus::Virtio, &disk),
        "the same again"
    );
    assert!(
        !guest.board.fit_disk(3, Bus::Virtio, &disk),
        "another one is there"
    );
    guest.board.fit_entropy(1);
    let id = |chip| {
        let function = guest.board.chips.function(chip);
        function.map(|function| function.config().read(0, Width::Word))
    };
    // The first virtio disk is function 0 of the slot, whatever its number is.
    assert_eq!(id(Chip::Disk0), Some(0x1001_1af4));
    assert_eq!(id(Chip::Disk1), Some(0x1001_1af4));
    assert_eq!(id(Chip::Disk2), None);
    assert_eq!(id(Chip::Entropy), Some(0x1005_1af4));
    assert_eq!(guest.inb(0x1f7), 0, "no drive");
    assert_eq!(guest.inb(0x177), 0x50, "a drive");
}
