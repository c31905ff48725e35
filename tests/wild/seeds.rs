//! Ten thousand random guests.

use crate::compare::{Manner, both};
use crate::guest::{Guest, Pool};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SEEDS: u64 = 10_000;
/// The instructions of most guests, and of one in sixteen.
const INSTRUCTIONS: [u64; 2] = [3_000, 20_000];
/// Guests that share a pool of words.
const BATCH: u64 = 125;
/// The most memory that a guest has, in pages.
const PAGES: u32 = 512;
/// No guest takes anything like it.
const HANGING: Duration = Duration::from_secs(30);

/// What the guests of one thread amounted to.
#[derive(Default, Debug)]
struct Tally {
    guests: u64,
    instructions: u64,
    exceptions: u64,
    hypercalls: u64,
    translations: u64,
    translated: u64,
    links: u64,
    invalidated: u64,
    failures: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.guests += other.guests;
        self.instructions += other.instructions;
        self.exceptions += other.exceptions;
        self.hypercalls += other.hypercalls;
        self.translations += other.translations;
        self.translated += other.translated;
        self.links += other.links;
        self.invalidated += other.invalidated;
        self.failures.extend(other.failures);
    }
}

/// The guests of one batch. `current` tells which one is running.
fn batch(number: u64, current: &AtomicU64, tally: &mut Tally) {
    let pool = Pool::new(number, PAGES, number % 2 == 1);
    for seed in number * BATCH..(number + 1) * BATCH {
        current.store(seed, Ordering::Relaxed);
        let run = || {
            let guest = Guest::new(seed, &pool);
            let limit = INSTRUCTIONS[usize::from(seed % 16 == 0)];
            both(|| guest.machine(), Manner::random(seed), limit)
        };
        tally.guests += 1;
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok((end, jit))) => {
                tally.translations += jit.translations;
                tally.translated += jit.translated;
                tally.links += jit.links;
                tally.invalidated += jit.invalidated;
                tally.instructions += end.instructions;
                tally.exceptions += end.exceptions.iter().sum::<u64>();
                tally.hypercalls += end.hypercalls;
            }
            Ok(Err(difference)) => tally.failures.push(format!("seed {seed}: {difference}")),
            Err(_) => tally
                .failures
                .push(format!("seed {seed}: panic, see above")),
        }
    }
}

/// A number in the environment.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
    )
}

/// The batches, or the one that `WILD_SEED` is in; with `WILD_MINUTES`, others than usual for so
/// long.
fn batches() -> (std::ops::Range<u64>, Duration) {
    let whole = Duration::from_secs(3600 * 24);
    if let Some(seed) = setting("WILD_SEED") {
        (seed / BATCH..seed / BATCH + 1, whole)
    } else if let Some(minutes) = setting("WILD_MINUTES") {
        let first = fastrand::u64(SEEDS / BATCH..1 << 40);
        (first..u64::MAX, Duration::from_secs(minutes * 60))
    } else {
        (0..SEEDS / BATCH, whole)
    }
}

/// Guests that once ended differently: code went on at a mapped address after it had written Wired,
/// which took its own page out of the second-level TLB.
#[test]
fn guests_that_differed_once_end_alike() {
    for seed in [63_986_762_758_720, 63_986_762_820_768] {
        let mut tally = Tally::default();
        batch(seed / BATCH, &AtomicU64::new(0), &mut tally);
        assert!(tally.failures.is_empty(), "{}", tally.failures[0]);
    }
}

#[test]
fn random_guests_end_alike_in_both_engines() {
    let start = Instant::now();
    let (batches, time) = batches();
    let (next, end) = (AtomicU64::new(batches.start), batches.end);
    let total = Mutex::new(Tally::default());
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let running: Vec<_> = (0..workers).map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        for current in &running {
            scope.spawn(|| {
                let mut tally = Tally::default();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end || start.elapsed() > time {
                        break;
                    }
                    batch(number, current, &mut tally);
                }
                current.store(u64::MAX, Ordering::Relaxed);
                total.lock().unwrap().add(tally);
            });
        }
        scope.spawn(|| watch(&running));
    });
    let total = total.into_inner().unwrap();
    println!("{total:?}\n{:.1?}", start.elapsed());
    let failures = total.failures;
    for failure in failures.iter().take(3) {
        println!("{failure}\n");
    }
    assert!(
        failures.is_empty(),
        "{} guests fail; WILD_SEED=N runs those around seed N",
        failures.len()
    );
}

/// Ends the process, with the seed, if one guest runs for too long.
fn watch(running: &[AtomicU64]) {
    let mut seen = vec![(u64::MAX, Instant::now()); running.len()];
    loop {
        thread::sleep(Duration::from_millis(50));
        for (current, seen) in running.iter().zip(&mut seen) {
            let seed = current.load(Ordering::Relaxed);
            if seed != seen.0 {
                *seen = (seed, Instant::now());
            } else if seed != u64::MAX && seen.1.elapsed() > HANGING {
                eprintln!("seed {seed}: hangs");
                std::process::abort();
            }
        }
        if running
            .iter()
            .all(|current| current.load(Ordering::Relaxed) == u64::MAX)
        {
            return;
        }
    }
}
