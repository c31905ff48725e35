//! Code pages: where the engine's code for one page of physical memory is found, whatever virtual
//! address maps it.
//!
//! A space names the code page of each virtual page by its [`CodeSlot`]; a code page has the place of
//! the translated code for each instruction word. So what the engine makes from a page is found at
//! once by all spaces that map the page, and one store makes or removes it for all of them.

use crate::addr::{PAGE_SIZE, Va};
use crate::memory::reserved::{release, reserve, take_back};
use rustix::io::Errno;
use std::ptr::NonNull;

/// The instruction words of a page.
pub const CODE_WORDS: usize = PAGE_SIZE as usize / 4;
/// The most code pages of an engine, the empty one included. An engine that would need more forgets
/// all its code, so this is more than guests run: one session of a compiler takes five thousand.
pub const CODE_PAGES: usize = 1 << 14;
/// The most blocks of an engine.
pub const CODE_BLOCKS: usize = 1 << 21;

/// Where the translated code is that starts at the words of one page.
#[repr(C, align(4096))]
pub struct CodePage {
    /// For each word the offset from the engine's stub for what is not translated, which goes back
    /// to the dispatcher.
    pub codes: [i32; CODE_WORDS],
}

/// Which code page it is: its offset in bytes from the first one, which is always empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct CodeSlot(pub(super) u32);

impl CodeSlot {
    /// Which code page it is, counted from the first one.
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize / size_of::<CodePage>()
    }

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

/// All code pages of one engine, and the runs of its blocks.
pub struct CodePages {
    memory: NonNull<CodePage>,
    runs: NonNull<i16>,
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
            runs: reserve(CODE_BLOCKS)?,
            begun: 1,
            free: Vec::new(),
        })
    }

    /// Where the first one is, for translated code.
    #[must_use]
    pub fn address(&self) -> usize {
        self.memory.as_ptr() as usize
    }

    /// Where the runs of block 0 are, for translated code.
    #[must_use]
    pub fn runs_address(&self) -> usize {
        self.runs.as_ptr() as usize
    }

    fn runs_place(&self, block: u32) -> *mut i16 {
        assert!((1..CODE_BLOCKS).contains(&(block as usize)));
        // SAFETY: the mapping has room for that many.
        unsafe { self.runs.as_ptr().add(block as usize) }
    }

    /// For code that counts its runs: how many are left to a block until the engine looks after it.
    ///
    /// # Panics
    /// If there cannot be a block with this number.
    #[must_use]
    pub fn runs(&self, block: u32) -> i16 {
        // SAFETY: it is mapped, and any bytes are a number.
        unsafe { *self.runs_place(block) }
    }

    /// Leaves so many runs to a block.
    ///
    /// # Panics
    /// As [`CodePages::runs`].
    pub fn set_runs(&mut self, block: u32, runs: i16) {
        // SAFETY: as in `runs`; `&mut self` keeps every other access away.
        unsafe { *self.runs_place(block) = runs }
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
        self.page_mut(slot).codes.fill(0);
        // SAFETY: the page is this value's own, and all zero it is a code page.
        let _ = unsafe { take_back(self.place(slot).cast(), size_of::<CodePage>()) };
        self.free.push(slot);
    }

    fn place(&self, slot: CodeSlot) -> *mut CodePage {
        let index = slot.index();
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
}

impl Drop for CodePages {
    fn drop(&mut self) {
        // SAFETY: the memory is this value's own, which is gone now.
        unsafe { release(self.memory, CODE_PAGES) };
        // SAFETY: as above.
        unsafe { release(self.runs, CODE_BLOCKS) };
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
        let word = word_of(Va(0x40_0ffc));
        pages.page_mut(first).codes[word] = 64;
        assert_eq!(pages.page(first).codes[word_of(Va(0x77_0ffc))], 64);
        assert_eq!(pages.page(second).codes[word], 0);
        pages.give_back(first);
        assert_eq!((pages.len(), pages.take()), (1, Some(first)));
        assert_eq!(pages.page(first).codes[word], 0);
    }

    #[test]
    fn each_block_has_runs_of_its_own() {
        let mut pages = CodePages::new().unwrap();
        pages.set_runs(1, 5);
        pages.set_runs(CODE_BLOCKS as u32 - 1, -1);
        let runs = [1, 2, CODE_BLOCKS as u32 - 1].map(|block| pages.runs(block));
        assert_eq!(runs, [5, 0, -1]);
    }
}
