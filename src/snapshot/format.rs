//! What a snapshot file looks like.

use std::io;

use mirrorball_runtime::addr::PAGE_BITS;
use mirrorball_runtime::vm::{LoadError, SavedVm};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::disk::Mark;

/// What a file begins with. The number at its end changes with anything that this module describes.
pub(super) const MAGIC: &[u8; 24] = b"mirrorball snapshot v001";
/// The most pages that are compressed together: a machine that touches one reads them all.
pub(super) const CHUNK_PAGES: usize = 16;
/// The most bytes that an index has once it is unpacked.
pub const MOST_INDEX: u64 = 256 << 20;

/// Where a chunk of pages is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Chunk {
    /// Its first byte.
    pub offset: u64,
    /// How many bytes it has.
    pub bytes: u32,
    /// How many pages are in it.
    pub pages: u32,
    /// The xxh3 hash of its bytes.
    pub hash: u64,
}

/// All that is in a snapshot but the content of pages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Index {
    /// What the machine was called.
    pub name: String,
    /// Its state.
    pub vm: SavedVm,
    /// Its disks.
    pub disks: Vec<Mark>,
    /// For each page of RAM that is not zeros, its number and that of the stored page that it is
    /// like. A chunk has the next [`CHUNK_PAGES`] stored pages, the last one what is left.
    pub(super) pages: Vec<(u32, u32)>,
    pub(super) chunks: Vec<Chunk>,
}

impl Index {
    /// How many pages are stored.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.pages)).sum()
    }

    /// How many pages of RAM are not zeros.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.pages.len() as u64
    }

    /// Whether the parts fit each other, and a file with so many bytes before its index.
    pub(super) fn is_sound(&self, bytes: u64) -> bool {
        let most = zstd::zstd_safe::compress_bound(CHUNK_PAGES << PAGE_BITS);
        let is_there = |chunk: &Chunk| {
            let end = chunk.offset.checked_add(chunk.bytes.into());
            end.is_some_and(|end| end <= bytes) && chunk.bytes as usize <= most
        };
        let is_full = |chunk: &Chunk| chunk.pages as usize == CHUNK_PAGES;
        let is_some = |chunk: &Chunk| (1..=CHUNK_PAGES).contains(&(chunk.pages as usize));
        let stored = self.stored();
        self.chunks.iter().all(is_there)
            && self.chunks.iter().all(is_some)
            && self.chunks.iter().rev().skip(1).all(is_full)
            && self.pages.iter().all(|&(_, page)| u64::from(page) < stored)
    }
}

/// The end of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    /// Where the index begins.
    pub offset: u64,
    /// How many bytes it has, compressed.
    pub bytes: u64,
    /// The xxh3 hash of these bytes.
    pub hash: u64,
}

impl Trailer {
    /// How many bytes a trailer has.
    pub const BYTES: usize = 24;

    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let words = [self.offset, self.bytes, self.hash].map(u64::to_le_bytes);
        let mut bytes = [0; Self::BYTES];
        bytes.copy_from_slice(words.as_flattened());
        bytes
    }

    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let (words, _) = bytes.as_chunks();
        let [offset, bytes, hash] = [words[0], words[1], words[2]].map(u64::from_le_bytes);
        Self {
            offset,
            bytes,
            hash,
        }
    }
}

/// Why a snapshot cannot be used.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum SnapshotError {
    #[error("cannot read the snapshot {path}: {source}")]
    Io { path: String, source: io::Error },
    #[error("{path} is no snapshot of mirrorball; `mirrorball run --snapshot FILE` writes one")]
    Foreign { path: String },
    #[error(
        "{path} is a snapshot of another version of mirrorball; use that version to go on from it"
    )]
    Version { path: String },
    #[error("the snapshot {path} is not whole: {what}; take it anew")]
    Torn { path: String, what: &'static str },
    #[error("the snapshot {path} cannot be loaded: {source}")]
    Load { path: String, source: LoadError },
}
