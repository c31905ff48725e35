//! The 8254 interval timer (Intel 8254 data sheet) and the port that gates its third counter.
//!
//! A counter is a formula, not a loop: its value and its output follow from the moment at which
//! it was loaded. A count that is written while one runs takes effect at once.
//!
//! What the board gets to know of counter 0 is its rising edges, and those at a bounded rate: a
//! guest that asks for interrupts faster than every [`SHORTEST`] gets several of them as one.

use super::{Device, Registers, Width};
use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// The frequency of the input clock, in Hz.
pub const PIT_HZ: u64 = 1_193_182;
/// The shortest time between two edges that the board is told of.
pub const SHORTEST: Nanos = Nanos(20_000);

/// The number of clock ticks in a span of time.
fn ticks(span: u64) -> u64 {
    (u128::from(span) * u128::from(PIT_HZ) / 1_000_000_000) as u64
}

/// The time after which `ticks` have certainly passed, saturating.
fn span(ticks: u64) -> u64 {
    u64::try_from((u128::from(ticks) * 1_000_000_000).div_ceil(u128::from(PIT_HZ)))
        .unwrap_or(u64::MAX)
}

fn from_bcd(value: u16) -> u64 {
    (0..4).rev().fold(0, |sum, digit| {
        sum * 10 + u64::from(value >> (4 * digit) & 15)
    })
}

fn to_bcd(value: u64) -> u16 {
    (0..4).fold(0, |sum, digit| {
        sum | ((value / 10u64.pow(digit) % 10) << (4 * digit)) as u16
    })
}

/// What was latched for reading.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Latch {
    status: Option<u8>,
    count: Option<u16>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Counter {
    mode: u8,
    access: u8,
    bcd: bool,
    gate: bool,
    /// The count as ticks: 1 to 65536.
    count: u64,
    /// The low byte of a count whose high byte is still to come.
    low: Option<u8>,
    /// The high byte is to be read next.
    high_next: bool,
    latch: Latch,
    /// When counting began; `None` when no count was written or no trigger came since.
    start: Option<Nanos>,
    /// The gate holds the count: the ticks that had passed by then.
    held: Option<u64>,
}

impl Counter {
    fn new(gate: bool) -> Self {
        Self {
            mode: 3,
            access: 3,
            bcd: false,
            gate,
            count: 0x1_0000,
            low: None,
            high_next: false,
            latch: Latch::default(),
            start: None,
            held: None,
        }
    }

    /// Ticks since counting began.
    fn elapsed(&self, now: Nanos) -> Option<u64> {
        let start = self.start?;
        Some(
            self.held
                .unwrap_or_else(|| ticks(now.0.saturating_sub(start.0))),
        )
    }

    fn periodic(&self) -> bool {
        matches!(self.mode, 2 | 3)
    }

    fn triggered(&self) -> bool {
        matches!(self.mode, 1 | 5)
    }

    fn output(&self, now: Nanos) -> bool {
        let Some(elapsed) = self.elapsed(now) else {
            return self.mode != 0;
        };
        let phase = elapsed % self.count;
        match self.mode {
            0 | 1 => elapsed >= self.count,
            2 => self.held.is_some() || phase != self.count - 1,
            3 => self.held.is_some() || phase < self.count.div_ceil(2),
            _ => elapsed != self.count,
        }
    }

    /// The first rising edge of the output after `now`.
    fn next_edge(&self, now: Nanos) -> Option<Nanos> {
        if self.held.is_some() {
            return None;
        }
        let elapsed = self.elapsed(now)?;
        let edge = match self.mode {
            2 | 3 => (elapsed / self.count + 1) * self.count,
            0 | 1 => self.count,
            _ => self.count + 1,
        };
        (edge > elapsed).then_some(self.start?.plus(Nanos(span(edge))))
    }

    fn value(&self, now: Nanos) -> u16 {
        let modulus = if self.bcd { 10_000 } else { 0x1_0000 };
        let elapsed = self.elapsed(now).unwrap_or(0);
        let value = match self.mode {
            2 => self.count - elapsed % self.count,
            3 => self.count - 2 * (elapsed % self.count.div_ceil(2)).min(self.count / 2),
            _ => (self.count % modulus + modulus - elapsed % modulus) % modulus,
        } % modulus;
        if self.bcd {
            to_bcd(value)
        } else {
            value as u16
        }
    }

    fn load(&mut self, written: u16, now: Nanos) {
        let (count, modulus) = if self.bcd {
            (from_bcd(written), 10_000)
        } else {
            (u64::from(written), 0x1_0000)
        };
        self.count = if count == 0 { modulus } else { count };
        if self.periodic() {
            // One is not a period.
            self.count = self.count.max(2);
        }
        if !self.triggered() {
            self.start = Some(now);
            self.held = (!self.gate).then_some(0);
        }
    }

    fn write(&mut self, value: u8, now: Nanos) {
        match (self.access, self.low) {
            (1, _) => self.load(u16::from(value), now),
            (2, _) => self.load(u16::from(value) << 8, now),
            (_, None) => self.low = Some(value),
            (_, Some(low)) => {
                self.low = None;
                self.load(u16::from_le_bytes([low, value]), now);
            }
        }
    }

    fn read(&mut self, now: Nanos) -> u8 {
        if let Some(status) = self.latch.status.take() {
            return status;
        }
        let [low, high] = self
            .latch
            .count
            .unwrap_or_else(|| self.value(now))
            .to_le_bytes();
        let (byte, last) = match (self.access, self.high_next) {
            (1, _) => (low, true),
            (2, _) => (high, true),
            (_, false) => (low, false),
            (_, true) => (high, true),
        };
        self.high_next = !last;
        if last {
            self.latch.count = None;
        }
        byte
    }

    fn control(&mut self, value: u8, now: Nanos) {
        let access = value >> 4 & 3;
        if access == 0 {
            return self.latch_count(now);
        }
        let mode = match value >> 1 & 7 {
            6 => 2,
            7 => 3,
            mode => mode,
        };
        *self = Self {
            mode,
            access,
            bcd: value & 1 != 0,
            ..Self::new(self.gate)
        };
    }

    fn latch_count(&mut self, now: Nanos) {
        if self.latch.count.is_none() {
            self.latch.count = Some(self.value(now));
        }
    }

    fn latch_status(&mut self, now: Nanos) {
        if self.latch.status.is_none() {
            let flags = u8::from(self.output(now)) << 7 | u8::from(self.start.is_none()) << 6;
            self.latch.status =
                Some(flags | self.access << 4 | self.mode << 1 | u8::from(self.bcd));
        }
    }

    fn set_gate(&mut self, gate: bool, now: Nanos) {
        let rising = gate && !self.gate;
        let falling = !gate && self.gate;
        self.gate = gate;
        if self.triggered() {
            if rising {
                self.start = Some(now);
            }
        } else if falling {
            self.held = self.elapsed(now);
        } else if rising && let Some(held) = self.held.take() {
            let passed = if self.periodic() { 0 } else { span(held) };
            self.start = Some(Nanos(now.0.saturating_sub(passed)));
        }
    }
}

/// The timer's three counters (offsets 0 to 2) and control register (offset 3). Offset 4 is the
/// port that holds the gate and shows the output of counter 2.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct I8254 {
    counters: [Counter; 3],
    speaker: u8,
    /// The next rising edge of counter 0 that the board is to be told of.
    due: Option<Nanos>,
    edge: bool,
}

impl Default for I8254 {
    fn default() -> Self {
        Self::new()
    }
}

impl I8254 {
    /// The timer after power-on, counting nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counters: [Counter::new(true), Counter::new(true), Counter::new(false)],
            speaker: 0,
            due: None,
            edge: false,
        }
    }

    fn read_speaker(&self, now: Nanos) -> u8 {
        // Bit 4 is the refresh clock: it changes every 15 microseconds.
        let refresh = u8::from(now.0 / 15_085 % 2 == 1) << 4;
        self.speaker & 0x0f | refresh | u8::from(self.counters[2].output(now)) << 5
    }

    fn write_control(&mut self, value: u8, now: Nanos) {
        let selected = usize::from(value >> 6);
        if let Some(counter) = self.counters.get_mut(selected) {
            return counter.control(value, now);
        }
        for (index, counter) in self.counters.iter_mut().enumerate() {
            if value >> (index + 1) & 1 != 0 {
                if value & 0x20 == 0 {
                    counter.latch_count(now);
                }
                if value & 0x10 == 0 {
                    counter.latch_status(now);
                }
            }
        }
    }
}

impl Registers for I8254 {
    fn read(&mut self, offset: u64, _width: Width, now: Nanos) -> u32 {
        u32::from(match offset {
            0..=2 => self.counters[offset as usize].read(now),
            4 => self.read_speaker(now),
            // The control register cannot be read.
            _ => 0,
        })
    }

    fn write(&mut self, offset: u64, _width: Width, value: u32, now: Nanos) {
        self.advance(now);
        let value = value as u8;
        match offset {
            0..=2 => self.counters[offset as usize].write(value, now),
            3 => self.write_control(value, now),
            4 => {
                self.speaker = value & 0x0f;
                self.counters[2].set_gate(value & 1 != 0, now);
            }
            _ => {}
        }
        self.due = self.counters[0].next_edge(now);
    }
}

impl Device for I8254 {
    fn reset(&mut self) {
        *self = Self::new();
    }

    /// That counter 0 has raised its output by counting. Programming it may raise the output too;
    /// that is no tick, and nothing is told.
    fn take_pulses(&mut self) -> u8 {
        u8::from(std::mem::take(&mut self.edge))
    }

    fn deadline(&self) -> Option<Nanos> {
        self.due
    }

    fn advance(&mut self, now: Nanos) {
        if self.due.is_some_and(|due| due <= now) {
            self.edge = true;
            self.due = self.counters[0]
                .next_edge(now)
                .map(|next| next.max(now.plus(SHORTEST)));
        }
    }
}

impl Sound for Counter {
    fn is_sound(&self) -> bool {
        self.mode <= 5
            && self.access <= 3
            && (1..=0x1_0000).contains(&self.count)
            && self.start.is_sound()
            && self.held.is_none_or(|held| held <= ticks(Nanos::LAST.0))
    }
}

impl Sound for I8254 {
    fn is_sound(&self) -> bool {
        self.counters.is_sound() && self.due.is_sound()
    }
}

#[cfg(test)]
mod tests;
