//! DMA end to end: a guest drives the test device, in every engine. It checks what the CPU sees of
//! what was written, data and code that has run.

mod common;

use common::{ENGINES, End, Kind, boot, project, run};
use mirrorball_runtime::board::malta::{Malta, MaltaConfig};
use mirrorball_runtime::exit::Outcome;
use std::fs;

const LIMIT: u64 = 100_000_000;
const PRINTED: &str = "dma: 32 copies of data, 32 of code\r\ndma: PASS\r\n";

/// The guest on a board with the device.
fn execute(stem: &str, kind: Kind) -> End {
    let image = fs::read(project(&format!("guests/prebuilt/{stem}.elf"))).expect("an image");
    let mut vm = boot(stem, &image);
    vm.board = Malta::new(&MaltaConfig {
        big_endian: vm.ram.big_endian(),
        rtc_base: vm.config().rtc_base,
        ram_bytes: vm.config().memory,
        test_device: true,
    });
    run(kind, &mut vm, LIMIT)
}

fn is_the_same_in_all_engines(stem: &str) {
    let reference = execute(stem, Kind::Interpreter);
    assert_eq!(String::from_utf8_lossy(&reference.output), PRINTED);
    assert_eq!(reference.outcome, Outcome::PowerOff);
    for kind in ENGINES {
        assert_eq!(execute(stem, kind), reference, "{stem} in {kind}");
    }
}

#[test]
fn a_little_endian_guest_sees_what_dma_wrote() {
    is_the_same_in_all_engines("vmm-dma.el");
}

#[test]
fn a_big_endian_guest_sees_what_dma_wrote() {
    is_the_same_in_all_engines("vmm-dma.eb");
}
