//! `mirrorball inspect --at`: a machine at some instruction of its run.

use std::fmt::Write;
use std::slice;

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::vm::Vm;

use super::InspectArgs;
use super::heat::Counts;
use crate::cli::run::{Reach, SandboxMode};
use crate::cli::{CliError, Exit, print};
use crate::machine::MachineSpec;
use crate::report::{OutFile, outcome_name};
use crate::state::{around, table, task};

/// The instructions before and behind the next one that are shown.
const SHOWN: (u32, u32) = (8, 4);

/// Shows the machine after `count` instructions.
pub(super) fn execute(args: &InspectArgs, count: u64) -> Result<Exit, CliError> {
    let page = args.html.as_deref().map(|path| ("the page", path));
    let mut machine = args.machine.machine(args.image.as_deref(), page)?;
    machine.ends();
    let strict = args.sandbox == SandboxMode::Strict;
    machine.start_networks(strict)?;
    if strict {
        let written = args.html.as_deref().and_then(OutFile::folder);
        let written = written.into_iter().collect();
        Reach::of(written, slice::from_ref(&machine)).confine();
    }
    let counted = args.html.is_some();
    let (vm, counts) = run(&machine, count, counted)?;
    print(&show(&vm, args, counts.as_ref())?)
}

/// The machine after `count` instructions, of which the last are `counted` or not.
fn run(
    machine: &MachineSpec,
    at: u64,
    counted: bool,
) -> Result<(Box<Vm>, Option<Counts>), CliError> {
    let mut vm = machine.vm()?;
    let mut engine = machine.engine()?;
    let mut session = machine.session()?;
    let count = vm.cpu.retired();
    if count > at {
        return Err(CliError::Past { until: at, count });
    }
    let (outcome, counts) = if counted {
        let (outcome, counts) = Counts::of_run(&mut vm, &mut engine, &mut session, at);
        (outcome, Some(counts))
    } else {
        (vm.run(&mut engine, &mut session, at), None)
    };
    let count = vm.cpu.retired();
    if count < at {
        let how = outcome_name(outcome);
        return Err(CliError::Over { how, count, at });
    }
    Ok((vm, counts))
}

/// The state of the machine, and the block at the address that is asked for, or at its program counter.
fn show(vm: &Vm, args: &InspectArgs, counts: Option<&Counts>) -> Result<String, CliError> {
    let (count, time) = (vm.cpu.retired(), vm.cpu.now(0).to_nanos());
    let seconds = time.0 as f64 / 1e9;
    let mut text = format!(
        "after {count} instructions and {seconds:.6} s of its time, in {}\n\n{}\n{}\n",
        task(vm),
        table(vm),
        around(vm, SHOWN.0, SHOWN.1)
    );
    let address = args.address.unwrap_or(Va(vm.cpu.pc));
    let place = vm.cpu.place(address).filter(|&pa| vm.ram.is_memory(pa));
    match place.filter(|_| address.0.is_multiple_of(4)) {
        Some(place) => text.push_str(&args.block(vm, address, place, counts)?),
        None => {
            let _ = writeln!(text, "{address} is not mapped to memory: there is no block");
        }
    }
    Ok(text)
}
