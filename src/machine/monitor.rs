//! What the machines of one monitor have in common: the host's threads, memory and disk.

use std::path::PathBuf;
use std::thread;

use super::error::{Problem, SpecError};
use super::kinds::CodeCache;
use super::place::{At, Place};
use super::settings::{Settings, fits_a_socket, has_a_folder, is_folder};
use super::spec::MachineSpec;
use super::values::{self, ValueError};

/// Pages that are looked at in a second for equal ones, by default.
const SHARE_RATE: u32 = 16_384;

/// What the user asked of the monitor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "docs/machine-file.md says what the keys of these names mean"
)]
pub struct MonitorSettings {
    pub host_threads: Option<u32>,
    pub machine_memory: Option<u64>,
    pub swap_path: Option<At<PathBuf>>,
    pub swap_size: Option<u64>,
    pub control: Option<At<PathBuf>>,
    pub share_pages: Option<bool>,
    pub share_rate: Option<u32>,
    pub jit_threads: Option<u32>,
    pub code_cache: Option<CodeCache>,
}

/// A file for pages that machine memory has no room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapSpec {
    /// The folder that it is made in.
    pub folder: PathBuf,
    /// Its size in bytes.
    pub size: u64,
}

/// How several machines are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorSpec {
    /// The host's threads that run guests.
    pub host_threads: usize,
    /// Bytes of the host's memory for all guests.
    pub machine_memory: u64,
    /// Where pages go beyond that.
    pub swap: Option<SwapSpec>,
    /// The socket at which the monitor is controlled.
    pub control: Option<PathBuf>,
    /// Whether equal pages are kept once.
    pub share_pages: bool,
    /// Pages that are looked at for that in a second.
    pub share_rate: u32,
    /// Threads that translate for all machines; 0 has each guest's thread do it.
    pub jit_threads: usize,
}

impl MonitorSettings {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These settings, and what they do not say as `base` says it.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        // A swap file's folder and size are one setting.
        let swap = if self.swap_size.is_some() {
            (self.swap_path, self.swap_size)
        } else {
            (base.swap_path, base.swap_size)
        };
        Self {
            host_threads: self.host_threads.or(base.host_threads),
            machine_memory: self.machine_memory.or(base.machine_memory),
            swap_path: swap.0,
            swap_size: swap.1,
            control: self.control.or(base.control),
            share_pages: self.share_pages.or(base.share_pages),
            share_rate: self.share_rate.or(base.share_rate),
            jit_threads: self.jit_threads.or(base.jit_threads),
            code_cache: self.code_cache.or(base.code_cache),
        }
    }

    /// What the machines are told that say nothing themselves, over `base`.
    #[must_use]
    pub fn for_machines(&self, base: Settings) -> Settings {
        let own = Settings {
            code_cache: self.code_cache.clone(),
            jit_threads: self.jit_threads.map(|threads| threads.min(1)),
            ..Settings::default()
        };
        own.over(&base)
    }

    /// The monitor for `machines`.
    ///
    /// # Errors
    ///
    /// When a folder is not there, or settings contradict each other.
    pub fn spec(&self, machines: &[MachineSpec]) -> Result<MonitorSpec, SpecError> {
        if let Some(At { value, place }) = &self.control {
            fits_a_socket(value, "control", place)?;
            has_a_folder(value, place)?;
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let wanted = || machines.iter().map(|machine| machine.memory.bytes()).sum();
        Ok(MonitorSpec {
            host_threads: self
                .host_threads
                .map_or(cores.min(machines.len()).max(1), |threads| threads as usize),
            machine_memory: self.machine_memory.unwrap_or_else(wanted),
            swap: self.swap()?,
            control: self.control.as_ref().map(|path| path.value.clone()),
            share_pages: self.share_pages.unwrap_or(machines.len() > 1),
            share_rate: self.share_rate.unwrap_or(SHARE_RATE),
            jit_threads: self.jit_threads.unwrap_or(1) as usize,
        })
    }

    fn swap(&self) -> Result<Option<SwapSpec>, SpecError> {
        match (&self.swap_path, self.swap_size) {
            (None, None) => Ok(None),
            (Some(path), None) => Err(Problem::SwapSize.at(&path.place)),
            (None, Some(size)) => Ok(Some(SwapSpec {
                folder: std::env::temp_dir(),
                size,
            })),
            (Some(At { value, place }), Some(size)) => {
                is_folder(value, place)?;
                Ok(Some(SwapSpec {
                    folder: value.clone(),
                    size,
                }))
            }
        }
    }
}

/// Reads `SIZE` or `SIZE:DIR`: a swap file's size, and the folder that it is made in.
///
/// # Errors
///
/// When either is none.
pub fn swap(text: &str) -> Result<(u64, Option<At<PathBuf>>), ValueError> {
    let Some((size, folder)) = text.split_once(':') else {
        return Ok((values::size(text)?, None));
    };
    if folder.is_empty() {
        return Err(ValueError::Path);
    }
    let folder = At {
        value: folder.into(),
        place: Place::Switch,
    };
    Ok((values::size(size)?, Some(folder)))
}
