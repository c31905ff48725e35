//! The balloon.

use super::bench::{Bench, DATA, MEMORY};
use super::*;
use crate::device::virtio::balloon::NAMES;

const ALL: u64 = 1 << 1 | 1 << 2 | 1 << 5;

fn bench(features: u64) -> Bench<Balloon> {
    Bench::new(Balloon::default(), features)
}

/// The pages that hold zeros only.
fn empty(bench: &mut Bench<Balloon>) -> Vec<u32> {
    let pages = DATA / 0x1000..MEMORY / 0x1000;
    let is_empty = |page: &u32| {
        bench
            .memory
            .at(page * 0x1000, 0x1000)
            .iter()
            .all(|&it| it == 0)
    };
    pages.filter(is_empty).collect()
}

fn hand_out_pages(bench: &mut Bench<Balloon>, queue: usize, pages: &[u32]) {
    let list: Vec<u8> = pages.iter().flat_map(|page| page.to_le_bytes()).collect();
    bench.put(DATA, &list);
    bench.hand_out(queue, 0, &[(DATA.into(), list.len() as u32)], 0);
    assert_eq!(bench.given_back(queue), [(0, 0)]);
}

#[test]
fn pages_go_into_the_balloon_and_come_back() {
    let mut bench = bench(ALL);
    hand_out_pages(&mut bench, 0, &[0x10, 0x12, 0x12, 0x20, 0xffff_ffff]);
    assert_eq!(bench.cause(), 1);
    assert_eq!(
        empty(&mut bench),
        [0x10, 0x12],
        "what is no memory is left alone"
    );
    bench.put(0x10_000, b"new");
    hand_out_pages(&mut bench, 1, &[0x10, 0x12, 0xffff_ffff]);
    assert_eq!(bench.memory.at(0x10_000, 3), b"new", "what is stored stays");
    assert_eq!(bench.status(), 15);
}

#[test]
fn the_driver_is_asked_and_says_how_far_it_is() {
    let mut bench = bench(ALL);
    bench.function.update(|it| it.ask(0x1234));
    assert_eq!((bench.cause(), bench.config(0, Width::Word)), (2, 0x1234));
    bench.write(0x2004, Width::Word, 0x1200);
    assert_eq!(bench.config(4, Width::Word), 0x1200);
    bench.write(0x2000, Width::Word, 7);
    assert_eq!(
        bench.config(0, Width::Word),
        0x1234,
        "the driver decides nothing"
    );
    bench.start();
    assert_eq!(
        bench.function.device().asked(),
        0x1234,
        "that outlives a reset"
    );
    assert_eq!(bench.config(4, Width::Word), 0);
}

#[test]
fn statistics_are_asked_for_once_a_second() {
    let mut bench = bench(ALL);
    for (at, tag, value) in [(0, 4_u16, 1000_u64), (10, 99, 1), (20, 5, 2000)] {
        bench.put(DATA + at, &tag.to_le_bytes());
        bench.put(DATA + at + 2, &value.to_le_bytes());
    }
    for second in 1..4 {
        bench.hand_out(2, 0, &[(DATA.into(), 35)], 0);
        let told: Vec<_> = bench.function.device().statistics().collect();
        assert_eq!(told, [(NAMES[4], 1000), (NAMES[5], 2000)]);
        assert_eq!(bench.given_back(2), [], "the device keeps it");
        bench.wait();
        assert_eq!(bench.now, Nanos(second * Nanos::SECOND.0));
        assert_eq!(bench.given_back(2), [(0, 0)]);
    }
    assert_eq!(bench.function.deadline(), None, "it waits for the driver");
}

/// What the guest reports is told by where the buffers are. Parts of pages stay.
#[test]
fn pages_that_are_reported_are_free() {
    for (features, queue) in [(ALL, 3), (1 << 5, 2)] {
        let mut bench = bench(features);
        let pieces = [
            (0x10_800, 0x1_000),
            (0x14_000, 0x2_000),
            (u64::MAX - 5, 0xffff_ffff),
        ];
        bench.hand_out(queue, 0, &pieces, pieces.len());
        assert_eq!(bench.given_back(queue), [(0, 0)]);
        assert_eq!(empty(&mut bench), [0x14, 0x15]);
        bench.hand_out(queue, 0, &[(0x1c_000, 0xffff_ffff)], 1);
        assert_eq!(empty(&mut bench), [0x14, 0x15, 0x1c, 0x1d, 0x1e, 0x1f]);
    }
}

#[test]
fn a_wild_driver_of_a_balloon_is_harmless() {
    let mut bench = bench(ALL);
    let [broken, answers] = bench.run_wild(5, |bench, state| {
        if wild::next(state).is_multiple_of(64) {
            bench.function.update(|it| it.ask(wild::some(state) as u32));
        }
    });
    assert!(broken > 100 && answers > 100, "{broken} and {answers}");
    hand_out_pages(&mut bench, 0, &[0x10]);
    assert!(empty(&mut bench).contains(&0x10));
}
