//! The console.

use super::bench::{Bench, DATA};
use super::*;

fn bench() -> Bench<Console> {
    Bench::new(Console::default(), 1)
}

fn type_text(bench: &mut Bench<Console>, text: &[u8]) {
    for &byte in text {
        bench.function.update(|it| it.push_input(byte));
        bench.lend();
    }
}

#[test]
fn what_is_printed_leaves_at_once() {
    let mut bench = bench();
    bench.put(DATA, b"one two three");
    let at = u64::from(DATA);
    bench.hand_out(1, 0, &[(at, 4), (at + 8, 5)], 0);
    bench.hand_out(1, 2, &[(at + 4, 3)], 0);
    assert_eq!(bench.function.update(Console::take_output), b"one threetwo");
    assert_eq!(bench.given_back(1), [(0, 0), (2, 0)]);
    assert_eq!(bench.function.update(Console::take_output), b"");
    assert_eq!(bench.cause(), 3, "and the driver hears of the size, once");
    bench.hand_out(1, 3, &[(at, 4)], 0);
    assert_eq!(bench.cause(), 1);
}

#[test]
fn what_is_typed_waits_for_buffers() {
    let mut bench = bench();
    assert!(!bench.function.device().is_used());
    bench.hand_out(1, 0, &[(DATA.into(), 1)], 0);
    type_text(&mut bench, b"hello");
    assert_eq!(bench.function.device().typed_ahead(), 5);
    bench.hand_out(0, 0, &[(DATA.into(), 3)], 1);
    bench.hand_out(0, 1, &[(u64::from(DATA) + 3, 100)], 1);
    assert_eq!(bench.given_back(0), [(0, 3), (1, 2)]);
    assert_eq!(bench.memory.at(DATA, 5), b"hello");
    bench.hand_out(0, 2, &[(DATA.into(), 100)], 1);
    assert_eq!(bench.given_back(0), []);
    type_text(&mut bench, b"!");
    assert_eq!(bench.given_back(0), [(2, 1)]);
    assert_ne!(bench.cause() & 1, 0);
    type_text(&mut bench, b"lost");
    bench.start();
    let console = bench.function.device();
    assert_eq!((console.typed_ahead(), console.is_used()), (0, false));
}

#[test]
fn the_driver_hears_of_the_size_of_the_window() {
    let mut bench = bench();
    assert_eq!(bench.config(0, Width::Word), 24 << 16 | 80);
    let size = WindowSize {
        columns: 132,
        rows: 50,
    };
    bench.function.update(|it| it.resize(size));
    assert_eq!(
        (bench.cause(), bench.config(0, Width::Word)),
        (2, 50 << 16 | 132)
    );
    assert_eq!(bench.config(4, Width::Word), 1, "a port");
}

#[test]
fn what_no_driver_prints_needs_a_reset() {
    let mut bench = bench();
    bench.hand_out(1, 0, &[(0, 0x4001)], 0);
    assert_eq!(
        (bench.status(), bench.function.update(Console::take_output)),
        (0x4f, vec![])
    );
    bench.start();
    bench.hand_out(1, 0, &[(DATA.into(), 1)], 0);
    type_text(&mut bench, b"x");
    bench.hand_out(0, 0, &[(DATA.into(), 4)], 0);
    assert_eq!(bench.status(), 0x4f, "a buffer to write to has no room");
}

#[test]
fn a_wild_driver_of_a_console_is_harmless() {
    let mut bench = bench();
    let mut printed = 0;
    let [broken, answers] = bench.run_wild(3, |bench, state| {
        let bytes = bench.function.update(Console::take_output).len();
        assert!(bytes <= super::super::PRINTED);
        printed += bytes;
        if wild::next(state).is_multiple_of(16) {
            bench.function.update(|it| it.push_input(*state as u8));
            bench.lend();
        }
    });
    assert!(
        broken > 100 && answers > 100 && printed > 1000,
        "{broken}, {answers}, {printed}"
    );
    bench.put(DATA, b"works");
    bench.hand_out(1, 0, &[(DATA.into(), 5)], 0);
    assert_eq!(bench.function.update(Console::take_output), b"works");
}
