//! `mirrorball trace`: a system call or a TLB miss of a guest, step by step.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::exit::Outcome;

use super::switches::TraceSwitches;
use super::{CliError, Exit, complain, print};
use crate::machine::values;
use crate::report::OutFile;
use crate::report::lanes::{self, Lanes, Turn};
use crate::trace::{Asked, Flow, ProcessAsked, Recorder, Story, Under, render};

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
#[command(
    after_long_help = EXAMPLES,
    mut_arg("console", |arg| arg.help(CONSOLE).long_help(CONSOLE))
)]
pub(super) struct TraceArgs {
    /// Kernel: an ELF32 MIPS executable, or a flat binary with --flat [default: the tour]
    image: Option<PathBuf>,
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
    /// Only those of the process with this name, as a Linux kernel has it, or this address-space id
    #[arg(long, value_name = "NAME|ASID")]
    process: Option<ProcessAsked>,
    /// Show what a machine without a monitor does at the same events: the hardware in the monitor's place
    #[arg(long)]
    bare: bool,
    /// Draw it as well, to FILE, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    #[command(flatten)]
    machine: TraceSwitches,
}

/// What help says of the console, which is elsewhere by default than that of `run`.
const CONSOLE: &str = "Where the guest's console goes: file:PATH [default: none]";

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

  mirrorball trace --flow tlb --svg monitor.svg && mirrorball trace --flow tlb --bare --svg bare.svg
      a TLB miss as a picture: as it is, and as it would be on hardware alone
  mirrorball trace guests/debian/cache/vmlinux --initrd guests/debian/cache/initrd.gz \\
      --append 'console=ttyS0 rdinit=/bin/sh' --flow syscall --process sh --svg sh.svg
      the shell's first system call

What to look for: an exception goes to the guest's own vector, and the guest's kernel cannot tell
that the CPU's mode is the monitor's doing. A TLB refill handler is a dozen instructions; if the page
is not there, the entry that it writes is invalid, and the access comes back for the page fault.
Then the software TLB, which holds what the guest's TLB allows, already has the page.";

impl TraceArgs {
    fn asked(&self) -> Asked {
        Asked {
            flow: match self.flow {
                FlowName::Syscall => Flow::Syscall,
                FlowName::Tlb => Flow::Tlb,
            },
            process: self.process.clone(),
            at: self.at.map(|at| at.0 as u32),
            skip: self.skip.unwrap_or(0),
            count: self.count,
        }
    }

    fn under(&self) -> Under {
        match self.bare {
            true => Under::Hardware,
            false => Under::Monitor,
        }
    }
}

/// Follows what the arguments ask for.
pub(super) fn execute(args: &TraceArgs) -> Result<Exit, CliError> {
    let svg = args.svg.as_deref().map(|path| ("the picture", path));
    let image = args.image.as_deref();
    let mut machine = args.machine.machine(image, svg)?;
    let picture = args.svg.clone().map(OutFile::open).transpose()?;
    let mut vm = machine.vm()?;
    let asked = args.asked();
    let (flow, count) = (asked.flow, asked.count);
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
    let stories = sequences
        .iter()
        .map(|sequence| Story::of(flow, args.under(), sequence));
    let stories: Vec<Story> = stories.collect();
    if let Some(picture) = picture {
        picture.write(&lanes::svg(&stories.iter().map(drawn).collect::<Vec<_>>()))?;
    }
    let texts: Vec<String> = stories.iter().map(render).collect();
    print(&texts.join("\n"))?;
    if outcome == Outcome::Quit || stories.len() as u64 >= count {
        return Ok(Exit::Done);
    }
    complain(&format!(
        "the machine ended ({}) after {met} of them, before there were {count} to show",
        crate::report::outcome_name(outcome),
    ));
    Ok(Exit::from(outcome))
}

/// A story as turns in lanes.
fn drawn(story: &Story) -> Lanes {
    let turns = story.steps.iter().map(|step| Turn {
        at: step.at.to_string(),
        texts: step.texts.to_vec(),
    });
    Lanes {
        title: story.title.clone(),
        summary: story.totals.clone(),
        names: story.columns.map(str::to_owned).to_vec(),
        turns: turns.collect(),
    }
}
