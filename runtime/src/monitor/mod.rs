//! The monitor: several VMs on a few threads of the host, in one machine memory.
//!
//! Each VM is in a slot. A thread of the host (`worker`) takes the one that the
//! [`RunQueue`](crate::sched::RunQueue) chooses, runs it slice by slice (`turn`), and sees to its
//! memory (`reclaim`) while it still holds it. Everything that happens to a VM is done by the
//! thread that holds it (`task`): one that has a command for it holds it before its next turn, and
//! obeys. What others may know of a VM is the [`Snapshot`] that is left at the end of each turn. So
//! a VM's own instruction stream does not depend on its neighbours: they decide when it runs, never
//! what it sees.

mod balloon;
mod command;
mod leash;
mod reclaim;
mod task;
mod turn;
mod worker;

use crate::account::Account;
use crate::clock::Nanos;
use crate::device::virtio;
use crate::exit::Outcome;
use crate::memory::machine::MachineMemory;
use crate::memory::pmap::PageCounts;
use crate::vm::host::Host;
use crate::vm::{Counters, Engine, Vm};
use leash::{Leash, Watcher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use task::State;

pub use command::{Command, CommandError};

/// A machine that can run: the VM, what executes it and the world outside it.
pub struct Machine<E, H> {
    /// The VM.
    pub vm: Box<Vm>,
    /// What executes it.
    pub engine: E,
    /// Its console.
    pub host: H,
    /// How many instructions may run.
    pub limit: u64,
}

/// Where the monitor's machines come from, and where they go.
pub trait Fleet: Send + Sync {
    /// What executes instructions.
    type Engine: Engine + Send;
    /// A machine's world outside.
    type Host: Host + Send;

    /// Makes machine `number` anew, as it is before its first instruction.
    ///
    /// # Errors
    /// Says in a line why there is none.
    fn make(
        &self,
        number: usize,
        memory: &Arc<MachineMemory>,
    ) -> Result<Machine<Self::Engine, Self::Host>, String>;

    /// What others should know of an engine; called at the end of each slice.
    fn engine_facts(&self, engine: &Self::Engine) -> EngineFacts;

    /// Machine `number` has come to its end; `None` if the monitor itself failed in running it. One
    /// that is stopped before its first turn is as [`Fleet::make`] makes it.
    fn ended(
        &self,
        number: usize,
        machine: Machine<Self::Engine, Self::Host>,
        outcome: Option<Outcome>,
        cpu_time: Duration,
    );

    /// The guest reset its machine, which is as it was then. Whether it is to start again; if not, that
    /// is its end.
    fn restarts(&self, number: usize, vm: &Vm) -> bool;

    /// Something that a person should know of machine `number`.
    fn notice(&self, number: usize, text: &str);

    /// Machine `number` has come to where its debugger wants to look, and stands still. A fleet
    /// without debuggers is not told so.
    fn stopped(&self, _number: usize) {}
}

/// What others know of an engine.
#[derive(Clone, Copy, Default, Debug)]
pub struct EngineFacts {
    /// What it takes of the host's memory.
    pub account: Account,
    /// Regions translated.
    pub translations: u64,
    /// Translations that another machine, or an earlier run, had made.
    pub shared: u64,
    /// Translations evicted.
    pub evicted: u64,
}

impl EngineFacts {
    /// A number that grows while a machine runs code that is new to it.
    fn news(&self) -> u64 {
        self.translations + self.shared
    }
}

/// How the monitor is set.
#[derive(Clone, Copy, Debug)]
pub struct MonitorConfig {
    /// Threads of the host that run machines.
    pub threads: usize,
    /// Instructions in a slice: after each, a machine that has woken up may run.
    pub slice: u64,
    /// The most host time of a slice, whatever its instructions are.
    pub slice_time: Duration,
    /// How long a machine of the largest share runs slice after slice if no other is in a hurry.
    /// The shorter, the more often it finds the caches of the host filled by others.
    pub turn: Duration,
    /// Pages that are looked at after each slice, to be shared; 0 for no sharing.
    pub share_pages: usize,
}

impl Default for MonitorConfig {
    fn default() -> Self {
        Self {
            threads: 1,
            slice: 1 << 20,
            slice_time: Duration::from_millis(10),
            turn: Duration::from_millis(20),
            share_pages: 32,
        }
    }
}

/// What a machine is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It runs on a thread of the host.
    Running,
    /// It would run if it were its turn.
    Ready,
    /// It is idle, until it is woken or time has come.
    Idle {
        /// Since when.
        since: Instant,
        /// For how long at most.
        span: Nanos,
        /// Whether what passes is time for the guest; if not, a disk of it waits for the host.
        passes: bool,
    },
    /// It was paused by command.
    Paused,
    /// It stands still for its debugger.
    Halted,
    /// It stands still until it is known whether it goes on under another monitor.
    Parting,
    /// Its console has no room: nothing reads what it printed.
    Blocked,
    /// There is no machine memory for it.
    Starved {
        /// When to look again.
        until: Instant,
    },
    /// It is at its end; without an outcome if the monitor failed in running it.
    Ended(Option<Outcome>),
}

/// What others may know of a machine, as it was at the end of its last slice.
#[derive(Clone, Default, Debug)]
pub struct Snapshot {
    /// What the VM counted.
    pub counters: Counters,
    /// Instructions run.
    pub instructions: u64,
    /// The guest's time.
    pub guest_time: Nanos,
    /// What its pages are.
    pub pages: PageCounts,
    /// The bytes of its memory.
    pub memory: u64,
    /// Its virtio balloon, if it has one.
    pub balloon: Option<Balloon>,
    /// Its engine.
    pub engine: EngineFacts,
    /// What the machine takes of the host's memory beside its guest's, its engine included.
    pub account: Account,
}

/// What is known of a virtio balloon.
#[derive(Clone, Default, Debug)]
pub struct Balloon {
    /// The pages that the guest is asked to have put into it.
    pub asked: u64,
    /// What its driver tells of the guest's memory.
    pub statistics: Vec<(&'static str, u64)>,
}

impl Balloon {
    fn of(device: &virtio::Balloon) -> Self {
        Self {
            asked: device.asked().into(),
            statistics: device.statistics().collect(),
        }
    }
}

/// What is known of a machine's part in the monitor.
#[derive(Clone, Debug)]
pub struct Standing {
    /// What it is doing.
    pub phase: Phase,
    /// Its share.
    pub share: u32,
    /// The host time that it has had.
    pub cpu_time: Duration,
    /// The pages that it may keep if others need them, if that was set.
    pub target: Option<u64>,
    /// As it was at the end of its last slice.
    pub snapshot: Snapshot,
}

/// A machine's place.
struct Slot<E, H> {
    machine: Mutex<Option<Machine<E, H>>>,
    snapshot: Mutex<Snapshot>,
    /// The part of its pages that it used in its last epoch, in thousandths.
    active: AtomicU64,
    /// Slices since its last epoch for sharing began.
    slices: AtomicU64,
    /// Slices since the guest was asked for pages that it has not given.
    asked: AtomicU64,
    /// How often pages were to be taken in a row and none could be.
    in_vain: AtomicU64,
    leash: Leash,
}

/// How late a machine may wake up while others' turns go on.
const LATE: Duration = Duration::from_millis(1);

/// Several VMs, and what they share.
pub struct Monitor<F: Fleet> {
    config: MonitorConfig,
    fleet: F,
    memory: Arc<MachineMemory>,
    slots: Vec<Slot<F::Engine, F::Host>>,
    state: Mutex<State>,
    /// What threads wait for that have nothing to do.
    changed: Condvar,
    /// What visitors wait for: a machine that they want was let go.
    released: Condvar,
    /// When turns end before their time, in nanoseconds since `start`: a machine's idleness is over
    /// by then and no thread is free for it.
    alarm: AtomicU64,
    start: Instant,
    watcher: Watcher,
}

/// What threads share is whole after each step; a panic in one is told by that machine's end.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<F: Fleet> Monitor<F> {
    /// A monitor with a machine for each of `shares`; they are made when they first run.
    pub fn new(
        config: MonitorConfig,
        fleet: F,
        memory: Arc<MachineMemory>,
        shares: &[u32],
    ) -> Self {
        if config.share_pages > 0 {
            memory.shares().share_at_once();
        }
        let slot = || Slot {
            machine: Mutex::new(None),
            snapshot: Mutex::default(),
            active: AtomicU64::new(1000),
            slices: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            in_vain: AtomicU64::new(0),
            leash: Leash::default(),
        };
        Self {
            config,
            fleet,
            memory,
            slots: shares.iter().map(|_| slot()).collect(),
            state: Mutex::new(State::new(shares)),
            changed: Condvar::new(),
            released: Condvar::new(),
            alarm: AtomicU64::new(u64::MAX),
            start: Instant::now(),
            watcher: Watcher::default(),
        }
    }

    /// How the monitor is set.
    #[must_use]
    pub fn config(&self) -> &MonitorConfig {
        &self.config
    }

    /// Where machines come from.
    #[must_use]
    pub fn fleet(&self) -> &F {
        &self.fleet
    }

    /// What the machines are in.
    #[must_use]
    pub fn memory(&self) -> &Arc<MachineMemory> {
        &self.memory
    }

    /// The number of machines.
    #[must_use]
    pub fn machines(&self) -> usize {
        self.slots.len()
    }

    /// How often a thread of the host turned to a machine.
    #[must_use]
    pub fn switches(&self) -> u64 {
        lock(&self.state).switches
    }

    /// What is known of machine `number`.
    #[must_use]
    pub fn standing(&self, number: usize) -> Standing {
        let snapshot = lock(&self.slots[number].snapshot).clone();
        let state = lock(&self.state);
        let task = &state.tasks[number];
        Standing {
            phase: task.phase,
            share: state.queue.share(number),
            cpu_time: Duration::from_nanos(task.cpu_nanos),
            target: task.target,
            snapshot,
        }
    }

    /// Looks at the VM of machine `number` between two slices. `None` if it has none now.
    pub fn look<T>(&self, number: usize, look: impl FnOnce(&Vm) -> T) -> Option<T> {
        self.change(number, |vm| look(vm))
    }

    /// Does something to the VM of machine `number` between two slices. `None` if it has none now.
    pub fn change<T>(&self, number: usize, change: impl FnOnce(&mut Vm) -> T) -> Option<T> {
        let _hold = self.visit(number);
        let mut machine = lock(&self.slots[number].machine);
        machine.as_mut().map(|machine| change(&mut machine.vm))
    }

    /// Makes machine `number`, if there is none yet, before its first turn.
    ///
    /// # Errors
    /// Says in a line why there is none.
    pub fn prepare(&self, number: usize) -> Result<(), String> {
        let _hold = self.visit(number);
        let mut machine = lock(&self.slots[number].machine);
        turn::made(self, number, &mut machine).map(drop)
    }

    /// Wakes machine `number` if it waits for the world outside: something was typed, or there is
    /// room for what it prints.
    pub fn wake(&self, number: usize) {
        if lock(&self.state).wake(number, Instant::now()) {
            self.hurry();
        }
    }

    /// Sends every thread away after its slice.
    pub fn quit(&self) {
        lock(&self.state).quit = true;
        self.hurry();
    }

    /// Ends every turn after its slice, and wakes the threads that have nothing to do.
    fn hurry(&self) {
        self.alarm.store(0, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Whether turns end before their time.
    fn is_hurried(&self) -> bool {
        let now = self.start.elapsed().as_nanos() as u64;
        now >= self.alarm.load(Ordering::Relaxed)
    }

    /// Sees to it that a thread looks after the next machine whose idleness ends: the one on watch,
    /// or whose turn it is by then.
    fn set_alarm(&self, state: &State) {
        let next = state.next_deadline();
        if let (Some(watch), Some(next)) = (state.watch, next)
            && next < watch
        {
            self.changed.notify_all();
        }
        let next = next.filter(|_| state.watch.is_none());
        let next = next.map_or(u64::MAX, |next| {
            let late = next.saturating_duration_since(self.start) + LATE;
            late.as_nanos() as u64
        });
        self.alarm.store(next, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
