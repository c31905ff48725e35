//! The code cache: however little of it there is and whatever it evicts, a guest runs as it always
//! does; and translations on disk save work and nothing else.

#[path = "../common/mod.rs"]
mod common;
mod damage;

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
