//! What a record looks like.

use std::io;

use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::arrivals::Arrival;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::snapshot::SnapshotError;

/// What a record begins with. The number at its end changes with anything that this module describes.
/// How many bytes the snapshot has follows, and then the snapshot itself.
pub(super) const MAGIC: &[u8; 24] = b"mirrorball record   v002";
/// How many bytes the number of bytes has.
pub(super) const LENGTH: usize = 8;
/// Where the snapshot begins.
pub(super) const START: u64 = (MAGIC.len() + LENGTH) as u64;
/// The most bytes of an entry: a frame and what there is to say of it.
pub(super) const MOST_ENTRY: usize = 1 << 17;

/// An entry, behind how many bytes it has (four bytes), and their xxh3 hash (eight).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Entry {
    /// Something arrived.
    Arrival(Arrival),
    /// The run ended.
    Ending(Ending),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Why.
    pub outcome: Outcome,
    /// After how many instructions.
    pub instructions: u64,
    /// The hash of the machine's state.
    pub state: u64,
}

/// Why a record cannot be used.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum RecordError {
    #[error("cannot use the record {path}: {source}")]
    Io { path: String, source: io::Error },
    #[error("{path} is no record of mirrorball; `mirrorball run --record FILE` writes one")]
    Foreign { path: String },
    #[error("{path} is a record of another version of mirrorball; use that version to replay it")]
    Version { path: String },
    #[error("the record {path} ends before the machine runs; record it anew")]
    Short { path: String },
    #[error("the record {path} is damaged at byte {at}; record it anew")]
    Damaged { path: String, at: u64 },
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}
