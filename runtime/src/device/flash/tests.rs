//! The chip as a driver finds it.

use super::*;
use crate::device::testing::Rom;

/// A chip, and its array.
struct Board {
    flash: Flash,
    rom: Rom,
}

impl Board {
    fn new(big_endian: bool) -> Self {
        let mut flash = Flash::new(big_endian);
        flash.fit();
        let rom = Rom::default();
        Self { flash, rom }
    }

    fn write(&mut self, offset: u64, value: u32) {
        self.flash.write(offset, Width::Word, value, Nanos(0));
        if self.flash.wants_bus() {
            let backends = &mut crate::device::Backends::default();
            let memory = &mut self.rom;
            let mut outside = Outside { memory, backends };
            self.flash.master(&mut outside, Nanos(0));
        }
    }

    fn read(&mut self, offset: u64) -> u32 {
        assert!(self.flash.hides_array());
        self.flash.read(offset, Width::Word, Nanos(0))
    }

    fn commands(&mut self, offset: u64, values: &[u32]) -> u32 {
        values.iter().for_each(|&value| self.write(offset, value));
        self.read(offset)
    }

    fn array(&mut self, offset: u64) -> [u8; 4] {
        let mut bytes = [0; 4];
        self.rom.read_rom(Pa(FLASH.0 + offset), &mut bytes);
        bytes
    }
}

#[test]
fn a_query_tells_size_and_sectors() {
    let mut board = Board::new(false);
    assert!(!board.flash.hides_array());
    board.write(0x55 * 4, 0x98);
    let mut word = |at: u64| board.read(at * 4);
    assert_eq!([0x10, 0x11, 0x12].map(&mut word), [0x51, 0x52, 0x59]);
    assert_eq!([0x13, 0x15].map(&mut word), [1, 0x31]);
    assert_eq!([0x31, 0x32, 0x33].map(&mut word), [0x50, 0x52, 0x49]);
    assert_eq!(1 << word(0x27), SIZE);
    let sectors = word(0x2d) + 1;
    let each = (word(0x2f) | word(0x30) << 8) * 256;
    assert_eq!((u64::from(each), u64::from(sectors * each)), (SECTOR, SIZE));
    assert_eq!([0, 0xf, 0x3f, 0x40, 0xffff].map(&mut word), [0; 5]);
    board.write(0, 0x90);
    assert_eq!([0, 4, 8, 12].map(|at| board.read(at)), [0x89, 0x16, 0, 0]);
    board.write(0, 0xff);
    assert!(!board.flash.hides_array());
}

#[test]
fn programming_clears_bits_and_erasing_sets_them() {
    for big_endian in [false, true] {
        let mut board = Board::new(big_endian);
        let at = 3 * SECTOR + 8;
        assert_eq!(board.commands(at, &[0x20, 0xd0]), 0x80);
        assert_eq!(board.array(at), [ERASED; 4]);
        assert_eq!(board.commands(at, &[0x40, 0x1234_5678]), 0x80);
        let mut bytes = [0x12, 0x34, 0x56, 0x78];
        if !big_endian {
            bytes.reverse();
        }
        assert_eq!(board.array(at), bytes);
        board.commands(at, &[0x10, 0xffff_0000]);
        let kept = if big_endian {
            [0x12, 0x34, 0, 0]
        } else {
            [0, 0, 0x34, 0x12]
        };
        assert_eq!(board.array(at), kept);
        let boot = Pa(BOOT_ROM.0 + at);
        let mut seen = [0; 4];
        board.rom.read_rom(boot, &mut seen);
        assert_eq!(seen, kept, "at both addresses");
        assert_eq!(board.array(at - SECTOR), [0; 4], "the sector alone");
    }
}

#[test]
fn a_buffer_is_programmed_when_that_is_confirmed() {
    let mut board = Board::new(false);
    board.commands(0, &[0x20, 0xd0]);
    assert_eq!(board.commands(0, &[0xe8, 2]), 0x80);
    for word in 0..3 {
        board.write(word * 4, 0x0101_0101 * (word as u32 + 1));
    }
    assert_eq!(board.array(0), [ERASED; 4], "not yet");
    assert_eq!(board.commands(0, &[0xd0]), 0x80);
    assert_eq!([0, 4, 8, 12].map(|at| board.array(at)[0]), [1, 2, 3, 0xff]);
    // Another command than the confirmation, and more than the buffer has room for.
    assert_eq!(board.commands(0, &[0xe8, 0, 7, 0xff]), 0xb0);
    assert_eq!(board.commands(0, &[0x50, 0x70]), 0x80);
    assert_eq!(board.commands(0, &[0xe8, BUFFER as u32]), 0xb0);
}

#[test]
fn a_locked_sector_stays_as_it_is() {
    let mut board = Board::new(false);
    let at = SIZE - 4;
    board.commands(at, &[0x20, 0xd0]);
    assert_eq!(board.commands(at, &[0x60, 0x01]), 0x80);
    board.write(at, 0x90);
    let sector = SIZE - SECTOR;
    assert_eq!([sector + 8, 8].map(|at| board.read(at)), [1, 0]);
    assert_eq!(board.commands(at, &[0x40, 0]), 0x92);
    assert_eq!(board.commands(at, &[0x20, 0xd0]), 0xb2);
    assert_eq!(board.array(at), [ERASED; 4]);
    assert_eq!(board.commands(at, &[0x50, 0x60, 0xd0]), 0x80);
    assert_eq!(board.commands(at, &[0x40, 0]), 0x80);
    assert_eq!(board.array(at), [0; 4]);
    assert_eq!(board.commands(at, &[0x60, 0x55]), 0xb0, "no such lock");
    board.commands(at, &[0x60, 0x01]);
    board.flash.reset();
    assert!(!board.flash.hides_array());
    assert_eq!(board.commands(at, &[0x40, 0]), 0x80, "a reset unlocks");
}

#[test]
fn what_is_written_at_random_keeps_the_chip_bounded() {
    let mut board = Board::new(false);
    let mut random = 1_u64;
    for _ in 0..20_000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let commands = [0xe8, 0x40, 0x20, 0xd0, 0x60, 0xff, 0x70, random as u32];
        board.write(random >> 8 & (SIZE - 4), commands[random as usize % 8]);
        if let Expected::Buffer(buffer) = &board.flash.expected {
            assert!(buffer.pieces.len() as u64 + u64::from(buffer.left) <= BUFFER);
        }
    }
}
