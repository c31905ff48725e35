//! `mirrorball trace`: a system call or a TLB miss of a guest, step by step.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::exit::Outcome;

use super::program::FormatArgs;
use super::{CliError, Exit, complain, print, run};
use crate::image::MemorySize;
use crate::machine::{At, ConsoleSpec, Files, MachineSpec, Settings, values};
use crate::trace::{Asked, Flow, Recorder, render};

/// What can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FlowName {
    /// From a process's SYSCALL to the instruction behind it, or to another process
    Syscall,
    /// From a process's access that misses the TLB to the same access when it succeeds
    Tlb,
}

/// Follow a guest's system call or TLB miss through process, operating system and monitor
///
/// Three columns say what does what, in order: the process's instruction; how the monitor enters
/// the guest's kernel (exception, EPC, vector); the operating system's handler, how many
/// instructions it takes and which of them are privileged, done by translated code alone or by the
/// monitor; the way back. All numbers are of the guest that runs, and the same each time.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct TraceArgs {
    /// Kernel: an ELF32 MIPS executable, or a flat binary with --flat [default: the tour]
    image: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
    /// What to follow
    #[arg(long, value_enum, value_name = "FLOW")]
    flow: FlowName,
    /// Leave out the first N
    #[arg(long, value_name = "N", value_parser = values::count)]
    skip: Option<u64>,
    /// Show N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000),
          default_value_t = 1)]
    count: u64,
    /// Only those of the process's instruction at ADDRESS
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    at: Option<Va>,

    /// The CPU that the guest sees
    #[arg(long, value_name = "MODEL", value_parser = run::models(), ignore_case = true,
          help_heading = "Machine")]
    cpu: Option<&'static Model>,
    /// Memory, 1M to 2G [default: 256M]
    #[arg(long, short, value_name = "SIZE", help_heading = "Machine")]
    memory: Option<MemorySize>,
    /// Initial RAM disk
    #[arg(
        long,
        value_name = "FILE",
        requires = "image",
        help_heading = "Machine"
    )]
    initrd: Option<PathBuf>,
    /// The kernel's command line
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        help_heading = "Machine"
    )]
    append: Option<String>,
    /// Entries of the machine's second-level TLB [default: 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(values::SECOND_TLB),
          help_heading = "Machine")]
    second_tlb: Option<u32>,
    /// Give the guest no hypercalls
    #[arg(long, help_heading = "Machine")]
    no_hypercalls: bool,
    /// Type as FILE says, and nothing else
    #[arg(long, value_name = "FILE", help_heading = "Machine")]
    script: Option<PathBuf>,
    /// Where the guest's console goes: file:PATH [default: nowhere]
    #[arg(long, value_name = "CONSOLE", value_parser = ConsoleSpec::parse,
          help_heading = "Machine")]
    console: Option<ConsoleSpec>,
    /// Stop after N instructions (k, M, G for thousands)
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Machine")]
    limit: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  mirrorball trace --flow syscall
      the tour's first system call
  mirrorball trace --flow tlb --skip 100 --count 2
      its TLB misses number 101 and 102
  mirrorball trace guests/debian/cache/vmlinux --initrd guests/debian/cache/initrd.gz \\
      --append 'console=ttyS0 rdinit=/bin/sh' --flow syscall --skip 100
      the 101st system call under Linux
  mirrorball trace kernel.elf --flow tlb --at 0x00400120
      the first miss of the load or store at that address

What to look for: an exception goes to the guest's own vector, and the guest's kernel cannot tell
that the CPU's mode is the monitor's doing. A TLB refill handler is a dozen instructions; if the page
is not there, the entry that it writes is invalid, and the access comes back for the page fault.
Then the software TLB, which holds what the guest's TLB allows, already has the page.";

impl TraceArgs {
    fn machine(&self) -> Result<MachineSpec, CliError> {
        let settings = Settings {
            image: self.image.clone().map(At::switch),
            flat: self.format.flat.map(At::switch),
            big_endian: Some(At::switch(self.format.big_endian)),
            cpu: self.cpu,
            memory: self.memory,
            initrd: self.initrd.clone().map(At::switch),
            append: self.append.clone(),
            second_tlb: self.second_tlb,
            hypercalls: Some(!self.no_hypercalls),
            script: self.script.clone().map(At::switch),
            console: Some(At::switch(
                self.console.clone().unwrap_or(ConsoleSpec::None),
            )),
            limit: self.limit,
            ..Settings::default()
        };
        Ok(settings.machine(&mut Files::default())?)
    }

    fn asked(&self) -> Asked {
        Asked {
            flow: match self.flow {
                FlowName::Syscall => Flow::Syscall,
                FlowName::Tlb => Flow::Tlb,
            },
            at: self.at.map(|at| at.0 as u32),
            skip: self.skip.unwrap_or(0),
            count: self.count,
        }
    }
}

/// Follows what the arguments ask for.
pub(super) fn execute(args: &TraceArgs) -> Result<Exit, CliError> {
    let mut machine = args.machine()?;
    let mut vm = machine.vm()?;
    let asked = args.asked();
    let mut recorder = Recorder::new(machine.engine()?, asked, &mut vm);
    machine.forget_files();
    let mut session = machine.session()?;
    let limit = machine.limit.unwrap_or(u64::MAX);
    let outcome = {
        let mut host = recorder.until_done(&mut session);
        vm.run(&mut recorder, &mut host, limit)
    };
    session
        .finish(outcome == Outcome::Quit)
        .map_err(|error| machine.output_failed(error))?;
    let met = recorder.met();
    let sequences = recorder.finish();
    let texts: Vec<String> = sequences
        .iter()
        .map(|sequence| render(asked.flow, sequence))
        .collect();
    print(&texts.join("\n"))?;
    if outcome == Outcome::Quit || sequences.len() as u64 >= asked.count {
        return Ok(Exit::Done);
    }
    complain(&format!(
        "the machine ended ({}) after {met} of them, before there were {} to show",
        crate::report::outcome_name(outcome),
        asked.count
    ));
    Ok(Exit::from(outcome))
}
