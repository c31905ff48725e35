//! The table of settings: what users can say of a machine and of the monitor, each once.
//!
//! From an entry come the key of machine files and of `--vm`, the switch of the commands that it
//! names, their help, the page docs/machine-file.md, and the hints for slips and for QEMU's names.
//! A machine's own words win over the switches, and those over the default.

use std::path::PathBuf;

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::mmu::second::MOST_ENTRIES;

use super::disk::DiskSettings;
use super::folder::FolderSettings;
use super::form::{
    ADDRESS, BYTES, CODE_CACHE, CONSOLE, COUNT, DATE, DISK, FLAG, FOLDER, Form, MEMORY, MODEL,
    NAME, NET, SEED, SIZE, TEXT, choice, number, path,
};
use super::kinds::{CodeCache, ConsoleSpec, EngineKind, OnReset, PolicyName};
use super::network::NetSettings;
use super::place::{At, Place};
use super::table::{Action, Entry, Row, Table, Taker, settings};
use super::values::{RngSeed, RtcStart, SHARE};
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
    name: String, NAME => { name: "name", default: "the image's file name", own: true }

    /// The kernel: an ELF32 MIPS executable of either byte order, or a flat binary.
    image: PathBuf, path("IMAGE") => { name: "image", saved: true, default: "the tour" }

    /// The image is a flat binary that lies and starts at ADDRESS, in kseg0 or kseg1.
    flat: Va, ADDRESS => { name: "flat", saved: true, takers: IMAGE, heading: "Image", needs: Some("image") }

    /// The flat binary, or firmware without a kernel, is big-endian.
    big_endian: bool, FLAG => {
        name: "big-endian", saved: true, default: "false",
        takers: IMAGE, heading: "Image", action: Action::On
    }

    /// Start the firmware in FILE, such as U-Boot, from flash memory of 4M, instead of a kernel. Its
    /// words are in the order of a big-endian machine, as for QEMU. What the guest writes to its flash
    /// memory stays until the run ends.
    bios: PathBuf, path("FILE") => {
        name: "bios", saved: true, default: "a kernel is started as YAMON would",
        takers: RUN, heading: "Image", qemu: &["-bios", "-pflash"]
    }

    /// What executes the guest's instructions; the guest cannot tell which.
    engine: EngineKind, choice("ENGINE") => {
        name: "engine", default: "jit",
        takers: RUN, heading: "Machine"
    }

    /// The CPU that the guest sees. One has 64-bit registers, as an experiment: see docs/64-bit.md.
    cpu: &'static Model, MODEL => {
        name: "cpu", saved: true, default: "24Kf",
        takers: CPU, heading: "Machine", qemu: &["-cpu"]
    }

    /// Memory. The first 256M are at physical 0, the rest from 0x90000000 up.
    memory: MemorySize, MEMORY => {
        name: "memory", saved: true, default: "256M",
        takers: GUEST, heading: "Machine", short: Some('m'), qemu: &["-m"]
    }

    /// Initial RAM disk.
    initrd: PathBuf, path("FILE") => {
        name: "initrd", saved: true,
        takers: GUEST, heading: "Machine", qemu: &["-initrd"]
    }

    /// Go on from the snapshot in FILE, which says what the machine is made of.
    restore: PathBuf, path("FILE") => {
        name: "restore",
        takers: RUN, heading: "Machine", qemu: &["-loadvm", "-incoming"]
    }

    /// Run again what FILE records: the same machine, with what reached it from outside.
    replay: PathBuf, path("FILE") => { name: "replay", takers: RUN, heading: "Machine" }

    /// A disk: the image in FILE, and after commas what else there is to say of it, as in
    /// a.qcow2,snapshot. A machine has up to 4, in this order.
    disk: Vec<DiskSettings>, DISK => {
        name: "disk",
        takers: BOARD, heading: "Machine",
        qemu: &["-drive", "-hda", "-hdb", "-hdc", "-hdd", "-blockdev"]
    }

    /// A network port: user for a network with a way out, subnet=NAME for one of the machines of this
    /// run, tap=NAME for a tap device of the host's, and after commas what else there is to say of it, as in user,hostfwd=tcp::2222-:22. A
    /// machine has up to 4, in this order.
    net: Vec<NetSettings>, NET => {
        name: "net", default: "no network",
        takers: RUN, heading: "Machine"
    }

    /// A folder of the host that the guest shares, and after commas what else there is to say of it,
    /// as in work,readonly. A machine has up to 4, in this order.
    folder: Vec<FolderSettings>, FOLDER => {
        name: "folder",
        takers: RUN, heading: "Machine", qemu: &["-virtfs", "-fsdev"]
    }

    /// The kernel's command line.
    append: String, TEXT => {
        name: "append", saved: true,
        takers: GUEST, heading: "Machine", qemu: &["-append"]
    }

    /// What the guest's clock shows at the start.
    rtc: RtcStart, DATE => {
        name: "rtc", saved: true, default: "2026-01-01T00:00:00, or now with net user",
        takers: RUN, heading: "Machine", qemu: &["-rtc"]
    }

    /// What the guest's random numbers start from, as the boot code tells it: with `host`, runs
    /// differ.
    rngseed: RngSeed, SEED => {
        name: "rngseed", saved: true, default: "the same always",
        takers: RUN, heading: "Machine"
    }

    /// Give the machine a second-level TLB of N entries: it keeps what the guest's TLB displaced at
    /// random, and spares the guest those refills. 0 is the bare CPU; the guest's instruction count
    /// depends on it.
    second_tlb: u32, number::<0, { MOST_ENTRIES as i64 }>() => {
        name: "second-tlb", saved: true, default: "1024",
        takers: BOARD, heading: "Machine"
    }

    /// Give the machine a virtio balloon: guest memory that its driver lends to the other machines
    /// when they need it, or when it has a memory target.
    balloon: bool, FLAG => {
        name: "balloon", saved: true, default: "false",
        takers: BOARD, heading: "Machine", action: Action::On
    }

    /// Give the machine a virtio source of random bytes, which follow from rngseed.
    rng: bool, FLAG => {
        name: "rng", saved: true, default: "false",
        takers: BOARD, heading: "Machine", action: Action::On
    }

    /// Give the machine a virtio console, hvc0, beside its serial ports. What both print goes where
    /// `console` says; what is typed goes to hvc0 from when the guest has printed there.
    virtio_console: bool, FLAG => {
        name: "virtio-console", saved: true, default: "false",
        takers: BOARD, heading: "Machine", action: Action::On
    }

    /// Whether the guest finds the monitor's hypercalls.
    hypercalls: bool, FLAG => {
        name: "hypercalls", saved: true, default: "true",
        takers: BOARD, heading: "Machine", action: Action::Off("no-hypercalls",
            "Give the guest no hypercalls: HYPCALL is then a reserved instruction, as on the CPU \
             that it sees")
    }

    /// Let guest time pass as the host's clock does, not by instructions; runs then differ.
    realtime: bool, FLAG => {
        name: "realtime", default: "false",
        takers: RUN, heading: "Machine", action: Action::On
    }

    /// Let an idle guest's time pass at once. If not, it waits as long on the host's clock.
    fast_forward: bool, FLAG => {
        name: "fast-forward", default: "on with a script or a limit and without a network or a folder, while nothing else may be typed",
        takers: RUN, heading: "Machine", action: Action::On
    }

    /// Where the serial console is. A guest waits while standard output or a file takes nothing
    /// more, and no other guest does; clients of a socket lose what they are too slow for.
    console: ConsoleSpec, CONSOLE => {
        name: "console", default: "terminal",
        takers: BOARD, heading: "Machine", qemu: &["-serial"]
    }

    /// What becomes of the machine when its guest resets it.
    on_reset: OnReset, choice("ACTION") => {
        name: "on-reset", default: "exit",
        takers: RUN, heading: "Control"
    }

    /// Wait for output and type as FILE says.
    script: PathBuf, path("FILE") => { name: "script", takers: GUEST, heading: "Control" }

    /// Stop after N instructions.
    limit: u64, COUNT => { name: "limit", takers: GUEST, heading: "Control" }

    /// Translate a block when it has run N times.
    hot: u32, number::<1, { u32::MAX as i64 }>() => {
        name: "hot", default: "1000, or 8000 while translating takes time from guests",
        takers: RUN, heading: "Control"
    }

    /// Translate a block by itself, quickly, when it was interpreted N times; 0 is never.
    baseline: u32, number::<0, { u32::MAX as i64 }>() => {
        name: "baseline", default: "32",
        takers: RUN, heading: "Control"
    }

    /// Most guest instructions that are translated together; 1 translates block by block.
    region: u32, number::<1, 10_000>() => {
        name: "region", default: "the engine's choice",
        takers: RUN, heading: "Control"
    }

    /// Threads that translate beside the guest; 0 translates at once, which slows the guest down.
    jit_threads: u32, number::<0, 1>() => {
        name: "jit-threads", default: "1",
        takers: RUN, heading: "Control"
    }

    /// In lockstep, compare every N instructions instead of each block, so that regions and the
    /// links between them take part.
    stride: u64, COUNT => { name: "stride", takers: RUN, heading: "Control" }

    /// Keep at most so many bytes of translated code. When they are used up, code is evicted and
    /// translated again if it is still hot.
    cache_bytes: usize, BYTES => {
        name: "cache-bytes", default: "128M",
        takers: RUN, heading: "Code cache"
    }

    /// Evict in units of so many bytes, whole pages of 4K; larger code is not kept.
    cache_unit: usize, BYTES => {
        name: "cache-unit", default: "a sixteenth of cache-bytes",
        takers: RUN, heading: "Code cache"
    }

    /// What to evict when all units are full.
    cache_policy: PolicyName, choice("POLICY") => {
        name: "cache-policy", default: "fifo",
        takers: RUN, heading: "Code cache"
    }

    /// Keep translations in DIR, or nowhere with 'off': what one run has translated the next one
    /// finds. DIR is made if it is not there; it must be yours, and no other user may be able to
    /// write to it, as code is executed from there. Files in it can be removed at any time.
    code_cache: CodeCache, CODE_CACHE => {
        name: "code-cache", default: "the folder mirrorball in $XDG_CACHE_HOME or ~/.cache, 1 GB at most; off for lockstep",
        takers: RUN, heading: "Code cache"
    }

    /// The machine's part of the host's CPUs, relative to the other machines' parts.
    share: u32, number::<{ *SHARE.start() }, { *SHARE.end() }>() => {
        name: "share", default: "100"
    }

    /// Run N machines like the one that is described, called NAME-1, NAME-2 and so on; an n in
    /// braces in append, script, disk, net and console is the number.
    count: u32, number::<1, 1000>() => {
        name: "count", own: true,
        takers: RUN, heading: "Several machines"
    }
}

settings! {
    /// What the user asked of the monitor.
    pub struct MonitorSettings {}

    /// Run guests on N threads of the host.
    host_threads: u32, number::<1, 256>() => {
        name: "host-threads", default: "the host's cores, at most one a machine",
        takers: RUN, heading: "Monitor"
    }

    /// Give all machines together this much of the host's memory.
    machine_memory: u64, SIZE => {
        name: "machine-memory", default: "the sum of what they have",
        takers: RUN, heading: "Monitor"
    }

    /// The size of a file for pages that have no room there.
    swap_size: u64, SIZE => { name: "swap.size", default: "no swap file" }

    /// The folder in which that file is made.
    swap_path: PathBuf, path("DIR") => { name: "swap.path", default: "the one for temporary files" }

    /// Be controlled at this Unix socket.
    control: PathBuf, path("SOCKET") => { name: "control", takers: RUN, heading: "Monitor" }

    /// Keep pages with equal contents once.
    share_pages: bool, FLAG => {
        name: "share-pages", default: "on with several machines",
        takers: RUN, heading: "Monitor"
    }

    /// Look at N pages in a second for such pages.
    share_rate: u32, number::<1, 1_000_000>() => { name: "share-rate", default: "16384" }

    /// Threads that translate for all machines; 0 is what jit-threads = 0 is to a machine.
    jit_threads: u32, number::<0, 64>() => { name: "jit-threads", default: "1" }

    /// The code-cache of machines that name none.
    code_cache: CodeCache, CODE_CACHE => {
        name: "code-cache", default: "that of the switch --code-cache"
    }
}
