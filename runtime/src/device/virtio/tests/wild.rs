//! A driver that does anything at all.

use super::driver::{Driver, SETTINGS};
use super::*;

/// What a driver does in a run.
const STEPS: u64 = 60_000;

pub fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// A number that is small more often than not.
pub fn some(state: &mut u64) -> u64 {
    let shift = next(state) % 64;
    next(state) >> shift
}

impl Driver {
    /// Puts something that looks like a descriptor somewhere into the table.
    fn wild_descriptor(&mut self, state: &mut u64) {
        let index = next(state) as u16 % 16;
        let address = some(state) % 0x2_1000;
        let length = some(state) as u32 % 0x4000;
        let (flags, next) = (next(state) as u16 % 8, next(state) as u16 % 17);
        self.descriptor(index, address, length, flags, next);
    }

    fn wild_step(&mut self, state: &mut u64) {
        match next(state) % 16 {
            0..6 => self.wild_descriptor(state),
            6..8 => self.hand_out(next(state) as u16 % 17, 1),
            8 => self.hand_out(0, next(state) as u16),
            9..11 => self.notify(),
            11 => self.request(
                next(state) as u16 % 8,
                some(state) as u32 % 16,
                some(state) % 70,
                &[1; 512],
                512,
            ),
            12 => {
                if self.function.deadline().is_some() {
                    self.wait();
                }
            }
            13 if next(state).is_multiple_of(16) => self.start(),
            13 => {
                let at = 0x4000 + next(state) as u32 % 0x3000;
                self.memory.at(at, 1)[0] = next(state) as u8;
            }
            _ => self.wild_register(state),
        }
    }

    fn wild_register(&mut self, state: &mut u64) {
        let width = [Width::Byte, Width::Half, Width::Word][next(state) as usize % 3];
        let offset = match next(state) % 4 {
            0 => next(state) % 0x4000,
            1 => 0x2000 + next(state) % 64,
            _ => next(state) % 64,
        };
        let value = some(state) as u32;
        match next(state) % 4 {
            0 => self.write(offset, width, value),
            1 => self
                .function
                .write_config(offset as u8, width, value, self.now),
            2 => drop(self.function.read_config(offset as u8, width, self.now)),
            _ => assert_eq!(self.read(offset, width) & !width.mask(), 0),
        }
    }
}

/// Nothing panics and nothing hangs; after a reset the device works.
#[test]
fn a_wild_driver_is_harmless() {
    let (mut broken, mut answers) = (0, 0);
    for (seed, (interface, big_endian)) in (1_u64..).zip(SETTINGS) {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut driver = Driver::started(interface, big_endian);
        for _ in 0..STEPS {
            driver.wild_step(&mut state);
            if driver.status() & 0x40 != 0 {
                broken += 1;
                driver.start();
            }
            answers += u64::from(driver.interrupt_cause() & 1);
        }
        driver.start();
        while driver.function.deadline().is_some() {
            driver.wait();
        }
        driver.request(0, 8, 0, &[], 20);
        driver.notify();
        driver.wait();
        assert_eq!(&driver.answer(0, 20).1[..8], b"serial-1");
    }
    assert!(broken > 1000 && answers > 100, "{broken} and {answers}");
}
