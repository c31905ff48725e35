//! Measuring: guests run under several settings in turn, each run a process of its own, so that
//! another emulator is measured just as we are.
//!
//! A [`Campaign`] is what to measure: [`Guest`]s, [`Setting`]s, the [`Machine`] around them, how
//! often. [`Campaign::run`] measures it and gives [`Results`], which know whether all settings
//! ended alike. [`mod@bench`] shows results of guests side by side; [`programs`] are commands in one
//! guest, measured one by one; [`tune`] sweeps over settings of one guest; [`slurm`] has a cluster do the runs.

pub mod bench;
mod campaign;
mod guest;
mod machine;
mod process;
pub mod programs;
mod progress;
mod qemu;
mod results;
mod setting;
pub mod slurm;
mod statistics;
pub mod tune;

use std::io;

use thiserror::Error;

pub use campaign::Campaign;
pub use guest::{Guest, Guests};
pub use machine::{Machine, ScriptFile};
pub use progress::Progress;
pub use results::{Difference, GuestResults, Measured, Results, SettingInfo};
pub use setting::{Runner, Setting, SettingError};
pub use statistics::{Sample, geometric_mean, median};

use crate::console::ScriptError;
use crate::image::ImageError;

/// Why nothing was measured.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum MeasureError {
    #[error(
        "{0}: no such guest; give an image, a folder of images, tour, or a name in {folder} such \
         as hello or 'bench-*.u.el'",
        folder = guest::FOLDER
    )]
    NoGuest(String),
    #[error("{0}: no file in it ends in .elf; name the images themselves")]
    NoImages(String),
    #[error("{pattern}: is no pattern: {source}; quote or rename what has * ? [ in its name")]
    Pattern {
        pattern: String,
        source: glob::PatternError,
    },
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error(transparent)]
    Dimension(#[from] tune::DimensionError),
    #[error("{0}: is more than one guest; a sweep is over the settings of one")]
    ManyGuests(String),
    #[error("{pattern}: no program's name matches it; the names are {names}")]
    NoProgram { pattern: String, names: String },
    #[error("{0} is not there; install Debian's package qemu-system-mips, or measure without QEMU")]
    NoQemu(&'static str),
    #[error("cannot start {program}: {source}")]
    Start { program: String, source: io::Error },
    #[error("{guest} in '{setting}': {problem}")]
    Run {
        guest: String,
        setting: String,
        problem: String,
    },
    #[error("{0} is not there; give --slurm where Slurm's commands are, on a host of the cluster")]
    NoSlurm(&'static str),
    #[error("{command} failed: {said}")]
    Slurm { command: &'static str, said: String },
    #[error("{0}: holds runs of another measurement; name another folder, or remove this one")]
    OtherRuns(String),
    #[error("there is no run {point}: the last one is {last}")]
    NoPoint { point: usize, last: usize },
    #[error(transparent)]
    OutFile(#[from] crate::report::OutFileError),
    #[error("the host refused what measuring needs: {0}")]
    Host(#[from] io::Error),
}

impl MeasureError {
    /// Whether the command line is at fault, and not the host or a guest.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NoGuest(_)
                | Self::NoImages(_)
                | Self::Pattern { .. }
                | Self::Image(_)
                | Self::Script(_)
                | Self::Setting(_)
                | Self::Dimension(_)
                | Self::ManyGuests(_)
                | Self::NoProgram { .. }
                | Self::OtherRuns(_)
                | Self::NoPoint { .. }
        )
    }
}
