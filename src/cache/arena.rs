//! Memory for translated code: a file in memory that is mapped once, to be read and executed.
//!
//! There is no mapping through which code could be written: it is written to the file, by the one
//! descriptor that there is. What lies where is not the arena's business.
//!
//! Guests run through much code, a little of each piece. In the host's small pages that takes more
//! entries than the processor's TLB has. So when two megabytes of code are full, the host is asked to
//! put them and what follows into large pages.
//!
//! perf looks for names of code only in memory that is no file. Where they are wanted, the arena is
//! shared memory that is mapped twice, to be executed and to be written to.

use super::perf;
use crate::translate::CODE_ALIGNMENT;
use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider};
use cranelift_module::ModuleResult;
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags};
use rustix::{fs, mm};
use std::ffi::c_void;
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt;
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

impl ArenaError {
    fn of(bytes: usize) -> impl Fn(Errno) -> Self {
        move |error| Self {
            bytes,
            source: error.into(),
        }
    }
}

/// Why code is not where it was to be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "the host refused to write translated code: {0}; use less --cache-bytes or --engine interp"
)]
pub struct WriteError(#[from] Error);

/// A mapping of memory.
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

    /// A mapping of new memory that is no file.
    fn anonymous(bytes: usize, rights: ProtFlags, flags: MapFlags) -> Result<Self, Errno> {
        // SAFETY: a new mapping is in the way of none.
        let start = unsafe { mm::mmap_anonymous(null_mut(), bytes, rights, flags) };
        Ok(Self::new(start?, bytes))
    }

    /// A mapping of a file that starts at a multiple of [`LARGE`], as large pages have to.
    fn of_file(file: &File, bytes: usize) -> Result<Self, Errno> {
        let room = Self::anonymous(bytes + LARGE, ProtFlags::empty(), MapFlags::PRIVATE)?;
        let ahead = room.start.next_multiple_of(LARGE) - room.start;
        let (_, room) = room.split(ahead);
        let (place, _) = room.split(bytes);
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        // SAFETY: what it takes the place of is the room's, and nothing refers to that.
        unsafe { mm::mmap(place.pointer(), bytes, RUN, flags, file, 0) }?;
        Ok(place)
    }

    /// The first so many bytes, and the others.
    fn split(self, bytes: usize) -> (Self, Self) {
        let (start, all) = (self.start, self.bytes);
        std::mem::forget(self);
        let part = |start, bytes| Self { start, bytes };
        (part(start, bytes), part(start + bytes, all - bytes))
    }

    /// Has the host put all that lies between two offsets into large pages. One that has none
    /// leaves it where it is.
    fn enlarge(&self, offsets: Range<usize>) {
        let start: *mut c_void = with_exposed_provenance_mut(self.start + offsets.start);
        // SAFETY: the mapping reaches so far, and what is in it stays as it is.
        let _ = unsafe { libc::madvise(start, offsets.len(), libc::MADV_COLLAPSE) };
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
        if self.bytes == 0 {
            return;
        }
        // SAFETY: the mapping is the view's, and nothing has a pointer into it that is used again.
        let unmapped = unsafe { mm::munmap(self.pointer(), self.bytes) };
        debug_assert!(unmapped.is_ok());
    }
}

/// How the memory of an arena is written.
enum Way {
    /// By the descriptor of the file that it is.
    File(File),
    /// By a second mapping.
    Mapping(View),
}

/// Memory for translated code, by offset.
pub struct Arena {
    code: View,
    way: Way,
}

/// The host's large pages. Code in one takes one entry of the processor's TLB instead of 512.
const LARGE: usize = 2 << 20;
/// What code is mapped for.
const RUN: ProtFlags = ProtFlags::READ.union(ProtFlags::EXEC);

/// The large pages to ask for when code was written from one offset to another: none before one is
/// full, as many machines have little code; then that and the next, before much is written there,
/// which spares the host small pages that it would have to move. Code is written from the bottom up.
fn large_pages(from: usize, to: usize) -> Range<usize> {
    let start = |offset: usize| offset / LARGE * LARGE;
    match (start(from), start(to)) {
        (first, last) if first == last => first..first,
        (first, last) => first..last + LARGE,
    }
}

impl Arena {
    /// Memory for `bytes` of code, a multiple of the host's page. The host backs it as it is used.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn new(bytes: usize) -> Result<Self, ArenaError> {
        let arena = if perf::wants_names() {
            Self::mapped_twice(bytes)
        } else {
            Self::in_file(bytes)
        };
        arena.map_err(ArenaError::of(bytes))
    }

    fn in_file(bytes: usize) -> Result<Self, Errno> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = fs::memfd_create("mirrorball-code", flags)?;
        fs::ftruncate(&file, bytes as u64)?;
        let seals = SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        fs::fcntl_add_seals(&file, seals)?;
        let file = file.into();
        Ok(Self {
            code: View::of_file(&file, bytes)?,
            way: Way::File(file),
        })
    }

    fn mapped_twice(bytes: usize) -> Result<Self, Errno> {
        let code = View::anonymous(bytes, RUN, MapFlags::SHARED)?;
        // SAFETY: the old size is 0, which leaves the mapping and makes another one of its memory.
        let start = unsafe { mm::mremap(code.pointer(), 0, bytes, MremapFlags::MAYMOVE) };
        let writable = View::new(start?, bytes);
        let write = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the mapping is new, and nothing refers to it.
        unsafe { mm::mprotect(writable.pointer(), bytes, write) }?;
        Ok(Self {
            code,
            way: Way::Mapping(writable),
        })
    }

    /// What is executed: all of the memory.
    #[must_use]
    pub fn code(&self) -> &[u8] {
        self.code.get()
    }

    /// Writes `bytes` at `offset`, and says where they can be executed.
    ///
    /// # Errors
    /// If the host refuses, or the arena does not reach so far.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<usize, WriteError> {
        let end = offset.checked_add(bytes.len());
        if end.is_none_or(|end| end > self.code.bytes) {
            return Err(Error::from(ErrorKind::FileTooLarge).into());
        }
        match &mut self.way {
            Way::File(file) => {
                file.write_all_at(bytes, offset as u64)?;
                let wanted = large_pages(offset, offset + bytes.len());
                if !wanted.is_empty() && wanted.end <= self.code.bytes {
                    self.code.enlarge(wanted);
                }
            }
            Way::Mapping(view) => {
                let place: *mut u8 = with_exposed_provenance_mut(view.start + offset);
                // SAFETY: the mapping reaches so far, can be written to, and is the arena's alone.
                unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            }
        }
        Ok(self.address(offset))
    }

    /// Where what lies at `offset` is executed.
    #[must_use]
    pub fn address(&self, offset: usize) -> usize {
        self.code.start + offset
    }

    /// The offset of an address that [`Arena::write`] gave.
    #[must_use]
    pub fn offset(&self, address: usize) -> usize {
        address - self.code.start
    }

    /// Gives memory back to the host. No code in it may be running or be found again.
    pub fn give_back(&mut self, offset: usize, bytes: usize) {
        if offset + bytes > self.code.bytes {
            return;
        }
        // A host that will not have it back keeps it: there is less memory and nothing is wrong.
        let _ = match &self.way {
            Way::File(file) => {
                let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                fs::fallocate(file, hole, offset as u64, bytes as u64)
            }
            Way::Mapping(view) => {
                let start = with_exposed_provenance_mut(view.start + offset);
                // SAFETY: nothing refers to the memory, which is zero afterwards.
                unsafe { mm::madvise(start, bytes, Advice::LinuxRemove) }
            }
        };
    }
}

/// Memory in which a module makes code before it is written to an arena. The module knows it where
/// it is made, which is not where it runs: so what lies in it refers to itself by distances, and to
/// all else by addresses.
pub struct Draft(View);

impl Draft {
    /// Memory for so many bytes of code.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn new(bytes: usize) -> Result<Self, ArenaError> {
        let write = ProtFlags::READ | ProtFlags::WRITE;
        let view = View::anonymous(bytes, write, MapFlags::PRIVATE);
        Ok(Self(view.map_err(ArenaError::of(bytes))?))
    }

    /// What a module fills, once, and leaves alone when it is finalized.
    #[must_use]
    pub fn piece(&self) -> Piece {
        Piece {
            free: self.0.start..self.0.start + self.0.bytes,
        }
    }

    /// The code. The module that makes it is finalized.
    #[must_use]
    pub fn code(&self) -> &[u8] {
        self.0.get()
    }

    /// The offset of an address that the module gave.
    #[must_use]
    pub fn offset(&self, address: usize) -> usize {
        address - self.0.start
    }
}

/// The memory of a [`Draft`], as a module asks for it.
pub struct Piece {
    free: Range<usize>,
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

    // SAFETY: it does nothing: the memory goes with the draft.
    unsafe fn free_memory(&mut self) {}

    fn finalize(&mut self, _: BranchProtection) -> ModuleResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(bytes: usize) -> [Arena; 2] {
        [Arena::in_file(bytes), Arena::mapped_twice(bytes)].map(Result::unwrap)
    }

    #[test]
    fn what_is_written_can_be_executed_but_not_beyond_the_end() {
        for mut arena in both(8192) {
            let first = arena.write(0, &[0xc3; 100]).unwrap();
            assert_eq!(arena.write(4096, &[0xc3]).unwrap(), first + 4096);
            assert_eq!(arena.offset(first + 4096), 4096);
            arena.write(8190, &[0; 3]).unwrap_err();
            arena.write(usize::MAX, &[0; 3]).unwrap_err();
            assert_eq!(&arena.code()[..2], [0xc3; 2]);
        }
    }

    #[test]
    fn what_is_full_may_lie_in_large_pages() {
        assert!(large_pages(LARGE + 1, 2 * LARGE - 1).is_empty());
        assert_eq!(large_pages(LARGE + 1, 2 * LARGE), LARGE..3 * LARGE);
        assert_eq!(large_pages(1, LARGE + 1), 0..2 * LARGE);
        let mut arena = Arena::in_file(3 * LARGE).unwrap();
        assert_eq!(arena.address(0) % LARGE, 0);
        for offset in (0..2 * LARGE + 4096).step_by(4096) {
            let place = arena.write(offset, &[(offset >> 12) as u8; 4096]).unwrap();
            assert_eq!(place, arena.address(offset));
        }
        // Wherever it lies now, it is what was written.
        let code = arena.code().chunks(4096).take(2 * LARGE / 4096);
        let right = |(index, page): (usize, &[u8])| page == [index as u8; 4096];
        assert!(code.enumerate().all(right));
    }

    #[test]
    fn memory_is_given_back() {
        for mut arena in both(64 << 10) {
            arena.write(0, &[1; 64 << 10]).unwrap();
            arena.give_back(32 << 10, 32 << 10);
            arena.give_back(32 << 10, 64 << 10);
            // What the host has taken back is zero when it is next looked at.
            assert_eq!(arena.code()[(32 << 10) - 1..=32 << 10], [1, 0]);
        }
    }

    #[test]
    fn the_file_keeps_its_size_and_what_the_host_refuses_to_write_is_an_error() {
        let mut arena = Arena::in_file(8192).unwrap();
        let Way::File(file) = &arena.way else {
            panic!("it is a file");
        };
        assert!(file.set_len(4096).is_err());
        assert!(file.set_len(1 << 20).is_err());
        arena.way = Way::File(File::open("/dev/null").unwrap());
        let error = arena.write(0, &[0xc3]).unwrap_err();
        assert!(error.to_string().contains("--cache-bytes"), "{error}");
    }
}
