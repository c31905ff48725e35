//! Pages of the same content are kept once, and yet everybody sees his own writes alone.

use crate::crowd::{Setting, Watchdog, alone, machine, run};

/// Two machines with the same pages write to them, each its own, on two threads, while the monitor
/// shares whatever it finds.
#[test]
fn a_write_to_a_shared_page_is_seen_by_its_machine_alone() {
    let _watchdog = Watchdog::new(110, || "machines that write to shared pages".into());
    for engine in ["interp", "jit"] {
        let guest = |id: u32| {
            let append = format!("id={id} pages=128 reads=2 writes=6");
            let settings = format!("name=share-{id},engine={engine},memory=8M,append='{append}'");
            machine("vmm-share", &settings)
        };
        let wanted = [1, 2].map(|id| alone(&guest(id)));
        let setting = Setting {
            threads: 2,
            // Epochs are counted in slices.
            slice: 2000,
            share_pages: 1 << 20,
            frames: 1 << 13,
            swap: 0,
        };
        let (ends, monitor) = run(vec![guest(1), guest(2)], setting);
        for (end, wanted) in ends.iter().zip(&wanted) {
            assert_eq!(end.passed(), wanted);
        }
        let broken = monitor.memory().shares().broken();
        assert!(broken > 100, "{broken} pages were shared and written to");
    }
}

/// The same with too little memory for all: shared pages are swapped as well.
#[test]
fn shared_pages_are_swapped_and_come_back() {
    let _watchdog = Watchdog::new(110, || "machines whose shared pages are swapped".into());
    let guest = |id: u32| {
        let append = format!("id={id} pages=128 reads=2 writes=3");
        let settings = format!("name=share-{id},memory=8M,append='{append}'");
        machine("vmm-share", &settings)
    };
    let wanted: Vec<_> = (1..=4).map(|id| alone(&guest(id))).collect();
    let setting = Setting {
        threads: 2,
        slice: 2000,
        share_pages: 64,
        frames: 300,
        swap: 1 << 12,
    };
    let (ends, monitor) = run((1..=4).map(guest).collect(), setting);
    for (end, wanted) in ends.iter().zip(&wanted) {
        assert_eq!(end.passed(), wanted);
    }
    let memory = monitor.memory();
    let swap = memory.swap().counters();
    assert!(swap.read > 100, "{swap:?}");
    assert!(memory.shares().broken() > 0);
}
