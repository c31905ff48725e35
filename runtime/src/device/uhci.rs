//! The PIIX4's USB host controller (Universal Host Controller Interface Design Guide 1.1,
//! chapter 2) with nothing plugged in.
//!
//! The registers behave and the frame number advances while the controller runs. It never reads
//! the frame list: without devices no transfer could come to anything, and it never interrupts.

use super::{Device, Registers, Width};
use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// The number of I/O ports.
pub const PORTS: u64 = 0x20;

const FRAME: u64 = 1_000_000;

const COMMAND_RUN: u16 = 0x01;
const COMMAND_HOST_RESET: u16 = 0x02;
const STATUS_HALTED: u16 = 0x20;
const PORT_PRESENT: u16 = 0x80;
const PORT_WRITABLE: u16 = 0x1240;

/// The host controller.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Uhci {
    command: u16,
    status: u16,
    enable: u16,
    frame: u16,
    /// When the frame number was what `frame` says.
    frame_at: Nanos,
    list: u32,
    start_of_frame: u8,
    ports: [u16; 2],
}

impl Default for Uhci {
    fn default() -> Self {
        Self::new()
    }
}

impl Uhci {
    /// The controller after reset: halted.
    #[must_use]
    pub fn new() -> Self {
        Self {
            command: 0,
            status: STATUS_HALTED,
            enable: 0,
            frame: 0,
            frame_at: Nanos(0),
            list: 0,
            start_of_frame: 0x40,
            ports: [PORT_PRESENT; 2],
        }
    }

    fn running(&self) -> bool {
        self.command & COMMAND_RUN != 0
    }

    fn frame_number(&self, now: Nanos) -> u16 {
        let frames = if self.running() {
            now.0.saturating_sub(self.frame_at.0) / FRAME
        } else {
            0
        };
        (u64::from(self.frame) + frames) as u16 & 0x7ff
    }

    fn write_command(&mut self, value: u16, now: Nanos) {
        if value & COMMAND_HOST_RESET != 0 {
            return self.reset();
        }
        self.frame = self.frame_number(now);
        self.frame_at = now;
        let (ran, runs) = (self.running(), value & COMMAND_RUN != 0);
        self.command = value & 0xff;
        if runs {
            self.status &= !STATUS_HALTED;
        } else if ran {
            self.status |= STATUS_HALTED;
        }
    }

    fn read_half(&self, offset: u64, now: Nanos) -> u16 {
        match offset {
            0x00 => self.command,
            0x02 => self.status,
            0x04 => self.enable,
            0x06 => self.frame_number(now),
            0x08 => self.list as u16,
            0x0a => (self.list >> 16) as u16,
            0x0c => u16::from(self.start_of_frame),
            0x10 => self.ports[0],
            0x12 => self.ports[1],
            // How drivers count ports: the first one without its fixed bit is none.
            _ => 0xff7f,
        }
    }

    fn write_half(&mut self, offset: u64, value: u16, now: Nanos) {
        match offset {
            0x00 => self.write_command(value, now),
            0x02 => self.status &= !value,
            0x04 => self.enable = value & 0x0f,
            0x06 if !self.running() => self.frame = value & 0x7ff,
            0x08 => self.list = self.list & 0xffff_0000 | u32::from(value & 0xf000),
            0x0a => self.list = self.list & 0xffff | u32::from(value) << 16,
            0x0c => self.start_of_frame = value as u8 & 0x7f,
            0x10 | 0x12 => {
                self.ports[usize::from(offset == 0x12)] = value & PORT_WRITABLE | PORT_PRESENT;
            }
            _ => {}
        }
    }
}

impl Registers for Uhci {
    fn read(&mut self, offset: u64, width: Width, now: Nanos) -> u32 {
        let at = offset & 0x1e;
        let low = u32::from(self.read_half(at, now));
        let high = u32::from(self.read_half(at + 2, now));
        (high << 16 | low) >> (8 * (offset & 1)) & width.mask()
    }

    fn write(&mut self, offset: u64, width: Width, value: u32, now: Nanos) {
        let at = offset & 0x1e;
        match width {
            Width::Byte => {
                let shift = 8 * (offset & 1);
                let other = self.read_half(at, now) & !(0xff << shift);
                // The status bits clear by ones: the other byte must not.
                let other = if at == 0x02 { 0 } else { other };
                self.write_half(at, other | (value as u16 & 0xff) << shift, now);
            }
            Width::Half => self.write_half(at, value as u16, now),
            Width::Word => {
                self.write_half(at, value as u16, now);
                self.write_half(at + 2, (value >> 16) as u16, now);
            }
        }
    }
}

impl Device for Uhci {
    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Sound for Uhci {
    fn is_sound(&self) -> bool {
        self.frame_at.is_sound()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Nanos = Nanos(7_000_000);

    fn get(uhci: &mut Uhci, offset: u64, now: Nanos) -> u32 {
        uhci.read(offset, Width::Half, now)
    }

    fn put(uhci: &mut Uhci, offset: u64, value: u32) {
        uhci.write(offset, Width::Half, value, START);
    }

    #[test]
    fn frames_are_counted_while_it_runs() {
        let mut uhci = Uhci::new();
        assert_eq!(get(&mut uhci, 2, START), 0x20);
        put(&mut uhci, 0, 0xc1);
        assert_eq!(get(&mut uhci, 2, START), 0);
        assert_eq!(get(&mut uhci, 6, START.plus(Nanos(10_500_000))), 10);
        assert_eq!(get(&mut uhci, 6, START.plus(Nanos(2050 * FRAME))), 2);
        uhci.write(0, Width::Half, 0xc0, START.plus(Nanos(5 * FRAME)));
        assert_eq!(get(&mut uhci, 6, START.plus(Nanos(100 * FRAME))), 5);
        assert_eq!(get(&mut uhci, 2, START), 0x20);
    }

    #[test]
    fn a_reset_ends_at_once() {
        let mut uhci = Uhci::new();
        put(&mut uhci, 4, 0x0f);
        put(&mut uhci, 8, 0xb000);
        put(&mut uhci, 10, 0x0f88);
        assert_eq!(uhci.read(8, Width::Word, START), 0x0f88_b000);
        put(&mut uhci, 0, 2);
        assert_eq!(get(&mut uhci, 0, START), 0);
        assert_eq!(uhci.read(8, Width::Word, START), 0);
        assert_eq!(uhci.read(0x0c, Width::Byte, START), 0x40);
    }

    #[test]
    fn there_are_two_empty_ports() {
        let mut uhci = Uhci::new();
        for (offset, value) in [(0x10, 0x80), (0x12, 0x80), (0x14, 0xff7f)] {
            put(&mut uhci, offset, 0);
            assert_eq!(get(&mut uhci, offset, START), value);
        }
    }
}
