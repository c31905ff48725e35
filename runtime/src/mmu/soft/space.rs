//! One space: the software TLB and the code table of one address space and mode.

use super::SpaceKey;
use crate::addr::{PAGE_BITS, PAGE_SIZE, Va};

/// Pages of the 32-bit address space, and so entries of a table.
pub const PAGES: usize = 1 << (32 - PAGE_BITS);
/// Code entries that a page maps to: one group, so that forgetting a page costs one group.
pub const CODE_GROUP: usize = 128;
/// Code entries in a space.
pub const CODE_ENTRIES: usize = 64 * CODE_GROUP;
/// A program counter that is never probed for: it is not aligned.
const NO_PC: u32 = 1;
/// Entries that one host page of a table holds.
const CHUNK: usize = PAGE_SIZE as usize / size_of::<u64>();

/// A code entry: where the code for one virtual address of one space is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CodeEntry {
    /// The virtual address, or an odd number.
    pub pc: u32,
    /// The engine's number for the block.
    pub block: u32,
    /// The block's translated code, or 0 while there is none.
    pub entry: usize,
}

const NO_CODE: CodeEntry = CodeEntry {
    pc: NO_PC,
    block: 0,
    entry: 0,
};

/// The tables of one address space and mode. Most of it is never touched, and so not there.
#[repr(C, align(4096))]
pub struct Space {
    /// For each page what to add to a virtual address to read there on the host, or 0.
    pub read: [u64; PAGES],
    /// The same for writing.
    pub write: [u64; PAGES],
    /// Blocks, by [`code_index`].
    pub code: [CodeEntry; CODE_ENTRIES],
    /// Whose tables these are.
    pub key: SpaceKey,
    /// Which groups of `code` may hold entries, a bit each.
    code_groups: u64,
    /// Which chunks of `read` and `write` may hold entries, a bit each. Those of kseg0 and kseg1
    /// are not counted: see [`is_direct`].
    chunks: [u64; PAGES / CHUNK / 64],
}

const _: () = assert!(CODE_ENTRIES / CODE_GROUP == 64, "a group is a bit");

/// The code entry that a program counter belongs to. Translated code computes the same.
#[inline(always)]
#[must_use]
pub const fn code_index(pc: Va) -> usize {
    let group = (pc.0 >> PAGE_BITS) as usize % (CODE_ENTRIES / CODE_GROUP);
    group * CODE_GROUP + (pc.0 >> 2) as usize % CODE_GROUP
}

#[inline(always)]
const fn page_index(va: Va) -> usize {
    (va.0 >> PAGE_BITS) as usize % PAGES
}

/// Whether `va` lies in kseg0 or kseg1, where all spaces of the kernel see the same.
#[must_use]
pub const fn is_direct(va: Va) -> bool {
    va.0 as u32 >> 30 == 2
}

/// The numbers of the bits that are set.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros() as usize;
        word &= word.checked_sub(1)?;
        Some(bit)
    })
}

/// The host address that an entry gives `size` aligned bytes at `va`.
#[inline(always)]
fn resolve(addend: u64, va: Va, size: u32) -> Option<*mut u8> {
    let aligned = va.0 & u64::from(size - 1) == 0;
    (addend != 0 && aligned).then(|| addend.wrapping_add(va.0) as *mut u8)
}

impl Space {
    /// Makes fresh memory, which is all zero, an empty space.
    pub(super) fn prepare(&mut self) {
        self.code.fill(NO_CODE);
    }

    /// Empties the space and gives it a new key. What lies in kseg0 and kseg1 stays.
    pub(super) fn reset(&mut self, key: SpaceKey) {
        for chunk in self.used_chunks() {
            self.read[chunk * CHUNK..][..CHUNK].fill(0);
            self.write[chunk * CHUNK..][..CHUNK].fill(0);
        }
        self.chunks.fill(0);
        if std::mem::take(&mut self.code_groups) != 0 {
            self.code.fill(NO_CODE);
        }
        self.key = key;
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

    /// The code entry of `pc`, if it is present.
    #[inline(always)]
    #[must_use]
    pub fn probe_code(&self, pc: Va) -> Option<&CodeEntry> {
        let entry = &self.code[code_index(pc)];
        (u64::from(entry.pc) == pc.0 && pc.0 & 3 == 0).then_some(entry)
    }

    /// Makes the code entry of `pc`.
    pub fn fill_code(&mut self, pc: Va, block: u32, entry: usize) {
        let index = code_index(pc);
        self.code_groups |= 1 << (index / CODE_GROUP);
        self.code[index] = CodeEntry {
            pc: pc.0 as u32,
            block,
            entry,
        };
    }

    /// Makes the entry of the page of `va`, whose bytes lie at `host`.
    pub fn fill_data(&mut self, va: Va, host: *mut u8, writable: bool) {
        let index = page_index(va);
        if !is_direct(va) {
            self.chunks[index / CHUNK / 64] |= 1 << (index / CHUNK % 64);
        }
        let addend = (host as u64).wrapping_sub(va.page().0);
        self.read[index] = addend;
        self.write[index] = if writable { addend } else { 0 };
    }

    /// Forgets `bytes` from `va` on, which is where a page starts.
    pub(super) fn forget(&mut self, va: Va, bytes: u64) {
        for page in (va.0..va.0 + bytes).step_by(PAGE_SIZE as usize).map(Va) {
            let index = page_index(page);
            if self.chunks[index / CHUNK / 64] >> (index / CHUNK % 64) & 1 != 0 {
                (self.read[index], self.write[index]) = (0, 0);
            }
            self.forget_code_page(page);
        }
    }

    fn forget_code_page(&mut self, page: Va) {
        let group = code_index(page) / CODE_GROUP;
        if self.code_groups >> group & 1 == 0 {
            return;
        }
        let start = group * CODE_GROUP;
        let mut left = false;
        for entry in &mut self.code[start..start + CODE_GROUP] {
            if u64::from(entry.pc & !(PAGE_SIZE as u32 - 1)) == page.0 {
                *entry = NO_CODE;
            }
            left |= entry.pc != NO_PC;
        }
        self.code_groups &= !(u64::from(!left) << group);
    }

    /// Takes back every permission to write to the page at `host`, but for kseg0 and kseg1.
    pub(super) fn protect(&mut self, host: *mut u8) {
        for chunk in self.used_chunks() {
            let first = chunk * CHUNK;
            for (index, entry) in (first..).zip(&mut self.write[first..][..CHUNK]) {
                let page = (index as u64) << PAGE_BITS;
                if *entry != 0 && entry.wrapping_add(page) == host as u64 {
                    *entry = 0;
                }
            }
        }
    }

    /// Takes back the permission to write to the page of `va`.
    pub(super) fn protect_page(&mut self, va: Va) {
        self.write[page_index(va)] = 0;
    }

    /// Forgets the code entry of a block of the engine.
    pub(super) fn forget_code(&mut self, pc: Va, block: u32) {
        let entry = &mut self.code[code_index(pc)];
        if entry.pc == pc.0 as u32 && entry.block == block {
            *entry = NO_CODE;
        }
    }

    /// Sets the translated code of a block, if there is an entry for it.
    pub(super) fn set_code(&mut self, pc: Va, block: u32, code: usize) {
        let entry = &mut self.code[code_index(pc)];
        if entry.pc == pc.0 as u32 && entry.block == block {
            entry.entry = code;
        }
    }
}
