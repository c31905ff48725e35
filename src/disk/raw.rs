//! A raw image: a file that is the disk, byte for byte.
//!
//! It is read and written here and not by the library that does it for qcow2: a file that another
//! program has made shorter reads as zeros there, and is an error here.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::medium::{Medium, Reach, read_file, with_zeros};

/// A raw image.
#[derive(Debug)]
pub(super) struct Raw {
    file: File,
    size: u64,
}

impl Raw {
    pub(super) fn new(mut file: File) -> io::Result<Self> {
        // The length of a block device is no part of its metadata.
        let size = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, size })
    }

    /// Has the file system do something with a range; answers whether it can.
    fn allocate(&self, flags: FallocateFlags, range: &Range<u64>) -> io::Result<bool> {
        let flags = flags | FallocateFlags::KEEP_SIZE;
        match fallocate(&self.file, flags, range.start, range.end - range.start) {
            Ok(()) => Ok(true),
            Err(Errno::OPNOTSUPP | Errno::NODEV | Errno::NOSYS) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Medium for Raw {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, at: u64, into: &mut [u8], reach: Reach) -> io::Result<()> {
        read_file(&self.file, at, into, reach)
    }

    fn write(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, at)
    }

    fn zero(&mut self, range: Range<u64>) -> io::Result<()> {
        if range.is_empty() || self.allocate(FallocateFlags::ZERO_RANGE, &range)? {
            return Ok(());
        }
        with_zeros(range, |at, zeros| self.file.write_all_at(zeros, at))
    }

    fn discard(&mut self, range: Range<u64>) -> io::Result<()> {
        if !range.is_empty() {
            self.allocate(FallocateFlags::PUNCH_HOLE, &range)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}
