//! The threads of the host: the machine switch, and what comes of each turn.
//!
//! A switch is a choice and two pointers: everything of a machine, privileged state included, is
//! in its slot and stays there.

use super::reclaim::Keeper;
use super::task::{State, Turn};
use super::turn::End;
use super::{Fleet, Monitor, Phase, Snapshot, lock};
use crate::clock::Nanos;
use crate::exit::Outcome;
use rustix::time::{ClockId, clock_gettime};
use std::sync::MutexGuard;
use std::thread::Builder;
use std::time::{Duration, Instant};

/// How long a thread rests that is not woken.
const LONGEST_REST: Duration = Duration::from_secs(3600);
/// When it is looked again whether the host has done what a disk waits for.
const DISK_LOOK: Nanos = Nanos(50_000);
/// How long a machine waits that there is no memory for, before it asks again.
const HUNGER: Duration = Duration::from_millis(100);
/// How often machines may ask in vain, while no other runs, before one of them ends.
const PATIENCE: u32 = 50;

/// The nanoseconds that this thread has had on a core: what a host that is busy with other things
/// takes from a machine is not charged to it.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

impl<F: Fleet> Monitor<F> {
    /// Runs all machines to their end. The calling thread is one of those that run them.
    pub fn run(&self) {
        std::thread::scope(|scope| {
            let _watched = self.watcher.end_with();
            let watcher = Builder::new().name("watcher".to_owned());
            // Without it slices are bounded by their instructions alone.
            let _ = watcher.spawn_scoped(scope, || {
                let leashes = self.slots.iter().map(|slot| &slot.leash);
                let longest = self.config.slice_time;
                self.watcher
                    .watch(leashes, longest, || self.start.elapsed());
            });
            self.run_threads();
        });
        // All threads may have been asked to quit.
        for number in 0..self.slots.len() {
            let mut hold = self.visit(number);
            if !matches!(hold.phase, Phase::Ended(_)) {
                hold.phase = self.end(number, Some(Outcome::Quit));
            }
        }
    }

    fn run_threads(&self) {
        std::thread::scope(|scope| {
            for thread in 1..self.config.threads {
                let worker = Builder::new().name(format!("machines {thread}"));
                let worker = worker.spawn_scoped(scope, move || self.work(thread));
                if worker.is_err() {
                    // The host has no more threads: those that there are run all machines.
                    break;
                }
            }
            self.work(0);
        });
    }

    fn work(&self, thread: usize) {
        while let Some(turn) = self.next(thread) {
            self.turn(&turn);
        }
        self.changed.notify_all();
    }

    /// Runs one slice on `thread`, if a machine is ready. For tests that look at single steps.
    pub fn step(&self, thread: usize) -> bool {
        let turn = lock(&self.state).take_turn(thread, Instant::now(), self.config.turn);
        turn.map(|turn| self.turn(&turn)).is_some()
    }

    /// Waits until a machine is ready, which this thread then holds. `None` when all have ended.
    fn next(&self, thread: usize) -> Option<Turn> {
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            if state.quit || state.all_ended() {
                return None;
            }
            if state.all_starve() && state.asked_in_vain > PATIENCE {
                state = self.end_greediest(state);
                continue;
            }
            if let Some(turn) = state.take_turn(thread, now, self.config.turn) {
                self.set_alarm(&state);
                if state.resting > 0 && state.queue.is_ready() {
                    self.changed.notify_one();
                }
                return Some(turn);
            }
            state = self.rest(state, now);
        }
    }

    /// Ends the machine that holds most for its share, when none can go on for want of memory.
    fn end_greediest<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.asked_in_vain = 0;
        let claim = |number: &usize| Keeper(self).claim_to_all(&state, *number);
        let Some(number) = state.starving().min_by_key(claim) else {
            return state;
        };
        state.hold(number);
        drop(state);
        let why = "ends: no machine can go on for want of memory, and it holds most for its share";
        self.fleet.notice(number, why);
        let ended = self.end(number, Some(Outcome::Starved));
        drop(self.holding(number, ended));
        lock(&self.state)
    }

    /// Sleeps until the next machine's time has come, or something is changed.
    fn rest<'a>(&self, mut state: MutexGuard<'a, State>, now: Instant) -> MutexGuard<'a, State> {
        let until = state.next_deadline().unwrap_or(now + LONGEST_REST);
        let watches = state.watch.is_none();
        let time = if watches {
            state.watch = Some(until);
            self.set_alarm(&state);
            until.saturating_duration_since(now)
        } else {
            LONGEST_REST
        };
        state.resting += 1;
        let waited = self.changed.wait_timeout(state, time);
        let mut state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        state.resting -= 1;
        if watches {
            state.watch = None;
            self.set_alarm(&state);
        }
        state
    }

    /// The turn of a machine that this thread holds, and what comes after it.
    fn turn(&self, turn: &Turn) {
        let mut hold = self.holding(turn.number, Phase::Ready);
        let start = thread_time();
        let end = turn.run(self);
        let nanos = thread_time().saturating_sub(start);
        let despairs = self.note_hunger(turn.number, &end);
        lock(&self.state).charge(turn.number, nanos);
        hold.phase = self.next_phase(turn.number, end);
        drop(hold);
        if despairs {
            self.end_for(turn.number);
        }
    }

    /// How a machine goes on after its turn.
    fn next_phase(&self, number: usize, end: End) -> Phase {
        let idle = |span, passes| Phase::Idle {
            since: Instant::now(),
            span,
            passes,
        };
        match end {
            End::Slice | End::Hungry => Phase::Ready,
            End::Idle(span) => idle(span, true),
            End::Disk => idle(DISK_LOOK, false),
            End::Stopped => {
                self.fleet.stopped(number);
                Phase::Halted
            }
            End::Full => Phase::Blocked,
            End::Starved(_) => Phase::Starved {
                until: Instant::now() + HUNGER,
            },
            End::Ended(Outcome::Reset) if lock(&self.state).tasks[number].leaving => {
                self.end(number, Some(Outcome::PowerOff))
            }
            End::Ended(Outcome::Reset) if self.restarts(number) => self.empty(number),
            End::Ended(outcome) => self.end(number, Some(outcome)),
            End::Failed(why) => {
                self.fleet.notice(number, &why);
                Phase::Ended(None)
            }
            End::Crashed => self.end(number, None),
        }
    }

    /// Notes whether a machine needs memory, and tells once that it has to wait for it. Says whether
    /// it has waited for long enough.
    fn note_hunger(&self, number: usize, end: &End) -> bool {
        let room = Keeper(self).has_room();
        let mut state = lock(&self.state);
        let starved = matches!(end, End::Starved(_));
        state.asked_in_vain = if starved { state.asked_in_vain + 1 } else { 0 };
        let task = &mut state.tasks[number];
        task.hungry = starved || matches!(end, End::Hungry);
        task.asked_in_vain = if starved { task.asked_in_vain + 1 } else { 0 };
        let despairs = task.asked_in_vain > PATIENCE;
        let told = task.told;
        task.told = !room && (told || starved);
        drop(state);
        if let End::Starved(why) = end
            && !told
        {
            let text = format!(
                "pauses: machine memory is used up, and {why}; it goes on when there is room"
            );
            self.fleet.notice(number, &text);
        }
        despairs
    }

    /// Ends the machine of a smaller share that holds most for it, if there is one: a machine of a
    /// larger share has waited for memory in vain.
    fn end_for(&self, number: usize) {
        let Some(greediest) = Keeper(self).greediest_below(number) else {
            return;
        };
        lock(&self.state).tasks[number].asked_in_vain = 0;
        let mut hold = self.visit(greediest);
        if !matches!(hold.phase, Phase::Ended(_)) {
            let why = "ends: machine memory is used up, a machine of a larger share waits for some, \
                       and this one holds most for its share";
            self.fleet.notice(greediest, why);
            hold.phase = self.end(greediest, Some(Outcome::Starved));
        }
    }

    /// Takes away a machine that this thread holds. It is made anew at its next turn.
    pub(super) fn empty(&self, number: usize) -> Phase {
        *lock(&self.slots[number].machine) = None;
        *lock(&self.slots[number].snapshot) = Snapshot::default();
        Keeper(self).ask_anew(number);
        let mut state = lock(&self.state);
        state.rouse(number, Instant::now());
        let task = &mut state.tasks[number];
        (task.passed, task.hungry, task.leaving) = (None, false, false);
        Phase::Ready
    }

    /// Whether a machine that this thread holds, and its guest has reset, starts again.
    fn restarts(&self, number: usize) -> bool {
        let machine = lock(&self.slots[number].machine);
        let machine = machine.as_ref();
        machine.is_some_and(|machine| self.fleet.restarts(number, &machine.vm))
    }

    /// Ends a machine that this thread holds, with what it came to; without an outcome the monitor
    /// failed. One that was not made yet is made, so that there is something to tell of.
    pub(super) fn end(&self, number: usize, outcome: Option<Outcome>) -> Phase {
        let machine = lock(&self.slots[number].machine).take();
        let machine = match (machine, outcome) {
            (None, Some(_)) => self.fleet.make(number, &self.memory),
            (machine, _) => machine.ok_or_else(|| "could not be made".to_owned()),
        };
        match machine {
            Ok(machine) => {
                if let Some(failure) = machine.vm.ram.failure()
                    && outcome == Some(Outcome::HostFailure)
                {
                    self.fleet.notice(number, &format!("ends: {failure}"));
                }
                let time = Duration::from_nanos(lock(&self.state).tasks[number].cpu_nanos);
                self.fleet.ended(number, machine, outcome, time);
                Phase::Ended(outcome)
            }
            Err(why) => {
                self.fleet.notice(number, &why);
                Phase::Ended(None)
            }
        }
    }

    /// Lets go of a machine that this thread holds, which goes on like this.
    pub(super) fn let_go(&self, number: usize, phase: Phase) {
        let mut state = lock(&self.state);
        state.let_go(number, phase);
        if state.tasks[number].is_awaited() {
            self.released.notify_all();
        }
        self.set_alarm(&state);
        let more = state.resting > 0 && (state.queue.is_ready() || state.all_ended());
        drop(state);
        if more {
            self.changed.notify_one();
        }
    }
}
