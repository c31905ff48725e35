//! `mirrorball run`: boots a guest and runs it to its end.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mirrorball_runtime::addr::Pa;

use super::program::FormatArgs;
use super::{CliError, Exit, RtcStart, values};
use crate::console::{Script, escape};
use crate::image::{self, BootState, Image, ImageError, Initrd, MemorySize, PhysicalMemory};

/// What executes the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// The interpreter
    Interp,
    /// Translation to host code, the interpreter for what is cold
    Jit,
    /// Both, compared at the end of each block; stops at the first difference
    Lockstep,
}

/// The CPU that the guest sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CpuKind {
    /// MIPS32 release 1, no FPU
    #[value(name = "4Kc")]
    M4Kc,
    /// MIPS32 release 2, no FPU
    #[value(name = "24Kc")]
    M24Kc,
    /// MIPS32 release 2 with a 64-bit FPU
    #[value(name = "24Kf")]
    M24Kf,
}

/// What `--trace` can print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceTopic {
    /// Every exception and interrupt taken
    Exceptions,
    /// TLB writes and refills
    Tlb,
    /// Blocks when they are first met and translated
    Blocks,
    /// Accesses to device registers
    Devices,
}

/// Boot a guest and run it to its end
///
/// The guest's serial console is the terminal. Without IMAGE, a small operating system that is
/// built in, the tour, shows what the machine can do.
#[derive(Debug, Args)]
#[command(next_line_help = false)]
pub(super) struct RunArgs {
    /// Kernel: an ELF32 MIPS executable of either byte order, or a flat binary with --flat
    image: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,

    /// What executes the guest's instructions; the guest cannot tell which
    #[arg(long, value_enum, default_value = "jit", help_heading = "Machine")]
    engine: EngineKind,
    /// The CPU that the guest sees
    #[arg(
        long,
        value_enum,
        ignore_case = true,
        default_value = "24Kf",
        help_heading = "Machine"
    )]
    cpu: CpuKind,
    /// Memory, 1M to 2G: a number of MiB, or a number with b, K, M or G. The first 256M are at
    /// physical 0, the rest from 0x90000000 up
    #[arg(
        long,
        short,
        value_name = "SIZE",
        default_value = "256M",
        help_heading = "Machine"
    )]
    memory: MemorySize,
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
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true,
        help_heading = "Machine"
    )]
    append: String,
    /// What the guest's clock shows at the start: YYYY-MM-DDTHH:MM:SS in UTC, or now
    #[arg(
        long,
        value_name = "DATE",
        default_value = "2026-01-01T00:00:00",
        help_heading = "Machine"
    )]
    rtc: RtcStart,
    /// Let guest time pass as the host's clock does, not by instructions; runs then differ
    #[arg(long, help_heading = "Machine")]
    realtime: bool,

    /// Wait for output and type as FILE says
    #[arg(long, value_name = "FILE", help_heading = "Control")]
    script: Option<PathBuf>,
    /// Stop after N instructions (k, M, G for thousands, as in 300M)
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Control")]
    limit: Option<u64>,
    /// Translate a block when it has run N times [default: the engine's choice]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..),
          help_heading = "Control")]
    hot: Option<u32>,

    /// Print a table of what happened at the end
    #[arg(long, help_heading = "Reports")]
    stats: bool,
    /// Print the instruction count and a hash of registers and memory at the end
    #[arg(long, help_heading = "Reports")]
    hash: bool,
    /// Print to standard error what happens; several topics with commas
    #[arg(
        long,
        value_name = "TOPIC",
        value_enum,
        value_delimiter = ',',
        help_heading = "Reports"
    )]
    trace: Vec<TraceTopic>,
}

/// A run that can start: every file is read, every value checked.
#[derive(Debug)]
pub struct RunOptions {
    /// The kernel.
    pub image: Image,
    /// The initial RAM disk.
    pub initrd: Option<Initrd>,
    /// The user's part of the kernel's command line.
    pub append: String,
    /// What executes instructions.
    pub engine: EngineKind,
    /// The CPU model.
    pub cpu: CpuKind,
    /// How much memory there is.
    pub memory: MemorySize,
    /// What the clock shows at the start.
    pub rtc: RtcStart,
    /// Whether time follows the host's clock.
    pub realtime: bool,
    /// The scripted session.
    pub script: Option<Script>,
    /// How many instructions may run.
    pub limit: Option<u64>,
    /// How often a block runs before it is translated, if not as often as the engine chooses.
    pub hot: Option<u32>,
    /// Whether to print the table at the end.
    pub stats: bool,
    /// Whether to print instruction count and hash at the end.
    pub hash: bool,
    /// What to print while it happens.
    pub trace: Vec<TraceTopic>,
}

impl RunArgs {
    pub fn validate(self) -> Result<RunOptions, CliError> {
        if self.realtime && self.engine == EngineKind::Lockstep {
            return Err(CliError::LockstepRealtime);
        }
        let image = match &self.image {
            Some(path) => self.format.open(path)?,
            None => tour()?,
        };
        let initrd = self.initrd.as_deref().map(Initrd::open).transpose();
        Ok(RunOptions {
            image,
            initrd: initrd.map_err(ImageError::from)?,
            append: self.append,
            engine: self.engine,
            cpu: self.cpu,
            memory: self.memory,
            rtc: self.rtc,
            realtime: self.realtime,
            script: self.script.as_deref().map(Script::open).transpose()?,
            limit: self.limit,
            hot: self.hot,
            stats: self.stats,
            hash: self.hash,
            trace: self.trace,
        })
    }
}

/// The guest that runs if the user names none.
fn tour() -> Result<Image, CliError> {
    Err(CliError::NotBuilt("the tour (name an IMAGE)"))
}

impl RunOptions {
    /// Puts the guest into `memory`, which has to have [`RunOptions::memory`] bytes.
    ///
    /// # Errors
    ///
    /// When it does not fit.
    pub fn load(&self, memory: &mut dyn PhysicalMemory) -> Result<BootState, ImageError> {
        image::load(
            &self.image,
            self.initrd.as_ref(),
            &self.append,
            self.memory,
            memory,
        )
    }
}

/// Boots the guest and runs it to its end.
///
/// # Errors
///
/// When the guest does not fit into its memory, or the host fails.
pub fn execute(options: RunOptions) -> Result<Exit, CliError> {
    options.load(&mut Nowhere)?;
    Err(CliError::NotBuilt("an engine"))
}

/// Memory of a machine that does not run.
struct Nowhere;

impl PhysicalMemory for Nowhere {
    fn write(&mut self, _: Pa, _: &[u8]) {}
}

/// What `run --help` says at its end.
pub(super) fn guide(exit_codes: &str) -> String {
    let keys: String = escape::HELP
        .lines()
        .map(|line| format!("\n  {line}"))
        .collect();
    format!("{GUIDE_START}{keys}\n\n{exit_codes}")
}

const GUIDE_START: &str = "\
Examples:
  mirrorball run
      the tour
  mirrorball fetch debian
  mirrorball run guests/debian/cache/vmlinux --initrd guests/debian/cache/initrd.gz \\
      --append 'console=ttyS0 rdinit=/bin/sh'
      Debian's kernel to a shell
  mirrorball run kernel.elf --engine interp --limit 300M --hash
      the first 300 million instructions, and what they left behind

Scripts (--script):
  wait \"~ # \"        until the guest has printed this
  send \"uname -a\\n\"  type this; \\n \\r \\t \\x.. \\\\ \\\" are escapes
  quit               end the machine
  Lines that start with # are comments. A script sees nothing but the guest's output, so that a
  session is the same to the instruction each time.

Time is the number of instructions run, so that two runs with the same input end alike, in every
engine. --realtime, --rtc now and a person who types give that up.

Keys at a terminal:";
