//! The code cache: however little of it there is and whatever it evicts, a guest runs as it always
//! does; and translations on disk save work and nothing else.

mod common;

use common::asm::*;
use common::{CODE, End, Kind, Recorder, boot, place, program, project, run};
use mirrorball::cache::code::CacheConfig;
use mirrorball::cache::persist::PersistError;
use mirrorball::cache::units::Policy;
use mirrorball::engine::jit::JitError;
use mirrorball::engine::{AnyEngine, Jit, JitConfig, Lockstep};
use mirrorball_runtime::account::Kind as AccountKind;
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::Vm;
use mirrorball_runtime::vm::state;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

const POLICIES: [Policy; 3] = [Policy::Flush, Policy::Fifo, Policy::LeastUsed];

fn small(bytes: usize, unit_bytes: usize, policy: Policy) -> JitConfig {
    JitConfig {
        hot: Some(2),
        background: false,
        cache: CacheConfig {
            bytes,
            unit_bytes,
            policy,
        },
        ..JitConfig::default()
    }
}

fn guest(stem: &str) -> Box<Vm> {
    let image = fs::read(project(&format!("guests/prebuilt/{stem}.elf"))).expect("an image");
    boot(stem, &image)
}

fn end_of(vm: &mut Vm, engine: &mut AnyEngine) -> End {
    let mut console = Recorder::default();
    let outcome = vm.run(engine, &mut console, 500_000_000);
    if let Some(difference) = engine.difference() {
        panic!("{difference}");
    }
    End {
        outcome,
        output: console.0,
        instructions: vm.cpu.retired(),
        state: state::hash(vm),
    }
}

fn in_jit(stem: &str, jit: Jit) -> (End, Box<Jit>) {
    let mut engine = AnyEngine::Jit(Box::new(jit));
    let end = end_of(&mut guest(stem), &mut engine);
    let AnyEngine::Jit(jit) = engine else {
        unreachable!("it was made of a JIT")
    };
    (end, jit)
}

/// Calls functions of two instructions, one behind the other, some times each.
fn calling_functions(bytes: u32, times: i32) -> Box<Vm> {
    const FIRST: u32 = 0x8020_0000;
    let mut code = Vec::new();
    code.extend(li(S0, FIRST));
    code.extend(li(S1, FIRST + bytes));
    code.extend([
        addiu(T0, ZERO, times),
        jalr(S0),
        addiu(T0, T0, -1),
        bne(T0, ZERO, -3),
        NOP,
        addiu(S0, S0, 8),
        bne(S0, S1, -7),
        NOP,
        beq(ZERO, ZERO, -1),
        NOP,
    ]);
    let mut vm = program(&code);
    let functions: Vec<u32> = (0..bytes / 8).flat_map(|_| [jr(RA), NOP]).collect();
    place(&mut vm, FIRST, &functions);
    vm
}

#[test]
fn what_code_in_many_places_makes_grow_has_limits() {
    let background = JitConfig {
        background: true,
        ..small(1 << 20, 0, Policy::Fifo)
    };
    for (config, times) in [(background, 8), (small(1 << 20, 0, Policy::Fifo), 1)] {
        // Twice as much as there is room for.
        let mut vm = calling_functions(1 << 20, times);
        let mut jit = Jit::new(config).expect("a JIT");
        let mut most = 0;
        while vm.cpu.gpr[16] != vm.cpu.gpr[17] || vm.cpu.retired() < 10 {
            let limit = vm.cpu.retired() + 500_000;
            let _ = vm.run(&mut jit, &mut Recorder::default(), limit);
            for (kind, held) in jit.account().holdings() {
                assert!(held.bytes <= held.limit, "{kind:?}: {held:?}");
            }
            most = most.max(jit.account().of(AccountKind::Blocks).bytes);
        }
        assert!(most > 8 << 20, "it came near to the limit: {most}");
    }
}

#[test]
fn every_policy_runs_every_guest_in_next_to_nothing() {
    for stem in ["tour.el", "isa-smc.el", "isa-tlb.eb"] {
        let expected = run(Kind::Interpreter, &mut guest(stem), u64::MAX);
        for policy in POLICIES {
            for (bytes, unit) in [(64 << 10, 8 << 10), (8 << 10, 4 << 10)] {
                let config = JitConfig {
                    hot: Some(20),
                    ..small(bytes, unit, policy)
                };
                let (end, jit) = in_jit(stem, Jit::new(config).expect("a JIT"));
                assert_eq!(end, expected, "{stem}, {policy:?}, {bytes} bytes");
                let units = jit.code().units();
                assert!(units.peak() <= bytes && units.used() <= units.peak());
                assert!(jit.counters.evicted > 0, "{stem}, {policy:?}: evicts");
                assert!(jit.counters.evicted >= jit.counters.evicted_units / 16);
            }
        }
    }
}

#[test]
fn eviction_in_lockstep() {
    for (policy, stride) in POLICIES.into_iter().zip([0, 97, 1009]) {
        let jit = Jit::new(small(16 << 10, 4 << 10, policy)).expect("a JIT");
        let mut engine =
            AnyEngine::Lockstep(Box::new(Lockstep::new(jit, stride).expect("address space")));
        let end = end_of(&mut guest("tour.el"), &mut engine);
        assert_eq!(end, *TOUR, "{policy:?}, stride {stride}");
        assert!(engine.jit().expect("a JIT").counters.evicted_units > 10);
    }
}

#[test]
fn eviction_while_code_is_translated_on_another_thread() {
    for (policy, hot) in POLICIES.into_iter().zip([1, 5, 50]) {
        let config = JitConfig {
            hot: Some(hot),
            background: true,
            ..small(8 << 10, 4 << 10, policy)
        };
        let (end, _) = in_jit("tour.el", Jit::new(config).expect("a JIT"));
        assert_eq!(end, *TOUR, "{policy:?}, hot after {hot}");
    }
}

/// A function that is too long to become part of its caller.
fn function(step: i32) -> Vec<u32> {
    let mut code = vec![addiu(V0, V0, step); 20];
    code.extend([jr(RA), NOP]);
    code
}

/// Code for a loop of many functions, each on a page of its own, of which one changes.
fn calls(functions: u32) -> Box<Vm> {
    let mut code = vec![addiu(S0, ZERO, 200)];
    for index in 0..functions {
        code.extend([jal(CODE + 0x1000 * (index + 1)), NOP]);
    }
    let back = code.len() as i32;
    code.extend([addiu(S0, S0, -1), bne(S0, ZERO, -(back + 1)), NOP, WAIT]);
    let mut vm = program(&code);
    for index in 0..functions {
        place(&mut vm, CODE + 0x1000 * (index + 1), &function(1));
    }
    vm
}

#[test]
fn one_page_that_changes_costs_what_it_holds() {
    let mut vm = calls(40);
    let mut engine = Jit::new(small(16 << 20, 0, Policy::Fifo)).expect("a JIT");
    vm.run(&mut engine, &mut Recorder::default(), 40_000);
    let before = engine.counters.clone();
    assert!(before.translations >= 40);
    place(&mut vm, CODE + 0x1000, &function(2));
    let outcome = vm.run(&mut engine, &mut Recorder::default(), u64::MAX);
    assert_eq!(outcome, Outcome::Halted);
    let after = &engine.counters;
    assert_eq!(after.invalidated - before.invalidated, 1);
    assert!(after.translations - before.translations <= 4);
}

/// What a guest of the tests does, by the interpreter.
static TOUR: LazyLock<End> =
    LazyLock::new(|| run(Kind::Interpreter, &mut guest("tour.el"), u64::MAX));

fn with_store(dir: &Path, config: JitConfig) -> Result<Jit, JitError> {
    Jit::with_store(config, dir, Model::find("24Kf").expect("a model"), false)
}

/// Runs the tour with translations in `dir`. Returns the translations made and read, and the
/// damage found.
fn tour(dir: &Path) -> (u64, u64, u64) {
    stored("tour.el", &TOUR, dir)
}

/// The same for a guest that is done sooner.
fn branches(dir: &Path) -> (u64, u64, u64) {
    static EXPECTED: LazyLock<End> =
        LazyLock::new(|| run(Kind::Interpreter, &mut guest("isa-branch.el"), u64::MAX));
    stored("isa-branch.el", &EXPECTED, dir)
}

fn stored(stem: &str, expected: &End, dir: &Path) -> (u64, u64, u64) {
    let config = small(16 << 20, 0, Policy::Fifo);
    let (end, jit) = in_jit(stem, with_store(dir, config).expect("a store"));
    assert_eq!(end, *expected);
    let counters = jit.store().expect("a store").counters();
    let value =
        |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    (
        jit.counters.translations,
        value(&counters.loaded),
        value(&counters.damaged),
    )
}

fn file_in(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir).expect("a directory");
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths.remove(0)
}

#[test]
fn a_second_run_translates_next_to_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (made, read, damaged) = tour(dir.path());
    // Code that comes and goes is read again in the same run.
    assert!(
        made > 300 && read < made / 10 && damaged == 0,
        "{made} {read}"
    );
    let (made_again, read, damaged) = tour(dir.path());
    assert!(made_again <= made / 50, "{made_again} of {made}");
    assert!(read > made / 2 && damaged == 0, "{read} of {made}");
    let bytes = fs::read(file_in(dir.path())).expect("a file");
    tour(dir.path());
    let (third, ..) = tour(dir.path());
    assert_eq!(third, 0, "everything is there now");
    let grown = fs::read(file_in(dir.path())).expect("a file");
    assert!(grown.starts_with(&bytes), "it only grows");
}

#[test]
fn what_is_read_is_right_in_lockstep_and_in_a_small_cache() {
    let dir = tempfile::tempdir().expect("a directory");
    tour(dir.path());
    for (bytes, stride) in [(16 << 20, 101), (16 << 10, 499), (64 << 10, 0)] {
        let config = small(bytes, 0, Policy::LeastUsed);
        let jit = with_store(dir.path(), config).expect("a store");
        let mut engine =
            AnyEngine::Lockstep(Box::new(Lockstep::new(jit, stride).expect("address space")));
        let end = end_of(&mut guest("tour.el"), &mut engine);
        assert_eq!(end, *TOUR);
    }
}

#[test]
fn other_guest_code_at_the_same_address_is_not_mistaken() {
    let dir = tempfile::tempdir().expect("a directory");
    for step in 1..5 {
        let mut vm = calls(3);
        place(&mut vm, CODE + 0x1000, &function(step));
        let config = small(1 << 20, 0, Policy::Fifo);
        let mut jit = with_store(dir.path(), config).expect("a store");
        vm.run(&mut jit, &mut Recorder::default(), u64::MAX);
        assert_eq!(vm.cpu.gpr[2], 200 * 20 * (step as u64 + 2));
    }
}

#[test]
fn other_models_and_byte_orders_have_files_of_their_own() {
    let dir = tempfile::tempdir().expect("a directory");
    for (model, big) in [("24Kf", false), ("24Kc", false), ("24Kf", true)] {
        let model = Model::find(model).expect("a model");
        Jit::with_store(JitConfig::default(), dir.path(), model, big).expect("a store");
    }
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 3);
}

#[test]
fn runs_at_the_same_time_share_a_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let dir = dir.path().to_owned();
            thread::spawn(move || tour(&dir))
        })
        .collect();
    let made: u64 = runs
        .into_iter()
        .map(|run| {
            let (made, _, damaged) = run.join().expect("it went well");
            assert_eq!(damaged, 0);
            made
        })
        .sum();
    let (again, _, damaged) = tour(dir.path());
    assert!(again <= made / 50 && damaged == 0, "{again} of {made}");
}

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
