//! A machine ends at the same instruction with the same state, whatever is beside it: alone, beside
//! noisy neighbours, with half the memory that all of them touch, with pages shared or not.

use crate::crowd::{PLENTY, Setting, Watchdog, alone, machine, run};
use mirrorball::machine::MachineSpec;

/// Those that are looked at, in an engine: what they touch is about 2000 pages.
fn guests(engine: &str) -> Vec<MachineSpec> {
    let settings = |name: &str, more: &str| format!("name={name},engine={engine},memory=16M{more}");
    vec![
        machine("vmm-hog", &settings("hog", ",append='pages=512 rounds=2'")),
        // Pages that are alike in both.
        machine(
            "vmm-hog",
            &settings("like", ",append='pages=512 rounds=2 id=2'"),
        ),
        machine(
            "vmm-victim",
            &settings("victim", ",append='pages=256 rounds=1'"),
        ),
        machine("tour", &settings("tour", "")),
        machine("bench-sort.u", &settings("sort", ",limit=5M")),
    ]
}

/// Those that disturb.
fn noise() -> Vec<MachineSpec> {
    let noisy = |n: u32| {
        let settings = format!("name=noisy-{n},memory=8M,append='rounds=300 seed={n}'");
        machine("vmm-noisy", &settings)
    };
    (1..=3).map(noisy).collect()
}

/// All settings that a machine must not notice.
fn settings() -> Vec<Setting> {
    let mut settings = Vec::new();
    for threads in [1, 2] {
        for share_pages in [0, 64] {
            for (frames, swap) in [(1 << 16, 0), (800, 1 << 13)] {
                settings.push(Setting {
                    threads,
                    slice: 1 << 14,
                    share_pages,
                    frames,
                    swap,
                });
            }
        }
    }
    settings
}

fn neighbours_change_nothing(engine: &'static str) {
    let _watchdog = Watchdog::new(110, move || format!("machines side by side, {engine}"));
    let wanted: Vec<_> = guests(engine).iter().map(alone).collect();
    for end in &wanted[..3] {
        end.passed();
    }
    // An engine's machines end as the interpreter's do.
    if engine != "interp" {
        let reference: Vec<_> = guests("interp").iter().map(alone).collect();
        assert_eq!(wanted, reference);
    }
    // Lockstep takes long, and what it sees depends on no thread.
    let threads = if engine == "lockstep" { 2..=2 } else { 1..=2 };
    for setting in settings() {
        if !threads.contains(&setting.threads) {
            continue;
        }
        let all = [guests(engine), noise()].concat();
        let (ends, monitor) = run(all, setting);
        assert_eq!(ends[..wanted.len()], wanted[..], "{setting:?}");
        let memory = monitor.memory();
        let swap = memory.swap().counters();
        if setting.swap > 0 {
            assert!(swap.written > 500 && swap.read > 500, "{swap:?}");
            assert!(memory.most_in_use() < setting.frames + 200);
        }
        if setting.share_pages > 0 {
            assert!(memory.shares().broken() > 0, "pages were shared");
        }
    }
}

#[test]
fn neighbours_change_nothing_in_the_interpreter() {
    neighbours_change_nothing("interp");
}

#[test]
fn neighbours_change_nothing_in_the_jit() {
    neighbours_change_nothing("jit");
}

#[test]
fn neighbours_change_nothing_in_lockstep() {
    neighbours_change_nothing("lockstep");
}

/// The shortest slices leave after each instruction that they can.
#[test]
fn a_machine_of_any_slice_ends_the_same() {
    let guest = || machine("vmm-noisy", "memory=8M,append='rounds=100'");
    let wanted = alone(&guest());
    wanted.passed();
    for slice in [1, 97, 4096] {
        let setting = Setting { slice, ..PLENTY };
        let (ends, _) = run(vec![guest()], setting);
        assert_eq!(ends[0], wanted, "slices of {slice}");
    }
}
