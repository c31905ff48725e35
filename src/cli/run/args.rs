//! The arguments of `mirrorball run`, as clap reads them, and the settings that they are.

use std::path::PathBuf;

use clap::Args;

use super::confine::SandboxMode;
use super::debugger::DebuggerArgs;
use super::reports::TraceTopic;
use super::seeing::SeeingArgs;
use super::several::SeveralArgs;
use crate::cli::switches::RunSwitches;
use crate::machine::{At, CodeCache, Settings, values};

/// Boot a guest and run it to its end
///
/// The guest's serial console is the terminal. Without IMAGE, a small operating system that is
/// built in, the tour, shows what the machine can do. Several machines are described by a machine
/// file or by --vm; the switches of one machine are then what each has that says nothing itself.
#[derive(Debug, Args)]
#[command(next_line_help = false)]
pub(in crate::cli) struct RunArgs {
    /// Kernel: an ELF32 MIPS executable of either byte order, or a flat binary with --flat; or a
    /// machine file, whose name ends in .toml
    pub(super) image: Option<PathBuf>,
    #[command(flatten)]
    pub(super) machine: RunSwitches,
    #[command(flatten)]
    pub(super) several: SeveralArgs,

    /// Print a table of what happened, at the end and to standard error
    #[arg(long, help_heading = "Reports")]
    pub(super) stats: bool,
    /// Print the guest's processes, as far as a monitor sees them, likewise: their address spaces,
    /// the instructions run in user mode and by the kernel for them, TLB refills, pages, and when
    /// they were seen, in seconds of the guest's time. A process that started another program has
    /// another address space, and a line for each
    #[arg(long, help_heading = "Reports")]
    pub(super) ps: bool,
    /// Print the instruction count and a hash of registers and memory, likewise
    #[arg(long, help_heading = "Reports")]
    pub(super) hash: bool,
    /// Write outcome, instruction count, state hash and all counters to FILE, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(super) report: Option<PathBuf>,
    /// When the limit is reached, or Ctrl-A x or a signal ends the run, write the whole machine to
    /// FILE: --restore FILE goes on from there
    #[arg(long, value_name = "FILE", help_heading = "Control")]
    pub(super) snapshot: Option<PathBuf>,
    /// Wait at SOCKET for a machine that `mirrorball ctl migrate VM --to SOCKET` moves here, and go on with
    /// it. What it is made of comes with it; name its disks again, as with --restore
    #[arg(long, value_name = "SOCKET", help_heading = "Control")]
    pub(super) incoming: Option<PathBuf>,
    /// Run until COUNT instructions have run, exactly, and end there with exit code 0
    #[arg(
        long,
        value_name = "COUNT",
        value_parser = values::count,
        help_heading = "Control"
    )]
    pub(super) until: Option<u64>,
    /// Record in FILE what reaches the machine from outside, and when: --replay FILE runs it again, in
    /// any engine, to the same end
    #[arg(long, value_name = "FILE", help_heading = "Control")]
    pub(super) record: Option<PathBuf>,
    /// Print what happens, while it does and to standard error; several topics with commas
    #[arg(
        long,
        value_name = "TOPIC",
        value_enum,
        value_delimiter = ',',
        help_heading = "Reports"
    )]
    pub(super) trace: Vec<TraceTopic>,

    /// What the process leaves itself before a guest runs: strict is the files and system calls
    /// that the run needs, off is everything that the user may do
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        default_value = "strict",
        help_heading = "Control"
    )]
    pub(super) sandbox: SandboxMode,

    #[command(flatten)]
    pub(super) debugger: DebuggerArgs,
    #[command(flatten)]
    pub(super) seeing: SeeingArgs,

    /// Write the names of translated code for perf, to /tmp/perf-PID.map: perf report then shows
    /// the guest addresses of blocks and regions
    #[arg(long, help_heading = "Reports")]
    pub(super) perf_map: bool,
}

impl RunArgs {
    /// Whether there is a guest among the arguments.
    pub fn names_a_guest(&self) -> bool {
        let settings = &self.machine.0;
        let restored = settings.restore.is_some() || settings.replay.is_some();
        let comes = self.incoming.is_some() || self.several.names_guests();
        self.image.is_some() || settings.bios.is_some() || restored || comes
    }

    /// Whether the arguments are for one machine and no monitor.
    pub fn is_one(&self) -> bool {
        self.is_alone() && self.debugger.spec().is_none() && self.incoming.is_none()
    }

    /// Whether the arguments are for one machine.
    pub(super) fn is_alone(&self) -> bool {
        self.several.is_empty() && self.machine.0.count.is_none()
    }

    /// What the switches say of the machine, or of each of several that says nothing itself.
    pub(super) fn settings(&self) -> Settings {
        let mut settings = self.machine.0.clone();
        settings
            .code_cache
            .get_or_insert_with(|| At::switch(CodeCache::of_user()));
        settings
    }
}
