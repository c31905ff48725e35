//! Memory for translated code: one file without a name, mapped twice.
//!
//! Through one mapping code is written, through the other it is executed: no page is ever
//! writable and executable at once (W^X). What lies where is not the arena's business.

use crate::translate::CODE_ALIGNMENT;
use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider};
use cranelift_module::ModuleResult;
use memmap2::{Mmap, MmapMut, MmapOptions};
use rustix::fs::FallocateFlags;
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::ops::Range;
use std::ptr::with_exposed_provenance_mut;

/// Why there is no memory for code.
#[derive(Debug, thiserror::Error)]
#[error(
    "the host refused {bytes} bytes of memory for translated code: {source}; use less --cache-bytes or --engine interp"
)]
pub struct ArenaError {
    bytes: usize,
    source: std::io::Error,
}

/// Memory for translated code, by offset.
pub struct Arena {
    file: File,
    writable: MmapMut,
    executable: Mmap,
}

impl Arena {
    /// Memory for `bytes` of code. The host backs it as it is used.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn new(bytes: usize) -> Result<Self, ArenaError> {
        let failed = |source| ArenaError { bytes, source };
        let file = rustix::fs::memfd_create("mirrorball-code", rustix::fs::MemfdFlags::CLOEXEC)
            .map_err(|error| failed(error.into()))?;
        let file = File::from(file);
        file.set_len(bytes as u64).map_err(failed)?;
        // SAFETY: the file has no name, so nothing but these two mappings changes it.
        let (writable, executable) = unsafe {
            let options = MmapOptions::new();
            (
                options.map_mut(&file).map_err(failed)?,
                options.map_exec(&file).map_err(failed)?,
            )
        };
        Ok(Self {
            file,
            writable,
            executable,
        })
    }

    /// Writes `bytes` at `offset`, and says where they can be executed. `None` if the arena does
    /// not reach so far.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) -> Option<usize> {
        let end = offset.checked_add(bytes.len())?;
        self.writable.get_mut(offset..end)?.copy_from_slice(bytes);
        Some(self.address(offset))
    }

    /// What there is of the arena from `offset` on, for a module of Cranelift's JIT to fill.
    pub fn rest(&mut self, offset: usize) -> Piece {
        let address = self.address(offset);
        let free = self.writable.get_mut(offset..).unwrap_or_default();
        let start = free.as_mut_ptr().expose_provenance();
        Piece {
            free: start..start + free.len(),
            written_to_run: address.wrapping_sub(start),
        }
    }

    /// Where what lies at `offset` is executed.
    #[must_use]
    pub fn address(&self, offset: usize) -> usize {
        self.executable.as_ptr() as usize + offset
    }

    /// The offset of an address that [`Arena::write`] gave.
    #[must_use]
    pub fn offset(&self, address: usize) -> usize {
        address - self.executable.as_ptr() as usize
    }

    /// Gives memory back to the host. No code in it may be running or be found again.
    pub fn give_back(&self, offset: usize, bytes: usize) {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // A host that will not have it back keeps it: there is less memory and nothing is wrong.
        let _ = rustix::fs::fallocate(&self.file, flags, offset as u64, bytes as u64);
    }

    /// The bytes that the host backs now.
    #[must_use]
    pub fn backed(&self) -> u64 {
        rustix::fs::fstat(&self.file).map_or(0, |stat| stat.st_blocks as u64 * 512)
    }
}

/// A part of an arena that a module fills, and leaves alone once it is finalized. The module writes
/// to it where it knows it to be, which is not where it runs: so what lies in it refers to itself by
/// distances, and to all else by addresses.
pub struct Piece {
    free: Range<usize>,
    written_to_run: usize,
}

impl Piece {
    /// What there is from an address that is written to the one that is executed.
    #[must_use]
    pub fn written_to_run(&self) -> usize {
        self.written_to_run
    }
}

impl JITMemoryProvider for Piece {
    fn allocate(
        &mut self,
        bytes: usize,
        align: u64,
        kind: JITMemoryKind,
    ) -> Result<*mut u8, Error> {
        if !matches!(kind, JITMemoryKind::Executable) {
            return Err(ErrorKind::Unsupported.into());
        }
        let align = CODE_ALIGNMENT.max(align as usize);
        let start = self.free.start.next_multiple_of(align);
        if bytes > self.free.end.saturating_sub(start) {
            return Err(ErrorKind::StorageFull.into());
        }
        self.free.start = start + bytes;
        Ok(with_exposed_provenance_mut(start))
    }

    // SAFETY: it does nothing: the memory goes with the arena.
    unsafe fn free_memory(&mut self) {}

    fn finalize(&mut self, _: BranchProtection) -> ModuleResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_executed_but_not_beyond_the_end() {
        let mut arena = Arena::new(8192).unwrap();
        let first = arena.write(0, &[0xc3; 100]).unwrap();
        assert_eq!(arena.write(4096, &[0xc3]), Some(first + 4096));
        assert_eq!(arena.offset(first + 4096), 4096);
        assert_eq!(arena.write(8190, &[0; 3]), None);
        assert_eq!(arena.write(usize::MAX, &[0; 3]), None);
        assert_eq!(&arena.executable[..2], [0xc3; 2]);
    }

    #[test]
    fn memory_is_given_back() {
        let mut arena = Arena::new(64 << 10).unwrap();
        arena.write(0, &[1; 64 << 10]).unwrap();
        let before = arena.backed();
        arena.give_back(32 << 10, 32 << 10);
        assert!(arena.backed() < before);
        assert_eq!(arena.executable[(32 << 10) - 1..=32 << 10], [1, 0]);
    }
}
