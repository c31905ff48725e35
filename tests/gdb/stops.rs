//! Machines that stop, are looked at and go on end like those that nothing disturbs, in each engine,
//! and stop where they should.

use crate::common::asm::*;
use crate::common::{CODE, ENGINES, End, Kind, Recorder, boot, program, project, run};
use mirrorball::engine::AnyEngine;
use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vcpu::{Goal, StopCause, WatchKind, Watchpoint};
use mirrorball_runtime::vm::debug::{self, Edit, Register};
use mirrorball_runtime::vm::{Back, Rest, Vm, state};
use std::fs;

/// Where the programs keep their data, as the CPU sees it.
pub const DATA: u32 = CODE + 0x10_0000;

/// A machine with its engine and console.
pub struct Debuggee {
    pub vm: Box<Vm>,
    engine: AnyEngine,
    console: Recorder,
    limit: u64,
}

/// A stop: why, where, and after how many instructions.
pub type Stop = (StopCause, u64, u64);

impl Debuggee {
    pub fn new(kind: Kind, vm: Box<Vm>, limit: u64) -> Self {
        Self {
            vm,
            engine: kind.engine(),
            console: Recorder::default(),
            limit,
        }
    }

    /// Goes on until it stops. `None` when it has ended.
    pub fn go_on(&mut self, goal: Goal) -> Option<Stop> {
        self.vm.go_on(goal);
        self.until_stop()
    }

    /// Goes back until it stops.
    pub fn back(&mut self, back: Back) -> Option<Stop> {
        assert!(self.vm.go_back(back), "it has a past");
        self.until_stop()
    }

    fn until_stop(&mut self) -> Option<Stop> {
        loop {
            let (vm, engine) = (&mut self.vm, &mut self.engine);
            match vm.run_slice(engine, &mut self.console, self.limit, 1 << 40) {
                Rest::Stopped => {
                    let cause = vm.stop_cause().expect("a cause");
                    return Some((cause, vm.cpu.pc, vm.cpu.retired()));
                }
                Rest::Ended(outcome) => {
                    assert_eq!(self.engine.difference(), None);
                    assert!(
                        matches!(outcome, Outcome::Limit | Outcome::PowerOff),
                        "{outcome:?}"
                    );
                    return None;
                }
                Rest::Slice | Rest::Idle(_) | Rest::Disk => {}
            }
        }
    }

    pub fn run(&mut self) -> Option<Stop> {
        self.go_on(Goal::None)
    }

    pub fn step(&mut self) -> Option<Stop> {
        let goal = Goal::Count(self.vm.cpu.retired() + 1);
        self.go_on(goal)
    }

    pub fn end(self) -> End {
        End {
            outcome: Outcome::Limit,
            output: self.console.0,
            instructions: self.vm.cpu.retired(),
            state: state::hash(&self.vm),
        }
    }
}

pub fn at(index: u32) -> Va {
    Va(u64::from(CODE + 4 * index))
}

pub fn watch(address: u32, bytes: u32, kind: WatchKind) -> Watchpoint {
    Watchpoint {
        start: Va(address.into()),
        bytes,
        kind,
    }
}

/// A loop that calls a function with its work in delay slots, stores and loads.
pub fn busy() -> Box<Vm> {
    let [high, low] = li(S0, DATA);
    program(&[
        high,               // 0
        low,                // 1
        addiu(T0, T0, 1),   // 2: the loop
        lw(T1, 0, S0),      // 3
        jal(CODE + 4 * 10), // 4
        sw(T0, 0, S0),      // 5: in a delay slot
        xor(T2, T2, T1),    // 6
        bne(T0, ZERO, -6),  // 7: to 2
        sb(T2, 6, S0),      // 8: in a delay slot
        NOP,                // 9
        addu(V0, V0, T0),   // 10: the function
        jr(RA),             // 11
        addiu(V0, V0, 3),   // 12: in a delay slot
    ])
}

pub const LIMIT: u64 = 50_000;

#[test]
fn a_breakpoint_is_met_each_time_at_its_instruction() {
    for kind in ENGINES {
        let mut debuggee = Debuggee::new(kind, busy(), LIMIT);
        // What was translated long ago stops as well.
        assert!(debuggee.go_on(Goal::Count(20_000)).is_some());
        debuggee.vm.cpu.stops.set_breakpoint(at(10));
        let mut last = 0;
        for _ in 0..100 {
            let (cause, pc, retired) = debuggee.run().expect("a stop");
            assert_eq!((cause, pc), (StopCause::Breakpoint, at(10).0), "{kind}");
            if last > 0 {
                assert_eq!(retired - last, 10, "{kind}: a round");
            }
            last = retired;
        }
        assert!(debuggee.vm.cpu.stops.clear_breakpoint(at(10)));
        assert_eq!(debuggee.run(), None);
        let undisturbed = run(kind, &mut busy(), LIMIT);
        assert_eq!(debuggee.end(), undisturbed, "{kind}");
    }
}

#[test]
fn a_breakpoint_at_a_delay_slot_is_met_at_its_branch() {
    for kind in ENGINES {
        let mut debuggee = Debuggee::new(kind, busy(), LIMIT);
        for (slot, branch) in [(5, 4), (8, 7), (12, 11)] {
            debuggee.vm.cpu.stops.set_breakpoint(at(slot));
            for _ in 0..3 {
                let (cause, pc, _) = debuggee.run().expect("a stop");
                assert_eq!((cause, pc), (StopCause::Breakpoint, at(branch).0), "{kind}");
            }
            assert!(debuggee.vm.cpu.stops.clear_breakpoint(at(slot)));
        }
        assert_eq!(debuggee.run(), None);
        assert_eq!(debuggee.end(), run(kind, &mut busy(), LIMIT), "{kind}");
    }
}

#[test]
fn a_watched_access_is_met_before_it_is_made() {
    let word = |vm: &Vm| vm.ram.word(Pa(u64::from(DATA & 0x1fff_ffff)));
    for kind in ENGINES {
        let mut debuggee = Debuggee::new(kind, busy(), LIMIT);
        assert!(debuggee.go_on(Goal::Count(20_000)).is_some());
        // In a delay slot: its branch runs again.
        let store = watch(DATA + 2, 1, WatchKind::Write);
        debuggee.vm.cpu.stops.set_watchpoint(store);
        for _ in 0..20 {
            let (cause, pc, _) = debuggee.run().expect("a stop");
            let expected = StopCause::Watchpoint(WatchKind::Write, Va(u64::from(DATA + 2)));
            assert_eq!((cause, pc), (expected, at(4).0), "{kind}");
            let (before, new) = (word(&debuggee.vm), debuggee.vm.cpu.gpr[T0 as usize] as u32);
            assert_eq!(before + 1, new, "{kind}: not stored yet");
            assert!(debuggee.step().is_some());
            assert_eq!(word(&debuggee.vm), new, "{kind}: stored");
        }
        assert!(debuggee.vm.cpu.stops.clear_watchpoint(store));
        // Not in one, and seen in kseg1.
        let load = watch(DATA | 0x2000_0000, 4, WatchKind::Read);
        debuggee.vm.cpu.stops.set_watchpoint(load);
        for _ in 0..20 {
            let (cause, pc, _) = debuggee.run().expect("a stop");
            assert!(
                matches!(cause, StopCause::Watchpoint(WatchKind::Read, _)),
                "{kind}"
            );
            assert_eq!(pc, at(3).0, "{kind}");
        }
        assert!(debuggee.vm.cpu.stops.clear_watchpoint(load));
        // Neighbours on the page are none.
        debuggee
            .vm
            .cpu
            .stops
            .set_watchpoint(watch(DATA + 7, 1, WatchKind::Access));
        assert_eq!(debuggee.run(), None, "{kind}");
        assert_eq!(debuggee.end(), run(kind, &mut busy(), LIMIT), "{kind}");
    }
}

/// A loop that nothing but the timer ends, and whose rounds are skipped: it loads what the handler
/// changes.
fn idle() -> Box<Vm> {
    let [high, low] = li(S0, DATA);
    program(&[high, low, lw(T0, 0, S0), beq(T0, ZERO, -2), NOP])
}

#[test]
fn a_loop_that_is_skipped_is_stopped_in() {
    for kind in ENGINES {
        let mut debuggee = Debuggee::new(kind, idle(), 3_000_000);
        assert!(debuggee.go_on(Goal::Count(1_000_001)).is_some());
        assert!(debuggee.vm.counters.spins > 0, "{kind}");
        debuggee.vm.cpu.stops.set_breakpoint(at(3));
        for _ in 0..3 {
            let (_, pc, retired) = debuggee.run().expect("a stop");
            assert_eq!((pc, retired % 3), (at(3).0, 0), "{kind}");
            assert!(retired < 1_000_020, "{kind}");
        }
        assert!(debuggee.vm.cpu.stops.clear_breakpoint(at(3)));
        let load = watch(DATA, 4, WatchKind::Access);
        debuggee.vm.cpu.stops.set_watchpoint(load);
        assert!(debuggee.run().expect("a stop").2 < 1_000_040, "{kind}");
        assert!(debuggee.vm.cpu.stops.clear_watchpoint(load));
        assert_eq!(debuggee.run(), None);
        assert_eq!(debuggee.end(), run(kind, &mut idle(), 3_000_000), "{kind}");
    }
}

#[test]
fn a_range_is_left_in_one_go() {
    for kind in ENGINES {
        let mut debuggee = Debuggee::new(kind, busy(), LIMIT);
        assert!(debuggee.go_on(Goal::Count(2)).is_some());
        let (start, end) = (at(2), at(10));
        let from = debuggee.vm.cpu.retired();
        let stop = debuggee.go_on(Goal::Outside { start, end, from });
        assert_eq!(stop, Some((StopCause::Goal, at(10).0, 6)), "{kind}");
    }
}

#[test]
fn what_a_debugger_changes_every_engine_goes_on_with() {
    let ends = ENGINES.map(|kind| {
        let mut debuggee = Debuggee::new(kind, busy(), LIMIT);
        assert!(debuggee.go_on(Goal::Count(30_000)).is_some());
        let vm = &mut debuggee.vm;
        // The loop counts by two, from a million on.
        assert!(debug::write(vm, at(2), &addiu(T0, T0, 2).to_le_bytes()));
        debug::edit(vm, Edit::Register(Register::General(T0 as u8), 1_000_000));
        debug::edit(vm, Edit::Register(Register::Lo, 77));
        debug::edit(vm, Edit::Register(Register::Float(3), 0x4048_f5c3));
        debug::edit(vm, Edit::Register(Register::Cp0(11, 0), 0x1234_5678));
        assert_eq!(debuggee.run(), None, "{kind}");
        assert!(debuggee.vm.cpu.gpr[T0 as usize] > 1_003_000, "{kind}");
        debuggee.end()
    });
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}

#[test]
fn memory_that_is_not_there_is_refused_without_a_trace() {
    let mut vm = busy();
    let before = (state::hash(&vm), vm.counters.device_accesses);
    let mut bytes = [0; 8];
    assert_eq!(debug::read(&vm, Va(CODE.into()), &mut bytes), 8);
    assert_eq!(bytes[..4], lui(S0, DATA >> 16).to_le_bytes());
    assert_eq!(debug::read(&vm, Va(0x400_000), &mut bytes), 0, "not mapped");
    assert_eq!(debug::read(&vm, Va(0xb800_03f8), &mut bytes), 0, "a device");
    let end = Va(0x8800_0000 - 3);
    assert_eq!(debug::read(&vm, end, &mut bytes), 3, "the end of RAM");
    assert!(!debug::write(&mut vm, end, &bytes), "all or nothing");
    assert_eq!(before, (state::hash(&vm), vm.counters.device_accesses));
}

/// A guest with processes, system calls, interrupts and paging.
fn tour(endian: &str) -> Box<Vm> {
    let name = format!("guests/prebuilt/tour.{endian}.elf");
    let bytes = fs::read(project(&name)).expect("an image");
    boot(&name, &bytes)
}

const TOUR: u64 = 900_000;

/// Places that the tour comes to, and stack pointers that it has there.
fn places() -> Vec<(Va, u32)> {
    let mut debuggee = Debuggee::new(Kind::Interpreter, tour("el"), TOUR);
    let mut random = fastrand::Rng::with_seed(7);
    let mut places = Vec::new();
    loop {
        let count = debuggee.vm.cpu.retired() + random.u64(1..5_000);
        match debuggee.go_on(Goal::Count(count)) {
            Some((_, pc, _)) => places.push((Va(pc), debuggee.vm.cpu.gpr[29] as u32)),
            None => return places,
        }
    }
}

/// Sets and takes away stop points at random, steps and looks. What is chosen depends on nothing
/// but the seed and the stops.
fn wander(kind: Kind, places: &[(Va, u32)], seed: u64) -> (Vec<Stop>, End) {
    let mut debuggee = Debuggee::new(kind, tour("el"), TOUR);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut stops = Vec::new();
    let mut goal = Goal::Count(random.u64(1..200_000));
    while let Some(stop) = debuggee.go_on(goal) {
        stops.push(stop);
        let vm = &mut debuggee.vm;
        let retired = vm.cpu.retired();
        for _ in 0..random.usize(0..4) {
            let (pc, sp) = places[random.usize(..places.len())];
            match random.u8(..8) {
                0..3 => vm.cpu.stops.set_breakpoint(pc),
                3 => {
                    let kinds = [WatchKind::Read, WatchKind::Write, WatchKind::Access];
                    let kind = kinds[random.usize(..3)];
                    vm.cpu.stops.set_watchpoint(watch(sp & !3, 8, kind));
                }
                4 => vm.cpu.stops.clear(),
                _ => {
                    let mut bytes = [0; 64];
                    debug::read(vm, Va(sp.into()), &mut bytes);
                    (0..32).for_each(|number| {
                        let _ = debug::register(vm, Register::Cp0(number, 0));
                    });
                }
            }
        }
        goal = match random.u8(..10) {
            0..3 => Goal::Count(retired + random.u64(1..6)),
            3 => Goal::Outside {
                start: Va(vm.cpu.pc),
                end: Va(vm.cpu.pc + 32),
                from: retired,
            },
            _ => Goal::Count(retired + random.u64(1..10_000)),
        };
        if stops.len() > 400 {
            debuggee.vm.cpu.stops.clear();
            goal = Goal::None;
        }
    }
    (stops, debuggee.end())
}

#[test]
fn all_engines_stop_alike_and_end_undisturbed() {
    let undisturbed = End {
        outcome: Outcome::Limit,
        ..run(Kind::Jit, &mut tour("el"), TOUR)
    };
    let places = places();
    for seed in 0..3 {
        let (expected, end) = wander(Kind::Interpreter, &places, seed);
        assert_eq!(end, undisturbed, "seed {seed}");
        let met = |stop: &&Stop| stop.0 != StopCause::Goal;
        assert!(
            expected.iter().filter(met).count() > 20,
            "{}",
            expected.len()
        );
        for kind in [
            Kind::EagerJit,
            Kind::Lockstep,
            Kind::Strides(211),
            Kind::Baseline(0),
        ] {
            let (stops, end) = wander(kind, &places, seed);
            let differs = stops.iter().zip(&expected).find(|(a, b)| a != b);
            assert_eq!(differs, None, "{kind}, seed {seed}");
            assert_eq!(end, undisturbed, "{kind}, seed {seed}");
        }
    }
}
