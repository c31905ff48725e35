//! The machine that is debugged, and how it calls for its debugger.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::vcpu::{Goal, Watchpoint};
use mirrorball_runtime::vm::Vm;

/// A machine that can be debugged. What runs it implements this.
pub trait Subject: Send + Sync {
    /// Does something to the VM between two instructions. Says whether there is one now.
    fn attend(&self, work: &mut dyn FnMut(&mut Vm)) -> bool;

    /// Has the machine stand still, if it has not ended. It does when this comes back.
    fn halt(&self);

    /// Lets it go on.
    fn go_on(&self);

    /// Ends it.
    fn end(&self);

    /// Why the machine cannot go back in time, if that is of its nature.
    fn stays(&self) -> Option<String>;
}

/// How a machine ended, as its debugger is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// With an exit code.
    Exit(u8),
    /// The monitor failed in running it.
    Crash,
}

/// What the debugger wants of its machine, also of one that is made anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    /// The addresses of breakpoints.
    pub breakpoints: Vec<Va>,
    /// Watchpoints.
    pub watchpoints: Vec<Watchpoint>,
    /// Whether the machine waits for its debugger before its next instruction.
    pub waits: bool,
}

#[derive(Debug, Default)]
struct State {
    wishes: Wishes,
    /// Whether the bell has rung since it was last heard.
    rung: bool,
    ending: Option<Ending>,
    /// Whether there is no more to debug.
    closed: bool,
}

/// Where a machine and its debugger meet: the machine rings when it has stopped or ended, and a new
/// one learns what the debugger wants.
#[derive(Debug)]
pub struct Desk {
    state: Mutex<State>,
    /// The most bytes for the past of the machine; none is kept with 0.
    history: u64,
    bell: UnixStream,
    /// What the debugger waits for.
    pub(super) ear: UnixStream,
}

impl Desk {
    /// A desk for a machine. If the machine `waits`, it stops before its first instruction. About
    /// `history` bytes are kept of its past.
    ///
    /// # Errors
    /// When the host has no descriptors for it.
    pub fn new(waits: bool, history: u64) -> std::io::Result<Self> {
        let (bell, ear) = UnixStream::pair()?;
        let wishes = Wishes {
            waits,
            ..Wishes::default()
        };
        Ok(Self {
            state: Mutex::new(State {
                wishes,
                ..State::default()
            }),
            history,
            bell,
            ear,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is kept of the machine's past.
    #[must_use]
    pub const fn forgets(&self) -> bool {
        self.history == 0
    }

    /// Prepares a machine that was made, before its first instruction. Unless it `stays`, it may go
    /// back in time.
    pub fn prepare(&self, vm: &mut Vm, stays: bool) {
        if !stays && !self.forgets() {
            vm.keep_history(self.history);
        }
        let mut state = self.lock();
        state.ending = None;
        for &va in &state.wishes.breakpoints {
            vm.cpu.stops.set_breakpoint(va);
        }
        for &watchpoint in &state.wishes.watchpoints {
            vm.cpu.stops.set_watchpoint(watchpoint);
        }
        if state.wishes.waits {
            vm.go_on(Goal::Count(0));
        }
    }

    /// The machine has stopped.
    pub fn stopped(&self) {
        self.ring(&mut self.lock());
    }

    /// The machine is at its end.
    pub fn ended(&self, ending: Ending) {
        let mut state = self.lock();
        state.ending = Some(ending);
        self.ring(&mut state);
    }

    /// There is nothing more to debug.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.ring(&mut state);
    }

    fn ring(&self, state: &mut State) {
        if !state.rung {
            state.rung = true;
            // It holds one byte at most, so there is room.
            let _ = (&self.bell).write(&[1]);
        }
    }

    /// Hears the bell, if it has rung.
    pub(super) fn hear(&self) {
        let mut state = self.lock();
        if std::mem::take(&mut state.rung) {
            let _ = (&self.ear).read(&mut [0]);
        }
    }

    /// How the machine ended, if it has. It may be started anew.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.lock().ending
    }

    /// Whether there is nothing more to debug.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Changes what is wanted of the machine, and says what is then.
    pub(super) fn wish<T>(&self, change: impl FnOnce(&mut Wishes) -> T) -> T {
        change(&mut self.lock().wishes)
    }
}
