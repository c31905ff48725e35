use super::*;
use crate::device::Backends;
use crate::device::disk::{MemoryDisk, SECTOR};

const SECTORS: u64 = 4096;

fn sector(number: u64) -> Vec<u8> {
    (0..SECTOR).map(|at| (number * 5 + at * 3) as u8).collect()
}

fn image() -> MemoryDisk {
    MemoryDisk::new((0..SECTORS).flat_map(sector).collect(), "serial-1")
}

/// A channel with a second drive, and no first one.
struct Setup {
    channel: AtaChannel,
    disks: Disks,
    now: Nanos,
}

impl Setup {
    fn new() -> Self {
        let mut setup = Self {
            channel: AtaChannel::default(),
            disks: Disks::default(),
            now: Nanos(0),
        };
        assert!(setup.channel.fit(1, 0, &Shape::of(&image())));
        setup.disks.connect(0, Box::new(image()));
        setup.write(DEVICE, 0xf0);
        setup
    }

    fn read(&mut self, register: u64) -> u8 {
        self.channel.read(register, Width::Byte, self.now) as u8
    }

    fn write(&mut self, register: u64, value: u8) {
        self.channel
            .write(register, Width::Byte, value.into(), self.now);
        self.channel.use_disks(&mut self.disks, self.now);
    }

    /// Begins a command that is about sectors, with a 28-bit address or, if it is `long`, one of 48
    /// bits.
    fn begin(&mut self, command: u8, first: u64, count: u16, long: bool) {
        let [a, b, c, d, e, f, ..] = first.to_le_bytes();
        let [low, high] = count.to_le_bytes();
        if long {
            for (register, value) in [(COUNT, high), (LOW, d), (MID, e), (HIGH, f)] {
                self.write(register, value);
            }
        }
        let device = if long { 0xf0 } else { 0xf0 | d };
        for (register, value) in [
            (COUNT, low),
            (LOW, a),
            (MID, b),
            (HIGH, c),
            (DEVICE, device),
        ] {
            self.write(register, value);
        }
        self.write(STATUS, command);
    }

    /// Lets time pass until the drive shows something.
    fn wait(&mut self) {
        assert_eq!(self.read(STATUS) & BUSY, BUSY);
        self.now = self.channel.deadline().expect("something is due");
        self.channel.advance(self.now);
        self.channel.use_disks(&mut self.disks, self.now);
    }

    /// Takes a block: there is an interrupt, which reading the status ends.
    fn block(&mut self, bytes: usize) -> Vec<u8> {
        assert!(self.channel.interrupt());
        assert_eq!(self.read(STATUS), 0x58);
        assert!(!self.channel.interrupt());
        let words = (0..bytes / 4).map(|_| self.channel.read(DATA, Width::Word, self.now));
        words.flat_map(u32::to_le_bytes).collect()
    }

    fn put(&mut self, data: &[u8]) {
        assert_eq!(self.read(STATUS), 0x58);
        for pair in data.chunks(2) {
            let half = u32::from(u16::from_le_bytes([pair[0], pair[1]]));
            self.channel.write(DATA, Width::Half, half, self.now);
        }
        self.channel.use_disks(&mut self.disks, self.now);
    }

    fn expect_end(&mut self, status: u8, error: u8) {
        assert!(self.channel.interrupt());
        assert_eq!((self.read(STATUS), self.read(ERROR)), (status, error));
        assert!(!self.channel.interrupt());
    }

    fn sectors(&mut self, first: u64, count: u16) -> Vec<u8> {
        self.begin(0x24, first, count, true);
        self.wait();
        let blocks = (0..count).map(|_| self.block(512));
        blocks.collect::<Vec<_>>().concat()
    }
}

#[test]
fn a_drive_tells_what_it_is() {
    let mut setup = Setup::new();
    setup.write(STATUS, 0xec);
    let data = setup.block(512);
    let word = |at: usize| u16::from_le_bytes([data[2 * at], data[2 * at + 1]]);
    assert_eq!(word(60), SECTORS as u16);
    assert_eq!(word(100), SECTORS as u16);
    assert_eq!(word(10), u16::from(b's') << 8 | u16::from(b'e'));
    assert_eq!(word(83) >> 10 & 1, 1, "48-bit addresses");
    assert_eq!(setup.read(STATUS), 0x50);
}

#[test]
fn a_drive_that_is_not_there_reads_as_zero() {
    let mut setup = Setup::new();
    setup.write(DEVICE, 0xe0);
    setup.write(COUNT, 0x55);
    for register in 0..=CONTROL {
        assert_eq!(setup.read(register), 0);
    }
    setup.write(STATUS, 0xec);
    assert!(!setup.channel.interrupt());
    setup.write(DEVICE, 0xf0);
    assert_eq!(setup.read(COUNT), 0x55, "both see each write");
}

#[test]
fn sectors_are_read_by_the_cpu() {
    let mut setup = Setup::new();
    for (command, count, long) in [(0x20, 3, false), (0x24, 2, true)] {
        setup.begin(command, 1000, count, long);
        setup.wait();
        for number in 0..count {
            assert_eq!(setup.block(512), sector(1000 + u64::from(number)));
        }
        assert_eq!(setup.read(STATUS), 0x50);
    }
}

#[test]
fn zero_sectors_stand_for_the_most() {
    let mut setup = Setup::new();
    setup.begin(0x20, 0, 0, false);
    setup.wait();
    for number in 0..256 {
        assert_eq!(setup.block(512), sector(number));
    }
    assert_eq!(setup.read(STATUS), 0x50);
    setup.begin(0x24, 0, 0, true);
    setup.expect_end(0x51, 0x10);
}

#[test]
fn blocks_have_one_interrupt() {
    let mut setup = Setup::new();
    setup.begin(0xc4, 0, 5, false);
    setup.expect_end(0x51, 0x04);
    for (size, error) in [(3, 4), (0, 4), (32, 4), (4, 0)] {
        setup.write(COUNT, size);
        setup.write(STATUS, 0xc6);
        setup.expect_end(if error == 0 { 0x50 } else { 0x51 }, error);
    }
    setup.begin(0xc4, 7, 5, false);
    setup.wait();
    let whole: Vec<u8> = (7..11).flat_map(sector).collect();
    assert_eq!(setup.block(2048), whole);
    assert_eq!(setup.block(512), sector(11));
    setup.begin(0x39, 50, 5, true);
    setup.put(&[1; 2048]);
    assert!(setup.channel.interrupt());
    setup.put(&[2; 512]);
    setup.wait();
    setup.expect_end(0x50, 0);
    let expected = [vec![1; 2048], vec![2; 512], sector(55)].concat();
    assert_eq!(setup.sectors(50, 6), expected);
}

#[test]
fn sectors_are_written_by_the_cpu() {
    let mut setup = Setup::new();
    setup.begin(0x30, SECTORS - 2, 2, false);
    assert!(
        !setup.channel.interrupt(),
        "the first sector is asked for without"
    );
    setup.put(&[3; 512]);
    assert!(setup.channel.interrupt());
    setup.put(&[4; 512]);
    setup.wait();
    setup.expect_end(0x50, 0);
    setup.write(STATUS, 0xe7);
    setup.wait();
    setup.expect_end(0x50, 0);
    let expected = [vec![3; 512], vec![4; 512]].concat();
    assert_eq!(setup.sectors(SECTORS - 2, 2), expected);
}

#[test]
fn the_bus_master_moves_data() {
    let mut setup = Setup::new();
    for command in [0xca, 0x35] {
        setup.begin(command, 20, 2, command == 0x35);
        assert_eq!(setup.channel.dma_request(), Some(Direction::FromMemory));
        assert_eq!(setup.channel.take(&[command; 700]), 700);
        assert_eq!(setup.channel.take(&[7; 4096]), 324);
        assert_eq!(setup.channel.dma_request(), None);
        setup.channel.use_disks(&mut setup.disks, setup.now);
        setup.wait();
        setup.expect_end(0x50, 0);
        let expected = [vec![command; 700], vec![7; 324]].concat();
        setup.begin(
            if command == 0xca { 0xc8 } else { 0x25 },
            20,
            2,
            command != 0xca,
        );
        assert_eq!(setup.channel.dma_request(), None, "not yet");
        setup.wait();
        assert!(!setup.channel.interrupt());
        assert_eq!(setup.channel.dma_request(), Some(Direction::ToMemory));
        let mut bytes = [0; 4096];
        assert_eq!(setup.channel.give(&mut bytes), 1024);
        assert_eq!(bytes[..1024], expected);
        setup.expect_end(0x50, 0);
    }
}

#[test]
fn sectors_are_found_by_cylinder_and_head() {
    let mut setup = Setup::new();
    for (register, value) in [(COUNT, 1), (LOW, 5), (MID, 2), (HIGH, 0), (DEVICE, 0xb3)] {
        setup.write(register, value);
    }
    setup.write(STATUS, 0x20);
    setup.wait();
    assert_eq!(setup.block(512), sector((2 * 16 + 3) * 63 + 4));
    setup.write(LOW, 0);
    setup.write(STATUS, 0x20);
    setup.expect_end(0x51, 0x10);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let mut setup = Setup::new();
    setup.begin(0x20, SECTORS - 1, 2, false);
    setup.expect_end(0x51, 0x10);
    setup.begin(0x34, 1 << 40, 1, true);
    setup.expect_end(0x51, 0x10);
    for command in [0x00, 0xa0, 0xa1, 0xff] {
        setup.write(STATUS, command);
        setup.expect_end(0x51, 0x04);
    }
    setup.write(ERROR, 0x77);
    setup.write(STATUS, 0xef);
    setup.expect_end(0x51, 0x04);
    let shape = Shape::of(&image().protected());
    let mut setup = Setup::new();
    setup.channel = AtaChannel::default();
    assert!(setup.channel.fit(1, 0, &shape));
    setup.write(DEVICE, 0xf0);
    setup.begin(0x30, 0, 1, false);
    setup.expect_end(0x51, 0x04);
}

#[test]
fn the_mode_of_transfers_is_told_again() {
    let mut setup = Setup::new();
    for (mode, words) in [(0x42, [0x0007, 0x0407]), (0x21, [0x0207, 0x0007])] {
        setup.write(ERROR, 3);
        setup.write(COUNT, mode);
        setup.write(STATUS, 0xef);
        setup.expect_end(0x50, 0);
        setup.write(STATUS, 0xec);
        let data = setup.block(512);
        let word = |at: usize| u16::from_le_bytes([data[2 * at], data[2 * at + 1]]);
        assert_eq!([word(63), word(88)], words);
    }
}

#[test]
fn a_reset_shows_the_signature() {
    let mut setup = Setup::new();
    setup.begin(0x30, 9, 1, false);
    setup.put(&[8; 512]);
    setup.write(CONTROL, 4);
    assert_eq!(setup.read(STATUS), 0, "the first drive is selected");
    setup.write(DEVICE, 0xf0);
    assert_eq!(setup.read(STATUS), 0x80);
    setup.write(CONTROL, 2);
    setup.write(DEVICE, 0xf0);
    let shown = [COUNT, LOW, MID, HIGH, STATUS, ERROR].map(|register| setup.read(register));
    assert_eq!(shown, [1, 1, 0, 0, 0x50, 1]);
    assert_eq!(setup.channel.deadline(), None);
    setup.write(STATUS, 0xe7);
    setup.wait();
    assert!(!setup.channel.interrupt(), "the interrupt is off");
    setup.write(CONTROL, 0);
    setup.expect_end(0x50, 0);
    assert_eq!(setup.sectors(9, 1), [8; 512], "the host had the data");
}

#[test]
fn a_command_goes_on_after_saving() {
    let mut setup = Setup::new();
    setup.begin(0x30, 9, 1, false);
    setup.put(&[8; 512]);
    let saved = serde_json::to_string(&setup.channel).expect("plain data");
    setup.channel = serde_json::from_str(&saved).expect("what was saved");
    setup.disks = Disks::default();
    setup.disks.connect(0, Box::new(image()));
    let memory = &mut crate::device::testing::Ram::new(0);
    let mut backends = Backends {
        disks: std::mem::take(&mut setup.disks),
        ..Backends::default()
    };
    let backends = &mut backends;
    setup
        .channel
        .reconnect(0, &mut Outside { memory, backends });
    setup.disks = std::mem::take(&mut backends.disks);
    setup.wait();
    setup.expect_end(0x50, 0);
    assert_eq!(setup.sectors(9, 1), [8; 512]);
}

/// Whatever is written to the registers, nothing panics, and after a reset the drive works.
#[test]
fn wild_software_is_harmless() {
    let mut setup = Setup::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..100_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [what, register, value, long, bytes @ ..] = state.to_le_bytes();
        let width = [Width::Byte, Width::Half, Width::Word][usize::from(long) % 3];
        let value = if long < 200 {
            u32::from(value)
        } else {
            u32::from_le_bytes(bytes)
        };
        let register = u64::from(register) % 9;
        match what % 8 {
            0..4 => {
                setup.channel.write(register, width, value, setup.now);
                setup.channel.use_disks(&mut setup.disks, setup.now);
            }
            4..6 => drop(setup.channel.read(register, width, setup.now)),
            6 => {
                let mut bytes = [0; 4096];
                assert!(setup.channel.give(&mut bytes) <= 4096);
                assert!(setup.channel.take(&bytes) <= 4096);
            }
            _ => {
                setup.now = setup.channel.deadline().unwrap_or(setup.now);
                setup.channel.advance(setup.now);
                setup.channel.use_disks(&mut setup.disks, setup.now);
                assert_eq!(setup.channel.deadline(), None);
            }
        }
    }
    setup.write(CONTROL, 4);
    setup.write(CONTROL, 0);
    setup.write(DEVICE, 0xf0);
    assert_eq!(setup.sectors(SECTORS - 1, 1).len(), 512);
}
