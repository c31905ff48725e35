//! Everything that one VM is made of, with its files read and its values checked.

use std::sync::Arc;

use mirrorball_runtime::addr::Pa;
use mirrorball_runtime::cpu::model::Model;
use rustc_hash::FxHashMap;

use super::error::{Other, Problem, SpecError};
use super::kinds::{CodeCache, ConsoleSpec, EngineKind, OnReset};
use super::place::Place;
use super::values::{RngSeed, RtcStart};
use crate::cache::code::CacheConfig;
use crate::console::{Pace, Script};
use crate::disk::{Access, DiskSpec, Mark, MarkError};
use crate::folder::FolderSpec;
use crate::image::{self, Flash, Image, Initrd, MemorySize, PhysicalMemory};
use crate::net::{Kind, NetSpec};
use crate::record::Record;
use crate::snapshot::Snapshot;

/// Virtio devices that have nothing of the host behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// A balloon.
    pub balloon: bool,
    /// A console.
    pub console: bool,
    /// A source of random bytes.
    pub rng: bool,
}

/// Everything that one VM is made of.
#[derive(Clone, Debug)]
pub struct MachineSpec {
    /// What it is called; no two machines of a monitor have the same name.
    pub name: String,
    /// Where it was described.
    pub(super) place: Place,
    /// The kernel. With firmware or a snapshot it may be a name only.
    pub image: Arc<Image>,
    /// The flash memory that it starts from, if it does not start with the kernel.
    pub flash: Option<Flash>,
    /// The initial RAM disk.
    pub initrd: Option<Arc<Initrd>>,
    /// What it goes on from, if it does not boot.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The run that it is to do again.
    pub replay: Option<Arc<Record>>,
    /// Its disks.
    pub disks: Vec<DiskSpec>,
    /// Its network ports.
    pub networks: Vec<NetSpec>,
    /// The folders that it shares.
    pub folders: Vec<FolderSpec>,
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
    /// Where the guest's random numbers start.
    pub rngseed: RngSeed,
    /// Entries of the second-level TLB.
    pub second_tlb: usize,
    /// How its time goes on the host's clock.
    pub pace: Pace,
    /// What becomes of it when its guest resets it.
    pub on_reset: OnReset,
    /// The scripted session.
    pub script: Option<Script>,
    /// How many instructions may run.
    pub limit: Option<u64>,
    /// How often a block runs before it is translated, if not as often as the engine chooses.
    pub hot: Option<u32>,
    /// How often a block is interpreted before the baseline translates it, if not the default.
    pub baseline: Option<u32>,
    /// The most instructions in a region, if not as many as the engine chooses.
    pub region: Option<u32>,
    /// Whether to translate on a thread beside the guest.
    pub background: bool,
    /// How translations are kept.
    pub cache: CacheConfig,
    /// Where translations are kept for later runs.
    pub code_cache: CodeCache,
    /// How many instructions lockstep runs between comparisons; 0 for a block.
    pub stride: u64,
    /// Its part of the host's CPUs, relative to the other machines' parts.
    pub share: u32,
    /// Where its serial console is.
    pub console: ConsoleSpec,
    /// The virtio devices that it has beside disks and network ports.
    pub extras: Extras,
    /// Whether the guest finds the monitor's hypercalls.
    pub hypercalls: bool,
}

/// A memory that keeps nothing: for whether a guest fits.
struct Nowhere;

impl PhysicalMemory for Nowhere {
    fn write(&mut self, _: Pa, _: &[u8]) {}
}

impl MachineSpec {
    /// Whether the guest fits into its memory; without this check the VM's start finds out.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn fits(&self) -> Result<(), SpecError> {
        if self.snapshot.is_some() || self.image.is_none() {
            return Ok(());
        }
        let initrd = self.initrd.as_deref();
        image::load(
            &self.image,
            initrd,
            self.append.as_str(),
            self.memory,
            &mut Nowhere,
        )
        .map(|_| ())
        .map_err(|error| Problem::from(error).at(&self.place))
    }

    /// Has the machine go on from a snapshot, which says what it is made of.
    pub(super) fn go_on_from(&mut self, snapshot: Arc<Snapshot>) {
        let config = snapshot.config();
        self.cpu = config.model;
        self.memory = snapshot.memory();
        self.second_tlb = config.second_tlb;
        self.hypercalls = config.hypercalls;
        self.snapshot = Some(snapshot);
    }

    /// The run ends at some instruction: as with a limit, an idle guest's time passes at once.
    pub fn ends(&mut self) {
        if self.pace == Pace::Waiting && self.networks.is_empty() {
            self.pace = Pace::Scripted;
        }
    }

    /// Why it cannot go back in time, if so: what it has outside would not go with it.
    #[must_use]
    pub fn stays(&self) -> Option<String> {
        if self.pace == Pace::Realtime {
            return Some("its time is the host's; leave out --realtime".to_owned());
        }
        if !self.networks.is_empty() {
            let why = "what it sent over its network is gone; record the run, and debug the replay";
            return Some(why.to_owned());
        }
        if !self.folders.is_empty() {
            let why =
                "what it wrote to its folder stays written; record the run, and debug the replay";
            return Some(why.to_owned());
        }
        let written = |disk: &&DiskSpec| disk.access != Access::Read;
        let disk = self.disks.iter().find(written)?;
        Some(format!(
            "what it wrote to the disk {} stays written; add readonly to that --disk",
            disk.path.display()
        ))
    }

    /// Why it cannot go on under another monitor, if so: what it has outside is here.
    #[must_use]
    pub fn is_bound(&self) -> Option<String> {
        if self.pace == Pace::Realtime {
            return Some("its time is the host's; run it without --realtime".to_owned());
        }
        if let Some(folder) = self.folders.first() {
            return Some(format!(
                "its guest may have files open in the folder {}; run it without --folder",
                folder.path.display()
            ));
        }
        let subnet = self.networks.iter().find_map(|port| match &port.kind {
            Kind::Subnet(name, _) => Some(name),
            _ => None,
        })?;
        Some(format!(
            "its subnet {subnet} is one of machines here; connect it to user or a tap device"
        ))
    }

    /// Marks of its disks. The machine `goes_on` with them, or does not.
    ///
    /// # Errors
    ///
    /// If what is saved now would not fit what is on one of them later.
    pub fn marks(&self, goes_on: bool) -> Result<Vec<Mark>, MarkError> {
        self.disks.iter().map(|disk| disk.mark(goes_on)).collect()
    }

    /// Lets go of the guest's files: once the VM is made, they are in its memory.
    pub fn forget_files(&mut self) {
        (self.initrd, self.flash) = (None, None);
        self.image = Arc::new(Image::none(&self.image.name, self.image.big_endian));
    }
}

/// Whether the machines can be told apart: each has a name of its own.
///
/// # Errors
///
/// When two have the same.
pub fn tell_apart(machines: &[MachineSpec]) -> Result<(), SpecError> {
    let mut names = FxHashMap::default();
    for machine in machines {
        if let Some(first) = names.insert(machine.name.as_str(), &machine.place) {
            return Err(Problem::Name {
                name: machine.name.clone(),
                first: Other(first.clone()),
            }
            .at(&machine.place));
        }
    }
    Ok(())
}
