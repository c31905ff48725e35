//! The files that machines are started from, each read once however many machines have it, and what
//! else machines have in common.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirrorball_runtime::addr::Va;
use rustc_hash::FxHashMap;

use super::apart::Uses;
use crate::console::{Script, ScriptError};
use crate::image::{self, Firmware, Image, ImageError, Initrd, elf, flat};
use crate::net::Switch;
use crate::record::{Record, RecordError};
use crate::snapshot::{Snapshot, SnapshotError};

/// A flat binary's address, and whether it is big-endian.
pub(super) type Flat = (Va, bool);

/// The image at `path`: an ELF file, or a flat binary if `flat` says where it lies.
pub(super) fn open(path: &Path, flat: Option<Flat>) -> Result<Image, ImageError> {
    match flat {
        Some((address, big_endian)) => flat::open(path, address, big_endian),
        None => elf::open(path),
    }
}

/// What was read. Machines keep what they need of it, so that it goes with the last of them.
#[derive(Debug, Default)]
pub struct Files {
    images: FxHashMap<(PathBuf, Option<Flat>), Arc<Image>>,
    initrds: FxHashMap<PathBuf, Arc<Initrd>>,
    firmware: FxHashMap<PathBuf, Arc<Firmware>>,
    scripts: FxHashMap<PathBuf, Script>,
    snapshots: FxHashMap<PathBuf, Arc<Snapshot>>,
    records: FxHashMap<PathBuf, Arc<Record>>,
    tour: Option<Arc<Image>>,
    subnets: FxHashMap<String, Arc<Switch>>,
    /// How many machines there are so far.
    machines: u16,
}

impl Files {
    /// The image at `path`: an ELF file, or a flat binary if `flat` says where it lies.
    pub(super) fn image(
        &mut self,
        path: &Path,
        flat: Option<Flat>,
    ) -> Result<Arc<Image>, ImageError> {
        let key = (path.to_owned(), flat);
        if let Some(image) = self.images.get(&key) {
            return Ok(Arc::clone(image));
        }
        let image = Arc::new(open(path, flat)?);
        self.images.insert(key, Arc::clone(&image));
        Ok(image)
    }

    /// Adds the files that were read to `uses`.
    pub fn note(&self, uses: &mut Uses) {
        for (path, _) in self.images.keys() {
            uses.read("the kernel", path);
        }
        for path in self.initrds.keys() {
            uses.read("the initrd", path);
        }
        for path in self.firmware.keys() {
            uses.read("the firmware", path);
        }
        for path in self.scripts.keys() {
            uses.read("the script", path);
        }
        for path in self.snapshots.keys() {
            uses.read("the snapshot", path);
        }
        for path in self.records.keys() {
            uses.read("the record", path);
        }
    }

    /// The number of the next machine.
    pub(super) fn number(&mut self) -> u16 {
        let number = self.machines;
        self.machines = number.wrapping_add(1);
        number
    }

    /// What connects the machines that name this subnet.
    pub(super) fn subnet(&mut self, name: String) -> Arc<Switch> {
        Arc::clone(self.subnets.entry(name).or_default())
    }

    /// The guest that is built in.
    pub(super) fn tour(&mut self) -> Result<Arc<Image>, ImageError> {
        if let Some(tour) = &self.tour {
            return Ok(Arc::clone(tour));
        }
        let tour = Arc::new(elf::parse("tour", image::TOUR)?);
        self.tour = Some(Arc::clone(&tour));
        Ok(tour)
    }

    /// The initial RAM disk at `path`.
    pub(super) fn initrd(&mut self, path: &Path) -> Result<Arc<Initrd>, ImageError> {
        if let Some(initrd) = self.initrds.get(path) {
            return Ok(Arc::clone(initrd));
        }
        let initrd = Arc::new(Initrd::open(path)?);
        self.initrds.insert(path.to_owned(), Arc::clone(&initrd));
        Ok(initrd)
    }

    /// The firmware at `path`.
    pub(super) fn firmware(&mut self, path: &Path) -> Result<Arc<Firmware>, ImageError> {
        if let Some(firmware) = self.firmware.get(path) {
            return Ok(Arc::clone(firmware));
        }
        let firmware = Arc::new(Firmware::open(path)?);
        self.firmware.insert(path.to_owned(), Arc::clone(&firmware));
        Ok(firmware)
    }

    /// A machine has come by the socket at `path`, and is this so far.
    pub fn has_come(&mut self, path: &Path, snapshot: &Arc<Snapshot>) {
        let snapshot = Arc::clone(snapshot);
        self.snapshots.insert(path.to_owned(), snapshot);
    }

    /// The snapshot at `path`.
    pub(super) fn snapshot(&mut self, path: &Path) -> Result<Arc<Snapshot>, SnapshotError> {
        if let Some(snapshot) = self.snapshots.get(path) {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(Snapshot::open(path)?);
        self.snapshots
            .insert(path.to_owned(), Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// The record at `path`.
    pub(super) fn record(&mut self, path: &Path) -> Result<Arc<Record>, RecordError> {
        if let Some(record) = self.records.get(path) {
            return Ok(Arc::clone(record));
        }
        let record = Arc::new(Record::open(path)?);
        self.records.insert(path.to_owned(), Arc::clone(&record));
        Ok(record)
    }

    /// The script at `path`.
    pub(super) fn script(&mut self, path: &Path) -> Result<Script, ScriptError> {
        if let Some(script) = self.scripts.get(path) {
            return Ok(script.clone());
        }
        let script = Script::open(path)?;
        self.scripts.insert(path.to_owned(), script.clone());
        Ok(script)
    }
}
