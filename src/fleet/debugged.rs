//! A machine of the fleet as its debugger sees it.

use std::sync::Arc;

use mirrorball_runtime::monitor::Command;
use mirrorball_runtime::vm::Vm;

use super::FleetMonitor;
use crate::gdb::Subject;

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
