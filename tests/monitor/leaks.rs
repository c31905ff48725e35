//! However a machine goes, everything that it held comes back.

use crate::crowd::{Setting, Watchdog, machine, monitor_that_fails, nothing_is_left};
use mirrorball::machine::MachineSpec;
use mirrorball_runtime::monitor::{Command, Phase};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Machines that end by themselves and such that do not, which share pages and are swapped.
fn guests() -> Vec<MachineSpec> {
    let hog = |id: u32, rounds: u32| {
        let append = format!("id={id} pages=300 rounds={rounds}");
        machine("vmm-hog", &format!("memory=8M,append='{append}'"))
    };
    let share = |id: u32| machine("vmm-share", &format!("memory=8M,append='id={id}'"));
    vec![
        hog(1, 100_000),
        hog(2, 1),
        hog(3, 100_000),
        share(1),
        share(2),
        machine("vmm-noisy", "memory=8M,append='ms=1000000'"),
        machine("tour", "memory=8M"),
        machine("vmm-escape", "memory=16M,append='pokes=200'"),
    ]
}

const SETTING: Setting = Setting {
    threads: 2,
    slice: 1 << 14,
    share_pages: 64,
    frames: 900,
    swap: 1 << 13,
};

#[test]
fn all_memory_comes_back_however_machines_end() {
    for seed in 0..4 {
        let _watchdog = Watchdog::new(60, move || format!("the storm of commands {seed}"));
        // One of them ends by a mistake in the monitor.
        let monitor = monitor_that_fails(guests(), SETTING, Some((2, 300)));
        let told_all = AtomicBool::new(false);
        thread::scope(|scope| {
            // It comes back when all have ended, and then one may be started again.
            scope.spawn(|| {
                loop {
                    let last = told_all.load(Ordering::SeqCst);
                    monitor.run();
                    if last {
                        break;
                    }
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let mut rng = fastrand::Rng::with_seed(seed);
            for _ in 0..150 {
                let number = rng.usize(..monitor.machines());
                let pages = rng.u64(0..400);
                let command = match rng.u8(..10) {
                    0 => Command::Stop,
                    1 => Command::Reset,
                    2 | 3 => Command::Start,
                    4 | 5 => Command::Pause,
                    6 | 7 => Command::Resume,
                    8 => Command::Share(rng.u32(1..1000)),
                    _ => Command::Target((pages > 100).then_some(pages)),
                };
                // Most of what is asked of a machine that has ended is refused.
                let _ = monitor.command(number, command);
                thread::sleep(Duration::from_millis(rng.u64(0..15)));
            }
            for number in 0..monitor.machines() {
                let _ = monitor.command(number, Command::Stop);
            }
            told_all.store(true, Ordering::SeqCst);
        });
        nothing_is_left(&monitor);
        let swap = monitor.memory().swap().counters();
        assert!(swap.written > 0, "{swap:?}");
        for number in 0..monitor.machines() {
            let phase = monitor.standing(number).phase;
            assert!(matches!(phase, Phase::Ended(_)), "{number}: {phase:?}");
        }
    }
}

#[test]
fn all_memory_comes_back_when_everybody_is_sent_away() {
    let _watchdog = Watchdog::new(60, || "machines that are told to quit".into());
    for wait in [0, 1, 20, 200] {
        let monitor = monitor_that_fails(guests(), SETTING, None);
        thread::scope(|scope| {
            scope.spawn(|| monitor.run());
            thread::sleep(Duration::from_millis(wait));
            monitor.quit();
        });
        nothing_is_left(&monitor);
    }
}
