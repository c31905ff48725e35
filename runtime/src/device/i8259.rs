//! The pair of 8259A interrupt controllers of a PC (Intel 8259A data sheet; the edge/level
//! registers as in the 82371AB (PIIX4) data sheet, section 4.2.7).
//!
//! The second controller hangs off input 2 of the first. An edge-triggered request stays latched
//! when its line falls before the acknowledge; a level-triggered one goes away with its level.
//!
//! It is not an 8080 system: acknowledge gives the vector alone, and no call address.

use super::{Device, Registers, Width};
use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// The input of the first controller that the second one's output drives.
const CASCADE: u8 = 2;

/// What the next write to the data port means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
enum Expect {
    #[default]
    Mask,
    Icw2,
    Icw3,
    Icw4,
}

/// One 8259A.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Controller {
    irr: u8,
    imr: u8,
    isr: u8,
    lines: u8,
    elcr: u8,
    elcr_mask: u8,
    vector: u8,
    /// The input that has the highest priority now.
    top: u8,
    expect: Expect,
    needs_icw4: bool,
    single: bool,
    level_mode: bool,
    auto_eoi: bool,
    rotate_on_auto_eoi: bool,
    special_mask: bool,
    nested_fully: bool,
    read_isr: bool,
    poll: bool,
}

impl Controller {
    fn new(elcr_mask: u8) -> Self {
        Self {
            elcr_mask,
            ..Self::default()
        }
    }

    /// Sets the level of an input. Says whether it was another.
    fn set_line(&mut self, input: u8, level: bool) -> bool {
        let bit = 1 << (input & 7);
        if level == (self.lines & bit != 0) {
            return false;
        }
        if level {
            self.lines |= bit;
        } else {
            self.lines &= !bit;
        }
        if self.level_mode || self.elcr & bit != 0 {
            self.irr = self.irr & !bit | self.lines & bit;
        } else if level {
            self.irr |= bit;
        }
        true
    }

    /// How many steps the most important input in `set` is below the top; 8 for an empty set.
    fn rank(&self, set: u8) -> u32 {
        set.rotate_right(u32::from(self.top)).trailing_zeros()
    }

    /// The input that asks for service and may have it.
    fn request(&self) -> Option<u8> {
        let asking = self.rank(self.irr & !self.imr);
        let mut served = self.isr;
        if self.special_mask {
            served &= !self.imr;
        }
        if self.nested_fully {
            served &= !(1 << CASCADE);
        }
        (asking < self.rank(served)).then_some((asking as u8).wrapping_add(self.top) & 7)
    }

    /// The acknowledge cycle for `input`.
    fn accept(&mut self, input: u8) {
        let bit = 1 << input;
        if !self.auto_eoi {
            self.isr |= bit;
        } else if self.rotate_on_auto_eoi {
            self.top = (input + 1) & 7;
        }
        if !self.level_mode && self.elcr & bit == 0 {
            self.irr &= !bit;
        }
    }

    fn end_of_interrupt(&mut self, specific: Option<u8>, rotate: bool) {
        let input = match specific {
            Some(input) => input,
            None => {
                let rank = self.rank(self.isr);
                if rank == 8 {
                    return;
                }
                (rank as u8).wrapping_add(self.top) & 7
            }
        };
        self.isr &= !(1 << input);
        if rotate {
            self.top = (input + 1) & 7;
        }
    }

    fn initialise(&mut self, icw1: u8) {
        *self = Self {
            elcr: self.elcr,
            elcr_mask: self.elcr_mask,
            lines: self.lines,
            expect: Expect::Icw2,
            needs_icw4: icw1 & 1 != 0,
            single: icw1 & 2 != 0,
            level_mode: icw1 & 8 != 0,
            ..Self::default()
        };
        // Edges are forgotten, levels are still there.
        let level = if self.level_mode { 0xff } else { self.elcr };
        self.irr = self.lines & level;
    }

    fn write_command(&mut self, value: u8) {
        if value & 0x10 != 0 {
            return self.initialise(value);
        }
        if value & 0x08 != 0 {
            self.poll = value & 0x04 != 0;
            if value & 0x02 != 0 {
                self.read_isr = value & 0x01 != 0;
            }
            if value & 0x40 != 0 {
                self.special_mask = value & 0x20 != 0;
            }
            return;
        }
        let input = value & 7;
        match value >> 5 {
            0 => self.rotate_on_auto_eoi = false,
            1 => self.end_of_interrupt(None, false),
            3 => self.end_of_interrupt(Some(input), false),
            4 => self.rotate_on_auto_eoi = true,
            5 => self.end_of_interrupt(None, true),
            6 => self.top = (input + 1) & 7,
            7 => self.end_of_interrupt(Some(input), true),
            _ => {}
        }
    }

    fn write_data(&mut self, value: u8) {
        let icw4 = if self.needs_icw4 {
            Expect::Icw4
        } else {
            Expect::Mask
        };
        self.expect = match self.expect {
            Expect::Mask => {
                self.imr = value;
                Expect::Mask
            }
            Expect::Icw2 => {
                self.vector = value & 0xf8;
                if self.single { icw4 } else { Expect::Icw3 }
            }
            Expect::Icw3 => icw4,
            Expect::Icw4 => {
                self.nested_fully = value & 0x10 != 0;
                self.auto_eoi = value & 0x02 != 0;
                Expect::Mask
            }
        };
    }

    fn read(&mut self, data: bool) -> u8 {
        if std::mem::take(&mut self.poll) {
            return match self.request() {
                Some(input) => {
                    self.accept(input);
                    0x80 | input
                }
                None => 0,
            };
        }
        match (data, self.read_isr) {
            (true, _) => self.imr,
            (false, true) => self.isr,
            (false, false) => self.irr,
        }
    }

    fn write_elcr(&mut self, value: u8) {
        self.elcr = value & self.elcr_mask;
        self.irr = self.irr & !self.elcr | self.lines & self.elcr;
    }
}

/// Both controllers, wired as in a PC.
///
/// Offsets 0 and 1 are the first controller's ports, 2 and 3 the second's, 4 and 5 the two
/// edge/level registers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct I8259Pair {
    first: Controller,
    second: Controller,
}

impl Default for I8259Pair {
    fn default() -> Self {
        Self::new()
    }
}

impl I8259Pair {
    /// Both controllers after power-on: nothing requested, nothing masked.
    #[must_use]
    pub fn new() -> Self {
        // The timer, keyboard, cascade, clock and coprocessor inputs are always edge-triggered.
        Self {
            first: Controller::new(0xf8),
            second: Controller::new(0xde),
        }
    }

    /// Sets the level of one of the sixteen inputs. Input 2 is the cascade and not for others.
    pub fn set_line(&mut self, irq: u8, level: bool) {
        match irq {
            CASCADE => {}
            0..8 => {
                self.first.set_line(irq, level);
            }
            8..16 if self.second.set_line(irq - 8, level) => self.cascade(),
            _ => {}
        }
    }

    /// The first controller sees the second one's output as a level.
    fn cascade(&mut self) {
        let asking = u8::from(self.second.request().is_some());
        self.first.irr = self.first.irr & !(1 << CASCADE) | asking << CASCADE;
    }

    /// The interrupt acknowledge cycle: takes the most important request into service and gives
    /// its vector, or that of a spurious interrupt.
    pub fn acknowledge(&mut self) -> u8 {
        let Some(input) = self.first.request() else {
            return self.first.vector | 7;
        };
        self.first.accept(input);
        if input != CASCADE {
            return self.first.vector | input;
        }
        let vector = match self.second.request() {
            Some(input) => {
                self.second.accept(input);
                self.second.vector | input
            }
            None => self.second.vector | 7,
        };
        self.cascade();
        vector
    }
}

impl Registers for I8259Pair {
    fn read(&mut self, offset: u64, _width: Width, _now: Nanos) -> u32 {
        let value = match offset {
            0 | 1 => self.first.read(offset == 1),
            2 | 3 => self.second.read(offset == 3),
            4 => self.first.elcr,
            5 => self.second.elcr,
            _ => 0xff,
        };
        self.cascade();
        u32::from(value)
    }

    fn write(&mut self, offset: u64, _width: Width, value: u32, _now: Nanos) {
        let value = value as u8;
        match offset {
            0 => self.first.write_command(value),
            1 => self.first.write_data(value),
            2 => self.second.write_command(value),
            3 => self.second.write_data(value),
            4 => self.first.write_elcr(value),
            5 => self.second.write_elcr(value),
            _ => {}
        }
        self.cascade();
    }
}

impl Device for I8259Pair {
    fn reset(&mut self) {
        *self = Self::new();
    }

    fn interrupt(&self) -> bool {
        self.first.request().is_some()
    }
}

/// It can work with any state.
impl Sound for I8259Pair {
    fn is_sound(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
