//! What the machines of one monitor have in common: the host's threads, memory and disk.

use std::env;
use std::path::PathBuf;
use std::thread;

use super::error::{Problem, SpecError};
use super::place::{At, said};
use super::resolve::{fits_a_socket, has_a_folder, is_folder};
use super::settings::{MonitorSettings, Settings};
use super::spec::MachineSpec;
use super::table::Table;
use super::values::{self, ValueError};

/// Pages that are looked at in a second for equal ones, by default.
const SHARE_RATE: u32 = 16_384;

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
    /// What the machines are told that say nothing themselves, over `base`.
    #[must_use]
    pub fn for_machines(&self, base: Settings) -> Settings {
        let own = Settings {
            code_cache: self.code_cache.clone(),
            jit_threads: (self.jit_threads.clone()).map(|at| at.map(|threads| threads.min(1))),
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
            host_threads: said(&self.host_threads)
                .map_or(cores.min(machines.len()).max(1), |threads| threads as usize),
            machine_memory: said(&self.machine_memory).unwrap_or_else(wanted),
            swap: self.swap()?,
            control: said(&self.control),
            share_pages: said(&self.share_pages).unwrap_or(machines.len() > 1),
            share_rate: said(&self.share_rate).unwrap_or(SHARE_RATE),
            jit_threads: said(&self.jit_threads).unwrap_or(1) as usize,
        })
    }

    fn swap(&self) -> Result<Option<SwapSpec>, SpecError> {
        let Some(size) = said(&self.swap_size) else {
            return match &self.swap_path {
                Some(path) => Err(Problem::SwapSize.at(&path.place)),
                None => Ok(None),
            };
        };
        let folder = match &self.swap_path {
            Some(At { value, place }) => {
                is_folder(value, place)?;
                value.clone()
            }
            None => env::temp_dir(),
        };
        Ok(Some(SwapSpec { folder, size }))
    }
}

/// Reads `SIZE` or `SIZE:DIR`: a swap file's size, and the folder that it is made in. They are one
/// setting: a size alone is for the folder of temporary files.
///
/// # Errors
///
/// When either is none.
pub fn swap(text: &str) -> Result<(u64, PathBuf), ValueError> {
    match text.split_once(':') {
        None => Ok((values::size(text)?, env::temp_dir())),
        Some((_, "")) => Err(ValueError::Path),
        Some((size, folder)) => Ok((values::size(size)?, folder.into())),
    }
}
