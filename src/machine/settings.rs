//! The table of settings: what users can say of a machine and of the monitor, each once.
//!
//! From an entry come the key of machine files and of `--vm`, the switch of the commands that it
//! names, their help, the page docs/machine-file.md, the hints for slips and for QEMU's names,
//! and the order of who is heard: a machine's own words, the switches, the default.

use std::path::PathBuf;

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::model::Model;

use super::form::{
    ADDRESS, BYTES, CODE_CACHE, CONSOLE, COUNT, DATE, FLAG, MEMORY, MODEL, NAME, SIZE, TEXT,
    choice, number, path,
};
use super::kinds::{CodeCache, ConsoleSpec, EngineKind, PolicyName};
use super::place::{At, Place};
use super::table::{Key, Row, Table, Taker, key, settings};
use super::values::{RtcStart, SHARE};
use crate::image::MemorySize;

const RUN: &[Taker] = &[Taker::Run];
/// Commands that run a guest as it is.
const BOARD: &[Taker] = &[Taker::Run, Taker::Trace];
/// Commands that run guests.
const GUEST: &[Taker] = &[Taker::Run, Taker::Trace, Taker::Measure];
/// Commands for which the CPU model matters.
const CPU: &[Taker] = &[Taker::Run, Taker::Trace, Taker::Measure, Taker::Inspect];
/// Commands that read one image.
const IMAGE: &[Taker] = &[Taker::Run, Taker::Trace, Taker::Inspect, Taker::Disasm];

settings! {
    /// What the user asked of a VM, or of several that are alike. What is absent another place may
    /// say, and in the end the default does.
    pub struct Settings {
        /// Where the settings start.
        place: Place,
    }

    /// What the machine is called; no two machines have the same name.
    name: String = key("name", NAME).own().default("the image's file name");

    /// The kernel: an ELF32 MIPS executable of either byte order, or a flat binary.
    image: PathBuf = key("image", path("IMAGE")).default("the tour");

    /// The image is a flat binary that lies and starts at ADDRESS, in kseg0 or kseg1.
    flat: Va = key("flat", ADDRESS)
        .switch("Image", IMAGE).needs("image");

    /// The flat binary is big-endian.
    big_endian: bool = key("big-endian", FLAG).default("false")
        .on("Image", IMAGE).needs("flat");

    /// What executes the guest's instructions; the guest cannot tell which.
    engine: EngineKind = key("engine", choice("ENGINE")).default("jit")
        .switch("Machine", RUN);

    /// The CPU that the guest sees.
    cpu: &'static Model = key("cpu", MODEL).default("24Kf")
        .switch("Machine", CPU).qemu(&["-cpu"]);

    /// Memory. The first 256M are at physical 0, the rest from 0x90000000 up.
    memory: MemorySize = key("memory", MEMORY).default("256M")
        .switch("Machine", GUEST).short('m').qemu(&["-m"]);

    /// Initial RAM disk.
    initrd: PathBuf = key("initrd", path("FILE"))
        .switch("Machine", GUEST).qemu(&["-initrd"]);

    /// The kernel's command line.
    append: String = key("append", TEXT).hyphens()
        .switch("Machine", GUEST).qemu(&["-append"]);

    /// What the guest's clock shows at the start.
    rtc: RtcStart = key("rtc", DATE).default("2026-01-01T00:00:00")
        .switch("Machine", RUN).qemu(&["-rtc"]);

    /// Give the machine a second-level TLB of N entries: it keeps what the guest's TLB displaced at
    /// random, and spares the guest those refills. 0 is the bare CPU; the guest's instruction count
    /// depends on it.
    second_tlb: u32 = key("second-tlb", number::<0, 4096>()).default("1024")
        .switch("Machine", BOARD);

    /// Whether the guest finds the monitor's hypercalls.
    hypercalls: bool = key("hypercalls", FLAG).default("true")
        .off("Machine", BOARD, "no-hypercalls",
            "Give the guest no hypercalls: HYPCALL is then a reserved instruction, as on the CPU \
             that it sees");

    /// Let guest time pass as the host's clock does, not by instructions; runs then differ.
    realtime: bool = key("realtime", FLAG).default("false")
        .on("Machine", RUN);

    /// Where the serial console is.
    console: ConsoleSpec = key("console", CONSOLE).default("terminal")
        .switch("Machine", BOARD).qemu(&["-serial"]);

    /// Wait for output and type as FILE says.
    script: PathBuf = key("script", path("FILE"))
        .switch("Control", GUEST);

    /// Stop after N instructions.
    limit: u64 = key("limit", COUNT)
        .switch("Control", GUEST);

    /// Translate a block when it has run N times.
    hot: u32 = key("hot", number::<1, { u32::MAX as i64 }>())
        .default("1000, or 8000 with jit-threads 0 and several machines")
        .switch("Control", RUN);

    /// Translate a block by itself, quickly, when it was interpreted N times; 0 is never.
    baseline: u32 = key("baseline", number::<0, { u32::MAX as i64 }>()).default("32")
        .switch("Control", RUN);

    /// Most guest instructions that are translated together; 1 translates block by block.
    region: u32 = key("region", number::<1, 10_000>()).default("the engine's choice")
        .switch("Control", RUN);

    /// Threads that translate beside the guest; 0 translates at once, which slows the guest down.
    jit_threads: u32 = key("jit-threads", number::<0, 1>()).default("1")
        .switch("Control", RUN);

    /// In lockstep, compare every N instructions instead of each block, so that regions and the
    /// links between them take part.
    stride: u64 = key("stride", COUNT)
        .switch("Control", RUN);

    /// Keep at most so many bytes of translated code. When they are used up, code is evicted and
    /// translated again if it is still hot.
    cache_bytes: usize = key("cache-bytes", BYTES).default("48M")
        .switch("Code cache", RUN);

    /// Evict in units of so many bytes, whole pages of 4K; larger code is not kept.
    cache_unit: usize = key("cache-unit", BYTES).default("a sixteenth of cache-bytes")
        .switch("Code cache", RUN);

    /// What to evict when all units are full.
    cache_policy: PolicyName = key("cache-policy", choice("POLICY")).default("fifo")
        .switch("Code cache", RUN);

    /// Keep translations in DIR, or nowhere with 'off': what one run has translated the next one
    /// finds. DIR is made if it is not there; it must be yours, and no other user may be able to
    /// write to it, as code is executed from there. Files in it can be removed at any time.
    code_cache: CodeCache = key("code-cache", CODE_CACHE)
        .default("the folder mirrorball in $XDG_CACHE_HOME or ~/.cache, 1 GB at most; off for lockstep")
        .switch("Code cache", RUN);

    /// Its part of the host's CPUs, relative to the other machines' parts.
    share: u32 = key("share", number::<{ *SHARE.start() }, { *SHARE.end() }>()).default("100");

    /// Run N machines like the one that is described, called NAME-1, NAME-2 and so on; an n in
    /// braces in append, script and console is the number.
    count: u32 = key("count", number::<1, 1000>()).own()
        .switch("Several machines", RUN);
}

settings! {
    /// What the user asked of the monitor.
    pub struct MonitorSettings {}

    /// Run guests on N threads of the host.
    host_threads: u32 = key("host-threads", number::<1, 256>())
        .default("the host's cores, at most one a machine")
        .switch("Monitor", RUN);

    /// Give all machines together this much of the host's memory.
    machine_memory: u64 = key("machine-memory", SIZE).default("the sum of what they have")
        .switch("Monitor", RUN);

    /// The size of a file for pages that have no room there.
    swap_size: u64 = key("swap.size", SIZE).default("no swap file");

    /// The folder in which that file is made.
    swap_path: PathBuf = key("swap.path", path("DIR")).default("the one for temporary files");

    /// Be controlled at this Unix socket.
    control: PathBuf = key("control", path("SOCKET"))
        .switch("Monitor", RUN);

    /// Keep pages with equal contents once.
    share_pages: bool = key("share-pages", FLAG).default("on with several machines")
        .switch("Monitor", RUN);

    /// Look at N pages in a second for such pages.
    share_rate: u32 = key("share-rate", number::<1, 1_000_000>()).default("16384");

    /// Threads that translate for all machines; 0 is what jit-threads = 0 is to a machine.
    jit_threads: u32 = key("jit-threads", number::<0, 64>()).default("1");

    /// The code-cache of machines that name none.
    code_cache: CodeCache = key("code-cache", CODE_CACHE).default("that of the switch --code-cache");
}
