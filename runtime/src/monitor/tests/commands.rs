//! What a machine is told happens between two slices, wherever it is in the queue.

use super::*;
use crate::device::i8042::Button;
use crate::vm::arrivals::Arrived;
use std::thread;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A machine that is always busy, and looks whether it is called back.
fn busy(_: usize, vm: &mut Vm, _: u64) -> Exit {
    thread::sleep(Duration::from_micros(100));
    pass_time(vm, 10);
    Exit::Stop
}

fn crowd(shares: &[u32]) -> Monitor<Machines> {
    let memory = MachineMemory::new(3 * RAM).unwrap();
    monitor(shares, RAM, memory, busy)
}

#[test]
fn one_that_has_not_had_a_turn_is_told_of_as_stopped() {
    let monitor = crowd(&[100, 100]);
    monitor.command(0, Command::Stop).unwrap();
    let stopped = Phase::Ended(Some(Outcome::Quit));
    assert_eq!(monitor.standing(0).phase, stopped);
    monitor.quit();
    monitor.run();
    let ended = lock(&monitor.fleet().ended).clone();
    let ended: Vec<_> = ended.iter().map(|end| (end.0, end.1)).collect();
    let quit = Some(Outcome::Quit);
    assert_eq!(
        ended,
        [(0, quit), (1, quit)],
        "nor is one that quits failed"
    );
    assert_eq!(*lock(&monitor.fleet().notices), [""; 0]);
}

#[test]
fn one_that_waits_for_its_turn_does_what_it_is_told_at_once() {
    let monitor = crowd(&[1, LARGEST_SHARE]);
    // The first turns: after those, the small one's next turn is far away.
    while monitor.standing(0).cpu_time.is_zero() || monitor.standing(1).cpu_time.is_zero() {
        assert!(monitor.step(0));
    }
    monitor.command(0, Command::Pause).unwrap();
    assert_eq!(monitor.standing(0).phase, Phase::Paused);
    monitor.command(0, Command::Resume).unwrap();
    assert_eq!(monitor.standing(0).phase, Phase::Ready);
    monitor.command(0, Command::Reset).unwrap();
    assert_eq!(monitor.standing(0).snapshot.instructions, 0);
    monitor.command(0, Command::Stop).unwrap();
    assert!(matches!(monitor.standing(0).phase, Phase::Ended(_)));
    monitor.command(0, Command::Start).unwrap();
    assert_eq!(monitor.standing(0).phase, Phase::Ready);
}

/// Runs `act` beside a monitor's threads, which then quit.
fn beside(monitor: &Monitor<Machines>, act: impl FnOnce()) {
    thread::scope(|scope| {
        let _quits = Quits(monitor);
        scope.spawn(|| monitor.run());
        act();
    });
}

/// Lets the threads go when a test fails, too.
struct Quits<'a>(&'a Monitor<Machines>);

impl Drop for Quits<'_> {
    fn drop(&mut self) {
        self.0.quit();
    }
}

#[test]
fn one_that_runs_has_done_what_it_was_told_when_the_command_comes_back() {
    let mut monitor = crowd(&[100]);
    // A turn that would outlast the test.
    monitor.config.turn = PATIENCE;
    let ran = || monitor.standing(0).snapshot.instructions;
    beside(&monitor, || {
        for _ in 0..20 {
            monitor.command(0, Command::Pause).unwrap();
            assert_eq!(monitor.standing(0).phase, Phase::Paused);
            let before = ran();
            thread::sleep(Duration::from_millis(2));
            assert_eq!(ran(), before, "it rests");
            monitor.command(0, Command::Resume).unwrap();
            assert_ne!(monitor.standing(0).phase, Phase::Paused);
        }
        monitor.command(0, Command::Stop).unwrap();
        let stopped = Phase::Ended(Some(Outcome::Quit));
        assert_eq!(monitor.standing(0).phase, stopped);
    });
}

#[test]
fn one_that_parts_obeys_nothing_but_to_stay_or_leave() {
    let monitor = crowd(&[100]);
    assert_eq!(
        monitor.command(0, Command::Part),
        Err(CommandError::Fresh),
        "there is none yet"
    );
    monitor.prepare(0).unwrap();
    let settled = Err(CommandError::Settled);
    for command in [Command::Stay, Command::Leave, Command::Rest] {
        assert_eq!(monitor.command(0, command), settled);
    }
    monitor.command(0, Command::Part).unwrap();
    assert!(!monitor.step(0), "it stands still");
    for command in [
        Command::Start,
        Command::Pause,
        Command::Resume,
        Command::Halt,
        Command::Continue,
        Command::Part,
        Command::Reset,
        Command::Stop,
    ] {
        let parting = Err(CommandError::Parting);
        assert_eq!(monitor.command(0, command), parting, "{command:?}");
    }
    let pressed = monitor.operate(0, Arrived::Pressed(Button::Power));
    assert_eq!(pressed, Err(CommandError::Parting));
    monitor.command(0, Command::Stay).unwrap();
    assert!(monitor.step(0), "it goes on");
    monitor.command(0, Command::Part).unwrap();
    monitor.command(0, Command::Rest).unwrap();
    assert_eq!(monitor.command(0, Command::Part), Err(CommandError::Paused));
    monitor.command(0, Command::Resume).unwrap();
    monitor.command(0, Command::Part).unwrap();
    monitor.command(0, Command::Leave).unwrap();
    let moved = Phase::Ended(Some(Outcome::Moved));
    assert_eq!(monitor.standing(0).phase, moved);
    assert_eq!(monitor.command(0, Command::Stay), Err(CommandError::Ended));
}

#[test]
fn many_may_tell_and_look_at_once() {
    let monitor = crowd(&[100, 100]);
    beside(&monitor, || {
        thread::scope(|scope| {
            for number in [0, 0, 1, 1] {
                let monitor = &monitor;
                scope.spawn(move || {
                    for share in 1..100 {
                        monitor.command(number, Command::Share(share)).unwrap();
                        monitor.look(number, |vm| vm.cpu.retired());
                        monitor.command(number, Command::Pause).unwrap();
                        monitor.command(number, Command::Resume).unwrap();
                    }
                });
            }
        });
        for number in [0, 1] {
            assert_eq!(monitor.standing(number).share, 99);
            assert_ne!(monitor.standing(number).phase, Phase::Paused);
            // On a busy host it may have had no turn yet, in which it is made.
            let looked = (0..10_000).any(|_| {
                thread::sleep(Duration::from_millis(1));
                monitor.look(number, |vm| vm.cpu.retired()).is_some()
            });
            assert!(looked);
        }
    });
}

/// A guest whose console is not read holds no thread: others run, and it does what it is told.
#[test]
fn one_whose_console_is_full_is_held_back_alone() {
    let monitor = crowd(&[100, 100]);
    let ran = |number| monitor.standing(number).snapshot.instructions;
    monitor.fleet().full.store(true, Ordering::Relaxed);
    for _ in 0..10 {
        assert!(monitor.step(0));
    }
    assert_eq!(monitor.standing(0).phase, Phase::Blocked);
    assert!(ran(0) == 0 && ran(1) > 0, "{} {}", ran(0), ran(1));
    // As long as it is full, a wake-up changes nothing.
    monitor.wake(0);
    for _ in 0..3 {
        assert!(monitor.step(0));
    }
    assert_eq!(monitor.standing(0).phase, Phase::Blocked);
    assert!(monitor.look(0, |vm| vm.cpu.retired()).is_some());
    monitor.command(0, Command::Pause).unwrap();
    monitor.command(0, Command::Resume).unwrap();

    monitor.fleet().full.store(false, Ordering::Relaxed);
    monitor.wake(0);
    for _ in 0..10 {
        assert!(monitor.step(0));
    }
    assert!(ran(0) > 0, "there is room again");
}

/// A machine that is busy until a key is pressed, and resets itself then.
fn resets_by_key(_: usize, vm: &mut Vm, _: u64) -> Exit {
    const COMMAND: Va = Va(0xb800_0064);
    pass_time(vm, 10);
    let status = vm.load(COMMAND, Width::Byte, 0);
    if status.is_ok_and(|status| status & 1 != 0) {
        let _ = vm.store(COMMAND, Width::Byte, 0xfe, 0);
    }
    Exit::Stop
}

#[test]
fn a_guest_that_was_asked_to_shut_down_and_resets_is_off() {
    let memory = MachineMemory::new(3 * RAM).unwrap();
    let monitor = monitor(&[100, 100], RAM, memory, resets_by_key);
    let fresh = monitor.shut_down(0, Button::CtrlAltDel);
    assert_eq!(fresh, Err(CommandError::Fresh));
    assert!(monitor.step(0) && monitor.step(0));
    monitor.command(0, Command::Pause).unwrap();
    let paused = monitor.shut_down(0, Button::CtrlAltDel);
    assert_eq!(paused, Err(CommandError::Paused));
    monitor.command(0, Command::Resume).unwrap();
    monitor.shut_down(0, Button::CtrlAltDel).unwrap();
    let key = Arrived::Pressed(Button::Power);
    monitor.operate(1, key.clone()).unwrap();
    while monitor.step(0) {}
    let ended = lock(&monitor.fleet().ended).clone();
    let mut ended: Vec<_> = ended.iter().map(|end| (end.0, end.1)).collect();
    ended.sort_unstable_by_key(|end| end.0);
    assert_eq!(
        ended,
        [(0, Some(Outcome::PowerOff)), (1, Some(Outcome::Reset))]
    );
    assert_eq!(monitor.operate(1, key), Err(CommandError::Ended));
}
