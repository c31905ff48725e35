//! Running several machines.

use super::one::run;
use super::reports::{Finished, Reports};
use crate::cli::{CliError, Exit, complain};
use crate::machine::{MachineSpec, MonitorSpec};

/// Runs `machines`, one after another in their order, and tells what became of them. A machine
/// that fails does not keep the others from running.
///
/// # Errors
///
/// When the record of the run cannot be written.
pub fn run_many(
    monitor: MonitorSpec,
    machines: Vec<MachineSpec>,
    reports: &Reports,
) -> Result<Exit, CliError> {
    if monitor.swap.is_some() || monitor.control.is_some() {
        complain("the machines run one after another: swap and control have no effect");
    }
    let mut finished = Vec::with_capacity(machines.len());
    for machine in machines {
        let name = machine.name.clone();
        let end = run(machine, true);
        finished.push(Finished { name, end });
    }
    reports.tell_all(&finished)
}
