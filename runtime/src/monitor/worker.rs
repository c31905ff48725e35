//! The threads of the host: the machine switch, and what is done around a slice.
//!
//! A switch is a choice and two pointers: everything of a machine, privileged state included, is
//! in its slot and stays there.

use super::{Fleet, Machine, Monitor, Phase, Snapshot, State, lock};
use crate::clock::Nanos;
use crate::exit::Outcome;
use crate::vm::Rest;
use rustix::time::{ClockId, clock_gettime};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

/// How many times as long as others the turns are in which code is new to a machine.
const LONG_TURN: u32 = 8;
/// How long a thread rests that is not woken.
const LONGEST_REST: Duration = Duration::from_secs(3600);
/// How long a machine waits that there is no memory for, before it asks again.
const HUNGER: Duration = Duration::from_millis(100);
/// How often machines may ask in vain, while no other runs, before one of them ends.
const PATIENCE: u32 = 50;

/// What a thread has been told to do.
struct Turn {
    number: usize,
    /// How long it runs if nothing comes between.
    span: Duration,
    rebuild: bool,
    /// Whether and how it ends.
    stop: Option<Outcome>,
    passed: Option<Nanos>,
    target: Option<u64>,
    /// Whether it needs more memory to go on.
    hungry: bool,
    /// Whether it was told that it has to wait for that.
    told: bool,
}

/// How a slice ended.
enum End {
    Rest(Rest),
    /// It has taken more memory than there is.
    Hungry,
    /// There is no memory to go on with, for this reason.
    Starved(String),
    /// The machine could not be made.
    Failed(String),
    /// The monitor itself failed.
    Crashed,
    Stopped(Outcome),
}

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
            let watcher = std::thread::Builder::new().name("watcher".to_owned());
            // Without it slices are bounded by their instructions alone.
            let _ = watcher.spawn_scoped(scope, || {
                let leashes = self.slots.iter().map(|slot| &slot.leash);
                let longest = self.config.slice_time;
                self.watcher
                    .watch(leashes, longest, || self.start.elapsed());
            });
            std::thread::scope(|scope| {
                for thread in 1..self.config.threads {
                    scope.spawn(move || self.work(thread));
                }
                self.work(0);
            });
        });
        for (number, slot) in self.slots.iter().enumerate() {
            // All threads were asked to quit.
            if let Some(machine) = lock(&slot.machine).take() {
                let time = self.standing(number).cpu_time;
                self.fleet.ended(number, machine, Some(Outcome::Quit), time);
            }
        }
    }

    fn work(&self, thread: usize) {
        while let Some(turn) = self.next(thread) {
            self.turn(turn);
        }
        self.changed.notify_all();
    }

    /// Runs one slice on `thread`, if a machine is ready. For tests that look at single steps.
    pub fn step(&self, thread: usize) -> bool {
        let turn = lock(&self.state).take_turn(thread, Instant::now(), self.config.turn);
        turn.map(|turn| self.turn(turn)).is_some()
    }

    /// Waits until a machine is ready. `None` when all have ended.
    fn next(&self, thread: usize) -> Option<Turn> {
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            if state.quit || state.all_ended() {
                return None;
            }
            if state.all_starve() && state.asked_in_vain > PATIENCE {
                self.end_greediest(&mut state);
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
    fn end_greediest(&self, state: &mut State) {
        let starving = |number: &usize| matches!(state.tasks[*number].phase, Phase::Starved { .. });
        let claim = |number: &usize| {
            let pages = lock(&self.slots[*number].snapshot).pages;
            self.claim(
                state.queue.share(*number),
                *number,
                pages.resident() + pages.swapped,
            )
        };
        let starving = (0..state.tasks.len()).filter(starving);
        if let Some(number) = starving.min_by_key(claim) {
            state.asked_in_vain = 0;
            state.tasks[number].stop = Some(Outcome::Starved);
            state.make_ready(number);
        }
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

    /// The turn of one machine, and what comes after it.
    fn turn(&self, turn: Turn) {
        let number = turn.number;
        let start = thread_time();
        let slot = &self.slots[number];
        let mut held = lock(&slot.machine);
        let end = if let Some(outcome) = turn.stop {
            End::Stopped(outcome)
        } else {
            let mut run = || self.slices(&turn, &mut held);
            catch_unwind(AssertUnwindSafe(&mut run)).unwrap_or(End::Crashed)
        };
        slot.leash.end();
        if let Some(machine) = held.as_ref() {
            *lock(&slot.snapshot) = self.snapshot(machine);
        }
        let nanos = thread_time().saturating_sub(start);
        let over = match &end {
            End::Rest(Rest::Ended(Outcome::Reset)) if self.fleet.restarts(number) => None,
            End::Rest(Rest::Ended(outcome)) | End::Stopped(outcome) => Some(Some(*outcome)),
            End::Failed(_) | End::Crashed => Some(None),
            End::Rest(_) | End::Hungry | End::Starved(_) => None,
        };
        match &end {
            End::Failed(why) => self.fleet.notice(number, why),
            End::Starved(why) if !turn.told => self.fleet.notice(
                number,
                &format!(
                    "pauses: machine memory is used up, and {why}; it goes on when there is room"
                ),
            ),
            End::Rest(Rest::Ended(Outcome::HostFailure)) => {
                let failure = held.as_ref().and_then(|machine| machine.vm.ram.failure());
                if let Some(failure) = failure {
                    self.fleet.notice(number, &format!("ends: {failure}"));
                }
            }
            End::Stopped(Outcome::Starved) => self.fleet.notice(
                number,
                "ends: no machine can go on for want of memory, and it holds most for its share",
            ),
            _ => {}
        }
        if over.is_some()
            && let Some(machine) = held.take()
        {
            let time = Duration::from_nanos(lock(&self.state).tasks[number].cpu_nanos + nanos);
            self.fleet.ended(number, machine, over.flatten(), time);
        }
        drop(held);
        let room = self.has_room();
        let mut state = lock(&self.state);
        state.settle(number, nanos, &end, over, room);
        if state.tasks[number].is_idle() {
            self.set_alarm(&state);
        }
        let more = state.resting > 0 && (state.queue.is_ready() || state.all_ended());
        drop(state);
        if more {
            self.changed.notify_one();
        }
    }

    /// Runs a machine, which is made first if need be.
    fn slices(&self, turn: &Turn, held: &mut Option<Machine<F::Engine, F::Host>>) -> End {
        let number = turn.number;
        if turn.rebuild {
            *held = None;
            match self.fleet.make(number, &self.memory) {
                Ok(machine) => {
                    let vm = &mut held.insert(machine).vm;
                    let _ = vm.come_back_by(self.slots[number].leash.flag());
                    if self.config.share_pages > 0 {
                        // What was loaded others may have as well.
                        vm.view().begin_epoch();
                        vm.ram.share_some(usize::MAX, true);
                    }
                }
                Err(why) => return End::Failed(why),
            }
        }
        let Some(machine) = held.as_mut() else {
            return End::Failed("there is no machine".into());
        };
        if let Some(passed) = turn.passed {
            machine.vm.pass(passed);
        }
        let mut hungry = turn.hungry;
        let mut known = self.fleet.engine_facts(&machine.engine).news();
        let start = Instant::now();
        let (longest, mut until) = (turn.span * LONG_TURN, turn.span);
        loop {
            // A machine that needs no more than it has goes on, even if there is no more.
            if self.memory.is_short()
                && let Err(why) = self.reclaim(number, &mut machine.vm)
                && hungry
            {
                return End::Starved(why);
            }
            let Machine {
                vm,
                engine,
                host,
                limit,
            } = machine;
            let (before, shortages) = (vm.cpu.retired(), vm.ram.shortages());
            let leash = &self.slots[number].leash;
            leash.begin(self.start.elapsed(), &self.watcher);
            let rest = vm.run_slice(engine, host, *limit, self.config.slice);
            self.tend(number, vm, vm.cpu.retired() - before, turn.target);
            if rest != Rest::Slice {
                return End::Rest(rest);
            }
            hungry = vm.ram.shortages() != shortages;
            let had = start.elapsed();
            if vm.cpu.take_yielded() || self.is_hurried() || had >= longest {
                break;
            }
            if had >= until {
                // What a machine has had translated in a long turn, those that follow find ready.
                let news = self.fleet.engine_facts(engine).news();
                if news == known {
                    break;
                }
                (known, until) = (news, had + turn.span);
            }
        }
        if hungry {
            End::Hungry
        } else {
            End::Rest(Rest::Slice)
        }
    }

    fn snapshot(&self, machine: &Machine<F::Engine, F::Host>) -> Snapshot {
        let vm = &machine.vm;
        Snapshot {
            counters: vm.counters.clone(),
            instructions: vm.cpu.retired(),
            guest_time: vm.cpu.now(0).to_nanos(),
            pages: vm.ram.page_counts(),
            memory: vm.config().memory,
            engine: self.fleet.engine_facts(&machine.engine),
        }
    }
}

impl super::Task {
    /// When it is ready again by itself.
    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Idle { since, span, .. } => Some(since + Duration::from_nanos(span.0)),
            Phase::Starved { until } => Some(until),
            _ => None,
        }
    }

    fn is_idle(&self) -> bool {
        self.deadline().is_some()
    }
}

impl State {
    /// When the next machine is ready by itself.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.tasks.iter().filter_map(super::Task::deadline).min()
    }

    fn all_ended(&self) -> bool {
        let ended = |task: &super::Task| matches!(task.phase, Phase::Ended(_));
        self.tasks.iter().all(ended)
    }

    /// Whether no machine that has not ended can go on for want of memory.
    fn all_starve(&self) -> bool {
        let done =
            |task: &super::Task| matches!(task.phase, Phase::Ended(_) | Phase::Starved { .. });
        self.tasks.iter().all(done) && !self.all_ended()
    }

    /// Chooses a machine, after those are ready whose time has come. No turn is longer than
    /// `longest`, but in new code.
    fn take_turn(&mut self, thread: usize, now: Instant, longest: Duration) -> Option<Turn> {
        for number in 0..self.tasks.len() {
            let task = &self.tasks[number];
            if task.deadline().is_none_or(|until| until > now) {
                continue;
            }
            match task.phase {
                Phase::Idle { .. } => self.end_idleness(number, now),
                _ => self.make_ready(number),
            }
        }
        let number = self.queue.choose(thread, self.resting)?;
        self.switches += 1;
        let span = self.queue.turn(number, longest);
        let task = &mut self.tasks[number];
        task.phase = Phase::Running;
        task.woken = false;
        Some(Turn {
            number,
            span,
            rebuild: std::mem::take(&mut task.rebuild),
            stop: task.stop.take(),
            passed: task.passed.take(),
            target: task.target,
            hungry: task.hungry,
            told: task.told,
        })
    }

    /// What a machine does after its slice. There is `room` in machine memory, or not.
    fn settle(
        &mut self,
        number: usize,
        nanos: u64,
        end: &End,
        over: Option<Option<Outcome>>,
        room: bool,
    ) {
        self.queue.charge(number, nanos);
        let task = &mut self.tasks[number];
        task.cpu_nanos += nanos;
        let starved = matches!(end, End::Starved(_));
        task.hungry = starved || matches!(end, End::Hungry);
        task.told = !room && (task.told || starved);
        self.asked_in_vain = if starved { self.asked_in_vain + 1 } else { 0 };
        if let Some(outcome) = over {
            // A reset may have been asked for meanwhile.
            task.phase = Phase::Ended(outcome);
            task.stop = None;
            if task.rebuild {
                self.make_ready(number);
            }
            return;
        }
        let now = Instant::now();
        task.phase = match *end {
            End::Rest(Rest::Idle(span)) => Phase::Idle {
                since: now,
                span,
                passes: true,
            },
            End::Rest(Rest::Ahead(time)) => Phase::Idle {
                since: now,
                span: Nanos(time.as_nanos() as u64),
                passes: false,
            },
            End::Starved(_) => Phase::Starved {
                until: now + HUNGER,
            },
            _ => Phase::Ready,
        };
        // Only a reset by the guest comes here with an end.
        task.rebuild |= matches!(end, End::Rest(Rest::Ended(_)));
        let wanted = task.woken || task.paused || task.rebuild || task.stop.is_some();
        if wanted {
            self.end_idleness(number, now);
        }
        let task = &mut self.tasks[number];
        if task.paused {
            task.phase = Phase::Paused;
            self.queue.remove(number);
        } else if task.phase == Phase::Ready {
            self.queue.requeue(number);
        }
    }
}
