//! The arguments of `mirrorball run`, as clap reads them, and the settings that they are.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use mirrorball_runtime::cpu::model::{MODELS, Model};
use mirrorball_runtime::mmu::second::DEFAULT_ENTRIES;

use super::reports::TraceTopic;
use super::several::SeveralArgs;
use crate::cli::cache::CacheArgs;
use crate::cli::program::FormatArgs;
use crate::image::MemorySize;
use crate::machine::{At, ConsoleSpec, EngineKind, RtcStart, Settings, values};

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
    pub(super) format: FormatArgs,

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
    #[arg(long, value_name = "FILE", help_heading = "Machine")]
    pub(super) initrd: Option<PathBuf>,
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
    /// Give the machine a second-level TLB of N entries: it keeps what the guest's TLB displaced at
    /// random, and spares the guest those refills. 0 is the bare CPU; the guest's instruction count
    /// depends on it
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ENTRIES as u32,
          value_parser = clap::value_parser!(u32).range(values::SECOND_TLB), help_heading = "Machine")]
    second_tlb: u32,
    /// Give the guest no hypercalls: HYPCALL is then a reserved instruction, as on the CPU that it
    /// sees
    #[arg(long, help_heading = "Machine")]
    no_hypercalls: bool,
    /// Let guest time pass as the host's clock does, not by instructions; runs then differ
    #[arg(long, help_heading = "Machine")]
    realtime: bool,
    /// Where the serial console is: terminal, none, file:PATH or socket:PATH [default: terminal]
    #[arg(long, value_name = "CONSOLE", value_parser = ConsoleSpec::parse,
          help_heading = "Machine")]
    console: Option<ConsoleSpec>,

    /// Wait for output and type as FILE says
    #[arg(long, value_name = "FILE", help_heading = "Control")]
    script: Option<PathBuf>,
    /// Stop after N instructions (k, M, G for thousands, as in 300M)
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Control")]
    limit: Option<u64>,
    /// Translate a block when it has run N times [default: 1000, or 8000
    /// with --jit-threads 0 and several machines]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(values::HOT),
          help_heading = "Control")]
    hot: Option<u32>,
    /// Translate a block by itself, quickly, when it was interpreted N times; 0 is never
    /// [default: 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(values::BASELINE),
          help_heading = "Control")]
    baseline: Option<u32>,

    /// Most guest instructions that are translated together; 1 translates block by block
    /// [default: the engine's choice]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(values::REGION),
          help_heading = "Control")]
    region: Option<u32>,

    /// Threads that translate beside the guest; 0 translates at once, which slows the guest down
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Control",
          value_parser = clap::value_parser!(u32).range(values::JIT_THREADS))]
    jit_threads: u32,

    #[command(flatten)]
    cache: CacheArgs,

    /// In lockstep, compare every N instructions instead, so that regions and
    /// the links between them take part
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Control")]
    stride: Option<u64>,

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
    /// Print what happens, while it does and to standard error; several topics with commas
    #[arg(
        long,
        value_name = "TOPIC",
        value_enum,
        value_delimiter = ',',
        help_heading = "Reports"
    )]
    pub(super) trace: Vec<TraceTopic>,

    /// Write the names of translated code for perf, to /tmp/perf-PID.map: perf report then shows
    /// the guest addresses of blocks and regions
    #[arg(long, help_heading = "Reports")]
    pub(super) perf_map: bool,

    #[command(flatten)]
    pub(super) several: SeveralArgs,
}

impl RunArgs {
    /// Whether there is a guest among the arguments.
    pub fn names_a_guest(&self) -> bool {
        self.image.is_some() || self.several.names_guests()
    }

    /// Whether the arguments are for one machine and no monitor.
    pub fn is_one(&self) -> bool {
        self.several.is_empty()
    }

    /// What the switches say of the machine, or of each of several that says nothing itself.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            flat: self.format.flat.map(At::switch),
            big_endian: Some(At::switch(self.format.big_endian)),
            engine: Some(self.engine),
            cpu: Some(self.cpu),
            memory: Some(self.memory),
            initrd: self.initrd.clone().map(At::switch),
            append: Some(self.append.clone()),
            rtc: Some(self.rtc),
            second_tlb: Some(self.second_tlb),
            hypercalls: Some(!self.no_hypercalls),
            realtime: Some(At::switch(self.realtime)),
            script: self.script.clone().map(At::switch),
            limit: self.limit,
            hot: self.hot,
            baseline: self.baseline,
            region: self.region,
            jit_threads: Some(self.jit_threads),
            stride: self.stride,
            cache_bytes: Some(self.cache.cache_bytes),
            cache_unit: self.cache.cache_unit,
            cache_policy: Some(self.cache.cache_policy),
            code_cache: Some(self.cache.code_cache()),
            console: self.console.clone().map(At::switch),
            ..Settings::default()
        }
    }
}

/// The CPU models, by the names that the monitor's table gives them.
pub(in crate::cli) fn models() -> impl TypedValueParser<Value = &'static Model> {
    PossibleValuesParser::new(MODELS.iter().map(|model| model.name))
        .try_map(|name| Model::find(&name).ok_or("is not a CPU model"))
}
