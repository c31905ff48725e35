//! A disk whose image stays as it is: what is written goes to a temporary file, and is gone with
//! it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::medium::{Medium, Reach, read_file, with_zeros};

/// The unit in which the temporary file stands for the image.
const BLOCK: u64 = 4096;

/// A medium that is only read, and what was written since.
pub(super) struct Snapshot {
    base: Box<dyn Medium>,
    /// The written blocks, where they are on the disk. It has no name, so that the host frees it
    /// in any event.
    written: File,
    /// A bit for each block: whether it was written.
    blocks: Vec<u64>,
}

impl Snapshot {
    pub(super) fn of(base: Box<dyn Medium>) -> io::Result<Self> {
        let count = base.size().div_ceil(BLOCK).div_ceil(64);
        Ok(Self {
            blocks: vec![0; usize::try_from(count).map_err(io::Error::other)?],
            written: tempfile::tempfile()?,
            base,
        })
    }

    fn is_written(&self, block: u64) -> bool {
        self.blocks[(block / 64) as usize] >> (block % 64) & 1 != 0
    }

    /// The bytes of a block, the last of which may be a part.
    fn bytes(&self, block: u64) -> Range<u64> {
        block * BLOCK..((block + 1) * BLOCK).min(self.base.size())
    }

    /// Has the blocks that `range` covers be in the temporary file: those that it covers in part
    /// are copied there, as the rest of them is needed still.
    fn take(&mut self, range: &Range<u64>) -> io::Result<()> {
        for block in [range.start / BLOCK, (range.end - 1) / BLOCK] {
            let bytes = self.bytes(block);
            let whole = range.start <= bytes.start && bytes.end <= range.end;
            if !whole && !self.is_written(block) {
                let mut old = vec![0; (bytes.end - bytes.start) as usize];
                self.base.read(bytes.start, &mut old, Reach::Anywhere)?;
                self.written.write_all_at(&old, bytes.start)?;
                self.mark(block);
            }
        }
        Ok(())
    }

    fn mark(&mut self, block: u64) {
        self.blocks[(block / 64) as usize] |= 1 << (block % 64);
    }

    fn put(
        &mut self,
        range: Range<u64>,
        write: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        self.take(&range)?;
        write(&self.written)?;
        for block in range.start / BLOCK..=(range.end - 1) / BLOCK {
            self.mark(block);
        }
        Ok(())
    }
}

impl Medium for Snapshot {
    fn size(&self) -> u64 {
        self.base.size()
    }

    fn read(&mut self, at: u64, into: &mut [u8], reach: Reach) -> io::Result<()> {
        let (mut at, mut rest) = (at, into);
        while !rest.is_empty() {
            // As far as the blocks come from the same place.
            let written = self.is_written(at / BLOCK);
            let end = at + rest.len() as u64;
            let mut next = (at / BLOCK + 1) * BLOCK;
            while next < end && self.is_written(next / BLOCK) == written {
                next += BLOCK;
            }
            let (part, more) = rest.split_at_mut((next.min(end) - at) as usize);
            match written {
                true => read_file(&self.written, at, part, reach)?,
                false => self.base.read(at, part, reach)?,
            }
            (at, rest) = (next, more);
        }
        Ok(())
    }

    fn write(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        let range = at..at + data.len() as u64;
        self.put(range, |file| file.write_all_at(data, at))
    }

    fn zero(&mut self, range: Range<u64>) -> io::Result<()> {
        self.put(range.clone(), |file| {
            with_zeros(range, |at, zeros| file.write_all_at(zeros, at))
        })
    }

    fn discard(&mut self, _: Range<u64>) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What a crash of the host destroys would have been dropped anyway.
        Ok(())
    }
}
