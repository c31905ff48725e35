//! Code pages: where the engine's code for one page of physical memory is found, whatever virtual
//! address maps it.
//!
//! A space names the code page of each virtual page by its [`CodeSlot`]; a code page has the number
//! of the block that starts at each instruction word; and each block has a [`CodeEntry`]. So what
//! the engine makes from a page is found at once by all spaces that map the page, and one store
//! makes or removes it for all of them.

use super::pool::{release, reserve};
use crate::addr::{PAGE_SIZE, Va};
use rustix::io::Errno;
use rustix::mm::{Advice, madvise};
use std::ptr::NonNull;

/// The instruction words of a page.
pub const CODE_WORDS: usize = PAGE_SIZE as usize / 4;
/// The most code pages of an engine, the empty one included.
pub const CODE_PAGES: usize = 1 << 13;

/// The most blocks of an engine.
pub const CODE_BLOCKS: usize = 1 << 21;

/// The code for one block. All zero, there is none.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CodeEntry {
    /// The offset of the translated code from [`Cpu::code_origin`](crate::cpu::Cpu::code_origin),
    /// where the stub lies that goes back to the dispatcher.
    pub code: i32,
    /// For code that counts its runs: how many are left until the engine looks after the block.
    pub runs: i16,
}

/// The engine's numbers of the blocks that start at the words of one page; 0 is none.
#[repr(C, align(4096))]
pub struct CodePage {
    /// A number for each word.
    pub blocks: [u32; CODE_WORDS],
}

/// Which code page it is: its offset in bytes from the first one, which is always empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct CodeSlot(pub(super) u32);

impl CodeSlot {
    /// The offset of the code page from the first one.
    #[inline(always)]
    #[must_use]
    pub const fn offset(self) -> usize {
        self.0 as usize
    }

    /// Whether it is the code page that has no code.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The number of the word at `pc` in its page.
#[inline(always)]
#[must_use]
pub const fn word_of(pc: Va) -> usize {
    (pc.0 >> 2) as usize % CODE_WORDS
}

/// All code pages of one engine, and the entries of its blocks.
pub struct CodePages {
    memory: NonNull<CodePage>,
    entries: NonNull<CodeEntry>,
    /// How many were ever in use.
    begun: usize,
    free: Vec<CodeSlot>,
}

// SAFETY: the memory belongs to this value alone.
unsafe impl Send for CodePages {}

impl CodePages {
    /// No code pages but the empty one.
    ///
    /// # Errors
    /// What the host said when it was asked for address space.
    pub fn new() -> Result<Self, Errno> {
        Ok(Self {
            memory: reserve(CODE_PAGES)?,
            entries: reserve(CODE_BLOCKS)?,
            begun: 1,
            free: Vec::new(),
        })
    }

    /// Where the first one is, for translated code.
    #[must_use]
    pub fn address(&self) -> usize {
        self.memory.as_ptr() as usize
    }

    /// Where the entry of block 0 is, for translated code.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries.as_ptr() as usize
    }

    /// The runs that are left to a block.
    ///
    /// # Panics
    /// As [`CodePages::entry`].
    #[must_use]
    pub fn runs(&self, block: u32) -> i16 {
        assert!((1..CODE_BLOCKS).contains(&(block as usize)));
        // SAFETY: as in `entry`.
        unsafe { (*self.entries.as_ptr().add(block as usize)).runs }
    }

    /// The entry of a block. That of block 0 stays empty.
    ///
    /// # Panics
    /// If there cannot be a block with this number.
    pub fn entry(&mut self, block: u32) -> &mut CodeEntry {
        assert!((1..CODE_BLOCKS).contains(&(block as usize)));
        // SAFETY: the mapping has room for that many, and any bytes are an entry; `&mut self` keeps
        // every other access away.
        unsafe { &mut *self.entries.as_ptr().add(block as usize) }
    }

    /// How many are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.begun - 1 - self.free.len()
    }

    /// Whether none is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An unused code page without entries, if there is one left.
    pub fn take(&mut self) -> Option<CodeSlot> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        if self.begun == CODE_PAGES {
            return None;
        }
        self.begun += 1;
        Some(CodeSlot(((self.begun - 1) * size_of::<CodePage>()) as u32))
    }

    /// Gives a code page and its memory back. No space may name it any more.
    pub fn give_back(&mut self, slot: CodeSlot) {
        self.page_mut(slot).blocks.fill(0);
        // SAFETY: the page is this value's own, and all zero it is a code page.
        let _ = unsafe {
            madvise(
                self.place(slot).cast(),
                size_of::<CodePage>(),
                Advice::LinuxRemove,
            )
        };
        self.free.push(slot);
    }

    fn place(&self, slot: CodeSlot) -> *mut CodePage {
        let index = slot.0 as usize / size_of::<CodePage>();
        assert!(index < self.begun);
        // SAFETY: the mapping has room for that many.
        unsafe { self.memory.as_ptr().add(index) }
    }

    /// The code page of a slot.
    #[must_use]
    pub fn page(&self, slot: CodeSlot) -> &CodePage {
        // SAFETY: it is mapped, and any bytes are a code page.
        unsafe { &*self.place(slot) }
    }

    /// The code page of a slot, to be changed. The empty one stays empty.
    pub fn page_mut(&mut self, slot: CodeSlot) -> &mut CodePage {
        assert!(!slot.is_empty());
        // SAFETY: as in `page`; `&mut self` keeps every other access away.
        unsafe { &mut *self.place(slot) }
    }

    /// The block that starts at the word at `pc` in the code page of a slot, or 0.
    #[inline(always)]
    #[must_use]
    pub fn block(&self, slot: CodeSlot, pc: Va) -> u32 {
        self.page(slot).blocks[word_of(pc)]
    }
}

impl Drop for CodePages {
    fn drop(&mut self) {
        release(self.memory, CODE_PAGES);
        release(self.entries, CODE_BLOCKS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_page_that_was_given_back_is_empty_when_it_is_taken_again() {
        let mut pages = CodePages::new().unwrap();
        let (first, second) = (pages.take().unwrap(), pages.take().unwrap());
        assert!(first != second && !first.is_empty() && pages.len() == 2);
        let here = Va(0x40_0ffc);
        pages.page_mut(first).blocks[word_of(here)] = 7;
        assert_eq!(pages.block(first, Va(0x77_0ffc)), 7);
        assert_eq!(pages.block(second, here), 0);
        pages.give_back(first);
        assert_eq!((pages.len(), pages.take()), (1, Some(first)));
        assert_eq!(pages.block(first, here), 0);
    }

    #[test]
    fn each_block_has_an_entry_of_its_own() {
        let mut pages = CodePages::new().unwrap();
        let entry = CodeEntry { code: -64, runs: 5 };
        *pages.entry(1) = entry;
        *pages.entry(CODE_BLOCKS as u32 - 1) = entry;
        assert_eq!(*pages.entry(1), entry);
        assert_eq!(*pages.entry(2), CodeEntry::default());
    }
}
