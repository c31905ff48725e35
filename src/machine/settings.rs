//! What the user asked of a VM, before any file is read.

use std::path::{Path, PathBuf};

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::mmu::second;

use super::error::{Problem, SpecError};
use super::kinds::{CodeCache, ConsoleSpec, EngineKind, PolicyName, SOCKET_PATH};
use super::load::Files;
use super::place::{At, Place};
use super::spec::MachineSpec;
use super::values::{RtcStart, ValueError};
use crate::cache::code::CacheConfig;
use crate::image::MemorySize;

/// What stands for a copy's number.
const NUMBER: &str = "{n}";

/// What the user asked of a VM, or of several that are alike. What is absent another place may
/// say, and in the end the default does.
#[derive(Clone, Debug, Default)]
#[expect(
    missing_docs,
    reason = "docs/machine-file.md says what the keys of these names mean"
)]
pub struct Settings {
    /// Where the settings start.
    pub place: Place,
    pub name: Option<At<String>>,
    pub image: Option<At<PathBuf>>,
    pub flat: Option<At<Va>>,
    pub big_endian: Option<At<bool>>,
    pub engine: Option<EngineKind>,
    pub cpu: Option<&'static Model>,
    pub memory: Option<MemorySize>,
    pub initrd: Option<At<PathBuf>>,
    pub append: Option<String>,
    pub rtc: Option<RtcStart>,
    pub second_tlb: Option<u32>,
    pub realtime: Option<At<bool>>,
    pub script: Option<At<PathBuf>>,
    pub limit: Option<u64>,
    pub hot: Option<u32>,
    /// How often a block is interpreted before the baseline translates it.
    pub baseline: Option<u32>,
    pub region: Option<u32>,
    pub jit_threads: Option<u32>,
    pub stride: Option<u64>,
    pub cache_bytes: Option<usize>,
    pub cache_unit: Option<usize>,
    pub cache_policy: Option<PolicyName>,
    pub code_cache: Option<CodeCache>,
    pub share: Option<u32>,
    pub console: Option<At<ConsoleSpec>>,
    pub count: Option<u32>,
    pub hypercalls: Option<bool>,
}

/// Of each field the first's value, or else the second's.
macro_rules! first_of {
    ($self:ident, $base:ident, $($field:ident)*) => {
        Self {
            place: $self.place,
            name: $self.name,
            count: $self.count,
            $($field: $self.$field.or_else(|| $base.$field.clone()),)*
        }
    };
}

impl Settings {
    /// These settings, and what they do not say as `base` says it. Name and count are nothing that
    /// several VMs could have in common.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        first_of!(self, base,
            image flat big_endian engine cpu memory initrd append rtc second_tlb realtime script
            limit hot baseline region jit_threads stride cache_bytes cache_unit cache_policy code_cache
            share console hypercalls)
    }

    /// The machines that this describes, one or `count`, with their files read.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or settings contradict each other.
    pub fn machines(&self, files: &mut Files) -> Result<Vec<MachineSpec>, SpecError> {
        match self.count {
            None => Ok(vec![self.machine(files)?]),
            Some(count) => (1..=count).map(|n| self.copy(n, files)).collect(),
        }
    }

    /// Copy `n` of several.
    fn copy(&self, n: u32, files: &mut Files) -> Result<MachineSpec, SpecError> {
        let n = n.to_string();
        let number = |text: &str| text.replace(NUMBER, &n);
        let in_path = |path: PathBuf| {
            path.to_str()
                .map(|text| number(text).into())
                .unwrap_or(path)
        };
        let mut own = self.clone();
        own.append = own.append.map(|text| number(&text));
        own.script = own.script.map(|At { value, place }| At {
            value: in_path(value),
            place,
        });
        own.console = own.console.map(|At { value, place }| At {
            value: value.map_path(in_path),
            place,
        });
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
        let image = match &self.image {
            Some(path) => {
                let order = self.big_endian.as_ref().is_some_and(|order| order.value);
                let flat = self.flat.as_ref().map(|flat| (flat.value, order));
                files
                    .image(&path.value, flat)
                    .map_err(|error| Problem::from(error).at(&path.place))?
            }
            None => files
                .tour()
                .map_err(|error| Problem::from(error).at(&self.place))?,
        };
        let initrd = self.initrd.as_ref().map(|path| {
            files
                .initrd(&path.value)
                .map_err(|error| Problem::from(error).at(&path.place))
        });
        let initrd = initrd.transpose()?;
        let script = self.script.as_ref().map(|path| {
            files
                .script(&path.value)
                .map_err(|error| Problem::from(error).at(&path.place))
        });
        let script = script.transpose()?;
        let named = self.name.as_ref();
        Ok(MachineSpec {
            name: named.map_or_else(|| name_after(&image.name), |name| name.value.clone()),
            place: named.map_or_else(|| self.place.clone(), |name| name.place.clone()),
            image,
            initrd,
            append: self.append.clone().unwrap_or_default(),
            engine: self.engine.unwrap_or(EngineKind::Jit),
            cpu: self.cpu.unwrap_or_else(default_model),
            memory: self.memory.unwrap_or_default(),
            rtc: self.rtc.unwrap_or_default(),
            second_tlb: self
                .second_tlb
                .map_or(second::DEFAULT_ENTRIES, |entries| entries as usize),
            realtime: self.is_realtime(),
            script,
            limit: self.limit,
            hot: self.hot,
            baseline: self.baseline,
            region: self.region,
            background: self.jit_threads != Some(0),
            cache: self.cache(),
            code_cache: self.code_cache(),
            stride: self.stride.unwrap_or(0),
            share: self.share.unwrap_or(100),
            console: self.console()?,
            hypercalls: self.hypercalls.unwrap_or(true),
        })
    }

    /// Whether the settings fit each other.
    fn agrees(&self) -> Result<(), SpecError> {
        if let Some(realtime) = &self.realtime
            && realtime.value
            && self.engine == Some(EngineKind::Lockstep)
        {
            return Err(Problem::LockstepRealtime.at(self.place_of(realtime)));
        }
        match (&self.image, &self.flat, &self.big_endian, &self.initrd) {
            (None, Some(flat), ..) => Err(Problem::FlatAlone.at(self.place_of(flat))),
            (_, None, Some(order), _) if order.value => {
                Err(Problem::OrderAlone.at(self.place_of(order)))
            }
            (None, .., Some(initrd)) => Err(Problem::InitrdAlone.at(self.place_of(initrd))),
            _ => Ok(()),
        }
    }

    /// Where to look for a contradiction that `setting` is part of: a switch for all machines says
    /// nothing of which of them it does not suit.
    fn place_of<'a, T>(&'a self, setting: &'a At<T>) -> &'a Place {
        match &setting.place {
            Place::Switch => &self.place,
            place => place,
        }
    }

    fn is_realtime(&self) -> bool {
        self.realtime.as_ref().is_some_and(|on| on.value)
    }

    /// Where the JIT keeps its translations. Lockstep uses a folder that was named only: it
    /// compares what this run translates.
    fn code_cache(&self) -> CodeCache {
        match (&self.code_cache, self.engine.unwrap_or(EngineKind::Jit)) {
            (None, _) | (_, EngineKind::Interp) => CodeCache::Off,
            (Some(CodeCache::User(_)), EngineKind::Lockstep) => CodeCache::Off,
            (Some(named), _) => named.clone(),
        }
    }

    fn cache(&self) -> CacheConfig {
        let default = CacheConfig::default();
        CacheConfig {
            bytes: self.cache_bytes.unwrap_or(default.bytes),
            unit_bytes: self.cache_unit.unwrap_or(default.unit_bytes),
            policy: self.cache_policy.map_or(default.policy, Into::into),
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

/// The CPU that guests see by default.
fn default_model() -> &'static Model {
    use mirrorball_runtime::cpu::model::MODELS;
    Model::find("24Kf").unwrap_or(&MODELS[0])
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
