//! Running one machine to its end.

use std::time::Instant;

use mirrorball_runtime::exit::Outcome;

use super::reports::{End, Reports};
use crate::cli::{CliError, Exit};
use crate::console::{Waker, end_orderly};
use crate::machine::MachineSpec;

/// Boots the machine, runs it to its end and tells what it came to.
pub(super) fn run_one(machine: MachineSpec, reports: &Reports) -> Result<Exit, CliError> {
    // Its console looks whether a signal has come.
    end_orderly(Waker::none()).map_err(CliError::NoSignals)?;
    reports.tell(&run(machine, reports.want_state())?)
}

/// Boots the machine and runs it to its end.
pub(super) fn run(mut machine: MachineSpec, hashed: bool) -> Result<End, CliError> {
    let mut vm = machine.vm()?;
    let mut engine = machine.engine()?;
    machine.forget_files();
    let mut session = machine.session()?;
    let limit = machine.limit.unwrap_or(u64::MAX);
    let start = Instant::now();
    let outcome = vm.run(&mut engine, &mut session, limit);
    let took = start.elapsed();
    let unfinished = session.unfinished();
    session
        .finish(outcome == Outcome::Quit)
        .map_err(|error| machine.output_failed(error))?;
    let mut end = End::gather(&vm, &engine, took, outcome, hashed);
    end.unfinished = unfinished.map(|unfinished| unfinished.to_string());
    Ok(end)
}
