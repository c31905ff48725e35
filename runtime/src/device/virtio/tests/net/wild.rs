//! A driver of a network port that does anything at all.

use super::super::wild::{next, some};
use super::*;

const STEPS: u64 = 60_000;

fn step(driver: &mut Driver, state: &mut u64) {
    let queue = next(state) as usize % 2;
    match next(state) % 14 {
        0..4 => {
            let (index, at) = (next(state) as u16 % 16, some(state) as u32 % 0x4_1000);
            let length = some(state) as u32 % 0x4000;
            let (flags, next) = (next(state) as u16 % 8, next(state) as u16 % 17);
            driver.descriptor(queue, index, at, length, flags, next);
        }
        4..6 => driver.hand_out(queue, next(state) as u16 % 17, 1),
        6 => driver.notify(queue),
        7 => driver.offer(next(state) as u16 % 16, DATA, some(state) as u32 % 0x1000),
        12..14 => {
            let length = some(state) as u32 % 0x1000;
            driver.descriptor(1, 3, DATA, length, 0, 0);
            driver.hand_out(1, 3, 1);
            driver.notify(1);
        }
        8 => driver.deliver(&frame(some(state) as usize % 0x1000), true),
        9 => {
            let at = QUEUES[0] + next(state) as u32 % 0x7000;
            driver.memory.at(at, 1)[0] = next(state) as u8;
        }
        _ => {
            let width = [Width::Byte, Width::Half, Width::Word][next(state) as usize % 3];
            driver.write(next(state) % 64, width, some(state) as u32);
        }
    }
}

/// Nothing panics, nothing hangs and nothing piles up; after a reset the device works.
#[test]
fn a_wild_driver_is_harmless() {
    let (mut broken, mut sent, mut received) = (0, 0, 0);
    for (seed, (interface, big_endian)) in (1_u64..).zip(SETTINGS) {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let features = if seed % 2 == 0 { MERGE | CSUM } else { CSUM };
        let mut driver = Driver::new(interface, big_endian, features);
        for _ in 0..STEPS {
            step(&mut driver, &mut state);
            if driver.status() & 0x40 != 0 {
                broken += 1;
                driver.start();
            }
            if driver.function.device().held().bytes >= 256 << 10 {
                driver.start();
            }
            sent += driver.sent().len();
        }
        received += driver.function.device().traffic().received;
        driver.start();
        driver.send(&[], &frame(60));
        assert_eq!(driver.sent().len(), 1);
        driver.offer(1, DATA, 200);
        driver.deliver(&frame(100), false);
        assert_eq!(driver.given_back(0).len(), 1);
    }
    assert!(
        broken > 1000 && sent > 100 && received > 100,
        "{broken}, {sent}, {received}"
    );
}
