//! One space: the software TLB of one address space and mode, and which code its pages have.

use super::SpaceKey;
use super::code::CodeSlot;
use crate::addr::{PAGE_BITS, PAGE_SIZE, VA_PAGES, Va};

/// Entries of a table.
const PAGES: usize = VA_PAGES;
/// Entries that one host page of a table holds.
const CHUNK: usize = PAGE_SIZE as usize / size_of::<u64>();

/// The tables of one address space and mode. Most of it is never touched, and so not there.
#[repr(C, align(4096))]
pub struct Space {
    /// For each page what to add to a virtual address to read there on the host, or 0.
    pub read: [u64; PAGES],
    /// The same for writing.
    pub write: [u64; PAGES],
    /// For each page its [`CodeSlot`].
    pub code: [u32; PAGES],
    /// Whose tables these are.
    pub key: SpaceKey,
    /// Which chunks of `read`, `write` and `code` may hold entries, a bit each. Those of kseg0 and kseg1
    /// are not counted: see [`Va::is_direct`].
    chunks: Chunks,
    /// Those that ever held entries since the host last had their memory.
    backed: Chunks,
}

/// A bit for each chunk.
type Chunks = [u64; PAGES / CHUNK / 64];

/// The bytes that a chunk of all three tables takes.
pub(super) const CHUNK_BYTES: usize = CHUNK * (2 * size_of::<u64>() + size_of::<u32>());

#[inline(always)]
const fn page_index(va: Va) -> usize {
    (va.0 >> PAGE_BITS) as usize % PAGES
}

/// The host address that an entry gives `size` aligned bytes at `va`.
#[inline(always)]
fn resolve(addend: u64, va: Va, size: u32) -> Option<*mut u8> {
    let aligned = va.0 & u64::from(size - 1) == 0;
    (addend != 0 && aligned).then(|| addend.wrapping_add(va.0) as *mut u8)
}

/// The numbers of the bits that are set.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros() as usize;
        word &= word.checked_sub(1)?;
        Some(bit)
    })
}

/// Clears the entries of a chunk that lead to the page at `host`.
fn clear_entries(table: &mut [u64; PAGES], chunk: usize, host: *mut u8) {
    let first = chunk * CHUNK;
    for (index, entry) in (first..).zip(&mut table[first..][..CHUNK]) {
        let page = (index as u64) << PAGE_BITS;
        if *entry != 0 && entry.wrapping_add(page) == host as u64 {
            *entry = 0;
        }
    }
}

impl Space {
    /// Empties the space and gives it a new key. What lies in kseg0 and kseg1 stays.
    pub(super) fn reset(&mut self, key: SpaceKey) {
        for chunk in self.used_chunks() {
            self.read[chunk * CHUNK..][..CHUNK].fill(0);
            self.write[chunk * CHUNK..][..CHUNK].fill(0);
            self.code[chunk * CHUNK..][..CHUNK].fill(0);
        }
        self.chunks.fill(0);
        self.key = key;
    }

    /// Forgets which code pages there are.
    pub(super) fn clear_code(&mut self) {
        for chunk in self.used_chunks() {
            self.code[chunk * CHUNK..][..CHUNK].fill(0);
        }
    }

    fn used_chunks(&self) -> impl Iterator<Item = usize> + use<> {
        let words = self.chunks.into_iter().enumerate();
        words.flat_map(|(index, word)| bits(word).map(move |bit| index * 64 + bit))
    }

    /// The host address for reading `size` aligned bytes at `va`, if the table knows it.
    #[inline(always)]
    #[must_use]
    pub fn probe_read(&self, va: Va, size: u32) -> Option<*mut u8> {
        resolve(self.read[page_index(va)], va, size)
    }

    /// The host address for writing `size` aligned bytes at `va`, if the table knows it.
    #[inline(always)]
    #[must_use]
    pub fn probe_write(&self, va: Va, size: u32) -> Option<*mut u8> {
        resolve(self.write[page_index(va)], va, size)
    }

    /// The code page of the page of `pc`; the empty one if the space knows none.
    #[inline(always)]
    #[must_use]
    pub fn code_slot(&self, pc: Va) -> CodeSlot {
        CodeSlot(self.code[page_index(pc)])
    }

    /// Says which code page the page of `pc` has. Returns whether the host has to back one more chunk.
    pub fn fill_code(&mut self, pc: Va, slot: CodeSlot) -> bool {
        self.code[page_index(pc)] = slot.0;
        self.use_chunk(pc)
    }

    /// Notes that the chunk of `va` may hold entries, unless it belongs to kseg0 or kseg1. Returns
    /// whether the host has to back it.
    fn use_chunk(&mut self, va: Va) -> bool {
        if va.is_direct() {
            return false;
        }
        let chunk = page_index(va) / CHUNK;
        let (word, bit) = (&mut self.chunks[chunk / 64], 1 << (chunk % 64));
        *word |= bit;
        let backed = &mut self.backed[chunk / 64];
        let new = *backed & bit == 0;
        *backed |= bit;
        new
    }

    /// How many chunks the host backs.
    pub(super) fn chunks(&self) -> usize {
        let words = self.backed.iter();
        words.map(|word| word.count_ones() as usize).sum()
    }

    /// The host has the memory of the tables, which are empty.
    pub(super) fn note_returned(&mut self) {
        self.backed.fill(0);
    }

    /// Makes the entry of the page of `va`, whose bytes lie at `host`. Returns whether the host
    /// has to back one more chunk.
    pub fn fill_data(&mut self, va: Va, host: *mut u8, writable: bool) -> bool {
        let index = page_index(va);
        let addend = (host as u64).wrapping_sub(va.page().0);
        self.read[index] = addend;
        self.write[index] = if writable { addend } else { 0 };
        self.use_chunk(va)
    }

    /// Forgets `bytes` from `va` on, which is where a page starts.
    pub(super) fn forget(&mut self, va: Va, bytes: u64) {
        for page in (va.0..va.0 + bytes).step_by(PAGE_SIZE as usize).map(Va) {
            let index = page_index(page);
            if self.chunks[index / CHUNK / 64] >> (index / CHUNK % 64) & 1 != 0 {
                (self.read[index], self.write[index]) = (0, 0);
                self.code[index] = 0;
            }
        }
    }

    /// Takes back every permission to write to the page at `host`, but for kseg0 and kseg1.
    pub(super) fn protect(&mut self, host: *mut u8) {
        for chunk in self.used_chunks() {
            clear_entries(&mut self.write, chunk, host);
        }
    }

    /// Forgets every way to the page at `host`, but for those in kseg0 and kseg1.
    pub(super) fn forget_frame(&mut self, host: *mut u8) {
        for chunk in self.used_chunks() {
            clear_entries(&mut self.read, chunk, host);
            clear_entries(&mut self.write, chunk, host);
        }
    }

    /// Forgets where the page of `va` is.
    pub(super) fn forget_data(&mut self, va: Va) {
        let index = page_index(va);
        (self.read[index], self.write[index]) = (0, 0);
    }

    /// Takes back the permission to write to the page of `va`.
    pub(super) fn protect_page(&mut self, va: Va) {
        self.write[page_index(va)] = 0;
    }
}
