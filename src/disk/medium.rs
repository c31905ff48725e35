//! What holds the bytes of a disk.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::io::{ReadWriteFlags, preadv2};

/// As many zeros as are written at once.
const CHUNK: u64 = 1 << 20;

/// Which bytes a read gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    /// All, however long the host takes.
    Anywhere,
    /// Those that the host has in memory. For others the read fails as one that would block.
    AtHand,
}

/// What holds the bytes of a disk. One thread at a time uses it, job after job.
pub(super) trait Medium: Send {
    /// How many bytes there are.
    fn size(&self) -> u64;
    /// Fills `into` with the bytes from `at` on.
    fn read(&mut self, at: u64, into: &mut [u8], reach: Reach) -> io::Result<()>;
    /// Has the bytes from `at` on be `data`.
    fn write(&mut self, at: u64, data: &[u8]) -> io::Result<()>;
    /// Has the bytes in `range` be zero.
    fn zero(&mut self, range: Range<u64>) -> io::Result<()>;
    /// Gives up the bytes in `range`: the host has their room, if it can take it.
    fn discard(&mut self, range: Range<u64>) -> io::Result<()>;
    /// Sees to it that all that was written survives a crash of the host.
    fn flush(&mut self) -> io::Result<()>;
}

/// Fills `into` with the bytes of a file from `at` on.
pub(super) fn read_file(file: &File, at: u64, into: &mut [u8], reach: Reach) -> io::Result<()> {
    if reach == Reach::Anywhere {
        return file.read_exact_at(into, at);
    }
    let whole = into.len();
    match preadv2(
        file,
        &mut [IoSliceMut::new(into)],
        at,
        ReadWriteFlags::NOWAIT,
    )? {
        read if read == whole => Ok(()),
        _ => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// Calls `write` with a place and zeros for it until `range` is covered.
pub(super) fn with_zeros(
    range: Range<u64>,
    mut write: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(CHUNK.min(range.end - range.start)).unwrap_or(0)];
    let mut at = range.start;
    while at < range.end {
        let length = CHUNK.min(range.end - at);
        write(at, &zeros[..length as usize])?;
        at += length;
    }
    Ok(())
}
