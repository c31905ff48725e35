//! Why a command failed, one line each, and the exit code for it.

use std::io;

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::memory::Busy;
use mirrorball_runtime::memory::machine::MachineMemoryError;
use thiserror::Error;

use super::Exit;
use super::fetch::FetchError;
use crate::bisect::BisectError;
use crate::cache::perf::PerfMapError;
use crate::control::{ClientError, SocketError};
use crate::disk::{MarkError, OpenError};
use crate::engine::jit::JitError;
use crate::fleet::FleetError;
use crate::gdb::ListenError;
use crate::image::{FileError, ImageError};
use crate::machine::{SpecError, StartError};
use crate::measure::programs::Disagreement;
use crate::measure::{Difference, MeasureError};
use crate::migration::{CarryError, IncomingError};
use crate::profile::SymbolError;
use crate::record::RecordError;
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
    Spec(#[from] SpecError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the following required arguments were not provided: <IMAGE> (--help tells more)")]
    NoImage,
    #[error("--snapshot is for one machine; `mirrorball ctl snapshot` writes one of several")]
    SnapshotOfMany,
    #[error("--until is for one machine without --gdb; --limit is for each of several")]
    UntilOfMany,
    #[error(
        "the machine begins after {count} instructions, and cannot run to {until}; begin earlier"
    )]
    Past { until: u64, count: u64 },
    #[error(
        "--record and --replay are for one machine that is not started again; leave out the others, and --gdb with --record"
    )]
    RecordOfOne,
    #[error(
        "--profile and --trace-file are for one machine without --gdb; run the one that is to be seen alone,"
    )]
    SeeingOfMany,
    #[error("{0} is for a guest that runs; add --at COUNT, or leave it out")]
    NotRun(&'static str),
    #[error(
        "the machine has ended ({how}) after {count} instructions, before {at}; name an earlier count"
    )]
    Over {
        how: &'static str,
        count: u64,
        at: u64,
    },
    #[error(transparent)]
    Bisect(#[from] BisectError),
    #[error(transparent)]
    Symbols(#[from] SymbolError),
    #[error("--record is for a machine whose time is the instruction count; leave out --realtime")]
    RecordRealtime,
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("no snapshot is written: {0}")]
    Busy(#[from] Busy),
    #[error("no snapshot is written: {0}")]
    Mark(#[from] MarkError),
    #[error("--count is for one machine; write count = N in the machine file")]
    CountOfFile,
    #[error("--gdb is for one machine; run the one that is to be debugged alone")]
    DebuggerOfMany,
    #[error(transparent)]
    Debugger(#[from] ListenError),
    #[error("cannot hand on what the debugger says: {0}; connect it again")]
    Relay(#[source] io::Error),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the host has no memory for the machine: {0}; give less --memory")]
    NoMemory(#[from] MachineMemoryError),
    #[error(transparent)]
    Jit(#[from] JitError),
    #[error(transparent)]
    Disk(#[from] OpenError),
    #[error("{path}: a raw image cannot be based on another; call it .qcow2")]
    RawWithBase { path: String },
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    #[error(transparent)]
    OutFile(#[from] OutFileError),
    #[error("a report has a number that JSON cannot hold: {0}; leave the report out")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    PerfMap(#[from] PerfMapError),
    #[error(transparent)]
    Measure(#[from] MeasureError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(
        "{socket}: no monitor waits there: {source}; start one with `mirrorball run --incoming`"
    )]
    NoneWaits { socket: String, source: io::Error },
    #[error(transparent)]
    Carry(#[from] CarryError),
    #[error(transparent)]
    Incoming(#[from] IncomingError),
    #[error("--incoming is for one machine that comes with all that it is made of; leave out {0}")]
    IncomingOne(&'static str),
    #[error("cannot show the console on this terminal: {0}")]
    Attach(#[source] io::Error),
    #[error("cannot show VMs on this terminal: {0}; --once prints a table anywhere")]
    Top(#[source] io::Error),
    #[error(transparent)]
    Fleet(#[from] FleetError),
    #[error("cannot write manual pages to {folder}: {source}; name another folder")]
    Pages { folder: String, source: io::Error },
    #[error("the host has no thread for the control socket: {0}")]
    NoThread(#[source] io::Error),
    #[error(
        "the host bounds stacks, and the program needs one of {needed} bytes; raise `ulimit -s`"
    )]
    Stack { needed: u64 },
    #[error("the host has no thread that waits for signals: {0}")]
    NoSignals(#[source] io::Error),
    #[error("the monitor failed in running it; the others went on")]
    Crashed,
    #[error("could not be started, or go on")]
    NotStarted,
    #[error("setting '{setting}': {problem}")]
    Setting { setting: String, problem: String },
    #[error("--sbatch {0:?} has a quote that is not closed")]
    Quote(String),
    #[error("{0:?}: is no text, as a job's command line has to be; name it otherwise")]
    Word(String),
    #[error("{0}")]
    Guests(String),
    #[error("{0}")]
    Differ(Box<Difference>),
    #[error("{0}")]
    Disagree(Box<Disagreement>),
    #[error("{0}: is not there; 'mirrorball fetch debian --programs' brings it")]
    NoPrograms(String),
    #[error("{0}: is more than one guest; --programs runs in one kernel")]
    ManyKernels(String),
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
            | Self::NoMemory(_)
            | Self::Jit(_)
            | Self::PerfMap(_)
            | Self::Output(_)
            | Self::OutFile(OutFileError::Io { .. })
            | Self::Pages { .. }
            | Self::Json(_)
            | Self::Busy(_)
            | Self::Record(_)
            | Self::Stack { .. } => Exit::Host,
            Self::Spec(error) if error.is_usage() => Exit::Usage,
            Self::Start(error) if error.is_usage() => Exit::Usage,
            Self::Disk(error) if error.is_usage() => Exit::Usage,
            Self::Bisect(error) if error.is_usage() => Exit::Usage,
            Self::Bisect(_) => Exit::Host,
            Self::Spec(_) | Self::Start(_) | Self::Disk(_) => Exit::Host,
            Self::Fetch(error) => error.exit(),
            Self::Measure(error) if error.is_usage() => Exit::Usage,
            Self::Client(error) if error.is_usage() => Exit::Usage,
            Self::Incoming(error) if error.is_usage() => Exit::Usage,
            Self::NoneWaits { .. } | Self::IncomingOne(_) => Exit::Usage,
            Self::Carry(_) | Self::Incoming(_) => Exit::Host,
            Self::Socket(error) if error.is_usage() => Exit::Usage,
            Self::Socket(_) | Self::Client(_) | Self::Top(_) | Self::Attach(_) => Exit::Host,
            Self::Fleet(error) if error.is_usage() => Exit::Usage,
            Self::Debugger(error) if error.is_usage() => Exit::Usage,
            Self::Fleet(_)
            | Self::Relay(_)
            | Self::Debugger(_)
            | Self::NoThread(_)
            | Self::NoSignals(_)
            | Self::Crashed
            | Self::NotStarted => Exit::Host,
            Self::Measure(_) | Self::Guests(_) => Exit::Host,
            Self::Differ(_) | Self::Disagree(_) => Exit::Difference,
            Self::Image(_)
            | Self::NoImage
            | Self::RawWithBase { .. }
            | Self::NoPrograms(_)
            | Self::ManyKernels(_)
            | Self::CountOfFile
            | Self::SnapshotOfMany
            | Self::UntilOfMany
            | Self::Past { .. }
            | Self::NotRun(_)
            | Self::Over { .. }
            | Self::RecordOfOne
            | Self::SeeingOfMany
            | Self::Symbols(_)
            | Self::RecordRealtime
            | Self::Mark(_)
            | Self::DebuggerOfMany
            | Self::OutFile(_)
            | Self::Setting { .. }
            | Self::Quote(_)
            | Self::Word(_)
            | Self::NoCode { .. } => Exit::Usage,
        }
    }
}
