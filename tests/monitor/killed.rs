//! A monitor that is killed at any moment leaves nothing that the next one stumbles over.

use crate::common::program::mirrorball;
use crate::process::{Process, said};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// What a folder holds.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}

#[test]
fn what_comes_after_a_killed_monitor_finds_all_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["swap", "cache"] {
        fs::create_dir(path(name)).expect("a folder");
    }
    let (swap, console) = (
        format!("64M:{}", path("swap")),
        format!("socket:{}", path("{n}")),
    );
    let (control, cache) = (path("control"), path("cache"));
    let arguments = |append: &'static str| {
        [
            "run",
            "guests/prebuilt/vmm-hog.el.elf",
            "--count",
            "3",
            "--memory",
            "8M",
            "--append",
            append,
            "--console",
            &console,
            "--control",
            &control,
            "--machine-memory",
            "8M",
            "--swap",
            &swap,
            "--code-cache",
            &cache,
        ]
        .map(str::to_owned)
    };
    let endless = arguments("pages=1000 rounds=1000000 id={n}");
    let endless: Vec<&str> = endless.iter().map(String::as_str).collect();
    let mut rng = fastrand::Rng::with_seed(9);
    for wait in [0, 10, 50, 100, 200, 400, rng.u64(0..500), rng.u64(0..500)] {
        let process = Process::start(&endless);
        thread::sleep(Duration::from_millis(wait));
        process.kill();
        assert_eq!(names(Path::new(&path("swap"))), [""; 0], "after {wait} ms");
    }
    let brief = arguments("pages=1000 rounds=1 id={n}");
    let brief: Vec<&str> = brief.iter().map(String::as_str).collect();
    let first = Process::start(&brief).end();
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    assert_eq!(
        said(&first).matches("powered off").count(),
        3,
        "{}",
        said(&first)
    );
    for name in ["control", "1", "2", "3"] {
        assert!(
            !folder.path().join(name).exists(),
            "{name} is gone with its monitor"
        );
    }
    // With what the killed ones have left in the code cache, and without it.
    let second = Process::start(&brief[..brief.len() - 2]).end();
    assert_eq!(said(&first), said(&second));
    let alone = "pages=1000 rounds=1 id=2";
    let alone = mirrorball(&[
        "run",
        "guests/prebuilt/vmm-hog.el.elf",
        "--memory",
        "8M",
        "--append",
        alone,
        "--hash",
        "--console",
        "none",
        "--code-cache",
        &cache,
    ]);
    let hash = said(&alone);
    let words: Vec<&str> = hash.split_whitespace().collect();
    for word in [words[1], words[3]] {
        assert!(said(&first).contains(word), "{hash}\n{}", said(&first));
    }
}
