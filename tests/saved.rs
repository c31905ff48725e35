//! A machine that is saved at some instruction and loaded into another goes on as if nothing had
//! happened: same output, same count, same state.

mod common;

use common::program::{Folder, USAGE, mirrorball, refused};
use common::{End, Kind, USUAL, WIDE, boot_on, loaded, project, run, saved_counts};
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::SavedVm;
use std::fs;

/// How much of a guest is run.
const LIMIT: u64 = 20_000_000;
/// A second-level TLB that guests fill.
const SECOND_TLB: usize = 64;

/// The end of a guest that is saved and loaded at `count`.
fn interrupted(model: &str, name: &str, image: &[u8], count: u64) -> End {
    let mut vm = boot_on(model, name, image, SECOND_TLB);
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
        let models = if name.starts_with("isa-wide") {
            &[USUAL, WIDE][..]
        } else {
            &[USUAL]
        };
        for model in models {
            let mut vm = boot_on(model, &name, &image, SECOND_TLB);
            let end = run(Kind::Jit, &mut vm, LIMIT);
            for count in saved_counts(seed as u64, end.instructions) {
                let again = interrupted(model, &name, &image, count);
                assert_eq!(again, end, "{name} on {model} at {count}");
                saved += 1;
            }
        }
    }
    assert!(saved > 100, "only {saved} were saved");
}

/// What a run of the program printed, and its instruction count and state.
fn program(arguments: &[&str], code: i32) -> (Vec<u8>, String) {
    let output = mirrorball(&[&["run", "--hash"], arguments].concat());
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    let end = said.lines().find(|line| line.starts_with("instructions "));
    (output.stdout, end.expect("its end").to_owned())
}

#[test]
fn a_run_goes_on_from_a_file_in_any_engine() {
    let folder = Folder::new();
    let file = folder.path("tour.snapshot");
    let (printed, end) = program(&[], 0);
    for (limit, engine) in [("1000000", "jit"), ("2500000", "interp")] {
        let save = ["--limit", limit, "--engine", engine, "--snapshot", &file];
        let (before, _) = program(&save, 11);
        for engine in ["interp", "jit", "lockstep"] {
            let (after, ended) = program(&["--restore", &file, "--engine", engine], 0);
            assert_eq!([&before[..], &after].concat(), printed, "{engine}");
            assert_eq!(ended, end, "{engine}");
        }
    }
}

#[test]
fn a_snapshot_says_what_the_machine_is() {
    let folder = Folder::new();
    let file = folder.path("tour.snapshot");
    program(&["--limit", "1000000", "--snapshot", &file], 11);
    for (switch, value) in [("--cpu", "4Kc"), ("--memory", "64M"), ("--append", "x")] {
        let arguments = ["run", "--restore", &file, switch, value];
        refused(
            &arguments,
            USAGE,
            &[&switch[2..], "is what the snapshot says"],
        );
    }
    let image = project("guests/prebuilt/tour.el.elf");
    let image = image.to_str().expect("UTF-8");
    refused(&["run", image, "--restore", &file], USAGE, &["image"]);
    refused(
        &["run", "--restore", image],
        USAGE,
        &[image, "is no snapshot"],
    );
    refused(
        &["run", "--count", "2", "--snapshot", &file],
        USAGE,
        &["one machine"],
    );
    // What was at its end is not saved, and what was in the file stays.
    let output = mirrorball(&["run", "--console", "none", "--snapshot", &file]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no snapshot is written"), "{said}");
    program(&["--restore", &file], 0);
}

#[test]
fn a_disk_is_as_it_was_or_the_machine_does_not_go_on() {
    let folder = Folder::new();
    let disk = folder.file("disk.img", &[0; 1 << 20]);
    let file = folder.path("saved");
    let save = |disk: &str| {
        let arguments = ["run", "--limit", "100000", "--console", "none", "--disk"];
        mirrorball(&[&arguments[..], &[disk, "--snapshot", &file]].concat())
    };
    let dropped = save(&format!("{disk},snapshot"));
    let said = String::from_utf8_lossy(&dropped.stderr);
    assert!(said.contains("is dropped with the machine"), "{said}");
    assert_eq!(save(&disk).status.code(), Some(11));
    refused(
        &["run", "--restore", &file],
        USAGE,
        &[&disk, "name it with --disk"],
    );
    let restored = ["--restore", &file, "--disk", &disk, "--console", "none"];
    program(&restored, 0);
    fs::write(&disk, [1; 1 << 20]).expect("room on the disk");
    let arguments = ["run", "--restore", &file, "--disk", &disk];
    refused(&arguments, USAGE, &[&disk, "has changed"]);
}

#[test]
fn a_run_ends_exactly_where_until_says() {
    const GUEST: &str = "guests/prebuilt/tour.eb.elf";
    let folder = Folder::new();
    let (file, count) = (folder.path("at.snapshot"), "2000003");
    let run = |arguments: &[&str], code| {
        let output = mirrorball(&[&["run", "--console", "none", "--hash"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    };
    let states: Vec<String> = ["interp", "jit", "lockstep"]
        .iter()
        .map(|engine| {
            let switches = [GUEST, "--until", count, "--engine", engine];
            let said = run(&[&switches[..], &["--snapshot", &file]].concat(), 0);
            assert!(
                said.contains("the count of --until is reached after 2000003"),
                "{said}"
            );
            said.lines().last().expect("a hash").to_owned()
        })
        .collect();
    assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
    let end = |arguments: &[&str]| run(arguments, 0).lines().last().expect("a hash").to_owned();
    assert_eq!(end(&["--restore", &file]), end(&[GUEST]));
    refused(
        &["run", "--restore", &file, "--until", "5"],
        USAGE,
        &["begins after 2000003"],
    );
    refused(
        &["run", GUEST, "--until", "5", "--count", "2"],
        USAGE,
        &["--until", "--limit"],
    );
}
