//! The power management and SMBus registers of the PIIX4's function 3 (82371AB data sheet,
//! sections 7.2 and 7.3).
//!
//! The suspend request is what guests use to power the machine off. The 24-bit timer runs, and
//! its carry can interrupt. The general-purpose registers are not there. No device is on the SMBus:
//! every transaction ends with an error.

use super::{Device, Registers, Request, Width};
use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// The number of I/O ports of the power management registers.
pub const PM_PORTS: u64 = 0x40;
/// The number of I/O ports of the SMBus registers.
pub const SMBUS_PORTS: u64 = 0x10;

const TIMER_HZ: u128 = 3_579_545;
/// The carry is a change of the timer's bit 23.
const CARRY_TICKS: u128 = 1 << 23;

const STATUS: u64 = 0x00;
const ENABLE: u64 = 0x02;
const CONTROL: u64 = 0x04;
const TIMER: u64 = 0x08;

const STATUS_CARRY: u16 = 1;
const ENABLE_ALL: u16 = 0x0521;
const CONTROL_SCI: u16 = 1;
const CONTROL_SUSPEND: u16 = 1 << 13;
const CONTROL_TYPE: u16 = 7 << 10;

fn ticks(now: Nanos) -> u128 {
    u128::from(now.0) * TIMER_HZ / 1_000_000_000
}

/// The power management registers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Acpi {
    enable: u16,
    control: u16,
    carry: bool,
    /// How many carries the status takes into account.
    carries: u128,
    seen: Nanos,
    power_off: bool,
}

impl Acpi {
    /// The registers after reset.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn sync(&mut self, now: Nanos) {
        self.seen = self.seen.max(now);
        let carries = ticks(self.seen) / CARRY_TICKS;
        self.carry |= carries > self.carries;
        self.carries = carries;
    }

    fn read_half(&self, offset: u64, now: Nanos) -> u16 {
        match offset {
            STATUS => u16::from(self.carry),
            ENABLE => self.enable,
            CONTROL => self.control | CONTROL_SCI,
            TIMER => ticks(now) as u16,
            0x0a => (ticks(now) >> 16) as u16 & 0xff,
            _ => 0xffff,
        }
    }

    fn write_half(&mut self, offset: u64, value: u16, mask: u16) {
        let merge = |old: u16| old & !mask | value & mask;
        match offset {
            STATUS => self.carry &= value & mask & STATUS_CARRY == 0,
            ENABLE => self.enable = merge(self.enable) & ENABLE_ALL,
            CONTROL => {
                let value = merge(self.control);
                // Type 0 is soft off; the other types are kinds of sleep, which were not entered.
                self.power_off |= value & CONTROL_SUSPEND != 0 && value & CONTROL_TYPE == 0;
                self.control = value & !CONTROL_SUSPEND;
            }
            _ => {}
        }
    }
}

impl Registers for Acpi {
    fn read(&mut self, offset: u64, width: Width, now: Nanos) -> u32 {
        self.sync(now);
        let offset = offset % PM_PORTS;
        let low = u32::from(self.read_half(offset & !1, now));
        let high = match offset & !1 {
            last @ 0x3e.. => u32::from(self.read_half(last, now)),
            at => u32::from(self.read_half(at + 2, now)),
        };
        (high << 16 | low) >> (8 * (offset & 1)) & width.mask()
    }

    fn write(&mut self, offset: u64, width: Width, value: u32, now: Nanos) {
        self.sync(now);
        let offset = offset % PM_PORTS;
        let shift = 8 * (offset & 1);
        let (value, mask) = (u64::from(value) << shift, u64::from(width.mask()) << shift);
        self.write_half(offset & !1, value as u16, mask as u16);
        if mask >> 16 != 0 && offset & !1 != 0x3e {
            self.write_half((offset & !1) + 2, (value >> 16) as u16, (mask >> 16) as u16);
        }
    }
}

impl Device for Acpi {
    fn reset(&mut self) {
        *self = Self {
            carries: self.carries,
            seen: self.seen,
            ..Self::new()
        };
    }

    /// The system control interrupt.
    fn interrupt(&self) -> bool {
        self.carry && self.enable & STATUS_CARRY != 0
    }

    fn take_request(&mut self) -> Option<Request> {
        std::mem::take(&mut self.power_off).then_some(Request::PowerOff)
    }

    fn deadline(&self) -> Option<Nanos> {
        let wanted = self.enable & STATUS_CARRY != 0 && !self.carry;
        let next = (self.carries + 1) * CARRY_TICKS;
        let due = (next * 1_000_000_000).div_ceil(TIMER_HZ);
        wanted.then(|| Nanos(due.try_into().unwrap_or(u64::MAX)))
    }

    fn advance(&mut self, now: Nanos) {
        self.sync(now);
    }
}

const SMB_START: u8 = 0x40;
const SMB_ERROR: u8 = 0x04;

/// The SMBus host controller, alone on its bus.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Smbus {
    registers: [u8; SMBUS_PORTS as usize],
}

impl Smbus {
    /// The controller after reset.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn write_byte(&mut self, offset: u64, value: u8) {
        match offset {
            status @ 0..2 => self.registers[status as usize] &= !value,
            2 => {
                self.registers[2] = value & 0x1f;
                if value & SMB_START != 0 {
                    self.registers[0] |= SMB_ERROR;
                }
            }
            other => self.registers[other as usize] = value,
        }
    }
}

impl Registers for Smbus {
    fn read(&mut self, offset: u64, width: Width, _now: Nanos) -> u32 {
        width.gather(|lane| self.registers[((offset + lane) % SMBUS_PORTS) as usize])
    }

    fn write(&mut self, offset: u64, width: Width, value: u32, _now: Nanos) {
        for (lane, byte) in width.lanes(value) {
            self.write_byte((offset + lane) % SMBUS_PORTS, byte);
        }
    }
}

impl Device for Smbus {
    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// It can work with any state.
impl Sound for Smbus {
    fn is_sound(&self) -> bool {
        true
    }
}

impl Sound for Acpi {
    fn is_sound(&self) -> bool {
        self.seen.is_sound() && self.carries <= ticks(Nanos::LAST) / CARRY_TICKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspending_with_type_zero_powers_off() {
        let mut pm = Acpi::new();
        assert_eq!(pm.read(CONTROL, Width::Half, Nanos(0)), 1);
        pm.write(CONTROL, Width::Half, 0x2400, Nanos(0));
        assert_eq!(pm.take_request(), None);
        pm.write(CONTROL, Width::Half, 0x0001, Nanos(0));
        assert_eq!(pm.take_request(), None);
        pm.write(CONTROL, Width::Half, 0x2000, Nanos(0));
        assert_eq!(pm.take_request(), Some(Request::PowerOff));
        assert_eq!(pm.take_request(), None);
    }

    #[test]
    fn the_timer_runs_and_carries() {
        let mut pm = Acpi::new();
        assert_eq!(pm.read(TIMER, Width::Word, Nanos(1_000_000_000)), 3_579_545);
        assert_eq!(pm.deadline(), None);
        pm.write(ENABLE, Width::Half, 0xffff, Nanos(1_000_000_000));
        assert_eq!(pm.read(ENABLE, Width::Half, Nanos(1_000_000_000)), 0x0521);
        let due = pm.deadline().expect("a carry");
        assert_eq!(due.0, 2_343_484_438);
        pm.advance(due);
        assert!(pm.interrupt());
        assert_eq!(pm.deadline(), None);
        pm.write(STATUS, Width::Half, 1, due);
        assert!(!pm.interrupt());
        assert!(pm.deadline().is_some_and(|next| next > due));
    }

    #[test]
    fn nothing_answers_on_the_smbus() {
        let mut bus = Smbus::new();
        bus.write(2, Width::Byte, 0x48, Nanos(0));
        assert_eq!(bus.read(0, Width::Byte, Nanos(0)), 0x04);
        bus.write(0, Width::Byte, 0xff, Nanos(0));
        assert_eq!(bus.read(0, Width::Byte, Nanos(0)), 0);
    }
}
