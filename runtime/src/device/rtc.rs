//! The MC146818 real-time clock with its CMOS memory (Motorola MC146818A data sheet; the century
//! byte as PCs have it).
//!
//! The clock runs on virtual time from a date that the machine's configuration gives. That says
//! nothing about the fraction of the second, and it cannot be told before the first look at the
//! clock; it is chosen then, such that an update comes soon. A kernel that measures its CPU
//! against the clock busily waits for an update, and a second more for the next one. Like the
//! time of day, the flags of register C follow from formulas; nothing ticks unless an interrupt
//! is enabled.
//!
//! It is not a clock with summer time: the DSE bit is kept and does nothing.

use super::{Device, Registers, Width};
use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;

const SECOND: u64 = Nanos::SECOND.0;
/// How long after the first look the first update comes. There is time to read the whole clock
/// before UIP rises.
const FIRST_UPDATE: u64 = 1_000_000;
/// How long before an update UIP rises.
const UPDATE_AHEAD: u64 = 244_000;
/// The end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;
const DAY: u64 = 86_400;

const CENTURY: usize = 0x32;
const REG_A: usize = 0x0a;
const REG_B: usize = 0x0b;
const REG_C: usize = 0x0c;
const REG_D: usize = 0x0d;

const A_UIP: u8 = 0x80;
const B_SET: u8 = 0x80;
const B_BINARY: u8 = 0x04;
const B_24H: u8 = 0x02;
const PERIODIC: u8 = 0x40;
const ALARM: u8 = 0x20;
const UPDATE: u8 = 0x10;
const C_IRQ: u8 = 0x80;

/// Where the time and the alarm are in the CMOS memory.
mod field {
    pub const SECONDS: usize = 0;
    pub const MINUTES: usize = 2;
    pub const HOURS: usize = 4;
    pub const WEEKDAY: usize = 6;
    pub const DAY: usize = 7;
    pub const MONTH: usize = 8;
    pub const YEAR: usize = 9;
}

/// The days from 1970-01-01 to a date of the Gregorian calendar.
fn days_from_date(year: u64, month: u64, day: u64) -> u64 {
    // Years that begin in March put the leap day last; 719468 days lie before 1970.
    let years = if month <= 2 {
        year.saturating_sub(1)
    } else {
        year
    };
    let months = (month + 9) % 12;
    let in_year = (153 * months + 2) / 5 + day - 1;
    (years * 365 + years / 4 - years / 100 + years / 400 + in_year).saturating_sub(719_468)
}

/// The date (year, month, day) that lies `days` after 1970-01-01.
fn date_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, in_era) = (days / 146_097, days % 146_097);
    let year_in_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_in_era + year_in_era / 4 - year_in_era / 100);
    let months = (5 * in_year + 2) / 153;
    let day = in_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    (era * 400 + year_in_era + u64::from(month <= 2), month, day)
}

/// The real-time clock. Offset 0 is the index port, offset 1 the data port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rtc {
    index: u8,
    /// Everything that was written, except that a running clock's time is not here.
    #[serde(with = "BigArray")]
    cmos: [u8; 128],
    /// The second (since 1970) in which virtual time began, and how far into it, in nanoseconds.
    origin: u64,
    phase: u64,
    /// Whether the guest has looked, and the phase is chosen.
    looked_at: bool,
    flags: u8,
    /// Up to when the flags are right.
    checked: Nanos,
    due: Option<Nanos>,
}

impl Rtc {
    /// A clock that shows `base` seconds since 1970 when virtual time begins.
    #[must_use]
    pub fn new(base: u64) -> Self {
        let mut cmos = [0; 128];
        cmos[REG_A] = 0x26;
        cmos[REG_B] = B_24H;
        cmos[REG_D] = 0x80;
        Self {
            index: 0,
            cmos,
            origin: base.min(LAST_SECOND),
            phase: 0,
            looked_at: false,
            flags: 0,
            checked: Nanos(0),
            due: None,
        }
    }

    fn stopped(&self) -> bool {
        self.cmos[REG_B] & B_SET != 0 || self.cmos[REG_A] & 0x60 == 0x60
    }

    /// Whole seconds since virtual time began, counting from the start of the first.
    fn second(&self, now: Nanos) -> u64 {
        now.0.saturating_add(self.phase) / SECOND
    }

    /// When second `number` begins.
    fn moment(&self, number: u64) -> Nanos {
        Nanos(number.saturating_mul(SECOND).saturating_sub(self.phase))
    }

    fn time(&self, second: u64) -> u64 {
        self.origin.wrapping_add(second).min(LAST_SECOND)
    }

    fn encode(&self, value: u64) -> u8 {
        if self.cmos[REG_B] & B_BINARY != 0 {
            value as u8
        } else {
            (value / 10 % 10 * 16 + value % 10) as u8
        }
    }

    fn decode(&self, value: u8) -> u64 {
        if self.cmos[REG_B] & B_BINARY != 0 {
            u64::from(value)
        } else {
            u64::from(value >> 4) * 10 + u64::from(value & 15)
        }
    }

    fn encode_hour(&self, hour: u64) -> u8 {
        if self.cmos[REG_B] & B_24H != 0 {
            return self.encode(hour);
        }
        let afternoon = if hour >= 12 { 0x80 } else { 0 };
        self.encode((hour + 11) % 12 + 1) | afternoon
    }

    fn decode_hour(&self, value: u8) -> u64 {
        if self.cmos[REG_B] & B_24H != 0 {
            return self.decode(value);
        }
        self.decode(value & 0x7f) % 12 + if value & 0x80 != 0 { 12 } else { 0 }
    }

    /// Puts the running time into the registers.
    fn store_time(&mut self, now: Nanos) {
        let time = self.time(self.second(now));
        let (days, in_day) = (time / DAY, time % DAY);
        let (year, month, day) = date_from_days(days);
        self.cmos[field::SECONDS] = self.encode(in_day % 60);
        self.cmos[field::MINUTES] = self.encode(in_day / 60 % 60);
        self.cmos[field::HOURS] = self.encode_hour(in_day / 3600);
        self.cmos[field::WEEKDAY] = self.encode((days + 4) % 7 + 1);
        self.cmos[field::DAY] = self.encode(day);
        self.cmos[field::MONTH] = self.encode(month);
        self.cmos[field::YEAR] = self.encode(year % 100);
        self.cmos[CENTURY] = self.encode(year / 100);
    }

    /// Lets the clock run on from what the registers say, the second going on as it was.
    fn load_time(&mut self, now: Nanos) {
        let cmos = &self.cmos;
        let year = self.decode(cmos[CENTURY]) * 100 + self.decode(cmos[field::YEAR]);
        let days = days_from_date(
            year,
            self.decode(cmos[field::MONTH]).clamp(1, 12),
            self.decode(cmos[field::DAY]).clamp(1, 31),
        );
        let time = days * DAY
            + self.decode_hour(cmos[field::HOURS]) * 3600
            + self.decode(cmos[field::MINUTES]) * 60
            + self.decode(cmos[field::SECONDS]);
        // Wraps when the clock is set back far: the origin may lie before 1970.
        self.origin = time.min(LAST_SECOND).wrapping_sub(self.second(now));
    }

    /// The time between two periodic interrupts, in nanoseconds.
    fn period(&self) -> Option<u64> {
        let shift = match self.cmos[REG_A] & 15 {
            0 => return None,
            rate @ 1..3 => rate + 6,
            rate => rate - 1,
        };
        Some((SECOND << shift) / 32_768)
    }

    /// The first second from `from` on at which the alarm goes off.
    fn next_alarm(&self, from: u64) -> Option<u64> {
        let any = |value: u8| value >= 0xc0;
        let [second, minute, hour] = [1, 3, 5].map(|index| self.cmos[index]);
        let hit = |raw, value, now| any(raw) || value == now;
        let (want_second, want_minute) = (self.decode(second), self.decode(minute));
        let want_hour = self.decode_hour(hour);
        let mut at = from;
        // Each step passes over an hour, a minute or a second that does not fit.
        for _ in 0..=24 + 60 + 60 {
            let in_day = self.time(at) % DAY;
            let (h, m, s) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
            at = at.saturating_add(if !hit(hour, want_hour, h) {
                3600 - in_day % 3600
            } else if !hit(minute, want_minute, m) {
                60 - s
            } else if !hit(second, want_second, s) {
                1
            } else {
                return Some(at);
            });
        }
        None
    }

    /// Chooses the phase at the first look.
    fn look(&mut self, now: Nanos) {
        if !self.looked_at {
            self.looked_at = true;
            self.phase = (2 * SECOND - FIRST_UPDATE - now.0 % SECOND) % SECOND;
        }
    }

    /// Brings the flags up to date.
    fn sync(&mut self, now: Nanos) {
        let before = self.checked;
        let now = before.max(now);
        self.checked = now;
        if let Some(period) = self.period()
            && now.0 / period > before.0 / period
        {
            self.flags |= PERIODIC;
        }
        let (last, second) = (self.second(before), self.second(now));
        if second > last && !self.stopped() {
            self.flags |= UPDATE;
            if self.next_alarm(last + 1).is_some_and(|at| at <= second) {
                self.flags |= ALARM;
            }
        }
    }

    /// Works out when the next enabled flag rises that is not up already.
    fn schedule(&mut self) {
        let wanted = self.cmos[REG_B] & !self.flags;
        let running = !self.stopped();
        let next = self.second(self.checked) + 1;
        let periodic = (wanted & PERIODIC != 0)
            .then(|| self.period())
            .flatten()
            .map(|period| Nanos((self.checked.0 / period + 1).saturating_mul(period)));
        let update = (wanted & UPDATE != 0 && running).then(|| self.moment(next));
        let alarm = (wanted & ALARM != 0 && running)
            .then(|| self.next_alarm(next))
            .flatten()
            .map(|second| self.moment(second));
        self.due = [periodic, update, alarm].into_iter().flatten().min();
    }

    /// How long it is from `now` until the next update, in nanoseconds.
    fn to_update(&self, now: Nanos) -> u64 {
        SECOND - now.0.saturating_add(self.phase) % SECOND
    }

    fn read_data(&mut self, now: Nanos) -> u8 {
        let index = usize::from(self.index);
        match index {
            field::SECONDS
            | field::MINUTES
            | field::HOURS
            | field::WEEKDAY..=field::YEAR
            | CENTURY
                if !self.stopped() =>
            {
                self.store_time(now);
                self.cmos[index]
            }
            REG_A => {
                let updating = self.to_update(now) <= UPDATE_AHEAD && !self.stopped();
                self.cmos[REG_A] | if updating { A_UIP } else { 0 }
            }
            REG_C => {
                self.sync(now);
                let irq = if self.interrupt() { C_IRQ } else { 0 };
                let flags = std::mem::take(&mut self.flags);
                self.schedule();
                flags | irq
            }
            _ => self.cmos[index],
        }
    }

    fn write_data(&mut self, value: u8, now: Nanos) {
        let index = usize::from(self.index);
        let ran = !self.stopped();
        if ran {
            self.store_time(now);
        }
        match index {
            REG_A => {
                let held = self.cmos[REG_A] & 0x60 == 0x60;
                self.cmos[REG_A] = value & !A_UIP;
                if held && value & 0x60 != 0x60 {
                    // The divider starts anew: the first update comes half a second later.
                    self.phase = SECOND - (now.0.wrapping_add(SECOND / 2)) % SECOND;
                }
            }
            REG_B => {
                self.cmos[REG_B] = value;
                if value & B_SET != 0 {
                    self.cmos[REG_B] &= !UPDATE;
                }
            }
            REG_C | REG_D => {}
            _ => self.cmos[index] = value,
        }
        let is_time = matches!(
            index,
            field::SECONDS | field::MINUTES | field::HOURS | field::DAY..=field::YEAR | CENTURY
        );
        if !self.stopped() && (!ran || is_time) {
            self.load_time(now);
        }
    }
}

impl Registers for Rtc {
    fn read(&mut self, offset: u64, _width: Width, now: Nanos) -> u32 {
        if offset != 1 {
            return 0xff;
        }
        self.look(now);
        u32::from(self.read_data(now))
    }

    fn write(&mut self, offset: u64, _width: Width, value: u32, now: Nanos) {
        if offset == 0 {
            self.index = value as u8 & 0x7f;
            return;
        }
        self.look(now);
        self.sync(now);
        self.write_data(value as u8, now);
        self.schedule();
    }

    fn steady_until(&self, offset: u64, now: Nanos) -> Option<Nanos> {
        let left = self.to_update(now);
        let change = match usize::from(self.index) {
            _ if offset != 1 => u64::MAX,
            _ if !self.looked_at => return None,
            // Reading it clears it.
            REG_C => return None,
            _ if self.stopped() => u64::MAX,
            REG_A if left > UPDATE_AHEAD => left - UPDATE_AHEAD,
            _ => left,
        };
        Some(now.plus(Nanos(change)))
    }

    fn ignores(&self, offset: u64, value: u32) -> bool {
        offset == 0 && value as u8 & 0x7f == self.index
    }
}

impl Device for Rtc {
    /// Clears what the reset line clears: interrupts. Time and memory have a battery.
    fn reset(&mut self) {
        self.cmos[REG_B] &= !(PERIODIC | ALARM | UPDATE | 0x08);
        self.flags = 0;
        self.index = 0;
        self.schedule();
    }

    fn interrupt(&self) -> bool {
        self.flags & self.cmos[REG_B] & (PERIODIC | ALARM | UPDATE) != 0
    }

    fn deadline(&self) -> Option<Nanos> {
        self.due
    }

    fn advance(&mut self, now: Nanos) {
        if self.due.is_some_and(|due| due <= now) {
            self.sync(now);
            self.schedule();
        }
    }
}

impl Sound for Rtc {
    fn is_sound(&self) -> bool {
        let in_memory = usize::from(self.index) < self.cmos.len();
        in_memory && self.phase <= SECOND && self.checked.is_sound() && self.due.is_sound()
    }
}

#[cfg(test)]
mod tests;
