//! Snapshots whose index anyone may have written.

use xxhash_rust::xxh3::xxh3_64;

use super::format::{MAGIC, Trailer};

/// A snapshot with this index and no page.
pub(crate) fn with_index(index: &[u8]) -> Vec<u8> {
    with_pages(MAGIC, index)
}

/// A snapshot with this index, behind what comes before it.
pub(super) fn with_pages(before: &[u8], index: &[u8]) -> Vec<u8> {
    let packed = zstd::bulk::compress(index, 1).unwrap_or_default();
    let trailer = Trailer {
        offset: before.len() as u64,
        bytes: packed.len() as u64,
        hash: xxh3_64(&packed),
    };
    [before, &packed, &trailer.to_bytes()].concat()
}

/// The index of a snapshot, unpacked, and where it begins.
#[cfg(test)]
pub(super) fn taken_apart(snapshot: &[u8]) -> (usize, Vec<u8>) {
    let end = snapshot.len() - Trailer::BYTES;
    let trailer = Trailer::from_bytes(snapshot[end..].as_array().expect("a trailer"));
    let start = trailer.offset as usize;
    let index = zstd::bulk::decompress(&snapshot[start..end], 1 << 24).expect("an index");
    (start, index)
}

/// The index of a snapshot.
#[cfg(test)]
pub(crate) fn index_of(snapshot: &[u8]) -> Vec<u8> {
    taken_apart(snapshot).1
}
