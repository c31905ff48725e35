//! `--gdb`: a debugger for the one machine of a run.

use std::sync::Arc;

use clap::Args;

use crate::cli::{CliError, complain, say};
use crate::fleet::{Debugged, FleetMonitor};
use crate::gdb::{Desk, GdbPlace, Listener, Server};
use crate::machine::values;

/// Where a debugger may connect, and whether the guest waits for it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Debugger")]
pub(super) struct DebuggerArgs {
    /// Wait for GDB at PLACE: PORT or ADDRESS:PORT, or a Unix socket, socket:PATH. GDB's 'target
    /// remote' stops the guest, until GDB lets it go on or leaves
    #[arg(
        long,
        value_name = "PLACE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = GdbPlace::DEFAULT
    )]
    gdb: Option<GdbPlace>,
    /// Do not run the first instruction before GDB says so; without --gdb, as if that were given
    #[arg(long)]
    gdb_wait: bool,
    /// Keep about SIZE of the guest's past in the host's memory, for GDB to go back there:
    /// reverse-continue, reverse-step. 0 keeps none
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = history,
        default_value = "512M"
    )]
    gdb_history: u64,
}

/// Reads a size, which may be 0.
pub(in crate::cli) fn history(text: &str) -> Result<u64, values::ValueError> {
    match text {
        "0" => Ok(0),
        text => values::size(text),
    }
}

impl DebuggerArgs {
    /// What they ask for, if anything.
    pub fn spec(&self) -> Option<DebuggerSpec> {
        let place = match &self.gdb {
            Some(place) => place.clone(),
            None if self.gdb_wait => GdbPlace::default(),
            None => return None,
        };
        Some(DebuggerSpec {
            place,
            waits: self.gdb_wait,
            history: self.gdb_history,
        })
    }
}

/// Where a debugger may connect, and whether the guest waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebuggerSpec {
    /// Where.
    pub place: GdbPlace,
    waits: bool,
    /// The most bytes for the guest's past.
    history: u64,
}

impl DebuggerSpec {
    /// Listens: before the process confines itself.
    pub(super) fn listen(&self) -> Result<Debugger, CliError> {
        let listener = Listener::new(&self.place)?;
        if self.place.is_exposed() {
            complain("warning: --gdb listens for other hosts, and asks them for no password");
        }
        let place = listener.place().unwrap_or_else(|| self.place.clone());
        let does = if self.waits {
            "waits"
        } else {
            "can be debugged"
        };
        say(&format!(
            "the guest {does}: gdb-multiarch -ex 'target remote {place}'\n"
        ));
        let desk = Arc::new(Desk::new(self.waits, self.history).map_err(CliError::NoThread)?);
        Ok(Debugger { listener, desk })
    }
}

/// Where a debugger is waited for.
pub struct Debugger {
    listener: Listener,
    /// Where it meets the machine.
    pub desk: Arc<Desk>,
}

impl Debugger {
    /// Serves debuggers of the one machine of `monitor`, which does not run yet.
    pub fn start(self, monitor: &Arc<FleetMonitor>) -> Result<Server, CliError> {
        // There is no other yet.
        let _ = monitor.fleet().desks().open(0, &self.desk);
        let subject = Arc::new(Debugged::new(Arc::clone(monitor), 0));
        Server::start(self.listener, subject, self.desk).map_err(CliError::NoThread)
    }
}
