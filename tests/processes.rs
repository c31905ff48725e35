//! The guest's processes as the monitor sees them: the same in every engine, with nothing lost.

mod common;

use common::{Kind, Recorder, boot, project, run};
use mirrorball::profile::{Place, Profile, Sampler};
use mirrorball::timeline::{MOST, Shared, Timeline, TraceFile, lock};
use mirrorball_runtime::insight::Process;
use mirrorball_runtime::vm::{Vm, state};
use serde_json::Value;
use std::sync::{Arc, Mutex};

fn tour() -> Box<Vm> {
    let path = project("guests/prebuilt/tour.el.elf");
    boot("tour", &std::fs::read(path).expect("a prebuilt image"))
}

fn processes(kind: Kind) -> (Vec<Process>, u64, [u64; 2]) {
    let mut vm = tour();
    let end = run(kind, &mut vm, u64::MAX);
    (vm.processes(), end.instructions, vm.counters.refills)
}

#[test]
fn the_tour_s_address_spaces_are_seen_whatever_runs_them() {
    let (seen, instructions, refills) = processes(Kind::Interpreter);
    let total = |count: fn(&Process) -> u64| seen.iter().map(count).sum::<u64>();
    assert_eq!(total(|process| process.user + process.kernel), instructions);
    assert_eq!(
        total(|process| process.refills),
        refills.iter().sum::<u64>()
    );
    // The kernel before there was a process, and the seven ASIDs that the tour has.
    let mut asids: Vec<u8> = seen.iter().map(|process| process.asid).collect();
    asids.sort_unstable();
    assert_eq!(asids, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert!(seen[0].user == 0 && seen[0].kernel > 0 && seen[0].first.0 == 0);
    for process in &seen[1..] {
        assert!(process.user > 0 && process.kernel > 0, "{process:?}");
        assert!(process.pages >= 2, "code and a stack: {process:?}");
        assert!(process.first < process.last, "{process:?}");
        assert_eq!(process.table, None, "its handler goes another way");
    }
    // The sweep over 160 pages.
    assert!(seen.iter().any(|process| process.pages >= 160));
    for kind in [Kind::Jit, Kind::EagerJit, Kind::Lockstep] {
        let (others, ..) = processes(kind);
        assert_eq!(others, seen, "{kind}");
    }
}

/// The samples of the tour, and what it came to.
fn profile(kind: Kind) -> (Vec<(Place, u64)>, u64, u64) {
    let mut vm = tour();
    let mut engine = kind.engine();
    let mut profile = Profile::new(1009);
    let mut sampler = Sampler::new(&mut engine, &mut profile);
    vm.run(&mut sampler, &mut Recorder::default(), u64::MAX);
    let cycles = vm.cpu.now(0).0;
    // A sample each 1009 cycles, those that the guest waited included.
    assert!(cycles / 1009 - profile.total() <= 1, "{kind}");
    (profile.places(), vm.cpu.retired(), state::hash(&vm))
}

#[test]
fn samples_are_the_same_in_every_engine_and_change_nothing() {
    let mut plain = tour();
    let end = run(Kind::Interpreter, &mut plain, u64::MAX);
    let expected = profile(Kind::Interpreter);
    assert_eq!(expected.1, end.instructions);
    assert_eq!(expected.2, state::hash(&plain));
    let share = |wanted: fn(&Place) -> bool| {
        let all = expected.0.iter().filter(|(place, _)| wanted(place));
        all.map(|(_, samples)| samples).sum::<u64>()
    };
    let waits = plain.cpu.now(0).0 - end.instructions;
    assert!(share(|place| *place == Place::Idle).abs_diff(waits / 1009) <= plain.counters.waits);
    // As the accounts of processes have it, but for chance.
    let user: u64 = plain.processes().iter().map(|process| process.user).sum();
    let sampled = 1009 * share(|place| matches!(place, Place::User(..)));
    assert!(sampled.abs_diff(user) < user / 10, "{sampled} of {user}");
    for kind in [Kind::Jit, Kind::EagerJit, Kind::Lockstep] {
        assert_eq!(profile(kind), expected, "{kind}");
    }
}

#[test]
fn a_machine_that_was_stopped_in_a_process_tells_of_what_runs() {
    assert_eq!(tour().processes().len(), 1, "the kernel that is to start");
    for limit in [1000, 200_000, 1_000_000] {
        let mut vm = tour();
        let end = run(Kind::Interpreter, &mut vm, limit);
        let seen = vm.processes();
        let total: u64 = seen
            .iter()
            .map(|process| process.user + process.kernel)
            .sum();
        assert_eq!(total, end.instructions);
    }
}

/// The events of the tour's timeline, but for translations, which are the host's.
fn timeline(kind: Kind) -> (Vec<Value>, u64, u64) {
    let mut vm = tour();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let trace = TraceFile::new(file.reopen().expect("it is there"), MOST).expect("room");
    let shared: Shared = Arc::new(Mutex::new(trace));
    vm.watch(Box::new(Timeline::new(&shared)));
    let end = run(kind, &mut vm, u64::MAX);
    assert!(lock(&shared).finish().expect("room"), "it is whole");
    let text = std::fs::read_to_string(file.path()).expect("it is there");
    let mut all: Value = serde_json::from_str(&text).expect("JSON");
    let Value::Array(mut events) = all["traceEvents"].take() else {
        panic!("no events");
    };
    for event in &mut events {
        // What the host took.
        if let Some(about) = event["args"].as_object_mut() {
            about.remove("host µs");
        }
    }
    (events, end.instructions, vm.exceptions_taken())
}

#[test]
fn a_timeline_s_slices_nest_and_its_time_rises() {
    let (events, instructions, exceptions) = timeline(Kind::Interpreter);
    let plain = run(Kind::Interpreter, &mut tour(), u64::MAX);
    assert_eq!(instructions, plain.instructions, "nothing changes");
    let mut open = [0_u64; 5];
    let mut last = 0.0;
    for event in &events {
        let kind = event["ph"].as_str().expect("a kind");
        let track = event["tid"].as_u64().expect("a track") as usize;
        if kind == "M" {
            continue;
        }
        let at = event["ts"].as_f64().expect("a moment");
        assert!(at >= last, "{event} after {last}");
        last = at;
        match kind {
            "B" => open[track] += 1,
            "E" => open[track] = open[track].checked_sub(1).expect("it began"),
            _ => {}
        }
        assert!(open[1] <= 1, "one process at a time");
    }
    assert_eq!(open, [0; 5]);
    let count = |track: u64, kind: &str| {
        let wanted = |event: &&Value| event["tid"] == track && event["ph"] == kind;
        events.iter().filter(wanted).count() as u64
    };
    assert_eq!(count(2, "B"), exceptions);
    let counts = [count(1, "B"), count(1, "X"), count(3, "i")];
    assert!(
        counts[0] >= 7 && counts[1] > 0 && counts[2] > 10,
        "{counts:?}"
    );
    assert!(events.iter().any(|event| event["name"] == "interrupt"));
    let others = timeline(Kind::EagerJit).0;
    assert_eq!(others, events, "the same in the JIT");
}
