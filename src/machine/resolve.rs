//! From what the user asked of a VM to what it is made of, with its files read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::mmu::second;

use super::disk;
use super::error::{Problem, SpecError};
use super::folder;
use super::kinds::{CodeCache, ConsoleSpec, EngineKind, SOCKET_PATH};
use super::load::{self, Files, Flat};
use super::network;
use super::place::{At, Place, said};
use super::settings::Settings;
use super::spec::{Extras, MachineSpec};
use super::table::Table;
use super::values::{RtcStart, ValueError};
use crate::cache::code::CacheConfig;
use crate::console::Pace;
use crate::disk::DiskSpec;
use crate::folder::FolderSpec;
use crate::image::{Firmware, Flash, Image};
use crate::net::{self, NetSpec};
use crate::snapshot::Snapshot;

/// What stands for a copy's number.
const NUMBER: &str = "{n}";

impl Settings {
    /// The machines that this describes, one or `count`, with their files read.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or settings contradict each other.
    pub fn machines(&self, files: &mut Files) -> Result<Vec<MachineSpec>, SpecError> {
        match said(&self.count) {
            None => Ok(vec![self.machine(files)?]),
            Some(count) => (1..=count).map(|n| self.copy(n, files)).collect(),
        }
    }

    /// Copy `n` of several.
    fn copy(&self, n: u32, files: &mut Files) -> Result<MachineSpec, SpecError> {
        let number = |text: &str| text.replace(NUMBER, &n.to_string());
        let in_path = |path: PathBuf| {
            path.to_str()
                .map(|text| number(text).into())
                .unwrap_or(path)
        };
        let mut own = self.clone();
        own.append = own.append.map(|text| text.map(|text| number(&text)));
        own.script = own.script.map(|path| path.map(in_path));
        for disk in own.disk.iter_mut().flat_map(|disks| &mut disks.value) {
            disk.file = disk.file.take().map(|path| path.map(in_path));
        }
        for net in own.net.iter_mut().flat_map(|nets| &mut nets.value) {
            net.copy(n as u16, &number);
        }
        own.console = (own.console).map(|console| console.map(|it| it.map_path(in_path)));
        let mut machine = own.machine(files)?;
        machine.name = format!("{}-{n}", machine.name);
        Ok(machine)
    }

    /// The one machine that this describes, whatever `count` is.
    ///
    /// # Errors
    ///
    /// As for [`Settings::machines`].
    pub fn machine(&self, files: &mut Files) -> Result<MachineSpec, SpecError> {
        self.agrees()?;
        let replay = read(&self.replay, |path| files.record(path))?;
        let restored = read(&self.restore, |path| files.snapshot(path))?;
        let snapshot = restored.or_else(|| Some(Arc::clone(replay.as_ref()?.snapshot())));
        let firmware = read(&self.bios, |path| files.firmware(path))?;
        let image = match (&snapshot, &firmware) {
            (Some(snapshot), _) => saved_image(snapshot),
            (None, Some(firmware)) if self.image.is_none() => self.no_image(firmware),
            (None, _) => self.image(files)?,
        };
        let named = self.name.as_ref();
        let networks = self.networks(files)?;
        let mut machine = MachineSpec {
            name: named.map_or_else(|| name_after(&image.name), |name| name.value.clone()),
            place: named.map_or_else(|| self.place.clone(), |name| name.place.clone()),
            image,
            flash: firmware.map(Flash::new),
            initrd: read(&self.initrd, |path| files.initrd(path))?,
            snapshot: None,
            replay,
            disks: self.disks()?,
            append: said(&self.append).unwrap_or_default(),
            engine: self.engine(),
            cpu: self.cpu(),
            memory: said(&self.memory).unwrap_or_default(),
            rtc: said(&self.rtc).unwrap_or_else(|| rtc_beside(&networks)),
            networks,
            folders: self.folders()?,
            rngseed: said(&self.rngseed).unwrap_or_default(),
            second_tlb: said(&self.second_tlb)
                .map_or(second::DEFAULT_ENTRIES, |entries| entries as usize),
            pace: self.pace(),
            on_reset: said(&self.on_reset).unwrap_or_default(),
            script: read(&self.script, |path| files.script(path))?,
            limit: said(&self.limit),
            hot: said(&self.hot),
            baseline: said(&self.baseline),
            region: said(&self.region),
            background: said(&self.jit_threads) != Some(0),
            cache: self.cache(),
            code_cache: self.code_cache(),
            stride: said(&self.stride).unwrap_or(0),
            share: said(&self.share).unwrap_or(100),
            console: self.console()?,
            extras: Extras {
                balloon: said(&self.balloon).unwrap_or(false),
                console: said(&self.virtio_console).unwrap_or(false),
                rng: said(&self.rng).unwrap_or(false),
            },
            hypercalls: said(&self.hypercalls).unwrap_or(true),
        };
        if let Some(snapshot) = snapshot {
            machine.go_on_from(snapshot);
        }
        Ok(machine)
    }

    /// Its disks.
    pub(super) fn disks(&self) -> Result<Vec<DiskSpec>, SpecError> {
        let Some(At { value, place }) = &self.disk else {
            return Ok(Vec::new());
        };
        if value.len() > disk::MOST {
            return Err(Problem::Disks(disk::MOST).at(place));
        }
        (0..).zip(value).map(|(n, disk)| disk.spec(n)).collect()
    }

    /// The folders that it shares.
    fn folders(&self) -> Result<Vec<FolderSpec>, SpecError> {
        let Some(At { value, place }) = &self.folder else {
            return Ok(Vec::new());
        };
        if value.len() > folder::MOST {
            return Err(Problem::Folders(folder::MOST).at(place));
        }
        let numbered = (0..).zip(value);
        numbered.map(|(n, folder)| folder.spec(n)).collect()
    }

    /// Its network ports.
    fn networks(&self, files: &mut Files) -> Result<Vec<NetSpec>, SpecError> {
        let machine = files.number();
        let Some(At { value, place }) = &self.net else {
            return Ok(Vec::new());
        };
        if value.len() > network::MOST {
            return Err(Problem::Networks(network::MOST).at(place));
        }
        let ports = (0..).zip(value);
        ports
            .map(|(port, net)| net.spec(machine, port, files))
            .collect()
    }

    fn image(&self, files: &mut Files) -> Result<Arc<Image>, SpecError> {
        let flat = self.flat();
        match read(&self.image, |path| files.image(path, flat))? {
            Some(image) => Ok(image),
            None => files
                .tour()
                .map_err(|error| Problem::from(error).at(&self.place)),
        }
    }

    /// What stands for the image of a machine that has firmware alone.
    fn no_image(&self, firmware: &Firmware) -> Arc<Image> {
        let big_endian = said(&self.big_endian).unwrap_or(false);
        Arc::new(Image::none(&firmware.name, big_endian))
    }

    /// How to read an image that is no ELF file: where it lies, and whether it is big-endian.
    fn flat(&self) -> Option<Flat> {
        let address = said(&self.flat)?;
        Some((address, said(&self.big_endian).unwrap_or(false)))
    }

    /// The image at `path`, read as the settings say.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is none.
    pub fn open(&self, path: &Path) -> Result<Image, SpecError> {
        self.orders()?;
        load::open(path, self.flat()).map_err(|error| Problem::from(error).at(&self.place))
    }

    /// Whether a byte order is said of something that has none of its own only.
    fn orders(&self) -> Result<(), SpecError> {
        let firmware = self.bios.is_some() && self.image.is_none();
        match &self.big_endian {
            Some(order) if order.value && self.flat.is_none() && !firmware => {
                Err(Problem::OrderAlone.at(self.place_of(order)))
            }
            _ => Ok(()),
        }
    }

    /// The CPU model.
    #[must_use]
    pub fn cpu(&self) -> &'static Model {
        said(&self.cpu).unwrap_or_else(default_model)
    }

    fn engine(&self) -> EngineKind {
        said(&self.engine).unwrap_or(EngineKind::Jit)
    }

    /// A run that a script or a limit ends is over as soon as it can be, and others are for people. What
    /// comes over a network takes time of the host's as well.
    fn pace(&self) -> Pace {
        let ends = (self.script.is_some() || self.limit.is_some())
            && self.net.is_none()
            && self.folder.is_none();
        match (said(&self.realtime), said(&self.fast_forward)) {
            _ if self.replay.is_some() => Pace::Forward,
            (Some(true), _) => Pace::Realtime,
            (_, Some(true)) => Pace::Forward,
            (_, None) if ends => Pace::Scripted,
            (_, None | Some(false)) => Pace::Waiting,
        }
    }

    /// Whether the settings fit each other.
    fn agrees(&self) -> Result<(), SpecError> {
        if let (Pace::Realtime, Some(At { value: true, place })) = (self.pace(), &self.fast_forward)
        {
            return Err(Problem::TwoPaces.at(place));
        }
        if let Some(realtime) = &self.realtime
            && realtime.value
            && self.engine() == EngineKind::Lockstep
        {
            return Err(Problem::LockstepRealtime.at(self.place_of(realtime)));
        }
        if let Some(restore) = self.restore.as_ref().or(self.replay.as_ref())
            && let Some(name) = self.saved()
        {
            return Err(Problem::Saved(name).at(self.place_of(restore)));
        }
        if let Some(replay) = &self.replay
            && let Some(other) = self.not_replayed()
        {
            return Err(Problem::Replayed(other).at(self.place_of(replay)));
        }
        self.orders()?;
        match (&self.image, &self.flat, &self.initrd) {
            (None, Some(flat), _) => Err(Problem::FlatAlone.at(self.place_of(flat))),
            (None, _, Some(initrd)) => Err(Problem::InitrdAlone.at(self.place_of(initrd))),
            _ => Ok(()),
        }
    }

    /// What is said that a replay cannot have.
    fn not_replayed(&self) -> Option<&'static str> {
        [
            (self.restore.is_some(), "restore"),
            (self.script.is_some(), "script"),
            (self.net.is_some(), "net"),
            (self.folder.is_some(), "folder"),
            (said(&self.realtime) == Some(true), "realtime"),
        ]
        .into_iter()
        .find_map(|(said, name)| said.then_some(name))
    }

    /// Where to look for a contradiction that `setting` is part of: a switch for all machines says
    /// nothing of which of them it does not suit.
    fn place_of<'a, T>(&'a self, setting: &'a At<T>) -> &'a Place {
        match &setting.place {
            Place::Switch => &self.place,
            place => place,
        }
    }

    /// Where the JIT keeps its translations. Lockstep uses a folder that was named only: it
    /// compares what this run translates.
    fn code_cache(&self) -> CodeCache {
        match (said(&self.code_cache), self.engine()) {
            (None, _) | (_, EngineKind::Interp) => CodeCache::Off,
            (Some(CodeCache::User(_)), EngineKind::Lockstep) => CodeCache::Off,
            (Some(named), _) => named,
        }
    }

    fn cache(&self) -> CacheConfig {
        let default = CacheConfig::default();
        CacheConfig {
            bytes: said(&self.cache_bytes).unwrap_or(default.bytes),
            unit_bytes: said(&self.cache_unit).unwrap_or(default.unit_bytes),
            policy: said(&self.cache_policy).map_or(default.policy, Into::into),
        }
    }

    fn console(&self) -> Result<ConsoleSpec, SpecError> {
        let Some(At { value, place }) = &self.console else {
            return Ok(ConsoleSpec::Terminal);
        };
        if let ConsoleSpec::Socket(path) = value {
            fits_a_socket(path, "console", place)?;
        }
        if let Some(path) = value.path() {
            has_a_folder(path, place)?;
        }
        Ok(value.clone())
    }
}

/// The file that was named, if one was, as `open` reads it.
fn read<T, E: Into<Problem>>(
    path: &Option<At<PathBuf>>,
    open: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<Option<T>, SpecError> {
    let read = |path: &At<PathBuf>| open(&path.value).map_err(|error| error.into().at(&path.place));
    path.as_ref().map(read).transpose()
}

/// The CPU that guests see by default.
fn default_model() -> &'static Model {
    use mirrorball_runtime::cpu::model::MODELS;
    Model::find("24Kf").unwrap_or(&MODELS[0])
}

/// What a clock shows that was not set. What is outside signs and certifies for its own time, so that a
/// guest that reaches it has that as well.
fn rtc_beside(networks: &[NetSpec]) -> RtcStart {
    let reaches_out = networks
        .iter()
        .any(|net| matches!(net.kind, net::Kind::User(_) | net::Kind::Tap(_)));
    if reaches_out {
        RtcStart::Now
    } else {
        RtcStart::default()
    }
}

/// What stands for the image of a machine that does not boot.
fn saved_image(snapshot: &Snapshot) -> Arc<Image> {
    let (name, config) = (&snapshot.index().name, snapshot.config());
    Arc::new(Image::none(name, config.big_endian))
}

/// What a machine is called that boots `image` and was given no name.
fn name_after(image: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = image
        .trim_start_matches(|c: char| !c.is_ascii_alphanumeric())
        .chars()
        .map(|c| if good(c) { c } else { '-' })
        .take(64)
        .collect();
    if name.is_empty() {
        "vm".to_owned()
    } else {
        name
    }
}

/// Whether a socket may have this path.
pub(super) fn fits_a_socket(path: &Path, key: &str, place: &Place) -> Result<(), SpecError> {
    if path.as_os_str().len() <= SOCKET_PATH {
        return Ok(());
    }
    Err(Problem::Value {
        key: key.to_owned(),
        text: path.display().to_string(),
        why: ValueError::SocketPath,
    }
    .at(place))
}

/// Whether there is a folder for a file at `path`.
pub(super) fn has_a_folder(path: &Path, place: &Place) -> Result<(), SpecError> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => is_folder(folder, place),
        _ => Ok(()),
    }
}

/// Whether `path` is a folder.
pub(super) fn is_folder(path: &Path, place: &Place) -> Result<(), SpecError> {
    if path.is_dir() {
        return Ok(());
    }
    Err(Problem::NoFolder(path.display().to_string()).at(place))
}
