//! Several machines under one monitor: what the runtime's monitor needs to make and run them.
//!
//! [`Fleet`] makes machines from their descriptions and shares among them what need not be there
//! for each: the threads that translate, and translations ([`crate::engine::compiler`]).
//! `consoles` are made once and outlive a reset. [`Watch`] is the monitor as the control socket
//! sees it.

mod consoles;
mod debugged;
mod desks;
mod leaving;
mod saving;
mod watch;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::memory::machine::{MachineMemory, MachineMemoryError};
use mirrorball_runtime::memory::swap::SwapFile;
use mirrorball_runtime::monitor::{EngineFacts, Fleet as Guests, Machine, Monitor, MonitorConfig};
use mirrorball_runtime::vm::Vm;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;

use crate::cache::persist::Store;
use crate::console::script::Unfinished;
use crate::console::{Hub, Waker};
use crate::engine::compiler::{CompilePool, CompilePoolError};
use crate::engine::{AnyEngine, Jit};
use crate::folder::FolderError;
use crate::gdb::Ending;
use crate::machine::{CodeCache, EngineKind, MachineSpec, MonitorSpec, StartError};

use crate::net::NetError;
use crate::snapshot::Snapshot;
pub use consoles::{ConsoleError, Consoles, SharedSession};
pub use debugged::Debugged;
pub use desks::{Desks, NoDesk};
pub use watch::Watch;

/// Pages a second that are looked at for equal ones, for one page after each slice: a slice takes
/// about two milliseconds.
const RATE_OF_A_PAGE: u32 = 512;

/// The monitor of a fleet.
pub type FleetMonitor = Monitor<Fleet>;

/// Why there is no fleet.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum FleetError {
    #[error(transparent)]
    CompilePool(#[from] CompilePoolError),
    #[error(transparent)]
    Memory(#[from] MachineMemoryError),
    #[error("cannot make a swap file in {folder}: {source}; name another folder: --swap SIZE:DIR")]
    Swap {
        folder: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Console(#[from] ConsoleError),
    #[error(transparent)]
    Network(#[from] NetError),
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl FleetError {
    /// Whether the user has to change something, as opposed to the host having failed.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Console(error) => error.is_usage(),
            Self::Network(error) => error.is_usage(),
            Self::Folder(_) => true,
            _ => false,
        }
    }
}

/// A machine at its end.
pub struct Ended<'a> {
    /// Its description.
    pub spec: &'a MachineSpec,
    /// The machine.
    pub machine: &'a Machine<AnyEngine, SharedSession>,
    /// Why it ended; `None` if the monitor failed in running it.
    pub outcome: Option<Outcome>,
    /// The host time that it had.
    pub cpu_time: Duration,
    /// What its script still waited for.
    pub unfinished: Option<Unfinished>,
}

/// What wants to know what becomes of machines.
pub trait Audience: Send + Sync {
    /// The exit code of a run that ends like this.
    fn exit_code(&self, outcome: Outcome) -> u8;

    /// Machine `number` is at its end.
    fn ended(&self, number: usize, ended: &Ended<'_>);

    /// There is something to tell of a machine.
    fn notice(&self, name: &str, text: &str);
}

/// All that a translation depends on beside guest code: what machines must have alike to share.
type Kin = (&'static str, bool, CodeCache);

/// The machines.
pub struct Fleet {
    specs: Vec<MachineSpec>,
    consoles: Consoles,
    pool: Option<Arc<CompilePool>>,
    /// What is wrong with a store only its machines suffer from.
    stores: HashMap<Kin, Result<Store, String>>,
    audience: Box<dyn Audience>,
    /// What the first machine is, if it comes from another monitor.
    arrived: OnceLock<Snapshot>,
    /// Where machines meet their debuggers.
    desks: Desks,
}

fn kin(spec: &MachineSpec) -> Kin {
    let big_endian = spec.image.big_endian;
    (spec.cpu.name, big_endian, spec.code_cache.clone())
}

impl Fleet {
    /// The monitor for `specs`, before the first instruction. Clients can be handed to their consoles if
    /// these are `attachable`. What becomes of them is told to `audience`.
    ///
    /// # Errors
    /// When the host has no memory, threads or consoles for them.
    pub fn monitor(
        monitor: &MonitorSpec,
        specs: Vec<MachineSpec>,
        attachable: bool,
        audience: Box<dyn Audience>,
    ) -> Result<Arc<FleetMonitor>, FleetError> {
        raise_descriptors();
        let swap = match &monitor.swap {
            Some(swap) => SwapFile::create(&swap.folder, swap.size).map_err(|source| {
                let folder = swap.folder.clone();
                FleetError::Swap { folder, source }
            })?,
            None => SwapFile::none(),
        };
        let machines: Vec<u64> = specs.iter().map(|spec| spec.memory.bytes()).collect();
        let memory = MachineMemory::with_swap(monitor.machine_memory, &machines, swap)?;
        let several = specs.len() > 1;
        // Others find what one has had translated, and so do later runs.
        let keeps = |spec: &&MachineSpec| {
            spec.engine != EngineKind::Interp && (several || spec.code_cache != CodeCache::Off)
        };
        let mut stores = HashMap::new();
        for spec in specs.iter().filter(keeps) {
            if let Entry::Vacant(place) = stores.entry(kin(spec)) {
                let store = spec.store().and_then(|store| match store {
                    Some(store) => Ok(store),
                    None => Jit::store_in_memory(spec.cpu, spec.image.big_endian),
                });
                place.insert(store.map_err(|error| error.to_string()));
            }
        }
        let background = specs.iter().any(|spec| spec.background);
        let pool = (monitor.jit_threads > 0 && background)
            .then(|| CompilePool::new(monitor.jit_threads))
            .transpose()?;
        let shares: Vec<u32> = specs.iter().map(|spec| spec.share).collect();
        let config = MonitorConfig {
            threads: monitor.host_threads,
            share_pages: if monitor.share_pages {
                monitor.share_rate.div_ceil(RATE_OF_A_PAGE) as usize
            } else {
                0
            },
            ..MonitorConfig::default()
        };
        let consoles = Consoles::open(&specs, attachable)?;
        let fleet = Self {
            specs,
            consoles,
            pool,
            stores,
            audience,
            arrived: OnceLock::new(),
            desks: Desks::default(),
        };
        let monitor = Arc::new(Monitor::new(config, fleet, Arc::new(memory), &shares));
        monitor.fleet().consoles.connect(&monitor);
        Self::wake_by_backends(&monitor)?;
        Ok(monitor)
    }

    /// Has frames and answers wake the machines that they are for.
    fn wake_by_backends(monitor: &Arc<FleetMonitor>) -> Result<(), FleetError> {
        let waker = |number| {
            let monitor = Arc::downgrade(monitor);
            Waker::new(move || {
                if let Some(monitor) = monitor.upgrade() {
                    monitor.wake(number);
                }
            })
        };
        for (number, spec) in monitor.fleet().specs.iter().enumerate() {
            for network in &spec.networks {
                network.wake(waker(number))?;
            }
            for folder in &spec.folders {
                folder.wake(waker(number))?;
            }
        }
        Ok(())
    }

    /// What machine `number` is made of.
    #[must_use]
    pub fn spec(&self, number: usize) -> &MachineSpec {
        &self.specs[number]
    }

    /// Where machines meet their debuggers.
    pub const fn desks(&self) -> &Desks {
        &self.desks
    }

    /// Waits until what was printed is written, and makes the terminal what it was. Says, by machine,
    /// what the host refused to write.
    pub fn close(&self) -> Vec<Result<(), StartError>> {
        let written = self.consoles.close().into_iter().zip(&self.specs);
        written
            .map(|(written, spec)| written.map_err(|error| spec.output_failed(error)))
            .collect()
    }

    /// By which clients are handed to the console of machine `number`, if they can be.
    #[must_use]
    pub fn hub(&self, number: usize) -> Option<&Hub> {
        self.consoles.hub(number)
    }

    /// The one machine has come from another monitor, and is this.
    pub fn arrive(&self, snapshot: Snapshot) {
        // It comes once.
        let _ = self.arrived.set(snapshot);
    }

    /// There is something to tell of a machine.
    fn tell(&self, number: usize, text: &str) {
        self.audience.notice(&self.specs[number].name, text);
    }

    /// The machines.
    #[must_use]
    pub fn specs(&self) -> &[MachineSpec] {
        &self.specs
    }

    fn start(
        &self,
        number: usize,
        memory: &Arc<MachineMemory>,
        store: Option<Store>,
    ) -> Result<Machine<AnyEngine, SharedSession>, StartError> {
        let spec = &self.specs[number];
        let memory = Arc::clone(memory);
        let mut vm = match self.arrived.get() {
            Some(snapshot) => spec.vm_from(snapshot, memory)?,
            None => spec.vm_in(memory)?,
        };
        if let Some(desk) = self.desks.of(number) {
            desk.prepare(&mut vm, spec.stays().is_some());
        }
        Ok(Machine {
            vm,
            engine: spec.engine_among(self.pool.clone(), store)?,
            host: self.consoles.session(number),
            limit: spec.limit.unwrap_or(u64::MAX),
        })
    }
}

impl Guests for Fleet {
    type Engine = AnyEngine;
    type Host = SharedSession;

    fn make(
        &self,
        number: usize,
        memory: &Arc<MachineMemory>,
    ) -> Result<Machine<AnyEngine, SharedSession>, String> {
        let store = self.stores.get(&kin(&self.specs[number]));
        let store = store.cloned().transpose()?;
        self.start(number, memory, store)
            .map_err(|error| error.to_string())
    }

    fn engine_facts(&self, engine: &AnyEngine) -> EngineFacts {
        let account = engine.account();
        let Some(jit) = engine.jit() else {
            return EngineFacts {
                account,
                ..EngineFacts::default()
            };
        };
        EngineFacts {
            account,
            translations: jit.counters.translations,
            shared: jit.counters.shared,
            evicted: jit.counters.evicted,
        }
    }

    fn ended(
        &self,
        number: usize,
        machine: Machine<AnyEngine, SharedSession>,
        outcome: Option<Outcome>,
        cpu_time: Duration,
    ) {
        machine.host.ended(outcome == Some(Outcome::Quit));
        if let Some(desk) = self.desks.of(number) {
            let code = |outcome| Ending::Exit(self.audience.exit_code(outcome));
            desk.ended(outcome.map_or(Ending::Crash, code));
        }
        let ended = Ended {
            spec: &self.specs[number],
            machine: &machine,
            outcome,
            cpu_time,
            unfinished: machine.host.unfinished(),
        };
        self.audience.ended(number, &ended);
    }

    fn restarts(&self, number: usize, vm: &Vm) -> bool {
        self.specs[number].restarts(vm)
    }

    fn notice(&self, number: usize, text: &str) {
        self.tell(number, text);
    }

    fn stopped(&self, number: usize) {
        if let Some(desk) = self.desks.of(number) {
            desk.stopped();
        }
    }
}

/// Each machine has a few descriptors. The limit on them is low by default, for programs that could
/// not do with more.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // With fewer, machines for which there are none are told of.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// What is behind a lock here is whole after each step.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
