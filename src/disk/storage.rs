//! A file as the library for qcow2 takes it, that fails where the library's own reads zeros: behind
//! the end of an image that has lost a part.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};

use imago::Storage;
use imago::file::File;
use imago::io_buffers::{IoVector, IoVectorMut};
use imago::storage::PreallocateMode;
use imago::storage::drivers::CommonStorageHelper;

/// A file with an image in it.
#[derive(Debug)]
pub(super) struct ImageFile {
    inner: File,
    /// The same file, for its length as it is now.
    file: fs::File,
    /// The unit in which the image uses the file: the last one may be there in part.
    unit: u64,
}

impl ImageFile {
    pub(super) fn new(file: fs::File, unit: u64) -> io::Result<Self> {
        let inner = File::try_from(file.try_clone()?)?;
        Ok(Self { inner, file, unit })
    }

    /// Whether the file still reaches to a read at `offset`.
    fn reaches(&self, offset: u64) -> io::Result<bool> {
        let meta = self.file.metadata()?;
        Ok(!meta.is_file() || offset < meta.len().next_multiple_of(self.unit))
    }
}

impl fmt::Display for ImageFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Storage for ImageFile {
    fn mem_align(&self) -> usize {
        self.inner.mem_align()
    }

    fn req_align(&self) -> usize {
        self.inner.req_align()
    }

    fn zero_align(&self) -> usize {
        self.inner.zero_align()
    }

    fn discard_align(&self) -> usize {
        self.inner.discard_align()
    }

    fn size(&self) -> io::Result<u64> {
        self.inner.size()
    }

    unsafe fn pure_readv(&self, bufv: IoVectorMut<'_>, offset: u64) -> io::Result<()> {
        if !self.reaches(offset)? {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: what the caller promises is what the other storage asks for.
        unsafe { self.inner.pure_readv(bufv, offset) }
    }

    unsafe fn pure_writev(&self, bufv: IoVector<'_>, offset: u64) -> io::Result<()> {
        // SAFETY: as for reading.
        unsafe { self.inner.pure_writev(bufv, offset) }
    }

    unsafe fn pure_write_zeroes(&self, offset: u64, length: u64) -> io::Result<()> {
        // SAFETY: as for reading.
        unsafe { self.inner.pure_write_zeroes(offset, length) }
    }

    unsafe fn pure_write_allocated_zeroes(&self, offset: u64, length: u64) -> io::Result<()> {
        // SAFETY: as for reading.
        unsafe { self.inner.pure_write_allocated_zeroes(offset, length) }
    }

    unsafe fn pure_discard(&self, offset: u64, length: u64) -> io::Result<()> {
        // SAFETY: as for reading.
        unsafe { self.inner.pure_discard(offset, length) }
    }

    fn flush(&self) -> io::Result<()> {
        self.inner.flush()
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    unsafe fn invalidate_cache(&self) -> io::Result<()> {
        // SAFETY: as for reading.
        unsafe { self.inner.invalidate_cache() }
    }

    fn get_storage_helper(&self) -> &CommonStorageHelper {
        self.inner.get_storage_helper()
    }

    fn resize(&self, size: u64, mode: PreallocateMode) -> io::Result<()> {
        self.inner.resize(size, mode)
    }
}
