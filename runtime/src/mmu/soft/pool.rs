//! The memory of spaces, and which space has it.
//!
//! A space is large and nearly empty: its memory is reserved, and the host backs what is touched.
//! The tables of kseg0 and kseg1 are the same in every space of the kernel, and so they are the
//! same memory, mapped into each of them.

use super::SpaceKey;
use super::space::Space;
use crate::addr::{PAGE_BITS, VA_PAGES};
use crate::cpu::cp0::{STATUS_CU0, STATUS_CU1, STATUS_FR};
use crate::memory::reserved::{MOST_VIEWS, Viewed, release, reserve, take_back};
use rustix::io::Errno;
use std::mem::offset_of;
use std::ptr::NonNull;

/// Spaces are given up at one in so many clearings.
pub const CLEARS: u32 = 16;
/// How many spaces a pool has before the one that rested longest is given up.
pub const SPACES: usize = 16;

/// The first page of kseg0, and how many kseg0 and kseg1 have: a quarter of a table, from its half
/// on.
const DIRECT_PAGE: usize = 0x8000_0000 >> PAGE_BITS;
const DIRECT_PAGES: usize = VA_PAGES / 4;
/// Where these are in a table for reading or writing, in bytes, and in one of slots.
const DIRECT_START: usize = DIRECT_PAGE * size_of::<u64>();
const DIRECT_BYTES: usize = DIRECT_PAGES * size_of::<u64>();
const CODE_START: usize = DIRECT_PAGE * size_of::<u32>();
const CODE_BYTES: usize = DIRECT_PAGES * size_of::<u32>();

/// The parts of a space's tables that no other space shares: where they start, and their bytes.
const OWN_PARTS: [(usize, usize); 6] = {
    const fn around(table: usize, shared: usize, bytes: usize) -> [(usize, usize); 2] {
        let behind = shared + bytes;
        // What is shared is a quarter of a table.
        [(table, shared), (table + behind, 4 * bytes - behind)]
    }
    let read = around(offset_of!(Space, read), DIRECT_START, DIRECT_BYTES);
    let write = around(offset_of!(Space, write), DIRECT_START, DIRECT_BYTES);
    let code = around(offset_of!(Space, code), CODE_START, CODE_BYTES);
    [read[0], read[1], write[0], write[1], code[0], code[1]]
};

/// What all spaces of the kernel share: the tables of kseg0 and kseg1, for reading and writing, and
/// for code a table for each set of Status bits that spaces differ in.
pub struct Direct {
    tables: Viewed,
}

/// The Status bits that say which instructions there are.
const STATUSES: [u32; 3] = [STATUS_CU0, STATUS_CU1, STATUS_FR];
const CODE_TABLES: usize = 1 << STATUSES.len();
/// Where the first of these tables is.
const CODE_TABLE: u64 = 2 * DIRECT_BYTES as u64;
/// Where all of this ends: after the tables for reading, for writing, and the slots.
pub(super) const DIRECT_END: u64 = (2 * DIRECT_BYTES + CODE_TABLES * CODE_BYTES) as u64;

impl Direct {
    /// Empty tables.
    ///
    /// # Errors
    /// What the host said.
    pub fn new() -> Result<Self, Errno> {
        let tables = Viewed::new(DIRECT_END)?;
        Ok(Self { tables })
    }

    /// Where in the tables the slots for spaces of this key are.
    fn code_of(key: SpaceKey) -> u64 {
        let bits = STATUSES.iter().enumerate();
        let index = bits.map(|(bit, status)| usize::from(key.status & status != 0) << bit);
        CODE_TABLE + (index.sum::<usize>() * CODE_BYTES) as u64
    }

    /// Empties what lies behind an offset.
    fn empty(&mut self, start: u64) {
        // SAFETY: it is seen in spaces of the pool alone, which hands no reference to one out
        // without one to itself.
        unsafe { self.tables.empty(start) };
    }

    /// Forgets which code pages there are.
    pub fn clear_code(&mut self) {
        self.empty(CODE_TABLE);
    }

    /// Empties all tables.
    pub fn clear(&mut self) {
        self.empty(0);
    }

    /// The bytes that the host backs.
    pub fn bytes(&self) -> usize {
        self.tables.backed()
    }

    /// Lets a part of the tables be seen at `place`.
    ///
    /// # Safety
    /// The memory at `place` is part of a reserved space that nothing refers to.
    unsafe fn map(&self, place: *mut u8, bytes: usize, from: u64) -> Result<(), Errno> {
        // SAFETY: as the caller says.
        unsafe { self.tables.show(place, bytes, from) }
    }
}

/// Spaces of one kind, the kernel's or all others, each with its place.
pub struct Pool {
    memory: NonNull<Space>,
    /// What each space in use is found and given up by.
    uses: Vec<Use>,
    /// How many there can be.
    most: usize,
    /// The space that was last entered, by ASID.
    hints: [u8; 256],
    /// Which slots of kseg0 and kseg1 each place shows.
    shows: [u64; SPACES],
    clock: u64,
    /// How often the spaces were cleared since those that rested were given up.
    clears: u32,
    /// When that was.
    given_up: u64,
    /// What the host said if it did not map what a space shows.
    refused: Option<Errno>,
}

#[derive(Clone, Copy)]
struct Use {
    /// `None` is for a place that is free: the host has its memory.
    key: Option<SpaceKey>,
    /// When the space was last entered.
    last: u64,
}

impl Pool {
    /// Room for [`SPACES`] spaces, which share `direct`.
    ///
    /// # Errors
    /// What the host said.
    pub fn new(direct: Option<&Direct>) -> Result<Self, Errno> {
        let most = direct.and(MOST_VIEWS).unwrap_or(SPACES);
        let pool = Self {
            memory: reserve(SPACES)?,
            uses: Vec::with_capacity(SPACES),
            most,
            hints: [0; 256],
            shows: [CODE_TABLE; SPACES],
            clock: 0,
            clears: 0,
            given_up: 0,
            refused: None,
        };
        for space in (0..most).map(|index| pool.place(index).cast::<u8>()) {
            let Some(direct) = direct else { break };
            for (table, from) in [
                (offset_of!(Space, read), 0),
                (offset_of!(Space, write), DIRECT_BYTES),
            ] {
                // SAFETY: the place is inside the mapping that was just made, on page boundaries
                // of it, and nothing refers to it yet.
                unsafe { direct.map(space.add(table + DIRECT_START), DIRECT_BYTES, from as u64)? };
            }
            // What it shows of code is mapped in its place: the host has room for that from now on.
            // SAFETY: as above.
            unsafe {
                let slots = space.add(offset_of!(Space, code) + CODE_START);
                direct.map(slots, CODE_BYTES, CODE_TABLE)?;
            }
        }
        Ok(pool)
    }

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
    pub fn select(&mut self, key: SpaceKey, direct: Option<&Direct>) -> *mut Space {
        self.clock += 1;
        let index = match self.index_of(key) {
            Some(index) => index,
            None => self.make(key, direct),
        };
        self.uses[index].last = self.clock;
        self.hints[usize::from(key.asid)] = index as u8;
        self.place(index)
    }

    fn index_of(&self, key: SpaceKey) -> Option<usize> {
        let hint = usize::from(self.hints[usize::from(key.asid)]);
        let has_key = |used: &Use| used.key == Some(key);
        if self.uses.get(hint).is_some_and(has_key) {
            return Some(hint);
        }
        self.uses.iter().position(has_key)
    }

    /// Makes a space for `key`, if need be of the one that rested longest.
    #[cold]
    fn make(&mut self, key: SpaceKey, direct: Option<&Direct>) -> usize {
        let uses = self.uses.iter().enumerate();
        // Free places come first.
        let oldest = uses.min_by_key(|(_, used)| used.key.map(|_| used.last));
        let index = match oldest {
            Some((index, used)) if used.key.is_none() || self.uses.len() == self.most => index,
            _ => {
                self.uses.push(Use { key: None, last: 0 });
                self.uses.len() - 1
            }
        };
        self.uses[index].key = Some(key);
        if let Some(direct) = direct {
            self.show(index, direct, Direct::code_of(key));
        }
        self.space(index).reset(key);
        index
    }

    /// Lets the space at a place show these slots in kseg0 and kseg1.
    fn show(&mut self, index: usize, direct: &Direct, from: u64) {
        if self.shows[index] == from {
            return;
        }
        let table = self.place(index).cast::<u8>();
        // SAFETY: the table is inside the space, on page boundaries, and there is no reference to
        // the space.
        let mapped = unsafe {
            let slots = table.add(offset_of!(Space, code) + CODE_START);
            direct.map(slots, CODE_BYTES, from)
        };
        match mapped {
            Ok(()) => self.shows[index] = from,
            Err(errno) => self.refused = Some(errno),
        }
    }

    /// What the host said if it did not map what a space shows. Then code of another mode may be found
    /// in kseg0 and kseg1: the machine has to end.
    pub fn refused(&self) -> Option<Errno> {
        self.refused
    }

    /// The space of `key`, if it is in use.
    pub fn find(&mut self, key: SpaceKey) -> Option<&mut Space> {
        let index = self.index_of(key)?;
        Some(self.space(index))
    }

    /// The spaces in use of address space `asid`, or of all.
    pub fn spaces_of(&mut self, asid: Option<u8>) -> impl Iterator<Item = &mut Space> {
        let first = self.memory.as_ptr();
        let is_wanted = move |key: SpaceKey| asid.is_none_or(|asid| asid == key.asid);
        let uses = self.uses.iter().enumerate();
        // SAFETY: as in `space`; each is handed out once.
        uses.filter(move |(_, used)| used.key.is_some_and(is_wanted))
            .map(move |(index, _)| unsafe { &mut *first.add(index) })
    }

    /// How many chunks of tables the host backs.
    pub fn chunks(&self) -> usize {
        let uses = self.uses.iter().enumerate();
        // SAFETY: as in `space`; `&self` keeps every change away.
        uses.filter(|(_, used)| used.key.is_some())
            .map(|(index, _)| unsafe { &*self.place(index) }.chunks())
            .sum()
    }

    /// Empties all spaces. Now and then the host gets the memory of those that were not entered
    /// since it last did, unless they are `entered` now.
    pub fn clear(&mut self, entered: *const Space) {
        self.clears += 1;
        let gives_up = self.clears == CLEARS;
        for index in 0..self.uses.len() {
            let Use { key, last } = self.uses[index];
            let Some(key) = key else { continue };
            let rested = last <= self.given_up && !std::ptr::eq(self.place(index), entered);
            if gives_up && rested && self.return_to_host(index) {
                self.uses[index].key = None;
            } else {
                self.space(index).reset(key);
            }
        }
        if gives_up {
            (self.clears, self.given_up) = (0, self.clock);
        }
    }

    /// Empties all spaces. The host gets their memory, but for what they share.
    pub fn shrink(&mut self) {
        for index in 0..self.uses.len() {
            let Some(key) = self.uses[index].key else {
                continue;
            };
            self.space(index).reset(key);
            let place = self.place(index).cast::<u8>();
            for (start, bytes) in OWN_PARTS {
                // SAFETY: the part is the pool's own, on page boundaries, and empty. If the host
                // does not take it, it stays as it is.
                let _ = unsafe { take_back(place.add(start), bytes) };
            }
            self.space(index).note_returned();
        }
    }

    /// Lets the host have the memory of a space that is not in use. Says whether it took it: then
    /// the place is as one that was never used. The tables of kseg0 and kseg1, which every space of
    /// the kernel shows, must be empty.
    fn return_to_host(&self, index: usize) -> bool {
        let place = self.place(index).cast();
        // SAFETY: the place is the pool's own, and all zero it is a valid space.
        unsafe { take_back(place, size_of::<Space>()) }
    }

    /// The spaces in use.
    pub fn spaces(&mut self) -> impl Iterator<Item = &mut Space> {
        self.spaces_of(None)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: the memory is the pool's own, which is gone now.
        unsafe { release(self.memory, SPACES) };
    }
}
