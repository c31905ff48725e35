//! The pair of 8237A DMA controllers of a PC (Intel 8237A data sheet), as registers.
//!
//! Nothing on the board asks for ISA DMA, so no channel ever moves a byte: addresses and counts
//! are what was written to them, and no channel reaches its end.

use super::{Device, Registers, Width};
use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// The first offset of the page registers.
pub const PAGES: u64 = 0x10;
/// The first offset of the second controller.
pub const SECOND: u64 = 0x20;

/// One controller.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Controller {
    /// Address and count of each channel.
    words: [u16; 8],
    high_next: bool,
    command: u8,
    mask: u8,
}

impl Controller {
    fn new() -> Self {
        Self {
            mask: 0x0f,
            ..Self::default()
        }
    }

    fn read(&mut self, register: u8) -> u8 {
        match register {
            0..8 => {
                let bytes = self.words[usize::from(register)].to_le_bytes();
                self.high_next = !self.high_next;
                bytes[usize::from(!self.high_next)]
            }
            15 => self.mask,
            _ => 0,
        }
    }

    fn write(&mut self, register: u8, value: u8) {
        let channel = 1 << (value & 3);
        match register {
            0..8 => {
                let word = &mut self.words[usize::from(register)];
                let mut bytes = word.to_le_bytes();
                bytes[usize::from(self.high_next)] = value;
                *word = u16::from_le_bytes(bytes);
                self.high_next = !self.high_next;
            }
            8 => self.command = value,
            10 if value & 4 != 0 => self.mask |= channel,
            10 => self.mask &= !channel,
            12 => self.high_next = false,
            13 => *self = Self::new(),
            14 => self.mask = 0,
            15 => self.mask = value & 0x0f,
            _ => {}
        }
    }
}

/// Both controllers and the page registers. Offsets 0 to 15 are the first controller's ports, 16
/// to 31 the pages, 32 to 63 the second controller's, two ports to a register.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dma8237 {
    first: Controller,
    second: Controller,
    pages: [u8; 16],
}

impl Default for Dma8237 {
    fn default() -> Self {
        Self::new()
    }
}

impl Dma8237 {
    /// The controllers after reset: all channels masked.
    #[must_use]
    pub fn new() -> Self {
        Self {
            first: Controller::new(),
            second: Controller::new(),
            pages: [0; 16],
        }
    }
}

impl Registers for Dma8237 {
    fn read(&mut self, offset: u64, _width: Width, _now: Nanos) -> u32 {
        u32::from(match offset {
            0..PAGES => self.first.read(offset as u8),
            PAGES..SECOND => self.pages[(offset - PAGES) as usize],
            _ => self.second.read((offset - SECOND) as u8 >> 1 & 15),
        })
    }

    fn write(&mut self, offset: u64, _width: Width, value: u32, _now: Nanos) {
        let value = value as u8;
        match offset {
            0..PAGES => self.first.write(offset as u8, value),
            PAGES..SECOND => self.pages[(offset - PAGES) as usize] = value,
            _ => self.second.write((offset - SECOND) as u8 >> 1 & 15, value),
        }
    }
}

impl Device for Dma8237 {
    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// It can work with any state.
impl Sound for Dma8237 {
    fn is_sound(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_written_and_read_low_byte_first() {
        let mut dma = Dma8237::new();
        let t = Nanos(0);
        for base in [4, SECOND + 8] {
            dma.write(base, Width::Byte, 0x34, t);
            dma.write(base, Width::Byte, 0x12, t);
            let bytes = [
                dma.read(base, Width::Byte, t),
                dma.read(base, Width::Byte, t),
            ];
            assert_eq!(bytes, [0x34, 0x12]);
        }
        dma.write(PAGES + 3, Width::Byte, 0x7f, t);
        assert_eq!(dma.read(PAGES + 3, Width::Byte, t), 0x7f);
    }

    #[test]
    fn channels_are_masked_one_by_one() {
        let mut dma = Dma8237::new();
        assert_eq!(dma.read(15, Width::Byte, Nanos(0)), 0x0f);
        dma.write(10, Width::Byte, 2, Nanos(0));
        assert_eq!(dma.read(15, Width::Byte, Nanos(0)), 0x0b);
    }
}
