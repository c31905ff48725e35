//! The memory of spaces, and which space has it.
//!
//! A space is large and nearly empty: its memory is reserved, and the host backs what is touched.
//! The tables of kseg0 and kseg1 are the same in every space of the kernel, and so they are the
//! same memory, mapped into each of them.

use super::SpaceKey;
use super::space::{PAGES, Space};
use crate::addr::PAGE_BITS;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use std::mem::offset_of;
use std::ptr::{NonNull, null_mut};

/// How many spaces a pool has before the one that rested longest is given up.
pub const SPACES: usize = 16;

/// Where kseg0 and kseg1 are in a table, in bytes: a quarter of it, from its half on.
const DIRECT_START: usize = (0x8000_0000 >> PAGE_BITS) * size_of::<u64>();
const DIRECT_BYTES: usize = PAGES / 4 * size_of::<u64>();

/// What all spaces of the kernel share: the tables of kseg0 and kseg1, for reading and writing.
pub struct Direct {
    file: OwnedFd,
}

impl Direct {
    /// Empty tables.
    ///
    /// # Errors
    /// What the host said.
    pub fn new() -> Result<Self, Errno> {
        let file = memfd_create("mirrorball-kseg", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, 2 * DIRECT_BYTES as u64)?;
        Ok(Self { file })
    }

    /// Empties them.
    pub fn clear(&self) {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let emptied = fallocate(&self.file, flags, 0, 2 * DIRECT_BYTES as u64);
        assert!(
            emptied.is_ok(),
            "the host empties memory of its own: {emptied:?}"
        );
    }
}

/// Spaces of one kind, the kernel's or all others, each with its place.
pub struct Pool {
    memory: NonNull<Space>,
    /// What each space in use is found and given up by.
    uses: Vec<Use>,
    /// The space that was last entered, by ASID.
    hints: [u8; 256],
    clock: u64,
}

struct Use {
    key: SpaceKey,
    /// When the space was last entered.
    last: u64,
}

impl Pool {
    /// Room for [`SPACES`] spaces, which share `direct`.
    ///
    /// # Errors
    /// What the host said.
    pub fn new(direct: Option<&Direct>) -> Result<Self, Errno> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let private = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a mapping where the host likes it.
        let memory = unsafe { mmap_anonymous(null_mut(), Self::BYTES, protection, private)? };
        let memory = NonNull::new(memory.cast::<Space>()).ok_or(Errno::NOMEM)?;
        let pool = Self {
            memory,
            uses: Vec::with_capacity(SPACES),
            hints: [0; 256],
            clock: 0,
        };
        for space in (0..SPACES).map(|index| pool.place(index).cast::<u8>()) {
            let Some(direct) = direct else { break };
            for (table, from) in [
                (offset_of!(Space, read), 0),
                (offset_of!(Space, write), DIRECT_BYTES),
            ] {
                // SAFETY: the place is inside the mapping that was just made, on page boundaries
                // of it, and nobody has looked at it yet.
                unsafe {
                    let at = space.add(table + DIRECT_START).cast();
                    let flags = MapFlags::SHARED | MapFlags::FIXED | MapFlags::NORESERVE;
                    let file = direct.file.as_fd();
                    mmap(at, DIRECT_BYTES, protection, flags, file, from as u64)?;
                }
            }
        }
        Ok(pool)
    }

    const BYTES: usize = SPACES * size_of::<Space>();

    fn place(&self, index: usize) -> *mut Space {
        assert!(index < SPACES);
        // SAFETY: the mapping has room for so many spaces.
        unsafe { self.memory.as_ptr().add(index) }
    }

    fn space(&mut self, index: usize) -> &mut Space {
        // SAFETY: the memory is mapped and, being zero or what a space wrote, a valid space.
        // The parts that spaces share are only ever accessed through one of them at a time.
        unsafe { &mut *self.place(index) }
    }

    /// The space of `key`, empty if it was not there.
    pub fn select(&mut self, key: SpaceKey) -> *mut Space {
        self.clock += 1;
        let index = match self.index_of(key) {
            Some(index) => index,
            None => self.make(key),
        };
        self.uses[index].last = self.clock;
        self.hints[usize::from(key.asid)] = index as u8;
        self.place(index)
    }

    fn index_of(&self, key: SpaceKey) -> Option<usize> {
        let hint = usize::from(self.hints[usize::from(key.asid)]);
        if self.uses.get(hint).is_some_and(|used| used.key == key) {
            return Some(hint);
        }
        self.uses.iter().position(|used| used.key == key)
    }

    /// Makes a space for `key`, if need be of the one that rested longest.
    #[cold]
    fn make(&mut self, key: SpaceKey) -> usize {
        let index = if self.uses.len() < SPACES {
            self.uses.push(Use { key, last: 0 });
            let index = self.uses.len() - 1;
            self.space(index).prepare();
            index
        } else {
            let oldest = self
                .uses
                .iter()
                .enumerate()
                .min_by_key(|(_, used)| used.last);
            oldest.map_or(0, |(index, _)| index)
        };
        self.uses[index].key = key;
        self.space(index).reset(key);
        index
    }

    /// The space of `key`, if it is in use.
    pub fn find(&mut self, key: SpaceKey) -> Option<&mut Space> {
        let index = self.index_of(key)?;
        Some(self.space(index))
    }

    /// The spaces in use of address space `asid`, or of all.
    pub fn spaces_of(&mut self, asid: Option<u8>) -> impl Iterator<Item = &mut Space> {
        let first = self.memory.as_ptr();
        let wanted = move |used: &Use| asid.is_none_or(|asid| asid == used.key.asid);
        let uses = self.uses.iter().enumerate();
        // SAFETY: as in `space`; each is handed out once.
        uses.filter(move |(_, used)| wanted(used))
            .map(move |(index, _)| unsafe { &mut *first.add(index) })
    }

    /// The spaces in use.
    pub fn spaces(&mut self) -> impl Iterator<Item = &mut Space> {
        self.spaces_of(None)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: the mapping is the pool's own, and whoever has a pointer into it is gone.
        let unmapped = unsafe { munmap(self.memory.as_ptr().cast(), Self::BYTES) };
        debug_assert!(unmapped.is_ok());
    }
}
