mod hostile;
mod nonsense;
mod pci;
mod reset;
mod saved;

use super::*;
use crate::device::Backends;
use crate::device::disk::{Bus, MemoryDisk};
use crate::device::network::Mac;
use crate::device::stroke::Stroke;
use crate::device::testing::Ram;

const LINE_PIC: u8 = 1 << 2;
const LINE_SERIAL2: u8 = 1 << 4;

const GT: u64 = 0x1be0_0000;
const IO: u64 = 0x1800_0000;
const SERIAL2: u64 = 0x1f00_0900;

/// A board, its memory and what is behind its devices, and the moment at which the next access happens.
struct Guest {
    board: Malta,
    memory: Ram,
    backends: Backends,
    now: Nanos,
}

impl Guest {
    fn new(big_endian: bool) -> Self {
        Self::with(MaltaConfig {
            big_endian,
            rtc_base: 1_795_364_987,
            ram_bytes: 256 << 20,
            test_device: true,
        })
    }

    fn with(config: MaltaConfig) -> Self {
        Self {
            board: Malta::new(&config),
            memory: Ram::new(0x1_0000),
            backends: Backends::default(),
            now: Nanos(0),
        }
    }

    fn load(&mut self, pa: u64, width: Width) -> u32 {
        self.board
            .read(Pa(pa), width, self.now)
            .expect("something answers")
    }

    fn try_store(&mut self, pa: Pa, width: Width, value: u32) -> Result<(), BusError> {
        let mut outside = Outside {
            memory: &mut self.memory,
            backends: &mut self.backends,
        };
        self.board.write(pa, width, value, &mut outside, self.now)
    }

    /// Does what is due.
    fn advance(&mut self) {
        let mut outside = Outside {
            memory: &mut self.memory,
            backends: &mut self.backends,
        };
        self.board.advance(&mut outside, self.now);
    }

    fn store(&mut self, pa: u64, width: Width, value: u32) {
        self.try_store(Pa(pa), width, value)
            .expect("something answers");
    }

    fn lw(&mut self, pa: u64) -> u32 {
        self.load(pa, Width::Word)
    }

    fn sw(&mut self, pa: u64, value: u32) {
        self.store(pa, Width::Word, value);
    }

    fn inb(&mut self, port: u64) -> u32 {
        self.load(IO + port, Width::Byte)
    }

    fn outb(&mut self, port: u64, value: u32) {
        self.store(IO + port, Width::Byte, value);
    }

    /// A configuration register, as a driver on a little-endian CPU reads it.
    fn config(&mut self, slot: u32, function: u32, register: u32) -> u32 {
        self.sw(
            GT + 0xcf8,
            0x8000_0000 | slot << 11 | function << 8 | register,
        );
        self.lw(GT + 0xcfc)
    }

    fn set_config(&mut self, slot: u32, function: u32, register: u32, value: u32) {
        self.config(slot, function, register);
        self.sw(GT + 0xcfc, value);
    }

    /// Puts small disks and network ports into all slots for them, and the other devices
    /// into their own.
    fn fit_virtio(&mut self) {
        self.board.fit_entropy(1);
        self.board.fit_balloon();
        self.board.fit_console();
        // The copier has the place of the first folder.
        (1..4).for_each(|number| assert!(self.board.fit_folder(number, "tag")));
        for number in 0..4 {
            let disk = Box::new(MemoryDisk::new(vec![number as u8; 0x4000], "serial"));
            assert!(self.board.fit_disk(number, Bus::Virtio, &*disk));
            self.backends.disks.connect(number, disk);
            let mac = Mac([2, 0, 0, 0, 0, number as u8]);
            assert!(self.board.fit_port(number, Port { mac, mtu: 1500 }));
        }
    }

    /// A frame comes in.
    fn deliver(&mut self, number: usize, length: usize) {
        let mut outside = Outside {
            memory: &mut self.memory,
            backends: &mut self.backends,
        };
        let frame = Frame {
            bytes: vec![7; length],
            checked: false,
        };
        self.board.deliver(number, frame, &mut outside, self.now);
    }

    /// Puts the functions where a test looks for them.
    fn place_functions(&mut self) {
        for (slot, function, register, value) in [
            (10, 1, 0x20, 0x1061),
            (10, 1, 4, 5),
            (10, 2, 0x20, 0x1041),
            (10, 2, 4, 5),
            (10, 3, 0x40, 0x1001),
            (10, 3, 0x80, 1),
            (21, 0, 0x10, 0x1200_0000),
            (21, 0, 0x18, 0x1081),
            (21, 0, 4, 7),
        ] {
            self.set_config(slot, function, register, value);
        }
        let disks = (0..4).map(|function| (18, function));
        let ports = (0..4).map(|function| (19, function));
        let others = [(20, 0), (12, 0), (11, 0), (21, 1), (21, 2), (21, 3)];
        for (number, (slot, function)) in (0..).zip(disks.chain(ports).chain(others)) {
            self.set_config(slot, function, 0x10, 0x1100 + 0x80 * number);
            self.set_config(slot, function, 0x20, 0x1300_0000 + 0x4000 * number);
            self.set_config(slot, function, 4, 7);
        }
    }

    /// Sets the interrupt controllers up as Linux does, with everything unmasked.
    fn start_pic(&mut self) {
        for (port, value) in [
            (0x20, 0x11),
            (0x21, 0),
            (0x21, 4),
            (0x21, 1),
            (0xa0, 0x11),
            (0xa1, 8),
            (0xa1, 2),
            (0xa1, 1),
            (0x21, 0),
            (0xa1, 0),
        ] {
            self.outb(port, value);
        }
    }

    /// Waits for the next deadline.
    fn wait(&mut self) {
        self.now = self.board.deadline().expect("something is due");
        self.advance();
        assert!(self.board.deadline().is_none_or(|next| next > self.now));
    }
}

#[test]
fn the_core_card_is_recognised() {
    for big_endian in [false, true] {
        let mut guest = Guest::new(big_endian);
        assert_eq!(guest.lw(0x1fc0_0010), 0x420);
        assert_eq!(guest.lw(0x1f00_0208), if big_endian { 0x12 } else { 0x10 });
        let half = if big_endian { 0x1fc0_0012 } else { 0x1fc0_0010 };
        assert_eq!(guest.load(half, Width::Half), 0x420);
    }
}

#[test]
fn pci_shows_a_bridge_and_a_piix4() {
    let mut guest = Guest::new(false);
    let mut found = Vec::new();
    for slot in 0..32 {
        for function in 0..8 {
            let id = guest.config(slot, function, 0);
            let aborted = guest.lw(GT + 0xc18) & (1 << 18) != 0;
            assert_eq!(aborted, id == !0, "only where no device is");
            guest.sw(GT + 0xc18, 0xfff3_ffff);
            if id != !0 {
                found.push((slot, function, id));
            }
        }
    }
    assert_eq!(
        found,
        [
            (0, 0, 0x4620_11ab),
            (10, 0, 0x7110_8086),
            (10, 1, 0x7111_8086),
            (10, 2, 0x7112_8086),
            (10, 3, 0x7113_8086),
            (21, 0, 0x10f0_1af4),
        ]
    );
}

#[test]
fn parts_of_a_configuration_register_can_be_accessed() {
    let mut guest = Guest::new(false);
    guest.config(10, 0, 0x60);
    assert_eq!(guest.load(GT + 0xcfe, Width::Byte), 0x0b);
    guest.store(GT + 0xcfd, Width::Byte, 0x80);
    assert_eq!(guest.lw(GT + 0xcfc), 0x0b0b_800a);
    assert_eq!(guest.load(GT + 0xcfc, Width::Half), 0x800a);
}

#[test]
fn a_big_endian_cpu_sees_what_it_sees_on_the_board() {
    let mut guest = Guest::new(true);
    assert_eq!(guest.lw(GT + 0x48), 0xc000_0000);
    guest.sw(GT + 0xcf8, 0x8000_0000_u32.swap_bytes());
    assert_eq!(
        guest.lw(GT + 0xcfc),
        0xab11_2046,
        "the bridge itself is not swapped"
    );
    guest.sw(GT + 0xcf8, (0x8000_0000_u32 | 10 << 11).swap_bytes());
    assert_eq!(guest.lw(GT + 0xcfc), 0x7110_8086, "other slots are");
    assert_eq!(
        guest.load(IO + 0x3fd, Width::Half),
        0x60b0,
        "bytes stay where they are"
    );
    assert_eq!(
        guest.lw(SERIAL2 + 0x28),
        0x60,
        "board registers have the CPU's order"
    );
    guest.sw(GT + 0xcf8, (0x8000_0000_u32 | 10 << 11 | 0x60).swap_bytes());
    guest.sw(GT + 0xcfc, 0x0b0b_0a80);
    assert_eq!(guest.board.chips.isa_bridge.route(0), None);
}

#[test]
fn unclaimed_addresses_are_quiet_ports_float_and_the_rest_is_a_bus_error() {
    let mut guest = Guest::new(false);
    assert_eq!(guest.lw(0x1000_0000), 0);
    assert_eq!(
        guest.lw(0x1400_0000),
        0,
        "where the registers were before boot"
    );
    assert_eq!(guest.lw(IO + 0x280), !0);
    assert_eq!(guest.load(IO + 0x71, Width::Half) >> 8, 0xff);
    let far = Pa(0x2000_0000);
    assert_eq!(
        guest.board.read(far, Width::Word, Nanos(0)),
        Err(BusError(far))
    );
    assert_eq!(guest.try_store(far, Width::Word, 0), Err(BusError(far)));
}

#[test]
fn the_registers_of_the_bridge_can_move() {
    let mut guest = Guest::new(false);
    guest.sw(GT + 0x68, 0xa0);
    assert_eq!(guest.lw(0x1400_0048), 0xc0);
    assert_eq!(guest.lw(GT + 0x48), 0);
}

#[test]
fn a_wide_access_to_isa_is_one_to_each_port() {
    let mut guest = Guest::new(false);
    assert_eq!(guest.lw(IO + 0x3fc), 0x00b0_6008);
    guest.store(IO + 0x3f8, Width::Half, 0x0261);
    assert_eq!(guest.board.console().take_output(), b"a");
    assert_eq!(guest.inb(0x3f9), 0x02);
}

#[test]
fn ticks_reach_the_cpu() {
    let mut guest = Guest::new(false);
    guest.start_pic();
    for (port, value) in [(0x43, 0x34), (0x40, 0xa5), (0x40, 0x12)] {
        guest.outb(port, value);
    }
    assert_eq!(guest.board.lines(), 0);
    for _ in 0..3 {
        guest.wait();
        assert_eq!(guest.board.lines(), LINE_PIC);
        assert_eq!(guest.lw(GT + 0xc34), 0, "vector and input 0");
        assert_eq!(guest.board.lines(), 0);
        guest.outb(0x20, 0x60);
        assert_eq!(guest.board.lines(), 0, "one tick, one interrupt");
    }
    assert_eq!(guest.now, Nanos(12_000_684));
}

#[test]
fn typed_input_reaches_the_cpu() {
    let mut guest = Guest::new(false);
    guest.start_pic();
    guest.outb(0x3fa, 0x01);
    guest.outb(0x3f9, 0x05);
    assert_eq!(guest.board.deadline(), None);
    guest.board.console().push_input(Stroke::Byte(b'l'));
    guest.wait();
    assert_eq!(guest.board.lines(), LINE_PIC);
    assert_eq!(guest.lw(GT + 0xc34), 4);
    assert_eq!(guest.inb(0x3fa), 0xc4);
    assert_eq!(guest.inb(0x3f8), u32::from(b'l'));
    guest.outb(0x20, 0x64);
    assert_eq!(guest.board.lines(), 0);
}

#[test]
fn the_third_serial_port_has_a_line_of_its_own() {
    let mut guest = Guest::new(false);
    guest.sw(SERIAL2 + 8, 2);
    assert_eq!(guest.board.lines(), LINE_SERIAL2);
    assert_eq!(guest.lw(SERIAL2 + 0x10), 2);
    assert_eq!(guest.board.lines(), 0);
}

#[test]
fn the_clock_interrupts_through_the_second_controller() {
    let mut guest = Guest::new(false);
    guest.start_pic();
    guest.outb(0x70, 0x0b);
    guest.outb(0x71, 0x12);
    guest.wait();
    assert_eq!(guest.now, Nanos(1_000_000));
    assert_eq!(guest.lw(GT + 0xc34), 8);
    guest.outb(0x70, 0x0c);
    assert_eq!(guest.inb(0x71) & 0xb0, 0x90);
}

#[test]
fn keyboard_and_mouse_have_inputs() {
    let mut guest = Guest::new(false);
    guest.start_pic();
    guest.outb(0x64, 0xd3);
    guest.outb(0x60, 0xa5);
    assert_eq!(guest.lw(GT + 0xc34), 12);
    guest.inb(0x60);
    guest.outb(0xa0, 0x64);
    guest.outb(0x20, 0x62);
    guest.outb(0x60, 0xee);
    assert_eq!(guest.lw(GT + 0xc34), 1);
}

/// The keyboard's input is edge-triggered, and the second byte is there as soon as the first one
/// is read.
#[test]
fn each_byte_of_an_answer_interrupts() {
    for (command, irq, answer) in [
        (None, 1, &[0xfa, 0xaa][..]),
        (Some(0xd4), 12, &[0xfa, 0xaa, 0]),
    ] {
        let mut guest = Guest::new(false);
        guest.start_pic();
        if let Some(command) = command {
            guest.outb(0x64, command);
        }
        guest.outb(0x60, 0xff);
        for byte in answer {
            assert_eq!(guest.board.lines(), LINE_PIC);
            assert_eq!(guest.lw(GT + 0xc34), irq);
            assert_eq!(guest.inb(0x60), *byte);
            guest.outb(0xa0, 0x20);
            guest.outb(0x20, 0x20);
        }
        assert_eq!(guest.board.lines(), 0);
    }
}

/// What a device puts out is the same whether the board looks at all of them or only at the one
/// that was touched.
#[test]
fn looking_at_the_touched_chip_is_enough() {
    let mut guest = Guest::new(false);
    guest.start_pic();
    let mut random = 1_u64;
    for _ in 0..20_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let [port, value, what, ..] = random.to_be_bytes();
        let ports = [
            0x20, 0x21, 0x40, 0x43, 0x60, 0x64, 0x70, 0x71, 0xa0, 0x2f8, 0x2f9, 0x3f8, 0x3f9, 0x3fa,
        ];
        let port = ports[usize::from(port) % ports.len()];
        match what % 4 {
            0 => drop(guest.inb(port)),
            1 => guest.now = guest.now.plus(Nanos(u64::from(value) << (what >> 3))),
            _ => guest.outb(port, u32::from(value)),
        }
        if guest.board.deadline().is_some_and(|due| due <= guest.now) {
            guest.advance();
        }
        let mut all = guest.board.clone();
        all.propagate_all();
        assert_eq!(guest.board.lines(), all.lines());
        assert_eq!(guest.board.deadline(), all.deadline());
    }
}

#[test]
fn usb_and_bus_master_are_where_they_are_put() {
    let mut guest = Guest::new(false);
    guest.set_config(10, 2, 0x20, 0x1040);
    assert_eq!(
        guest.load(IO + 0x1042, Width::Half),
        0xffff,
        "not decoded yet"
    );
    guest.set_config(10, 2, 0x04, 1);
    assert_eq!(guest.load(IO + 0x1042, Width::Half), 0x20);
    guest.set_config(10, 1, 0x20, 0x1060);
    guest.set_config(10, 1, 0x04, 5);
    guest.sw(IO + 0x106c, 0x0f82_d000);
    assert_eq!(guest.lw(IO + 0x106c), 0x0f82_d000);
    assert_eq!(guest.inb(0x1f7), 0, "no drive");
}

#[test]
fn accesses_are_counted() {
    let mut guest = Guest::new(false);
    guest.inb(0x71);
    guest.outb(0x70, 0);
    guest.outb(0x70, 2);
    assert!(guest.board.accesses().any(|row| row == ("rtc", 1, 2)));
}
