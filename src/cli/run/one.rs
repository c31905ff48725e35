//! Running one machine to its end.

use std::time::Instant;

use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::Vm;

use super::keep;
use super::reports::{End, Reports};
use super::seeing::Seeing;
use crate::cli::{CliError, Exit};
use crate::console::{Session, Waker, end_orderly};
use crate::engine::AnyEngine;
use crate::machine::{MachineSpec, OnReset};

/// Boots the machine, runs it to its end and tells what it came to.
pub(super) fn run_one(
    machine: MachineSpec,
    reports: &Reports,
    seeing: Seeing,
) -> Result<Exit, CliError> {
    // Its console looks whether a signal has come.
    end_orderly(Waker::none()).map_err(CliError::NoSignals)?;
    reports.tell(&run(machine, reports, seeing)?)
}

/// Boots the machine and runs it to its end.
pub(super) fn run(
    mut machine: MachineSpec,
    reports: &Reports,
    mut seeing: Seeing,
) -> Result<End, CliError> {
    let mut session = machine.session()?;
    let start = Instant::now();
    let (mut vm, engine, outcome) = loop {
        let (vm, engine, outcome) =
            run_until_reset(&mut machine, &mut session, reports, &mut seeing)?;
        if outcome != Outcome::Reset || !machine.restarts(&vm) {
            break (vm, engine, outcome);
        }
    };
    let took = start.elapsed();
    session
        .finish(outcome == Outcome::Quit)
        .map_err(|error| machine.output_failed(error))?;
    seeing.tell(&vm)?;
    if let Some(file) = &reports.snapshot {
        keep::save(&mut vm, &machine, outcome, file)?;
    }
    let departure = (machine.replay.as_ref()).and_then(|it| keep::departure(it, &vm, outcome));
    let outcome = departure.as_ref().map_or(outcome, |_| Outcome::Difference);
    let mut end = End::gather(&vm, &engine, took, outcome, reports.want_state());
    end.difference = end.difference.or(departure);
    end.unfinished = session
        .unfinished()
        .map(|unfinished| unfinished.to_string());
    end.scripted_out = session.is_scripted_out();
    Ok(end)
}

/// Boots the machine anew and runs it to its end, its limit or where it was to run to, or until its guest
/// resets it.
fn run_until_reset(
    machine: &mut MachineSpec,
    session: &mut Session,
    reports: &Reports,
    seeing: &mut Seeing,
) -> Result<(Box<Vm>, AnyEngine, Outcome), CliError> {
    let mut vm = machine.vm()?;
    let mut engine = machine.engine()?;
    if machine.on_reset == OnReset::Exit {
        machine.forget_files();
    }
    let (count, until) = (vm.cpu.retired(), reports.until);
    if let Some(until) = until.filter(|&until| until < count) {
        return Err(CliError::Past { until, count });
    }
    let recording = (reports.record.as_ref())
        .map(|path| keep::record(&mut vm, machine, path))
        .transpose()?;
    let (limit, until) = (machine.limit.unwrap_or(u64::MAX), until.unwrap_or(u64::MAX));
    let outcome = match seeing.run(&mut vm, &mut engine, session, limit.min(until)) {
        Outcome::Limit if vm.cpu.retired() >= until => Outcome::Reached,
        outcome => outcome,
    };
    if let Some(recording) = recording {
        keep::end_record(recording, &mut vm, outcome)?;
    }
    Ok((vm, engine, outcome))
}
