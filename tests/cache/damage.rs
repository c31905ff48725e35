//! Files of translations that are damaged, or cannot be there.

use super::*;

/// Lets `damage` loose on the file of a run, and runs again, twice.
fn after_damage(damage: impl Fn(&mut Vec<u8>)) -> (u64, u64) {
    static GOOD: LazyLock<(String, Vec<u8>, u64)> = LazyLock::new(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let (made, ..) = branches(dir.path());
        let path = file_in(dir.path());
        let name = path.file_name().expect("a name").to_string_lossy();
        (name.into_owned(), fs::read(&path).expect("a file"), made)
    });
    let (name, bytes, made) = &*GOOD;
    let dir = tempfile::tempdir().expect("a directory");
    let mut bytes = bytes.clone();
    damage(&mut bytes);
    let path = dir.path().join(name);
    fs::write(&path, &bytes).expect("it is written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let (again, _, damaged) = branches(dir.path());
    let (third, ..) = branches(dir.path());
    let (_, _, damaged_still) = branches(dir.path());
    assert_eq!(damaged_still, 0, "the file is mended");
    assert!(
        third <= made / 20,
        "{third} of {made}: what was dropped is there again"
    );
    (again * 100 / made, damaged)
}

#[test]
fn a_file_that_ends_early() {
    for keep in [0, 1, 63, 64, 127, 128, 300, 5000] {
        let (made, damaged) = after_damage(|bytes| bytes.truncate(keep));
        assert!(made > 90 && damaged <= 1, "{keep}: {made} % {damaged}");
    }
    let (made, damaged) = after_damage(|bytes| bytes.truncate(bytes.len() - 100));
    assert!(made < 10 && damaged <= 1, "{made} % {damaged}");
    let (_, damaged) = after_damage(|bytes| bytes.truncate(bytes.len() / 2 + 17));
    assert!(damaged <= 1, "{damaged}");
}

#[test]
fn bits_that_flipped() {
    // The first record: magic, sum of the head, lengths, key, hashes, lists, code.
    for at in [
        0, 7, 8, 39, 40, 42, 43, 44, 47, 48, 52, 56, 60, 64, 96, 127, 128, 135, 200, 300,
    ] {
        let (made, damaged) = after_damage(|bytes| bytes[at] ^= 1 << (at % 8));
        assert!(made <= 10, "{at}: {made} % made anew");
        assert!(damaged <= 2, "{at}: {damaged} damaged");
    }
    // All over the place.
    let (made, damaged) = after_damage(|bytes| {
        for at in (0..bytes.len()).step_by(9_011) {
            bytes[at] ^= 0x10;
        }
    });
    assert!(damaged > 2 && made < 90, "{made} % {damaged}");
}

#[test]
fn a_file_of_something_else() {
    let (made, damaged) = after_damage(|bytes| bytes.fill(0xa5));
    assert!(made > 95 && damaged == 1, "{made} % {damaged}");
    // What another version would have: right in form, under other sums.
    let (made, damaged) = after_damage(|bytes| {
        for at in (0..bytes.len()).step_by(64) {
            if bytes[at..].starts_with(b"mbcode\0") {
                bytes[at + 8] ^= 1;
            }
        }
    });
    assert!(made > 95 && damaged > 10, "{made} % {damaged}");
    // Records in another order, and one twice.
    let (made, damaged) = after_damage(|bytes| {
        let second = (64..)
            .step_by(64)
            .find(|&at| bytes[at..].starts_with(b"mbcode\0"));
        let first = bytes[..second.expect("a record")].to_vec();
        bytes.extend(first);
    });
    assert_eq!((made, damaged), (0, 0));
}

#[test]
fn damage_without_end_costs_no_time() {
    // Heads that are right in form, each of which would have long lists summed.
    let words = [1 << 22, 1 << 14, 1 << 14, 1 << 14, 0, 0].map(u32::to_le_bytes);
    let head = [&b"mbcode\x003"[..], &[0; 32], &words.concat()].concat();
    assert_eq!(head.len(), 64);
    let forged = head.repeat(1 << 20);
    let start = Instant::now();
    let (made, damaged) = after_damage(|bytes| bytes.clone_from(&forged));
    assert!(made > 95 && damaged > 0, "{made} % {damaged}");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    // A file that is mostly a hole.
    let dir = tempfile::tempdir().expect("a directory");
    branches(dir.path());
    let file = fs::OpenOptions::new().write(true).open(file_in(dir.path()));
    file.expect("it is ours").set_len(20 << 30).expect("a hole");
    let start = Instant::now();
    let (made, read, damaged) = branches(dir.path());
    assert!(
        made == 0 && read > 0 && damaged > 0,
        "{made} {read} {damaged}"
    );
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(fs::metadata(file_in(dir.path())).expect("a file").len() < 1 << 30);
}

#[test]
fn what_others_may_write_to_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = || with_store(dir.path(), JitConfig::default()).map(|_| ());
    open().expect("it is ours");
    let file = file_in(dir.path());
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    for (path, mode, good) in [(dir.path(), 0o777, 0o700), (&file, 0o620, 0o600)] {
        set(path, mode);
        let error = open().expect_err("others may write to it");
        let text = error.to_string();
        assert!(text.contains("others may write"), "{text}");
        assert!(text.contains(&format!("{mode:03o}")), "{text}");
        set(path, good);
        open().expect("it is ours again");
    }
    // Where root runs the tests: what belongs to another user.
    if std::os::unix::fs::chown(&file, Some(65_534), None).is_ok() {
        let error = open().expect_err("it is another user's");
        assert!(matches!(
            error,
            JitError::Persist(PersistError::NotYours(_))
        ));
    }
    fs::remove_file(&file).expect("it is ours");
    std::os::unix::fs::symlink("/dev/null", &file).expect("a link");
    open().expect_err("a link is not followed");
    fs::remove_file(&file).expect("it is ours");
    fs::create_dir(&file).expect("a directory");
    open().expect_err("a directory is no file");
}

#[test]
fn a_directory_that_cannot_be() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    for path in [
        file.path().to_owned(),
        file.path().join("x"),
        "/proc/x".into(),
    ] {
        let error = with_store(&path, JitConfig::default())
            .err()
            .expect("no directory");
        assert!(error.to_string().contains("--code-cache"), "{error}");
    }
}

#[test]
fn a_full_disk_ends_the_writing_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = |prefix: &str, suffix: &str| {
        let program = env!("CARGO_BIN_EXE_mirrorball");
        let run = "run --hot 1 --jit-threads 0 --cache-bytes 64K --hash";
        let output = Command::new("sh")
            .args(["-c", &format!("{prefix} {program} {run} {suffix}")])
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).expect("text")
    };
    let expected = run("", "");
    assert!(expected.starts_with("instructions"), "{expected}");
    // No file may grow beyond 16 MiB: writing then fails as on a full disk. All but 100 KiB of
    // that is what another guest has left, again and again.
    let full = 16 << 20;
    let store = format!("--code-cache {}", dir.path().display());
    let other = project("guests/prebuilt/isa-branch.el.elf");
    run("", &format!("{store} {}", other.display()));
    let path = file_in(dir.path());
    let records = fs::read(&path).expect("a file");
    let starts_record = |&at: &usize| records[at..].starts_with(b"mbcode\0");
    let mut bytes = records.repeat(full / records.len() + 1);
    let left = (full - (100 << 10)) % records.len();
    let last = (0..left).step_by(64).rfind(starts_record);
    bytes.truncate((full - (100 << 10)) - left + last.unwrap_or(0));
    fs::write(&path, &bytes).expect("room on the disk");
    let before = bytes.len() as u64;
    let full = full as u64;
    let limited = run("trap '' XFSZ; ulimit -f 32768;", &store);
    let (warnings, end): (Vec<&str>, Vec<&str>) =
        limited.lines().partition(|line| line.contains("WARN"));
    assert_eq!(end, expected.lines().collect::<Vec<_>>());
    assert_eq!(warnings.len(), 1, "{limited}");
    assert!(
        warnings[0].contains("keeps no more translations"),
        "{limited}"
    );
    let length = || fs::metadata(&path).expect("a file").len();
    let (least, length_then) = (before + (50 << 10), length());
    assert!(length_then > least && length_then <= full, "{length_then}");
    let again = run("", &store);
    assert!(again.ends_with(&expected), "{again}");
    assert_eq!(
        again.matches("WARN").count(),
        0,
        "nothing is damaged: {again}"
    );
    assert!(length() > full);
}
