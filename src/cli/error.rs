//! Why a command failed, one line each, and the exit code for it.

use std::io;

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::memory::machine::MachineMemoryError;
use thiserror::Error;

use super::Exit;
use super::fetch::FetchError;
use crate::console::ScriptError;
use crate::control::{ClientError, SocketError};
use crate::engine::jit::JitError;
use crate::image::{FileError, ImageError};
use crate::measure::{Difference, MeasureError};
use crate::report::OutFileError;

/// Why a command failed.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum CliError {
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the host has no memory for the machine: {0}; give less --memory")]
    NoMemory(#[from] MachineMemoryError),
    #[error(transparent)]
    Jit(#[from] JitError),
    #[error("cannot use the terminal: {0}; give --script FILE or a pipe instead")]
    Console(#[source] io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    #[error("--engine lockstep compares engines in virtual time; leave out --realtime")]
    LockstepRealtime,
    #[error(transparent)]
    OutFile(#[from] OutFileError),
    #[error("a report has a number that JSON cannot hold: {0}; leave the report out")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Measure(#[from] MeasureError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("cannot show VMs on this terminal: {0}; --once prints a table anywhere")]
    Top(#[source] io::Error),
    #[error("setting '{setting}': {problem}")]
    Setting { setting: String, problem: String },
    #[error("{0}")]
    Guests(String),
    #[error("{0}")]
    Differ(Box<Difference>),
    #[error("{image}: no code at {address}; it lies at {code}")]
    NoCode {
        image: String,
        address: Va,
        code: String,
    },
}

impl CliError {
    /// The exit code for this failure.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Image(ImageError::File(FileError::Io { .. }))
            | Self::Script(ScriptError::File(FileError::Io { .. }))
            | Self::NoMemory(_)
            | Self::Jit(_)
            | Self::Console(_)
            | Self::Output(_)
            | Self::OutFile(OutFileError::Io { .. })
            | Self::Json(_) => Exit::Host,
            Self::Fetch(error) => error.exit(),
            Self::Measure(error) if error.is_usage() => Exit::Usage,
            Self::Client(error) if error.is_usage() => Exit::Usage,
            Self::Socket(error) if error.is_usage() => Exit::Usage,
            Self::Socket(_) | Self::Client(_) | Self::Top(_) => Exit::Host,
            Self::Measure(_) | Self::Guests(_) => Exit::Host,
            Self::Differ(_) => Exit::Difference,
            Self::Image(_)
            | Self::Script(_)
            | Self::LockstepRealtime
            | Self::OutFile(_)
            | Self::Setting { .. }
            | Self::NoCode { .. } => Exit::Usage,
        }
    }
}
