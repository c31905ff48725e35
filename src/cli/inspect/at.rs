//! `mirrorball inspect --at`: a machine at some instruction of its run.

use std::fmt::Write;
use std::slice;

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::vm::Vm;

use super::{InspectArgs, block};
use crate::cli::run::{Reach, SandboxMode};
use crate::cli::{CliError, Exit, print};
use crate::machine::MachineSpec;
use crate::report::outcome_name;
use crate::state::{around, table, task};
use crate::translate::host::Host;

/// The instructions before and behind the next one that are shown.
const SHOWN: (u32, u32) = (8, 4);

/// Shows the machine after `count` instructions.
pub(super) fn execute(args: &InspectArgs, count: u64) -> Result<Exit, CliError> {
    let mut machine = args.machine.machine(args.image.as_deref())?;
    machine.ends();
    let strict = args.sandbox == SandboxMode::Strict;
    machine.start_networks(strict)?;
    if strict {
        Reach::of(Vec::new(), slice::from_ref(&machine)).confine();
    }
    let vm = run(&machine, count)?;
    print(&show(&vm, args.address, args.target.clone())?)
}

/// The machine after `count` instructions.
fn run(machine: &MachineSpec, at: u64) -> Result<Box<Vm>, CliError> {
    let mut vm = machine.vm()?;
    let mut engine = machine.engine()?;
    let mut session = machine.session()?;
    let count = vm.cpu.retired();
    if count > at {
        return Err(CliError::Past { until: at, count });
    }
    let outcome = vm.run(&mut engine, &mut session, at);
    let count = vm.cpu.retired();
    if count < at {
        let how = outcome_name(outcome);
        return Err(CliError::Over { how, count, at });
    }
    Ok(vm)
}

/// The state of the machine, and the block at `address`, or at its program counter.
fn show(vm: &Vm, address: Option<Va>, target: Option<Host>) -> Result<String, CliError> {
    let (count, time) = (vm.cpu.retired(), vm.cpu.now(0).to_nanos());
    let seconds = time.0 as f64 / 1e9;
    let mut text = format!(
        "after {count} instructions and {seconds:.6} s of its time, in {}\n\n{}\n{}\n",
        task(vm),
        table(vm),
        around(vm, SHOWN.0, SHOWN.1)
    );
    let address = address.unwrap_or(Va(vm.cpu.pc));
    let place = vm.cpu.place(address).filter(|&pa| vm.ram.is_memory(pa));
    match place.filter(|_| address.0.is_multiple_of(4)) {
        Some(place) => text.push_str(&block(vm, address, place, target)?),
        None => {
            let _ = writeln!(text, "{address} is not mapped to memory: there is no block");
        }
    }
    Ok(text)
}
