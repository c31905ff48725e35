//! Machines that go back in time are what they were then, in each engine, and end like those that
//! never did.

use crate::common::asm::*;
use crate::common::{CODE, ENGINES, Kind, program, run};
use crate::stops::{DATA, Debuggee, LIMIT, at, busy, watch};
use mirrorball_runtime::addr::Pa;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vcpu::{Goal, StopCause, WatchKind};
use mirrorball_runtime::vm::debug::{self, Edit, Register};
use mirrorball_runtime::vm::{Back, Vm, state};

/// More than any guest here needs.
const HISTORY: u64 = 64 << 20;

fn debuggee(kind: Kind, mut vm: Box<Vm>) -> Debuggee {
    vm.keep_history(HISTORY);
    Debuggee::new(kind, vm, LIMIT)
}

/// Count, place and state.
type Moment = (u64, u64, u64);

fn moment(debuggee: &Debuggee) -> Moment {
    let vm = &debuggee.vm;
    (vm.cpu.retired(), vm.cpu.pc, state::hash(vm))
}

#[test]
fn steps_back_undo_steps() {
    for kind in ENGINES {
        let mut debuggee = debuggee(kind, busy());
        assert!(debuggee.go_on(Goal::Count(20_000)).is_some());
        let mut moments = vec![moment(&debuggee)];
        for _ in 0..25 {
            assert!(debuggee.step().is_some());
            moments.push(moment(&debuggee));
        }
        moments.pop();
        while let Some(then) = moments.pop() {
            let stop = debuggee.back(Back::Step);
            assert_eq!(stop.map(|stop| stop.0), Some(StopCause::Goal), "{kind}");
            assert_eq!(moment(&debuggee), then, "{kind}");
        }
        assert_eq!(debuggee.run(), None);
        assert_eq!(debuggee.end(), run(kind, &mut busy(), LIMIT), "{kind}");
    }
}

#[test]
fn breakpoints_are_met_in_reverse_and_then_there_is_the_beginning() {
    for kind in ENGINES {
        let mut debuggee = debuggee(kind, busy());
        debuggee.vm.cpu.stops.set_breakpoint(at(10));
        let mut moments = Vec::new();
        for _ in 0..10 {
            assert!(debuggee.run().is_some());
            moments.push(moment(&debuggee));
        }
        moments.pop();
        while let Some(then) = moments.pop() {
            let (cause, ..) = debuggee.back(Back::Continue).expect("a stop");
            assert_eq!(cause, StopCause::Breakpoint, "{kind}");
            assert_eq!(moment(&debuggee), then, "{kind}");
        }
        for back in [Back::Continue, Back::Continue, Back::Step] {
            let begin = Some((StopCause::Begin, at(0).0, 0));
            assert_eq!(debuggee.back(back), begin, "{kind}");
        }
        debuggee.vm.cpu.stops.clear();
        assert_eq!(debuggee.run(), None);
        assert_eq!(debuggee.end(), run(kind, &mut busy(), LIMIT), "{kind}");
    }
}

/// What is written is found behind the write: one that is undone by going one step further back.
#[test]
fn the_last_write_is_found() {
    for kind in ENGINES {
        let mut debuggee = debuggee(kind, busy());
        assert!(debuggee.go_on(Goal::Count(20_000)).is_some());
        let word = |debuggee: &Debuggee| {
            let pa = Pa((DATA & 0x1fff_ffff).into());
            debuggee.vm.ram.word(pa)
        };
        let mut value = word(&debuggee);
        debuggee
            .vm
            .cpu
            .stops
            .set_watchpoint(watch(DATA, 4, WatchKind::Write));
        for _ in 0..5 {
            let (cause, pc, count) = debuggee.back(Back::Continue).expect("a stop");
            assert!(
                matches!(cause, StopCause::Watchpoint(WatchKind::Write, _)),
                "{cause:?}"
            );
            // The write is in the delay slot of the call.
            assert_eq!(pc, at(10).0, "{kind}");
            assert_eq!(word(&debuggee), value, "{kind}: behind the write");
            let (_, pc, before) = debuggee.back(Back::Step).expect("a stop");
            assert_eq!((pc, before), (at(4).0, count - 2), "{kind}");
            value -= 1;
            assert_eq!(word(&debuggee), value, "{kind}: before it");
        }
        debuggee.vm.cpu.stops.clear();
        assert_eq!(debuggee.run(), None);
        assert_eq!(debuggee.end(), run(kind, &mut busy(), LIMIT), "{kind}");
    }
}

/// Without a step between, too.
#[test]
fn each_write_is_met_once_in_reverse() {
    let mut debuggee = debuggee(Kind::Jit, busy());
    assert!(debuggee.go_on(Goal::Count(20_000)).is_some());
    debuggee
        .vm
        .cpu
        .stops
        .set_watchpoint(watch(DATA, 4, WatchKind::Write));
    let mut last = u64::MAX;
    for _ in 0..5 {
        let (_, _, count) = debuggee.back(Back::Continue).expect("a stop");
        assert!(last == u64::MAX || last - count == 10, "{last} {count}");
        last = count;
    }
}

/// A guest whose code is another one in each round.
fn patched() -> Box<Vm> {
    let [high, low] = li(S0, CODE + 4 * 7);
    let [word_high, word_low] = li(T1, addiu(V0, V0, 1));
    program(&[
        high,                // 0
        low,                 // 1
        word_high,           // 2
        word_low,            // 3
        sw(T1, 0, S0),       // 4: the loop
        addiu(T1, T1, 1),    // 5
        NOP,                 // 6
        NOP,                 // 7: is overwritten
        beq(ZERO, ZERO, -5), // 8: to 4
        NOP,                 // 9
    ])
}

#[test]
fn code_is_what_it_was() {
    for kind in ENGINES {
        let mut debuggee = debuggee(kind, patched());
        debuggee.go_on(Goal::Count(10_000));
        let then = moment(&debuggee);
        debuggee.go_on(Goal::Count(40_000));
        let begin = debuggee.back(Back::Continue).map(|stop| stop.0);
        assert_eq!(begin, Some(StopCause::Begin), "{kind}");
        debuggee.go_on(Goal::Count(10_000));
        assert_eq!(moment(&debuggee), then, "{kind}");
        assert_eq!(debuggee.run(), None);
        assert_eq!(debuggee.end(), run(kind, &mut patched(), LIMIT), "{kind}");
    }
}

/// A guest that prints what is typed.
fn echo() -> Box<Vm> {
    const UART: u32 = 0xb800_03f8;
    let [high, low] = li(S0, UART);
    program(&[
        high,                // 0
        low,                 // 1
        lbu(T0, 5, S0),      // 2: the line status
        andi(T0, T0, 1),     // 3
        beq(T0, ZERO, -3),   // 4: to 2
        NOP,                 // 5
        lbu(T1, 0, S0),      // 6
        sb(T1, 0, S0),       // 7
        beq(ZERO, ZERO, -7), // 8: to 2
        NOP,                 // 9
    ])
}

#[test]
fn what_was_typed_is_typed_again_and_nothing_is_printed_twice() {
    let typed = |kind| {
        let mut vm = echo();
        vm.keep_history(HISTORY);
        let mut debuggee = Debuggee::new(kind, vm, 2_000_000);
        debuggee.go_on(Goal::Count(10_000));
        debuggee.vm.type_bytes(b"abc");
        debuggee
    };
    for kind in ENGINES {
        let mut undisturbed = typed(kind);
        assert_eq!(undisturbed.run(), None);
        let mut debuggee = typed(kind);
        for count in [700_000, 5_000] {
            debuggee.go_on(Goal::Count(count));
            let (cause, ..) = debuggee.back(Back::Continue).expect("a stop");
            assert_eq!(cause, StopCause::Begin, "{kind}");
        }
        assert_eq!(debuggee.run(), None);
        let (end, expected) = (debuggee.end(), undisturbed.end());
        assert_eq!(String::from_utf8_lossy(&expected.output), "abc", "{kind}");
        assert_eq!(end, expected, "{kind}");
    }
}

#[test]
fn what_a_debugger_changes_begins_another_past() {
    let mut debuggee = debuggee(Kind::Jit, busy());
    debuggee.go_on(Goal::Count(20_000));
    let register = Register::General(2);
    let edit = Edit::Register(register, 7);
    debug::edit(&mut debuggee.vm, edit);
    let then = moment(&debuggee);
    debuggee.go_on(Goal::Count(30_000));
    let (cause, _, count) = debuggee.back(Back::Continue).expect("a stop");
    assert_eq!((cause, count), (StopCause::Begin, then.0));
    assert_eq!(moment(&debuggee), then);
}

#[test]
fn a_machine_without_a_past_stays() {
    let mut debuggee = Debuggee::new(Kind::Jit, busy(), LIMIT);
    debuggee.go_on(Goal::Count(20_000));
    assert!(!debuggee.vm.go_back(Back::Step));
    assert_eq!(debuggee.vm.cpu.retired(), 20_000);
    assert_eq!(Outcome::Limit, debuggee.end().outcome);
}
