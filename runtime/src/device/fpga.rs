//! The Malta's board registers (MIPS Malta User's Manual, chapter 5): switches, display, reset and
//! general-purpose pins.
//!
//! Registers are 32 bits wide and in the CPU's byte order, and an access of any width to one gets
//! it. The serial port among them is a chip of its own. No memory module answers on the I²C bus.

use super::{Device, Registers, Request, Width};
use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// The first offset of the serial port, and the number of bytes that it takes.
pub const SERIAL: u64 = 0x900;
/// The number of bytes from [`SERIAL`] on that are the serial port's.
pub const SERIAL_LENGTH: u64 = 0x40;

const STATUS_BIG_ENDIAN: u32 = 0x02;
const RESET_KEY: u32 = 0x42;

/// The board registers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fpga {
    big_endian: bool,
    leds: u8,
    display: [u8; 8],
    break_reset: u8,
    pins: u8,
    bus_enable: u8,
    bus_output: u8,
    bus_select: u8,
    reset: bool,
}

impl Fpga {
    /// The registers after reset, the byte order switch as given.
    #[must_use]
    pub fn new(big_endian: bool) -> Self {
        Self {
            big_endian,
            leds: 0,
            display: [b' '; 8],
            break_reset: 0x0a,
            pins: 0,
            bus_enable: 0,
            bus_output: 3,
            bus_select: 1,
            reset: false,
        }
    }

    /// The eight characters that the display shows.
    #[must_use]
    pub fn display(&self) -> &[u8; 8] {
        &self.display
    }

    /// The two I²C lines: what the board drives, else what the pull-ups give.
    fn bus_input(&self) -> u8 {
        (self.bus_output | !self.bus_enable) & 3
    }
}

impl Registers for Fpga {
    fn read(&mut self, offset: u64, _width: Width, _now: Nanos) -> u32 {
        match offset {
            0x208 => {
                0x10 | if self.big_endian {
                    STATUS_BIG_ENDIAN
                } else {
                    0
                }
            }
            0x408 => u32::from(self.leds),
            0x508 => u32::from(self.break_reset),
            0xa00 => u32::from(self.pins),
            0xb00 => u32::from(self.bus_input()),
            0xb08 => u32::from(self.bus_enable),
            0xb10 => u32::from(self.bus_output),
            0xb18 => u32::from(self.bus_select),
            // Among others the switches (0x200) and jumpers (0x210): all off.
            _ => 0,
        }
    }

    fn write(&mut self, offset: u64, _width: Width, value: u32, _now: Nanos) {
        let byte = value as u8;
        match offset {
            0x408 => self.leds = byte,
            0x410 => {
                let digits = format!("{value:08X}");
                self.display.copy_from_slice(digits.as_bytes());
            }
            0x418..=0x450 if offset.is_multiple_of(8) => {
                self.display[((offset - 0x418) / 8) as usize] = byte;
            }
            0x500 => self.reset |= value == RESET_KEY,
            0x508 => self.break_reset = byte,
            0xa00 => self.pins = byte,
            0xb08 => self.bus_enable = byte & 3,
            0xb10 => self.bus_output = byte & 3,
            0xb18 => self.bus_select = byte & 1,
            _ => {}
        }
    }
}

impl Device for Fpga {
    fn reset(&mut self) {
        *self = Self::new(self.big_endian);
    }

    fn take_request(&mut self) -> Option<Request> {
        std::mem::take(&mut self.reset).then_some(Request::Reset)
    }
}

/// It can work with any state.
impl Sound for Fpga {
    fn is_sound(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_tells_the_byte_order() {
        assert_eq!(Fpga::new(false).read(0x208, Width::Word, Nanos(0)), 0x10);
        assert_eq!(Fpga::new(true).read(0x208, Width::Word, Nanos(0)), 0x12);
    }

    #[test]
    fn only_the_key_resets() {
        let mut fpga = Fpga::new(false);
        fpga.write(0x500, Width::Word, 0x43, Nanos(0));
        assert_eq!(fpga.take_request(), None);
        fpga.write(0x500, Width::Word, 0x42, Nanos(0));
        assert_eq!(fpga.take_request(), Some(Request::Reset));
        assert_eq!(fpga.take_request(), None);
    }

    #[test]
    fn the_display_shows_what_was_written() {
        let mut fpga = Fpga::new(false);
        for (at, letter) in (0x418..).step_by(8).zip(*b"LINUX ON") {
            fpga.write(at, Width::Word, u32::from(letter), Nanos(0));
        }
        assert_eq!(fpga.display(), b"LINUX ON");
        fpga.write(0x410, Width::Word, 0xbeef, Nanos(0));
        assert_eq!(fpga.display(), b"0000BEEF");
    }

    #[test]
    fn nothing_pulls_the_i2c_lines() {
        let mut fpga = Fpga::new(false);
        fpga.write(0xb08, Width::Word, 3, Nanos(0));
        fpga.write(0xb10, Width::Word, 0, Nanos(0));
        assert_eq!(fpga.read(0xb00, Width::Word, Nanos(0)), 0);
        fpga.write(0xb08, Width::Word, 2, Nanos(0));
        assert_eq!(fpga.read(0xb00, Width::Word, Nanos(0)), 1);
    }
}
