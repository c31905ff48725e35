//! `mirrorball bisect`: where two runs of a guest part.

use std::path::PathBuf;

use clap::Args;

use super::run::{Reach, SandboxMode};
use super::switches::RunSwitches;
use super::{CliError, Exit, print, say};
use crate::bisect::{Found, Pair, Plan, Probe, render, search};
use crate::machine::table::Table;
use crate::machine::{At, ConsoleSpec, Files, MachineSpec, Settings, Uses, short, values};
use crate::state::Scope;

/// Find the first instruction at which two runs of a guest part
///
/// Two machines, a and b, are what IMAGE and the switches say, and each what --a and --b say of it. Both
/// run side by side and are compared from time to time. When they differ, they return to where they
/// were last alike, and halves of the stretch behind it are tried until one instruction is left. The
/// answer is how many instructions run before it, the instruction, and what is different behind it.
#[derive(Debug, Args)]
#[command(
    after_long_help = EXAMPLES,
    mut_arg("console", |arg| arg.help(CONSOLE).long_help(CONSOLE))
)]
pub(super) struct BisectArgs {
    /// Kernel: an ELF32 MIPS executable, or a flat binary with --flat [default: the tour]
    image: Option<PathBuf>,
    /// What machine a has for itself: KEY=VALUE,KEY=VALUE,.. with the keys of a machine file, as for
    /// `run --vm` [default: nothing]
    #[arg(long, value_name = "SETTINGS")]
    a: Option<String>,
    /// What machine b has for itself
    #[arg(long, value_name = "SETTINGS")]
    b: String,
    /// What is compared
    #[arg(long, value_name = "SCOPE", value_enum, default_value_t)]
    by: Scope,
    /// Compare after each COUNT instructions on the way: a difference that is gone again by then is not
    /// seen
    #[arg(long, value_name = "COUNT", value_parser = values::count, default_value = "100M")]
    every: u64,
    /// Keep about SIZE of the past of each machine in the host's memory, to return there
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "512M")]
    history: u64,
    /// Print each comparison to standard error
    #[arg(long)]
    log: bool,
    /// What the process leaves itself before a guest runs: strict is the files and system calls
    /// that it needs, off is everything that the user may do
    #[arg(long, value_name = "MODE", value_enum, default_value = "strict")]
    sandbox: SandboxMode,

    #[command(flatten)]
    machine: RunSwitches,
}

/// What help says of the console, which is elsewhere by default than that of `run`.
const CONSOLE: &str = "Where the guest's console goes: none or file:PATH [default: none]";

const EXAMPLES: &str = "\
Examples:
  mirrorball bisect --a engine=interp --b engine=jit --limit 5G vmlinux --initrd initrd.gz
      whether the JIT does what the interpreter does, and if not, where it first does not
  mirrorball bisect --a restore=before.snapshot --b restore=after.snapshot
      where two machines that were saved after the same number of instructions part
  mirrorball bisect --a replay=monday.record --b replay=tuesday.record
      where two runs that were recorded part
  mirrorball bisect vmlinux --append 'console=ttyS0' --b 'append=\"console=ttyS0 quiet\"' --by registers
      the first instruction that makes use of another command line
  mirrorball bisect vmlinux --script boot --a second-tlb=0 --b second-tlb=1024 --log
      the first TLB miss that a second-level TLB spares the guest

Exit codes: 0 if there is no difference until the end (both machines end, or --limit), 13 if there is
one, 2 for bad usage, 1 if the host fails.

The search ends at an instruction before which the machines are alike and behind which they are
not. If they part, meet again and part once more between two comparisons, it may be either. Devices
count by what the guest sees of them. Machines with different CPUs, byte orders or sizes of memory are
never alike, and are refused; so are machines that cannot go back: with a disk that they write, a
network, a shared folder, or --realtime. Record those, and compare the records.";

impl BisectArgs {
    /// The two machines.
    fn specs(&self) -> Result<[MachineSpec; 2], CliError> {
        let mut base = self.machine.0.clone();
        base.image = self.image.clone().map(At::switch);
        base.console.get_or_insert(At::switch(ConsoleSpec::None));
        // A translation that comes when it is ready does not come at the same instruction again.
        base.jit_threads.get_or_insert(At::switch(0));
        let mut files = Files::default();
        let mut machine = |text: Option<&str>| {
            let own = text.map(short::parse).transpose()?.unwrap_or_default();
            let spec = Settings::over(own, &base).machine(&mut files)?;
            Ok::<_, CliError>(spec)
        };
        let mut specs = [machine(self.a.as_deref())?, machine(Some(&self.b))?];
        for spec in &mut specs {
            spec.ends();
        }
        let mut uses = Uses::default();
        files.note(&mut uses);
        uses.consoles(&specs);
        uses.disks(&specs);
        uses.are_apart()?;
        Ok(specs)
    }
}

/// Where the search ends: where one of the machines does.
fn end(specs: &[MachineSpec]) -> u64 {
    let ends = specs.iter().flat_map(|spec| {
        let recorded = spec.replay.as_ref().and_then(|record| record.ending());
        [spec.limit, recorded.map(|ending| ending.instructions)]
    });
    ends.flatten().min().unwrap_or(u64::MAX)
}

/// Searches for what the arguments ask for.
pub(super) fn execute(args: &BisectArgs) -> Result<Exit, CliError> {
    let specs = args.specs()?;
    let plan = Plan {
        every: args.every.max(1),
        end: end(&specs),
    };
    if args.sandbox == SandboxMode::Strict {
        Reach::of(Vec::new(), &specs).confine();
    }
    let mut pair = Pair::start(&specs, args.by, args.history)?;
    let mut probes = 0;
    let found = search(&mut pair, plan, &mut |Probe { count, differs }| {
        probes += 1;
        if args.log {
            let verdict = if differs { "different" } else { "alike" };
            say(&format!("{verdict} after {count} instructions\n"));
        }
    })?;
    print(&render(&found, probes))?;
    Ok(match found {
        Found::Alike(..) => Exit::Done,
        Found::Parting(_) | Found::Unsteady(..) => Exit::Difference,
    })
}
