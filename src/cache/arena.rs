//! Memory for translated code: shared memory without a name, mapped twice.
//!
//! Through one mapping code is written, through the other it is executed: no page is ever
//! writable and executable at once (W^X). What lies where is not the arena's business. It is no file,
//! as perf looks for names of code only in memory that is none.

use crate::translate::CODE_ALIGNMENT;
use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider};
use cranelift_module::ModuleResult;
use rustix::mm::{self, Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags};
use std::ffi::c_void;
use std::io::{Error, ErrorKind};
use std::ops::Range;
use std::ptr::{null_mut, with_exposed_provenance, with_exposed_provenance_mut};

/// Why there is no memory for code.
#[derive(Debug, thiserror::Error)]
#[error(
    "the host refused {bytes} bytes of memory for translated code: {source}; use less --cache-bytes or --engine interp"
)]
pub struct ArenaError {
    bytes: usize,
    source: std::io::Error,
}

/// A mapping of the memory.
struct View {
    start: usize,
    bytes: usize,
}

impl View {
    fn new(start: *mut c_void, bytes: usize) -> Self {
        Self {
            start: start.expose_provenance(),
            bytes,
        }
    }

    fn pointer(&self) -> *mut c_void {
        with_exposed_provenance_mut(self.start)
    }

    fn get(&self) -> &[u8] {
        // SAFETY: the mapping has so many bytes, can be read, and lives as long as the view.
        unsafe { std::slice::from_raw_parts(with_exposed_provenance(self.start), self.bytes) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: the mapping is the view's, and nothing has a pointer into it that is used again.
        let unmapped = unsafe { mm::munmap(self.pointer(), self.bytes) };
        debug_assert!(unmapped.is_ok());
    }
}

/// Memory for translated code, by offset.
pub struct Arena {
    writable: View,
    executable: View,
}

impl Arena {
    /// Memory for `bytes` of code, a multiple of the host's page. The host backs it as it is used.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn new(bytes: usize) -> Result<Self, ArenaError> {
        let failed = |error: rustix::io::Errno| ArenaError {
            bytes,
            source: error.into(),
        };
        let run = ProtFlags::READ | ProtFlags::EXEC;
        // SAFETY: a new mapping is in the way of none.
        let start = unsafe { mm::mmap_anonymous(null_mut(), bytes, run, MapFlags::SHARED) };
        let executable = View::new(start.map_err(failed)?, bytes);
        // SAFETY: the old size is 0, which leaves the mapping and makes another one of its memory.
        let start = unsafe { mm::mremap(executable.pointer(), 0, bytes, MremapFlags::MAYMOVE) };
        let writable = View::new(start.map_err(failed)?, bytes);
        let write = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the mapping is new, and nothing refers to it.
        unsafe { mm::mprotect(writable.pointer(), bytes, write) }.map_err(failed)?;
        Ok(Self {
            writable,
            executable,
        })
    }

    fn writable(&mut self) -> &mut [u8] {
        let View { start, bytes } = self.writable;
        // SAFETY: the mapping has so many bytes, can be written to, and is the arena's alone.
        unsafe { std::slice::from_raw_parts_mut(with_exposed_provenance_mut(start), bytes) }
    }

    /// What is executed: all of the memory.
    #[must_use]
    pub fn code(&self) -> &[u8] {
        self.executable.get()
    }

    /// Writes `bytes` at `offset`, and says where they can be executed. `None` if the arena does
    /// not reach so far.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) -> Option<usize> {
        let end = offset.checked_add(bytes.len())?;
        self.writable().get_mut(offset..end)?.copy_from_slice(bytes);
        Some(self.address(offset))
    }

    /// What there is of the arena from `offset` on, for a module of Cranelift's JIT to fill.
    pub fn rest(&mut self, offset: usize) -> Piece {
        let address = self.address(offset);
        let free = self.writable().get_mut(offset..).unwrap_or_default();
        let start = free.as_mut_ptr().expose_provenance();
        Piece {
            free: start..start + free.len(),
            written_to_run: address.wrapping_sub(start),
        }
    }

    /// Where what lies at `offset` is executed.
    #[must_use]
    pub fn address(&self, offset: usize) -> usize {
        self.executable.start + offset
    }

    /// The offset of an address that [`Arena::write`] gave.
    #[must_use]
    pub fn offset(&self, address: usize) -> usize {
        address - self.executable.start
    }

    /// Gives memory back to the host. No code in it may be running or be found again.
    pub fn give_back(&mut self, offset: usize, bytes: usize) {
        let Some(part) = self.writable().get_mut(offset..offset + bytes) else {
            return;
        };
        let start = part.as_mut_ptr().cast();
        // A host that will not have it back keeps it: there is less memory and nothing is wrong.
        // SAFETY: nothing refers to the memory, which is zero afterwards.
        let _ = unsafe { mm::madvise(start, bytes, Advice::LinuxRemove) };
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
        assert_eq!(&arena.code()[..2], [0xc3; 2]);
    }

    #[test]
    fn memory_is_given_back() {
        let mut arena = Arena::new(64 << 10).unwrap();
        arena.write(0, &[1; 64 << 10]).unwrap();
        arena.give_back(32 << 10, 32 << 10);
        // What the host has taken back is zero when it is next looked at.
        assert_eq!(arena.code()[(32 << 10) - 1..=32 << 10], [1, 0]);
    }
}
