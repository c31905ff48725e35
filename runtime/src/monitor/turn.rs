//! A machine's turn: slice by slice, until something comes between.

use super::reclaim::Keeper;
use super::task::Turn;
use super::{Balloon, Fleet, Machine, Monitor, Snapshot, lock};
use crate::account::Kind;
use crate::clock::Nanos;
use crate::exit::Outcome;
use crate::vm::Rest;
use crate::vm::host::Host;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How many times as long as others the turns are in which code is new to a machine.
const LONG_TURN: u32 = 8;

/// What a turn ended with.
pub(super) enum End {
    /// Its time is used up, something comes between, or the guest yields.
    Slice,
    /// The same, and the machine has taken more memory than there is.
    Hungry,
    /// The guest waits for an interrupt or typed input; so much time may pass for it.
    Idle(Nanos),
    /// A disk of the machine waits for the host.
    Disk,
    /// What the guest printed waits for a reader.
    Full,
    /// There is no memory to go on with, for this reason.
    Starved(String),
    /// Its debugger wants to look.
    Stopped,
    /// The guest is at its end.
    Ended(Outcome),
    /// The machine could not be made, for this reason.
    Failed(String),
    /// The monitor itself failed.
    Crashed,
}

/// How long a turn may be.
struct Span {
    start: Instant,
    until: Duration,
    step: Duration,
    /// What the engine had translated or found when the span was set.
    known: u64,
}

impl Span {
    fn new(step: Duration, known: u64) -> Self {
        Self {
            start: Instant::now(),
            until: step,
            step,
            known,
        }
    }

    /// Whether the turn has been long enough. It is prolonged while there is news of the engine:
    /// what a machine has had translated in a long turn, those that follow find ready.
    fn is_over(&mut self, news: u64) -> bool {
        let had = self.start.elapsed();
        if had < self.until {
            return false;
        }
        let goes_on = news != self.known && had < self.step * LONG_TURN;
        (self.known, self.until) = (news, had + self.step);
        !goes_on
    }
}

/// The machines of a fleet.
type MachineOf<F> = Machine<<F as Fleet>::Engine, <F as Fleet>::Host>;

impl Turn {
    /// Runs a machine, which is made first if there is none, and leaves its snapshot.
    pub(super) fn run<F: Fleet>(&self, monitor: &Monitor<F>) -> End {
        let slot = &monitor.slots[self.number];
        let mut held = lock(&slot.machine);
        let run = || match made(monitor, self.number, &mut held) {
            Ok(machine) => self.slices(monitor, machine),
            Err(why) => End::Failed(why),
        };
        let end = catch_unwind(AssertUnwindSafe(run)).unwrap_or(End::Crashed);
        slot.leash.end();
        if let Some(machine) = held.as_ref() {
            *lock(&slot.snapshot) = snapshot(monitor, machine);
        }
        end
    }

    /// Runs a machine until something comes between.
    fn slices<F: Fleet>(&self, monitor: &Monitor<F>, machine: &mut MachineOf<F>) -> End {
        if let Some(passed) = self.passed {
            machine.vm.pass(passed);
        }
        let news = |engine: &F::Engine| monitor.fleet.engine_facts(engine).news();
        let mut span = Span::new(self.span, news(&machine.engine));
        let mut hungry = self.hungry;
        loop {
            if machine.host.is_full() {
                return End::Full;
            }
            // A machine that needs no more than it has goes on, even if there is no more.
            if monitor.memory.is_short()
                && let Err(why) = Keeper(monitor).reclaim(self.number, &mut machine.vm)
                && hungry
            {
                return End::Starved(why);
            }
            let shortages = machine.vm.ram.shortages();
            match self.slice(monitor, machine) {
                Rest::Slice => hungry = machine.vm.ram.shortages() != shortages,
                Rest::Idle(span) => return End::Idle(span),
                Rest::Disk => return End::Disk,
                Rest::Stopped => return End::Stopped,
                Rest::Ended(outcome) => return End::Ended(outcome),
            }
            let yielded = machine.vm.cpu.take_yielded();
            let over = yielded || self.is_cut_short(monitor);
            if over || span.is_over(news(&machine.engine)) {
                return if hungry { End::Hungry } else { End::Slice };
            }
        }
    }

    /// One slice, and what comes after it.
    fn slice<F: Fleet>(&self, monitor: &Monitor<F>, machine: &mut MachineOf<F>) -> Rest {
        let Machine {
            vm,
            engine,
            host,
            limit,
        } = machine;
        let before = vm.cpu.retired();
        let leash = &monitor.slots[self.number].leash;
        leash.begin(monitor.start.elapsed(), &monitor.watcher);
        let rest = vm.run_slice(engine, host, *limit, monitor.config.slice);
        let ran = vm.cpu.retired() - before;
        Keeper(monitor).tend(self.number, vm, ran, self.target);
        rest
    }

    /// Whether the turn is to end before its time.
    fn is_cut_short<F: Fleet>(&self, monitor: &Monitor<F>) -> bool {
        let state = lock(&monitor.state);
        monitor.is_hurried() || state.quit || state.tasks[self.number].is_awaited()
    }
}

/// The machine in a slot that this thread holds, which is made if there is none.
pub(super) fn made<'a, F: Fleet>(
    monitor: &Monitor<F>,
    number: usize,
    held: &'a mut Option<MachineOf<F>>,
) -> Result<&'a mut MachineOf<F>, String> {
    if held.is_none() {
        let mut machine = monitor.fleet.make(number, &monitor.memory)?;
        let vm = &mut machine.vm;
        let _ = vm.come_back_by(monitor.slots[number].leash.flag());
        if monitor.config.share_pages > 0 {
            // What was loaded others may have as well.
            vm.view().begin_epoch();
            vm.ram.share_some(usize::MAX, true);
        }
        *held = Some(machine);
    }
    held.as_mut()
        .ok_or_else(|| "there is no machine".to_owned())
}

/// What others may know of a machine.
fn snapshot<F: Fleet>(monitor: &Monitor<F>, machine: &MachineOf<F>) -> Snapshot {
    let engine = monitor.fleet.engine_facts(&machine.engine);
    let mut account = machine.vm.account();
    account.add_all(&engine.account);
    account.add(Kind::Console, machine.host.held());
    let vm = &machine.vm;
    Snapshot {
        counters: vm.counters.clone(),
        instructions: vm.cpu.retired(),
        guest_time: vm.cpu.now(0).to_nanos(),
        pages: vm.ram.page_counts(),
        memory: vm.config().memory,
        balloon: vm.board.balloon().map(|it| Balloon::of(it.device())),
        engine,
        account,
    }
}
