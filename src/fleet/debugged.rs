//! A machine of the fleet as its debugger sees it.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use mirrorball_runtime::monitor::{Command, Phase};
use mirrorball_runtime::vm::Vm;

use super::{FleetMonitor, NoDesk};
use crate::control::{ControlError, Talks};
use crate::gdb::{Desk, Subject, converse};
use crate::sandbox::{Duty, narrow};

/// How long a debugger may take to read an answer. One that takes longer has left.
const PATIENCE: Duration = Duration::from_secs(10);

/// A machine that is debugged.
pub struct Debugged {
    monitor: Arc<FleetMonitor>,
    number: usize,
}

impl Debugged {
    /// Machine `number` of `monitor`.
    #[must_use]
    pub const fn new(monitor: Arc<FleetMonitor>, number: usize) -> Self {
        Self { monitor, number }
    }

    /// A machine that has ended obeys nothing, and its debugger learns of that otherwise.
    fn command(&self, command: Command) {
        let _ = self.monitor.command(self.number, command);
    }
}

impl Subject for Debugged {
    fn attend(&self, work: &mut dyn FnMut(&mut Vm)) -> bool {
        self.monitor.change(self.number, work).is_some()
    }

    fn halt(&self) {
        self.command(Command::Halt);
    }

    fn go_on(&self) {
        self.command(Command::Continue);
    }

    fn end(&self) {
        self.command(Command::Stop);
    }

    fn stays(&self) -> Option<String> {
        self.monitor.fleet().spec(self.number).stays()
    }
}

/// A machine that gets a debugger while it runs, for as long as the connection lasts.
pub(super) struct Attached {
    machine: Debugged,
    desk: Arc<Desk>,
    /// Whether it was paused, and is to be afterwards.
    paused: bool,
}

impl Attached {
    /// Machine `number` of `monitor`, about `history` bytes of whose past are kept from now on.
    ///
    /// # Errors
    /// If it has a debugger, or there is no machine now.
    pub fn new(
        monitor: &Arc<FleetMonitor>,
        number: usize,
        history: u64,
    ) -> Result<Self, ControlError> {
        let spec = monitor.fleet().spec(number);
        let desk = Desk::new(false, history).map_err(|error| ControlError::Host(error.to_string()));
        let desk = Arc::new(desk?);
        let refused = |error: NoDesk| ControlError::Value(format!("{}: {error}", spec.name));
        monitor
            .fleet()
            .desks()
            .open(number, &desk)
            .map_err(refused)?;
        let attached = Self {
            machine: Debugged::new(Arc::clone(monitor), number),
            paused: monitor.standing(number).phase == Phase::Paused,
            desk,
        };
        let stays = spec.stays().is_some();
        let there = monitor.change(number, |vm| attached.desk.prepare(vm, stays));
        // The desk goes with what is dropped here.
        let none = || ControlError::Value(format!("{} has not started, or has ended", spec.name));
        there.ok_or_else(none)?;
        Ok(attached)
    }
}

impl Talks for Attached {
    fn talk(self: Box<Self>, stream: UnixStream) {
        narrow(Duty::Debug);
        let Debugged { monitor, number } = &self.machine;
        let subject: Arc<dyn Subject> = Arc::new(Debugged::new(Arc::clone(monitor), *number));
        let timed = stream
            .set_read_timeout(None)
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        if timed.is_ok() {
            converse(OwnedFd::from(stream).into(), &subject, &self.desk);
        }
    }
}

impl Drop for Attached {
    /// The debugger has left: the machine is what it was before.
    fn drop(&mut self) {
        let Debugged { monitor, number } = &self.machine;
        let _ = monitor.change(*number, Vm::forget_history);
        monitor.fleet().desks().close(*number);
        if self.paused {
            self.machine.command(Command::Pause);
        }
    }
}
