//! A machine that is saved at some instruction and loaded into another goes on as if nothing had
//! happened: same output, same count, same state.

mod common;

use common::{End, Kind, boot_with, loaded, project, run};
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::SavedVm;
use std::fs;

/// How much of a guest is run.
const LIMIT: u64 = 20_000_000;
/// A second-level TLB that guests fill.
const SECOND_TLB: usize = 64;

/// How many instructions a guest runs before it is saved, for so many times.
fn counts(seed: u64, end: u64) -> Vec<u64> {
    let times = std::env::var("SAVED_COUNTS").map_or(2, |n| n.parse().expect("a number"));
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..times).map(|_| rng.u64(1..end)).collect()
}

/// The end of a guest that is saved and loaded at `count`.
fn interrupted(name: &str, image: &[u8], count: u64) -> End {
    let mut vm = boot_with(name, image, SECOND_TLB);
    let before = run(Kind::Jit, &mut vm, count);
    assert_eq!(before.outcome, Outcome::Limit, "{name} at {count}");
    let saved = SavedVm::of(&vm);
    let memory = vm.view().freeze().expect("the first");
    // What is done to the machine from here on is nothing to the one that is loaded.
    run(Kind::Jit, &mut vm, LIMIT);
    let mut vm = loaded(saved, memory);
    let mut end = run(Kind::Jit, &mut vm, LIMIT);
    end.output = [before.output, end.output].concat();
    end
}

#[test]
fn a_loaded_machine_ends_as_the_one_that_was_saved() {
    let images = fs::read_dir(project("guests/prebuilt")).expect("images");
    let mut saved = 0;
    for (seed, entry) in images.enumerate() {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "elf") {
            continue;
        }
        let name = path.file_name().expect("a name").to_string_lossy();
        let image = fs::read(&path).expect("an image");
        let end = run(Kind::Jit, &mut boot_with(&name, &image, SECOND_TLB), LIMIT);
        for count in counts(seed as u64, end.instructions) {
            assert_eq!(interrupted(&name, &image, count), end, "{name} at {count}");
            saved += 1;
        }
    }
    assert!(saved > 100, "only {saved} were saved");
}
