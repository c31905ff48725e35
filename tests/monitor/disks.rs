//! Machines on one image: what a read finds in the memory of another is not there twice, and nothing
//! else is different.

use crate::crowd::{End, PLENTY, Setting, Watchdog, alone, machine, run};
use mirrorball::machine::MachineSpec;
use std::fs;

const MACHINES: usize = 3;

/// Runs machines that write and read the same, on their snapshots of one image. Tells their ends, and how
/// many pages they found.
fn together(guest: &MachineSpec, share_pages: usize) -> (Vec<End>, u64) {
    let setting = Setting {
        slice: 2000,
        share_pages,
        ..PLENTY
    };
    let (ends, monitor) = run(vec![guest.clone(); MACHINES], setting);
    let found = |number| monitor.standing(number).snapshot.counters.shared_reads;
    (ends, (0..MACHINES).map(found).sum())
}

#[test]
fn a_page_that_is_read_is_shared_with_the_machine_that_has_read_it() {
    let _watchdog = Watchdog::new(110, || "machines on one image".into());
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("base.img");
    fs::write(&image, vec![0xa5; 0x4_0000]).expect("a file");
    for engine in ["jit", "lockstep"] {
        let settings = format!(
            "engine={engine},memory=8M,disk='{},snapshot',append='rounds=2'",
            image.display()
        );
        let guest = machine("vmm-disk", &settings);
        let wanted = alone(&guest);
        wanted.passed();
        for (share_pages, shares) in [(0, false), (1, true)] {
            let (ends, found) = together(&guest, share_pages);
            for end in ends {
                assert_eq!(end, wanted, "{engine}");
            }
            assert_eq!(found > 0, shares, "{engine}: {found} pages were found");
        }
    }
}
