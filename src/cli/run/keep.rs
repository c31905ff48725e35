//! What is kept of a run: a snapshot of its end, or a record of all that reached it.

use std::path::Path;

use mirrorball_runtime::clock::Cycles;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::arrivals::Arrived;
use mirrorball_runtime::vm::{SavedVm, Vm, state};

use crate::cli::{CliError, complain};
use crate::machine::MachineSpec;
use crate::record::{Ending, Record, Recording};
use crate::report::OutFile;
use crate::snapshot::Saved;

/// The machine as it is. It `goes_on`, or this was its end.
fn saved(vm: &mut Vm, machine: &MachineSpec, goes_on: bool) -> Result<Saved, CliError> {
    Ok(Saved {
        name: machine.name.clone(),
        vm: SavedVm::of(vm),
        disks: machine.marks(goes_on)?,
        memory: vm.view().freeze()?,
    })
}

/// Whether the run was ended, although the guest would have gone on.
fn is_cut(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Limit | Outcome::Quit | Outcome::Reached)
}

/// Writes the machine to a file, from which it can go on.
pub(super) fn save(
    vm: &mut Vm,
    machine: &MachineSpec,
    outcome: Outcome,
    file: &OutFile,
) -> Result<(), CliError> {
    if !is_cut(outcome) {
        complain("no snapshot is written: the guest is at its end");
        return Ok(());
    }
    vm.disconnect_disks();
    let saved = saved(vm, machine, false)?;
    Ok(file.fill(|out| saved.write(out))?)
}

/// Records from now on what reaches the machine.
pub(super) fn record(
    vm: &mut Vm,
    machine: &MachineSpec,
    path: &Path,
) -> Result<Recording, CliError> {
    let saved = saved(vm, machine, true)?;
    Ok(Recording::start(path, saved, vm)?)
}

/// Has the record say how the run ended.
pub(super) fn end_record(
    recording: Recording,
    vm: &mut Vm,
    outcome: Outcome,
) -> Result<(), CliError> {
    if is_cut(outcome) {
        vm.arrive(Arrived::End(outcome));
    }
    Ok(recording.finish(ending(vm, outcome))?)
}

fn ending(vm: &Vm, outcome: Outcome) -> Ending {
    let state = state::hash(vm);
    Ending {
        outcome: state::outcome_after(vm, outcome),
        instructions: vm.cpu.retired(),
        state,
    }
}

/// How a replay that ended like this departs from what was recorded, if it does.
pub(super) fn departure(record: &Record, vm: &Vm, outcome: Outcome) -> Option<String> {
    if let Some((Cycles(at), Cycles(now))) = vm.missed() {
        return Some(format!(
            "the replay departs from the record: what arrived at cycle {at} then finds the machine \
             at cycle {now}, after {} instructions",
            vm.cpu.retired()
        ));
    }
    let then = record.ending()?;
    // A limit of this run's own comes before the end.
    if matches!(outcome, Outcome::Limit | Outcome::Reached) && vm.cpu.retired() < then.instructions
    {
        return None;
    }
    let now = ending(vm, outcome);
    (now != then).then(|| {
        let [then, now] = [then, now].map(|end| {
            let (outcome, count) = (end.outcome, end.instructions);
            format!(
                "{outcome:?} after {count} instructions in state {:016x}",
                end.state
            )
        });
        format!("the replay departs from the record: that ends with {then}, this one with {now}")
    })
}
