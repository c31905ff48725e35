//! `ctl migrate`: a machine goes on under another monitor.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use clap::Args;

use super::{answer, bytes};
use crate::cli::CliError;
use crate::control::Client;
use crate::migration::{Report, carry};

/// Which machine moves where.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(super) struct MigrateArgs {
    /// Its name
    vm: String,
    /// The socket at which a monitor waits that was started with `mirrorball run --incoming SOCKET`
    #[arg(long, value_name = "SOCKET")]
    to: PathBuf,
}

/// Moves the machine and tells what came of it.
pub(super) fn execute(
    client: &Client,
    json: bool,
    MigrateArgs { vm, to }: &MigrateArgs,
) -> Result<String, CliError> {
    // It is not disturbed for a machine that cannot move.
    let here = client.leave(vm)?;
    let there = UnixStream::connect(to).map_err(|source| CliError::NoneWaits {
        socket: to.display().to_string(),
        source,
    })?;
    let report = carry(vm, &here, &there)?;
    answer(json, Ok(report), line)
}

fn line(report: &Report) -> String {
    let at = report.control.as_deref().unwrap_or("another monitor");
    format!(
        "{} has moved to {at}: {} in {} rounds and {:.3} s; its guest stood still for {:.1} ms\n",
        report.vm,
        bytes(report.bytes),
        report.rounds,
        report.seconds,
        report.still_seconds * 1e3
    )
}
