//! What the scheduler knows of machines: what each waits for, and which of them a thread holds.
//!
//! A machine is held by one thread at a time, which runs it, looks at it or tells it something.
//! Those that come to a machine while it is held are its visitors: they hold it one after the
//! other, in the order in which they came, before its next turn. So what a visitor wants happens
//! at the end of the slice that runs, wherever the machine is in the queue.

use super::Phase;
use crate::clock::Nanos;
use crate::sched::RunQueue;
use std::time::{Duration, Instant};

/// Those that want to hold a machine for a moment.
#[derive(Default)]
struct Visitors {
    arrived: u64,
    admitted: u64,
}

/// What the scheduler knows of a machine.
pub(super) struct Task {
    pub phase: Phase,
    /// The host time that it has had.
    pub cpu_nanos: u64,
    /// Time to pass on to the guest when it runs next.
    pub passed: Option<Nanos>,
    /// The pages that it may keep if others need them.
    pub target: Option<u64>,
    /// Whether it took a frame in its last slice when memory was short, and has had none since.
    pub hungry: bool,
    /// How often in a row it asked for memory in vain.
    pub asked_in_vain: u32,
    /// Whether it was told that it has to wait, since there was room for the last time.
    pub told: bool,
    /// Whether its guest was asked to shut down.
    pub leaving: bool,
    /// Whether a thread holds it.
    held: bool,
    /// Whether it was woken while it was held.
    woken: bool,
    visitors: Visitors,
}

/// What a thread has been told to do.
pub(super) struct Turn {
    pub number: usize,
    /// How long it runs if nothing comes between.
    pub span: Duration,
    /// Time to pass on to the guest.
    pub passed: Option<Nanos>,
    /// The pages that the machine may keep if others need them.
    pub target: Option<u64>,
    /// Whether it needs more memory to go on.
    pub hungry: bool,
}

/// What is decided about machines, behind one lock.
pub(super) struct State {
    pub queue: RunQueue,
    pub tasks: Vec<Task>,
    /// Whether every thread is to leave.
    pub quit: bool,
    /// Turns so far.
    pub switches: u64,
    /// How often machines asked for memory in vain, since one last ran.
    pub asked_in_vain: u32,
    /// Until when a thread that rests looks after the next deadline.
    pub watch: Option<Instant>,
    /// Threads that have nothing to do.
    pub resting: usize,
}

impl Task {
    pub fn new() -> Self {
        Self {
            phase: Phase::Ready,
            cpu_nanos: 0,
            passed: None,
            target: None,
            hungry: false,
            asked_in_vain: 0,
            told: false,
            leaving: false,
            held: false,
            woken: false,
            visitors: Visitors::default(),
        }
    }

    /// When it is ready again by itself.
    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Idle { since, span, .. } => Some(since + Duration::from_nanos(span.0)),
            Phase::Starved { until } => Some(until),
            _ => None,
        }
        .filter(|_| self.is_free())
    }

    /// Whether visitors wait for it.
    pub fn is_awaited(&self) -> bool {
        self.visitors.arrived > self.visitors.admitted
    }

    /// Whether no thread holds it or waits for it.
    fn is_free(&self) -> bool {
        !self.held && !self.is_awaited()
    }

    /// A visitor comes: what shows that it is its turn.
    pub fn arrive(&mut self) -> u64 {
        let ticket = self.visitors.arrived;
        self.visitors.arrived += 1;
        ticket
    }

    /// Whether it is this visitor's turn.
    pub fn admits(&self, ticket: u64) -> bool {
        !self.held && self.visitors.admitted == ticket
    }
}

impl State {
    /// Machines of these shares, which are to be made and run.
    pub fn new(shares: &[u32]) -> Self {
        let mut queue = RunQueue::default();
        for (number, &share) in shares.iter().enumerate() {
            queue.add(share);
            queue.enqueue(number);
        }
        Self {
            queue,
            tasks: shares.iter().map(|_| Task::new()).collect(),
            quit: false,
            switches: 0,
            asked_in_vain: 0,
            watch: None,
            resting: 0,
        }
    }

    /// When the next machine is ready by itself.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.tasks.iter().filter_map(Task::deadline).min()
    }

    pub fn all_ended(&self) -> bool {
        let ended = |task: &Task| matches!(task.phase, Phase::Ended(_));
        self.tasks.iter().all(ended)
    }

    /// Whether no machine that has not ended can go on for want of memory.
    pub fn all_starve(&self) -> bool {
        let done = |task: &Task| matches!(task.phase, Phase::Ended(_) | Phase::Starved { .. });
        self.tasks.iter().all(done) && !self.all_ended()
    }

    /// The machines that starve and that a thread may hold.
    pub fn starving(&self) -> impl Iterator<Item = usize> {
        let starves = |task: &Task| task.is_free() && matches!(task.phase, Phase::Starved { .. });
        let tasks = self.tasks.iter().enumerate();
        tasks.filter_map(move |(number, task)| starves(task).then_some(number))
    }

    /// Chooses a machine for a thread, which holds it from now on, after those are ready whose time
    /// has come. No turn is longer than `longest`, but in new code.
    pub fn take_turn(&mut self, thread: usize, now: Instant, longest: Duration) -> Option<Turn> {
        for number in 0..self.tasks.len() {
            let deadline = self.tasks[number].deadline();
            if deadline.is_some_and(|until| until <= now) {
                self.rouse(number, now);
            }
        }
        let number = self.queue.choose(thread, self.resting)?;
        self.switches += 1;
        let span = self.queue.turn(number, longest);
        self.hold(number);
        let task = &mut self.tasks[number];
        task.phase = Phase::Running;
        Some(Turn {
            number,
            span,
            passed: task.passed.take(),
            target: task.target,
            hungry: task.hungry,
        })
    }

    /// A visitor holds a machine, whose turn it is.
    pub fn admit(&mut self, number: usize) {
        self.tasks[number].visitors.admitted += 1;
        self.hold(number);
    }

    /// A thread holds a machine, which no other does.
    pub fn hold(&mut self, number: usize) {
        self.tasks[number].held = true;
        self.queue.remove(number);
    }

    /// A thread lets go of a machine, which goes on like this.
    pub fn let_go(&mut self, number: usize, phase: Phase) {
        let task = &mut self.tasks[number];
        task.held = false;
        task.phase = phase;
        if std::mem::take(&mut task.woken) {
            self.wake(number, Instant::now());
        }
        self.enqueue_if_ready(number);
    }

    fn enqueue_if_ready(&mut self, number: usize) {
        let task = &self.tasks[number];
        if task.phase == Phase::Ready && task.is_free() {
            self.queue.enqueue(number);
        }
    }

    /// Something outside happened that a machine may wait for. Says whether it did.
    pub fn wake(&mut self, number: usize, now: Instant) -> bool {
        let task = &mut self.tasks[number];
        if task.held {
            task.woken = true;
            return false;
        }
        let waits = matches!(task.phase, Phase::Idle { .. } | Phase::Blocked);
        if waits {
            self.rouse(number, now);
        }
        waits
    }

    /// A machine that did not want to run does. An idle one will be told how much time has passed.
    pub fn rouse(&mut self, number: usize, now: Instant) {
        let task = &mut self.tasks[number];
        if let Phase::Idle {
            since,
            span,
            passes,
        } = task.phase
        {
            let elapsed = now.saturating_duration_since(since).as_nanos();
            let elapsed = Nanos(u64::try_from(elapsed).unwrap_or(u64::MAX));
            task.passed = passes.then_some(elapsed.min(span));
        }
        task.phase = Phase::Ready;
        self.queue.catch_up(number);
        self.enqueue_if_ready(number);
    }

    /// Charges a machine for its turn.
    pub fn charge(&mut self, number: usize, nanos: u64) {
        self.queue.charge(number, nanos);
        self.tasks[number].cpu_nanos += nanos;
    }
}
