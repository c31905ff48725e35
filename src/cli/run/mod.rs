//! `mirrorball run`: boots guests and runs them to their end.
//!
//! `args` and `several` are the command line, `options` what it asks for, with every file
//! read. `one` and `many` run it, and `reports` tells what came of it.

mod args;
mod check;
mod confine;
mod debugger;
mod guide;
mod keep;
mod many;
mod one;
mod options;
mod reports;
mod seeing;
mod several;

pub(super) use args::RunArgs;
pub(super) use confine::{Reach, SandboxMode};
pub(super) use debugger::history;
pub use debugger::{Debugger, DebuggerSpec};
pub(super) use guide::guide;
pub use many::run_many;
pub use options::{Guests, RunOptions};
pub use reports::{End, Finished, Reports, TraceTopic};
pub use seeing::Seeing;

use super::{CliError, Exit};
use crate::console::ended_by;

/// Does what the options say.
///
/// # Errors
///
/// When a guest does not fit into its memory, or the host fails.
pub fn execute(options: RunOptions) -> Result<Exit, CliError> {
    let reports = &options.reports;
    if !options.check {
        reports.start(options.seeing.translations())?;
    }
    let debugger = options.debugger.filter(|_| !options.check);
    let debugger = debugger.map(|spec| spec.listen()).transpose()?;
    if !options.check {
        let confined = options.sandbox.is_some();
        let mut machines = options.guests.machines().iter();
        // Before the process confines itself: their threads reach what others do not.
        machines.try_for_each(|machine| machine.start_networks(confined))?;
    }
    if let Some(reach) = options.sandbox.filter(|_| !options.check) {
        reach.confine();
    }
    let exit = match options.guests {
        Guests::Many(_, machines) if options.check => check::show(&machines),
        Guests::One(machine) => one::run_one(*machine, reports, options.seeing),
        Guests::Many(monitor, machines) => {
            many::run_many(monitor, machines, options.incoming, debugger, reports)
        }
    }?;
    Ok(ended_by().map_or(exit, |signal| exit.graver(Exit::of_signal(signal))))
}
