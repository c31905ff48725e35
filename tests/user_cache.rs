//! The folder for translations by default: in the user's cache folder, bounded, and no
//! reason to fail.

mod common;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::program::command;

/// What a run of the tour told.
struct Told {
    read: u64,
    written: u64,
    said: String,
}

/// Runs the tour with `cache` for the user's cache folder.
fn tour(cache: &Path, switches: &[&str]) -> Told {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.json");
    let name = report.display().to_string();
    let usual = [
        "run",
        "--hot",
        "100",
        "--jit-threads",
        "0",
        "--report",
        &name,
    ];
    let output = command(&[&usual, switches].concat())
        .env("XDG_CACHE_HOME", cache)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = fs::read_to_string(&report).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let number = |name: &str| report["jit"]["disk"][name].as_u64().unwrap_or(0);
    Told {
        read: number("loaded"),
        written: number("saved"),
        said,
    }
}

/// The same until it told what is wanted: on a host that is busy a run may be over before the thread
/// that reads the file has begun.
fn tour_that(cache: &Path, wanted: impl Fn(&Told) -> bool) -> Told {
    let mut runs = (0..10).map(|_| tour(cache, &[]));
    runs.find(wanted).expect("one run of ten")
}

/// The files with translations.
fn files(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache.join("mirrorball"));
    let entries = entries.into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[test]
fn a_second_run_finds_what_the_first_translated() {
    let folder = tempfile::tempdir().expect("a folder");
    // The folders above are made as well.
    let cache = folder.path().join("new/cache");
    let first = tour_that(&cache, |told| told.written > 30);
    let second = tour_that(&cache, |told| {
        told.read > 30 && told.written * 4 < first.written
    });
    assert_eq!((&*first.said, &*second.said), ("", ""));
    let [file] = &files(&cache)[..] else {
        panic!("{:?}", files(&cache));
    };
    let mode = fs::metadata(file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn it_can_be_off_and_is_off_for_lockstep() {
    let folder = tempfile::tempdir().expect("a folder");
    for switches in [&["--code-cache", "off"][..], &["--engine", "lockstep"]] {
        tour(folder.path(), switches);
        assert!(files(folder.path()).is_empty(), "{switches:?}");
    }
}

#[test]
fn where_nothing_can_be_kept_guests_run_without_a_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    File::create(&file).expect("a file");
    for cache in [Path::new("/proc/nowhere"), &file] {
        let told = tour(cache, &[]);
        assert_eq!((told.read, told.written, &*told.said), (0, 0, ""));
    }
    // Nor is code executed from where others may write.
    let open = folder.path().join("mirrorball");
    fs::create_dir(&open).expect("a folder");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("it is ours");
    assert_eq!(tour(folder.path(), &[]).written, 0);
}

#[test]
fn its_size_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    tour(folder.path(), &[]);
    let [own] = &files(folder.path())[..] else {
        panic!("{:?}", files(folder.path()));
    };
    // Files of other versions of the program, the second of which was used last.
    let others = [(1, 9), (2, 2), (3, 7)].map(|(name, hours)| {
        let path = own.with_file_name(format!("{name}.code"));
        let file = File::create(&path).expect("a file");
        file.set_len(300 << 20).expect("a hole");
        let then = SystemTime::now() - Duration::from_secs(3600 * hours);
        file.set_modified(then).expect("it is ours");
        path
    });
    tour(folder.path(), &[]);
    let left = others.each_ref().map(|path| path.exists());
    assert_eq!(left, [false, true, true], "the longest unused went");
    // A file that is full begins anew.
    let file = File::options().write(true).open(own).expect("it is ours");
    file.set_len(250 << 20).expect("a hole");
    tour_that(folder.path(), |told| told.written > 30);
    assert!(fs::metadata(own).expect("a file").len() < 10 << 20);
}
