//! The guest's processes as the monitor sees them: the same in every engine, with nothing lost.

mod common;

use common::{Kind, Recorder, boot, project, run};
use mirrorball::profile::{Place, Profile, Sampler};
use mirrorball_runtime::insight::Process;
use mirrorball_runtime::vm::{Vm, state};

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
