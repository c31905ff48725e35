//! What happened in a run: the counters of all parts gathered upward, and the table of them that
//! people read.
//!
//! Each part counts for itself and knows nothing of its readers. [`Report::gather`] collects what
//! they counted, as plain numbers; [`table`] shows them to people, a [`Record`] holds them in a
//! file for programs, [`plot`] draws numbers of any kind, and [`lanes`] what happens in turns.

pub mod file;
pub mod lanes;
pub mod monitor;
pub mod plot;
pub mod processes;
pub mod record;
mod svg;
pub mod table;

pub use file::{OutFile, OutFileError};
pub use record::{Ending, NamedRecord, Record};

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mirrorball_runtime::device::network::Traffic;
use mirrorball_runtime::exit::{Exit, Outcome};
use mirrorball_runtime::hypercall::Number;
use mirrorball_runtime::vm::{Counters, Vm};
use serde::{Deserialize, Serialize};

use crate::cache::persist::StoreCounters;
use crate::engine::{AnyEngine, Jit};

/// What happened in a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Seconds on the host's clock from the first instruction to the last.
    pub host_seconds: f64,
    /// Seconds of those in which the guest was idle and so was the host.
    pub slept_seconds: f64,
    /// Seconds of the guest's own time.
    pub guest_seconds: f64,
    /// Seconds of those that the guest idled away.
    pub idle_seconds: f64,
    /// Guest instructions run.
    pub instructions: u64,
    /// Blocks predecoded.
    pub predecoded: u64,
    /// What the JIT did, if there is one.
    pub jit: Option<JitReport>,
    /// What was compared, if engines ran in lockstep.
    pub lockstep: Option<LockstepReport>,
    /// Returns from the engine, by reason.
    pub exits: Vec<Count>,
    /// Exceptions, by kind; interrupts are among them.
    pub exceptions: Vec<Count>,
    /// TLB refills for a load or fetch, and for a store.
    pub refills: [u64; 2],
    /// TLB entries written.
    pub tlb_writes: u64,
    /// Displaced TLB entries that the second-level TLB kept.
    pub second_kept: u64,
    /// Accesses that the software TLB could not answer.
    pub soft_misses: u64,
    /// Changes of address space or mode.
    pub space_switches: u64,
    /// Stores that hit code.
    pub code_writes: u64,
    /// Pages that devices wrote and that share the frame of a page which was the same already.
    #[serde(default)]
    pub shared_reads: u64,
    /// Hypercalls, by kind.
    #[serde(default)]
    pub hypercalls: Vec<Count>,
    /// Hypercalls that were refused.
    #[serde(default)]
    pub hypercalls_refused: u64,
    /// Times that a WAIT let time pass.
    pub waits: u64,
    /// Times that rounds of a loop that changes nothing were skipped.
    pub spins: u64,
    /// The instructions of these rounds. They count as run.
    pub spun: u64,
    /// Device accesses, by device.
    pub devices: Vec<DeviceReport>,
    /// Bytes that the guest wrote to its console.
    pub console_out: u64,
    /// Bytes that were typed.
    pub console_in: u64,
    /// What went through its network ports, if it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Traffic>,
    /// What the machine takes of the host's memory beside its guest's, at the end.
    #[serde(default)]
    pub host_memory: Vec<HeldReport>,
    /// Pages of memory that were touched.
    pub pages: u64,
    /// The most bytes of the host's memory that the program ever had, guest memory included; 0 if
    /// the host does not say.
    pub peak_memory: u64,
}

/// What a machine takes of the host's memory for one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldReport {
    /// What for.
    pub name: Cow<'static, str>,
    /// Bytes in use, about.
    pub bytes: u64,
    /// The most that it may be.
    pub limit: u64,
}

/// VmHWM: the most memory that this process ever had.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Something that was counted, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// What.
    pub name: Cow<'static, str>,
    /// How often.
    pub count: u64,
}

/// Accesses to one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// The device.
    pub name: Cow<'static, str>,
    /// Reads of its registers.
    pub reads: u64,
    /// Writes to them.
    pub writes: u64,
}

/// What the JIT did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JitReport {
    /// Instructions that ran translated.
    pub translated: u64,
    /// Regions of blocks translated.
    pub translations: u64,
    /// Regions that an earlier run or another machine had translated.
    #[serde(default)]
    pub shared: u64,
    /// Guest instructions in them.
    pub instructions: u64,
    /// Blocks translated by the baseline.
    pub baseline: u64,
    /// Seconds that this took, in the guest's way.
    pub baseline_seconds: f64,
    /// Seconds that translating took, beside the guest or in its way.
    pub compile_seconds: f64,
    /// Bytes of host code made.
    pub code_bytes: u64,
    /// Times that the dispatcher entered translated code.
    pub entries: u64,
    /// Exits that were chained to what follows.
    pub chained: u64,
    /// Returns to the dispatcher through an exit that was not.
    pub unchained: u64,
    /// Translations dropped because the guest changed its code.
    pub invalidated: u64,
    /// Translations dropped because they expected memory elsewhere.
    pub remade: u64,
    /// Translations evicted to make room.
    pub evicted: u64,
    /// Units of the cache emptied for that.
    pub evicted_units: u64,
    /// Times that the dispatcher found no translation that could be entered.
    pub misses: u64,
    /// Bytes of the cache in use at the end.
    pub cache_bytes: u64,
    /// The most that ever were.
    pub cache_peak: u64,
    /// Bytes of predecoded blocks at the end, about.
    pub block_bytes: u64,
    /// Times that predecoded blocks were swept to make room.
    pub sweeps: u64,
    /// Predecoded blocks that had been dropped before to save memory.
    pub predecoded_again: u64,
    /// Bytes of the tables that lead to code.
    pub table_bytes: u64,
    /// Blocks left to the interpreter for good: regions that Cranelift refused.
    pub refused: u64,
    /// Those that always trap or give the CPU away.
    pub trapping: u64,
    /// Those whose code alone is larger than a unit of the cache.
    pub oversized: u64,
    /// Blocks left to the interpreter for now, as their delay slot on the next page could not be
    /// seen.
    pub unseen: u64,
    /// What was done with translations on disk, if there are, by all machines that share them.
    pub disk: Option<DiskReport>,
}

/// What was done with translations on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskReport {
    /// Translations read and used.
    pub loaded: u64,
    /// Translations written.
    pub saved: u64,
    /// Records dropped because they were damaged.
    pub damaged: u64,
}

/// What lockstep execution compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockstepReport {
    /// Comparisons of the CPUs.
    pub comparisons: u64,
    /// Stores compared.
    pub stores: u64,
    /// Comparisons of all memory.
    pub sweeps: u64,
}

/// The names of Cause.ExcCode, as the manual abbreviates them.
const EXCEPTIONS: [&str; 32] = {
    let mut names = ["reserved"; 32];
    let known = [
        "interrupt",
        "Mod",
        "TLBL",
        "TLBS",
        "AdEL",
        "AdES",
        "IBE",
        "DBE",
        "Sys",
        "Bp",
        "RI",
        "CpU",
        "Ov",
        "Tr",
        "reserved",
        "FPE",
    ];
    let mut code = 0;
    while code < known.len() {
        names[code] = known[code];
        code += 1;
    }
    names[24] = "MCheck";
    names
};

/// Why a machine stopped, for people.
#[must_use]
pub const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::PowerOff => "powered off",
        Outcome::Quit => "quit",
        Outcome::Reset => "reset",
        Outcome::Limit => "limit reached",
        Outcome::Halted => "stopped forever",
        Outcome::Difference => "difference found",
        Outcome::Starved => "out of memory",
        Outcome::HostFailure => "host failure",
        Outcome::Reached => "count reached",
        Outcome::Moved => "moved",
    }
}

/// How often an engine came back, by reason.
pub fn exit_counts(counters: &Counters) -> impl Iterator<Item = (String, u64)> {
    let names = Exit::ALL.map(exit_name).into_iter().map(str::to_owned);
    names.zip(counters.exits)
}

/// The exceptions that a guest took, by kind; those that it never took are left out.
pub fn exception_counts(counters: &Counters) -> impl Iterator<Item = (String, u64)> {
    let names = EXCEPTIONS.into_iter().map(str::to_owned);
    names
        .zip(counters.exceptions)
        .filter(|&(_, count)| count > 0)
}

const fn exit_name(exit: Exit) -> &'static str {
    match exit {
        Exit::Horizon => "horizon",
        Exit::Stop => "stop",
        Exit::Wait => "wait",
        Exit::Difference => "difference",
    }
}

impl Report {
    /// What the parts of a machine counted in a run that took `host`.
    #[must_use]
    pub fn gather(vm: &Vm, engine: &AnyEngine, host: Duration) -> Self {
        let host_memory = held(vm, engine);
        let counters = &vm.counters;
        let seconds = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64();
        let guest = |cycles| seconds(mirrorball_runtime::clock::Cycles(cycles).to_nanos().0);
        let count = |(name, &count): (&'static str, &u64)| Count {
            name: name.into(),
            count,
        };
        Self {
            host_seconds: host.as_secs_f64(),
            slept_seconds: counters.slept.as_secs_f64(),
            guest_seconds: guest(vm.cpu.now(0).0),
            idle_seconds: guest(vm.cpu.skipped),
            instructions: vm.cpu.retired(),
            predecoded: engine.predecoded(),
            jit: engine.jit().map(JitReport::from),
            lockstep: engine.lockstep().map(LockstepReport::from),
            exits: Exit::ALL
                .map(exit_name)
                .into_iter()
                .zip(&counters.exits)
                .map(count)
                .collect(),
            exceptions: EXCEPTIONS
                .into_iter()
                .zip(&counters.exceptions)
                .map(count)
                .collect(),
            refills: counters.refills,
            tlb_writes: counters.tlb_writes,
            second_kept: counters.second_kept,
            soft_misses: counters.soft_misses,
            space_switches: counters.space_switches,
            code_writes: counters.code_writes,
            shared_reads: counters.shared_reads,
            hypercalls: Number::ALL
                .map(Number::name)
                .into_iter()
                .zip(&counters.hypercalls)
                .map(count)
                .collect(),
            hypercalls_refused: counters.hypercalls_refused,
            waits: counters.waits,
            spins: counters.spins,
            spun: counters.spun,
            devices: vm
                .board
                .accesses()
                .map(|(name, reads, writes)| DeviceReport {
                    name: name.into(),
                    reads,
                    writes,
                })
                .collect(),
            console_out: counters.console_bytes,
            console_in: vm.console.typed(),
            network: vm.board.traffic(),
            host_memory,
            pages: vm.ram.pages_touched(),
            peak_memory: peak_memory().unwrap_or(0),
        }
    }

    /// Millions of guest instructions in a second of the time that the host worked.
    #[must_use]
    pub fn mips(&self) -> f64 {
        let worked = self.host_seconds - self.slept_seconds;
        if worked > 0.0 {
            self.instructions as f64 / 1e6 / worked
        } else {
            0.0
        }
    }
}

/// What a machine takes of the host's memory beside its guest's.
fn held(vm: &Vm, engine: &AnyEngine) -> Vec<HeldReport> {
    let mut account = vm.account();
    account.add_all(&engine.account());
    let held = account.holdings().map(|(kind, holding)| HeldReport {
        name: kind.title().into(),
        bytes: holding.bytes,
        limit: holding.limit,
    });
    held.collect()
}

impl From<&Jit> for JitReport {
    fn from(jit: &Jit) -> Self {
        let counters = &jit.counters;
        let units = jit.code().units();
        Self {
            translated: counters.translated,
            translations: counters.translations,
            shared: counters.shared,
            instructions: counters.instructions,
            baseline: counters.baseline,
            baseline_seconds: counters.baseline_time.as_secs_f64(),
            compile_seconds: counters.compile_time.as_secs_f64(),
            code_bytes: counters.code_bytes,
            entries: counters.entries,
            chained: counters.links,
            unchained: counters.unlinked,
            invalidated: counters.invalidated,
            remade: counters.remade,
            evicted: counters.evicted,
            evicted_units: counters.evicted_units,
            misses: counters.misses,
            cache_bytes: units.used() as u64,
            cache_peak: units.peak() as u64,
            block_bytes: jit.block_bytes() as u64,
            sweeps: counters.sweeps,
            predecoded_again: jit.predecoded_again(),
            table_bytes: jit.table_bytes() as u64,
            refused: counters.refused,
            trapping: counters.trapping,
            oversized: counters.oversized,
            unseen: counters.unseen,
            disk: jit
                .store()
                .filter(|store| store.lasts())
                .map(|store| DiskReport::from(store.counters())),
        }
    }
}

impl From<&StoreCounters> for DiskReport {
    fn from(counters: &StoreCounters) -> Self {
        Self {
            loaded: counters.loaded.load(Ordering::Relaxed),
            saved: counters.saved.load(Ordering::Relaxed),
            damaged: counters.damaged.load(Ordering::Relaxed),
        }
    }
}

impl From<&crate::engine::LockstepCounters> for LockstepReport {
    fn from(counters: &crate::engine::LockstepCounters) -> Self {
        Self {
            comparisons: counters.comparisons,
            stores: counters.stores,
            sweeps: counters.sweeps,
        }
    }
}
