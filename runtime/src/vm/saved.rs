//! A whole machine as plain data: saved, and loaded into another.
//!
//! Each part of a machine has a state of its own with a version of its own. What is saved is what
//! a run depends on from here on, so that the loaded machine ends with the same count and hash;
//! what an engine, the monitor or [`Insight`](crate::insight::Insight) keep about a machine is not.

use super::console::Console;
use super::{Vm, VmConfig};
use crate::addr::{PAGE_BITS, PAGE_SIZE, Pa};
use crate::board::malta::Malta;
use crate::cpu::model::Model;
use crate::memory::machine::{MachineMemory, MachineMemoryError};
use crate::memory::pmap::MOST_RAM;
use crate::memory::{HostFailure, Ram};
use crate::mmu::second::MOST_ENTRIES;
use crate::sound::Sound;
use crate::vcpu::CpuState;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Why a saved machine cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The layout of a part is not the one that this program knows.
    #[error("the saved {part} has version {found}, and this program reads version {known}")]
    Version {
        /// The part.
        part: &'static str,
        /// The version of its saved state.
        found: u32,
        /// The version that is known.
        known: u32,
    },
    /// There is no such CPU model.
    #[error("the saved machine has a CPU model {0:?}, which this program does not have")]
    Model(String),
    /// A part is in a state that a machine cannot come to: it was written to do harm.
    #[error("the saved {0} is in a state that no machine comes to")]
    Unsound(&'static str),
    /// A part does not fit the machine that it is of.
    #[error("the saved {0} does not fit the saved machine")]
    Shape(&'static str),
    /// The host has no memory for the machine.
    #[error(transparent)]
    Memory(#[from] MachineMemoryError),
}

/// Why a machine cannot have a twin.
#[derive(Debug, thiserror::Error)]
pub enum TwinError {
    /// It cannot be saved.
    #[error(transparent)]
    Save(#[from] HostFailure),
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The host has no memory for it.
    #[error(transparent)]
    Memory(#[from] MachineMemoryError),
}

/// A part of a machine's state, with the version of its layout.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part<T> {
    version: u32,
    state: T,
}

/// What parts have: a name, and a version that changes with the layout of their state.
trait Versioned {
    const NAME: &'static str;
    const VERSION: u32;
}

macro_rules! versions {
    ($($part:ty: $name:literal $version:literal;)*) => {
        $(impl Versioned for $part {
            const NAME: &'static str = $name;
            const VERSION: u32 = $version;
        })*
    };
}

versions! {
    ConfigState: "configuration" 1;
    Vec<CpuState>: "CPU" 3;
    RamState: "memory" 2;
    Malta: "board" 6;
    Console: "console" 1;
}

impl<T: Versioned> Part<T> {
    fn new(state: T) -> Self {
        Self {
            version: T::VERSION,
            state,
        }
    }

    fn open(&self) -> Result<&T, LoadError> {
        if self.version == T::VERSION {
            Ok(&self.state)
        } else {
            Err(LoadError::Version {
                part: T::NAME,
                found: self.version,
                known: T::VERSION,
            })
        }
    }
}

/// What a machine is made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ConfigState {
    model: String,
    memory: u64,
    big_endian: bool,
    second_tlb: usize,
    hypercalls: bool,
    rtc_base: u64,
}

impl ConfigState {
    fn of(config: &VmConfig) -> Self {
        Self {
            model: config.model.name.to_owned(),
            memory: config.memory,
            big_endian: config.big_endian,
            second_tlb: config.second_tlb,
            hypercalls: config.hypercalls,
            rtc_base: config.rtc_base,
        }
    }

    fn config(&self) -> Result<VmConfig, LoadError> {
        let model = Model::find(&self.model);
        let pages = self.memory > 0 && self.memory.is_multiple_of(PAGE_SIZE);
        if !pages || self.memory > MOST_RAM || self.second_tlb > MOST_ENTRIES {
            return Err(LoadError::Unsound(Self::NAME));
        }
        Ok(VmConfig {
            model: model.ok_or_else(|| LoadError::Model(self.model.clone()))?,
            memory: self.memory,
            big_endian: self.big_endian,
            second_tlb: self.second_tlb,
            hypercalls: self.hypercalls,
            rtc_base: self.rtc_base,
        })
    }
}

/// What the balloon has of RAM. The content of pages is [`Frozen`](crate::memory::Frozen).
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RamState {
    given: Vec<u32>,
    balloon_target: u32,
}

impl RamState {
    fn of(ram: &Ram) -> Self {
        Self {
            given: ram.given.iter().collect(),
            balloon_target: ram.balloon_target,
        }
    }

    /// Gives `vm` this state. False, and nothing is done, if its RAM could not be in it.
    fn load(&self, vm: &mut Vm) -> bool {
        let pages = self
            .given
            .iter()
            .map(|&number| Pa(u64::from(number) << PAGE_BITS));
        let once = self.given.is_sorted_by(|before, after| before < after);
        if !once || !pages.clone().all(|page| vm.ram.is_ram(page)) {
            return false;
        }
        let mut view = vm.view();
        pages.for_each(|page| view.give_page(page));
        vm.ram.balloon_target = self.balloon_target;
        true
    }
}

/// The state of a machine, but for the content of its RAM.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedVm {
    config: Part<ConfigState>,
    cpus: Part<Vec<CpuState>>,
    ram: Part<RamState>,
    board: Part<Malta>,
    console: Part<Console>,
}

impl SavedVm {
    /// The state of `vm`, which is between two runs of its engine.
    #[must_use]
    pub fn of(vm: &Vm) -> Self {
        Self {
            config: Part::new(ConfigState::of(&vm.config)),
            cpus: Part::new(vec![CpuState::of(&vm.cpu)]),
            ram: Part::new(RamState::of(&vm.ram)),
            board: Part::new(vm.board.clone()),
            console: Part::new(vm.console.clone()),
        }
    }

    /// What the machine is made of.
    ///
    /// # Errors
    /// If this program has no such machine.
    pub fn config(&self) -> Result<VmConfig, LoadError> {
        self.config.open()?.config()
    }

    /// How many instructions the machine had run.
    #[must_use]
    pub fn retired(&self) -> u64 {
        (self.cpus.state.first()).map_or(0, CpuState::retired)
    }

    /// Makes `vm`, of which this is a state, what it was. Its RAM and what is outside of it are the
    /// caller's to see to. Does nothing if it is the state of another machine.
    pub(super) fn go_back(&self, vm: &mut Vm) {
        let [cpu] = self.cpus.state.as_slice() else {
            return;
        };
        if cpu.load(&mut vm.cpu) {
            vm.ram.given = self.ram.state.given.iter().copied().collect();
            vm.ram.balloon_target = self.ram.state.balloon_target;
            vm.board = self.board.state.clone();
            vm.console = self.console.state.clone();
        }
    }

    /// Fails if board or console are not sound. CPU and RAM see for themselves.
    fn check(&self) -> Result<(), LoadError> {
        let console = (!self.console.open()?.is_sound()).then_some(Console::NAME);
        let unsound = self.board.open()?.unsound().or(console);
        unsound.map_or(Ok(()), |part| Err(LoadError::Unsound(part)))
    }

    /// A machine in this state, in machine memory that others may share. Its RAM is zeros.
    ///
    /// # Errors
    /// When the state is of another version, no machine can be in it, or the host has no memory for it.
    pub fn load_in(&self, memory: Arc<MachineMemory>) -> Result<Box<Vm>, LoadError> {
        self.check()?;
        let mut vm = Vm::in_memory(self.config()?, memory)?;
        match self.cpus.open()?.as_slice() {
            [cpu] if cpu.load(&mut vm.cpu) => {}
            _ => return Err(LoadError::Unsound(Vec::<CpuState>::NAME)),
        }
        if !self.ram.open()?.load(&mut vm) {
            return Err(LoadError::Unsound(RamState::NAME));
        }
        vm.board = self.board.open()?.clone();
        if vm.board.has_flash() {
            vm.ram
                .add_rom()
                .map_err(|_| LoadError::Shape("flash memory"))?;
        }
        vm.console = self.console.open()?.clone();
        Ok(vm)
    }
}
