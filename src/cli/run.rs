//! `mirrorball run`: boots a guest and runs it to its end.

use std::io::{self, IsTerminal, Stdout};
use std::path::PathBuf;
use std::time::Instant;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use mirrorball_runtime::cpu::model::{MODELS, Model};
use mirrorball_runtime::vm::{Vm, VmConfig};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use super::cache::CacheArgs;
use super::program::FormatArgs;
use super::{CliError, Exit, RtcStart, values};
use crate::cache::code::CacheConfig;
use crate::console::{Script, Session, Waker, escape, terminal};
use crate::engine::jit::JitError;
use crate::engine::{AnyEngine, Interpreter, Jit, JitConfig, Lockstep};
use crate::image::{self, Image, ImageError, Initrd, MemorySize};
use crate::report::{OutFile, Record, Report, table};

/// What executes the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// The interpreter
    Interp,
    /// Translation to host code, the interpreter for what is cold
    Jit,
    /// Both, compared after each block or way through a region; stops at the first difference
    Lockstep,
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
    /// Hypercalls and their answers
    Hypercalls,
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
        value_name = "MODEL",
        value_parser = models(),
        ignore_case = true,
        default_value = "24Kf",
        help_heading = "Machine"
    )]
    cpu: &'static Model,
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
    /// Keep N entries that the guest's TLB displaced at random, and spare it their refills; its
    /// instruction count then differs
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true,
          value_parser = clap::value_parser!(u16).range(..=4096), help_heading = "Machine")]
    second_tlb: u16,
    /// Give the guest no hypercalls: HYPCALL is then a reserved instruction, as on the CPU that it
    /// sees
    #[arg(long, help_heading = "Machine")]
    no_hypercalls: bool,
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

    /// Most guest instructions that are translated together; 1 translates block by block
    /// [default: the engine's choice]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000),
          help_heading = "Control")]
    region: Option<u32>,

    /// Threads that translate beside the guest; 0 translates at once, which slows the guest down
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Control",
          value_parser = clap::value_parser!(u8).range(0..=1))]
    jit_threads: u8,

    #[command(flatten)]
    cache: CacheArgs,

    /// In lockstep, compare every N instructions instead, so that regions and
    /// the links between them take part
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Control")]
    stride: Option<u64>,

    /// Print a table of what happened, at the end and to standard error
    #[arg(long, help_heading = "Reports")]
    stats: bool,
    /// Print the instruction count and a hash of registers and memory, likewise
    #[arg(long, help_heading = "Reports")]
    hash: bool,
    /// Write outcome, instruction count, state hash and all counters to FILE, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    report: Option<PathBuf>,
    /// Print what happens, while it does and to standard error; several topics with commas
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
    pub cpu: &'static Model,
    /// How much memory there is.
    pub memory: MemorySize,
    /// What the clock shows at the start.
    pub rtc: RtcStart,
    /// Entries of the second-level TLB.
    pub second_tlb: usize,
    /// Whether the guest may make hypercalls.
    pub hypercalls: bool,
    /// Whether time follows the host's clock.
    pub realtime: bool,
    /// The scripted session.
    pub script: Option<Script>,
    /// How many instructions may run.
    pub limit: Option<u64>,
    /// How often a block runs before it is translated, if not as often as the engine chooses.
    pub hot: Option<u32>,
    /// The most instructions in a region, if not as many as the engine chooses.
    pub region: Option<u32>,
    /// Whether to translate on a thread beside the guest.
    pub background: bool,
    /// How translations are kept.
    pub cache: CacheConfig,
    /// Where translations are kept on disk, if they are.
    pub code_cache: Option<PathBuf>,
    /// How many instructions lockstep runs between comparisons; 0 for a block.
    pub stride: u64,
    /// Whether to print the table at the end.
    pub stats: bool,
    /// Whether to print instruction count and hash at the end.
    pub hash: bool,
    /// Where to write the record of the run.
    pub report: Option<OutFile>,
    /// What to print while it happens.
    pub trace: Vec<TraceTopic>,
}

impl RunArgs {
    /// Whether there is an image among the arguments.
    pub fn names_a_guest(&self) -> bool {
        self.image.is_some()
    }

    pub fn validate(self) -> Result<RunOptions, CliError> {
        if self.realtime && self.engine == EngineKind::Lockstep {
            return Err(CliError::LockstepRealtime);
        }
        let image = match &self.image {
            Some(path) => self.format.open(path)?,
            None => tour()?,
        };
        let initrd = self
            .initrd
            .as_deref()
            .map(Initrd::open)
            .transpose()
            .map_err(ImageError::from)?;
        Ok(RunOptions {
            image,
            initrd,
            append: self.append,
            engine: self.engine,
            cpu: self.cpu,
            memory: self.memory,
            rtc: self.rtc,
            second_tlb: self.second_tlb.into(),
            hypercalls: !self.no_hypercalls,
            realtime: self.realtime,
            script: self.script.as_deref().map(Script::open).transpose()?,
            limit: self.limit,
            hot: self.hot,
            region: self.region,
            background: self.jit_threads > 0,
            cache: self.cache.config(),
            code_cache: self.cache.code_cache,
            stride: self.stride.unwrap_or(0),
            stats: self.stats,
            hash: self.hash,
            report: self.report.map(OutFile::open).transpose()?,
            trace: self.trace,
        })
    }
}

/// The guest that runs if the user names none.
fn tour() -> Result<Image, CliError> {
    Ok(image::elf::parse("tour", image::TOUR).map_err(ImageError::from)?)
}

/// The CPU models, by the names that the monitor's table gives them.
pub(super) fn models() -> impl TypedValueParser<Value = &'static Model> {
    PossibleValuesParser::new(MODELS.iter().map(|model| model.name))
        .try_map(|name| Model::find(&name).ok_or("is not a CPU model"))
}

impl RunOptions {
    /// The machine, with the guest in its memory, before the first instruction.
    ///
    /// # Errors
    ///
    /// When the guest does not fit, or the host has no memory for the machine.
    pub fn machine(&self) -> Result<Box<Vm>, CliError> {
        let mut vm = Vm::new(VmConfig {
            model: self.cpu,
            memory: self.memory.bytes(),
            big_endian: self.image.big_endian,
            second_tlb: self.second_tlb,
            hypercalls: self.hypercalls,
            rtc_base: self.rtc.seconds(),
        })?;
        let initrd = self.initrd.as_ref();
        image::load(&self.image, initrd, &self.append, self.memory, &mut *vm)?.enter(&mut vm);
        Ok(vm)
    }

    fn engine(&self) -> Result<AnyEngine, CliError> {
        Ok(match self.engine {
            EngineKind::Interp => AnyEngine::Interpreter(Interpreter::default()),
            EngineKind::Jit => AnyEngine::Jit(Box::new(self.jit()?)),
            EngineKind::Lockstep => {
                AnyEngine::Lockstep(Box::new(Lockstep::new(self.jit()?, self.stride)))
            }
        })
    }

    fn jit(&self) -> Result<Jit, JitError> {
        let default = JitConfig::default();
        let config = JitConfig {
            hot: self.hot.unwrap_or(default.hot),
            region: self.region.map_or(default.region, |most| most as usize),
            background: self.background,
            cache: self.cache,
        };
        match &self.code_cache {
            Some(dir) => Jit::with_store(config, dir, self.cpu, self.image.big_endian),
            None => Jit::new(config),
        }
    }

    /// The console. With a script, a pipe is not read: nothing but the script is to type.
    fn session(&mut self) -> Result<Session<Stdout>, CliError> {
        let script = self.script.take();
        let listens = script.is_none() || io::stdin().is_terminal();
        let terminal = listens
            .then(|| terminal::open(Waker::none()))
            .transpose()
            .map_err(CliError::Console)?;
        Ok(Session::new(io::stdout(), script, terminal, self.realtime))
    }

    /// Has what `--trace` names printed from now on, and every warning.
    fn start_trace(&self) {
        let names = self.trace.iter().filter_map(ValueEnum::to_possible_value);
        let targets: Targets = names
            .map(|name| (name.get_name().to_owned(), Level::TRACE))
            .collect();
        let traces = fmt::layer().with_writer(io::stderr).without_time();
        let traces = traces.with_level(false).with_filter(targets);
        let warnings = fmt::layer().with_writer(io::stderr).without_time();
        let warnings = warnings
            .with_target(false)
            .with_filter(Targets::new().with_target("mirrorball", Level::WARN));
        // Fails if there is a trace already, which is as good.
        let _ = tracing_subscriber::registry()
            .with(traces)
            .with(warnings)
            .try_init();
    }
}

/// Boots the guest and runs it to its end.
///
/// # Errors
///
/// When the guest does not fit into its memory, or the host fails.
pub fn execute(mut options: RunOptions) -> Result<Exit, CliError> {
    options.start_trace();
    let mut vm = options.machine()?;
    let mut engine = options.engine()?;
    // The guest has them in its own memory now.
    options.image.segments = Vec::new();
    options.initrd = None;
    let mut session = options.session()?;
    let limit = options.limit.unwrap_or(u64::MAX);
    let start = Instant::now();
    let outcome = vm.run(&mut engine, &mut session, limit);
    let took = start.elapsed();
    let unfinished = session.unfinished();
    session.end().map_err(CliError::Output)?;

    if let Some(difference) = engine.difference() {
        eprint!("{difference}");
    }
    if options.stats {
        eprint!("{}", table::render(&Report::gather(&vm, &engine, took)));
    }
    if options.hash {
        eprintln!(
            "instructions {} state {:016x}",
            vm.cpu.retired(),
            vm.state_hash()
        );
    }
    let unfinished = unfinished.map(|unfinished| unfinished.to_string());
    if let Some(file) = &options.report {
        let record = Record {
            outcome: outcome.into(),
            unfinished: unfinished.clone(),
            state: format!("{:016x}", vm.state_hash()),
            report: Report::gather(&vm, &engine, took),
        };
        file.write(&record.to_json()?)?;
    }
    let exit = Exit::from(outcome);
    let Some(unfinished) = unfinished else {
        return Ok(exit);
    };
    super::complain(&unfinished);
    Ok(exit.with_unfinished_script())
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
  session is the same to the instruction each time. Until its last step nobody else types: a pipe
  is not read, of a terminal's keys only those below count.

Time is the number of instructions run, so that two runs with the same input end alike, in every
engine. --realtime, --rtc now and a person who types give that up.

Keys at a terminal:";
