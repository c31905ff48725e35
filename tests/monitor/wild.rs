//! Guests that try to get out of their machines, or do whatever random words say, beside one that
//! looks for traces of it in its own.

use crate::crowd::{End, PLENTY, Setting, Watchdog, alone, machine, run};
use mirrorball::image::{Image, Segment};
use mirrorball::isa::decode::decode;
use mirrorball::machine::MachineSpec;
use mirrorball_runtime::addr::{Pa, Va};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn victim(pages: u32) -> MachineSpec {
    let settings = format!("name=victim,memory=8M,append='pages={pages} rounds=1'");
    machine("vmm-victim", &settings)
}

#[test]
fn no_guest_escapes() {
    let _watchdog = Watchdog::new(110, || "the escape artists".into());
    let artist = |seed: u64| {
        let append = format!("seed={seed} pokes=1000");
        let settings = format!("name=artist-{seed},memory=16M,append='{append}'");
        machine("vmm-escape", &settings)
    };
    let specs: Vec<_> = [victim(512)]
        .into_iter()
        .chain((1..=3).map(artist))
        .collect();
    let wanted: Vec<_> = specs.iter().map(alone).collect();
    for (threads, frames) in [(1, 1 << 16), (2, 1500)] {
        let setting = Setting {
            threads,
            slice: 1 << 14,
            share_pages: 64,
            frames,
            swap: 1 << 14,
        };
        let (ends, _) = run(specs.clone(), setting);
        for (end, wanted) in ends.iter().zip(&wanted) {
            assert_eq!(end.passed(), wanted, "{setting:?}");
        }
    }
}

/// All random guests together.
const GUESTS: u64 = 10_000;
/// Those beside one victim.
const BATCH: u64 = 50;
/// What each may run.
const LIMIT: u64 = 4000;
/// Bytes of random words: vectors, code, and what is behind.
const BYTES: usize = 1 << 15;
const START: u32 = 0x8000_1000;

/// Random words, or such as are instructions.
fn words(seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let sensible = seed.is_multiple_of(2);
    let word = || loop {
        let word = rng.u32(..);
        if !sensible || decode(word).is_some() {
            return word.to_le_bytes();
        }
    };
    std::iter::repeat_with(word)
        .take(BYTES / 4)
        .flatten()
        .collect()
}

/// A guest that is nothing but such words, from the vectors on.
fn random_guest(like: &MachineSpec, seed: u64) -> MachineSpec {
    let words = words(seed);
    let segment = |from: usize, to: usize| Segment {
        va: Va(0x8000_0000 + from as u64),
        pa: Pa(from as u64),
        size: (to - from) as u64,
        bytes: words[from..to].to_vec(),
    };
    let mut guest = like.clone();
    guest.name = format!("random-{seed}");
    guest.image = Arc::new(Image {
        name: "random".into(),
        big_endian: false,
        entry: Va(START.into()),
        // Between them are the boot arguments.
        segments: vec![segment(0, 0x2000), segment(0x3000, BYTES)],
    });
    guest.limit = Some(LIMIT);
    guest
}

#[test]
fn random_words_harm_no_machine() {
    let seed = Arc::new(AtomicU64::new(0));
    let first = Arc::clone(&seed);
    let _watchdog = Watchdog::new(110, move || {
        let first = first.load(Ordering::Relaxed);
        format!(
            "random guests of the seeds {first} to {}",
            first + BATCH - 1
        )
    });
    let wanted = alone(&victim(16));
    wanted.passed();
    let engines = ["interp", "jit,hot=1", "jit"];
    let like = engines.map(|engine| {
        let settings = format!("engine={engine},memory=1M");
        machine("hello", &settings)
    });
    for (batch, first) in (0..GUESTS).step_by(BATCH as usize).enumerate() {
        seed.store(first, Ordering::Relaxed);
        // To translate takes long; there are plenty of these guests in other tests.
        let like = &like[if batch % 20 < 2 { batch % 20 + 1 } else { 0 }];
        let guests = (first..first + BATCH).map(|seed| random_guest(like, seed));
        let specs = [victim(16)].into_iter().chain(guests).collect();
        let setting = Setting {
            threads: 1 + batch % 2,
            slice: 1000,
            share_pages: 16,
            frames: 1500,
            swap: 1 << 12,
        };
        let (ends, _) = run(specs, setting);
        assert_eq!(ends[0], wanted, "beside the seeds from {first} on");
        let crashed = |end: &End| end.outcome.is_none();
        let crashed = ends.iter().position(crashed);
        assert_eq!(
            crashed.map(|place| first + place as u64 - 1),
            None,
            "the seed"
        );
    }
}

/// Random guests end the same in both engines, and each time.
#[test]
fn random_words_do_the_same_in_both_engines() {
    let like = |engine| machine("hello", &format!("memory=1M,engine={engine}"));
    let guests = |engine| {
        let like = like(engine);
        (0..100)
            .map(move |seed| random_guest(&like, seed))
            .collect()
    };
    let _watchdog = Watchdog::new(110, || "random guests in both engines".into());
    let (interpreted, _) = run(guests("interp"), PLENTY);
    for engine in ["jit,hot=1", "lockstep"] {
        let (ends, _) = run(guests(engine), PLENTY);
        for (seed, (end, wanted)) in ends.iter().zip(&interpreted).enumerate() {
            assert_eq!(end, wanted, "seed {seed}, {engine}");
        }
    }
}
