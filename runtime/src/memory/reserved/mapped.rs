//! Memory that the host maps.

use memmap2::{Advice, MmapOptions, MmapRaw};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, fstat, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{self, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};
use std::io;
use std::ptr::{NonNull, null_mut};

/// In how many places memory can be [`Viewed`], if there is a bound.
pub const MOST_VIEWS: Option<usize> = None;

/// Memory for `count` of a type: shared memory, though no other process has it. Of private memory
/// the host would map zeros when it is first read, and stop all threads to change that when it is
/// then written to.
///
/// # Errors
/// What the host said.
pub fn reserve<T>(count: usize) -> Result<NonNull<T>, Errno> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::SHARED | MapFlags::NORESERVE;
    // SAFETY: a mapping where the host likes it.
    let memory = unsafe { mmap_anonymous(null_mut(), count * size_of::<T>(), protection, flags)? };
    NonNull::new(memory.cast()).ok_or(Errno::NOMEM)
}

/// Gives memory back that was reserved for `count` of a type.
///
/// # Safety
/// Nothing has a pointer into it that is used again.
pub unsafe fn release<T>(memory: NonNull<T>, count: usize) {
    // SAFETY: the mapping is the caller's own.
    let unmapped = unsafe { munmap(memory.as_ptr().cast(), count * size_of::<T>()) };
    debug_assert!(unmapped.is_ok());
}

/// Lets the host have reserved memory. Says whether it took it: then it is zero.
///
/// # Safety
/// The pages are the caller's own, and nothing refers to them.
pub unsafe fn take_back(place: *mut u8, bytes: usize) -> bool {
    // SAFETY: as the caller says.
    unsafe { madvise(place.cast(), bytes, mm::Advice::LinuxRemove).is_ok() }
}

/// Memory that can be seen in several places of what was reserved.
pub struct Viewed {
    file: OwnedFd,
    bytes: u64,
}

impl Viewed {
    /// So many bytes.
    ///
    /// # Errors
    /// What the host said.
    pub fn new(bytes: u64) -> Result<Self, Errno> {
        let file = memfd_create("mirrorball-kseg", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, bytes)?;
        Ok(Self { file, bytes })
    }

    /// Empties what lies behind an offset.
    ///
    /// # Safety
    /// Nothing refers to it, wherever it is seen.
    pub unsafe fn empty(&self, start: u64) {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let emptied = fallocate(&self.file, flags, start, self.bytes - start);
        // The host needs nothing for it. What stayed there might lead to another machine's memory.
        assert!(
            emptied.is_ok(),
            "the host empties memory of its own: {emptied:?}"
        );
    }

    /// The bytes that the host backs.
    #[must_use]
    pub fn backed(&self) -> usize {
        fstat(&self.file).map_or(0, |stat| stat.st_blocks as usize * 512)
    }

    /// Lets a part of it be seen at `place`.
    ///
    /// # Errors
    /// What the host said.
    ///
    /// # Safety
    /// The pages at `place` are reserved memory that nothing refers to.
    pub unsafe fn show(&self, place: *mut u8, bytes: usize, from: u64) -> Result<(), Errno> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::FIXED | MapFlags::NORESERVE;
        let file = self.file.as_fd();
        // SAFETY: as the caller says.
        unsafe { mmap(place.cast(), bytes, protection, flags, file, from)? };
        Ok(())
    }
}

/// Memory for frames: private, and left out of core dumps.
#[derive(Debug)]
pub struct Private(MmapRaw);

impl Private {
    /// So many bytes.
    ///
    /// # Errors
    /// What the host said.
    pub fn new(bytes: usize) -> io::Result<Self> {
        let mut options = MmapOptions::new();
        let map = options.len(bytes).no_reserve_swap().map_anon()?;
        // Guests' memory is theirs, and large: a host that cannot leave it out of core dumps has it
        // in them.
        let _ = map.advise(Advice::DontDump);
        Ok(Self(map.into()))
    }

    /// Where it starts.
    #[must_use]
    pub fn start(&self) -> *mut u8 {
        self.0.as_mut_ptr()
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Lets the host have a part of it. Says whether it took it: then it is zero.
    ///
    /// # Safety
    /// The pages lie inside it, and nothing refers to them.
    pub unsafe fn take_back(place: *mut u8, bytes: usize) -> bool {
        // SAFETY: as the caller says.
        unsafe { madvise(place.cast(), bytes, mm::Advice::LinuxDontNeed).is_ok() }
    }
}
