//! Code tables: from program counters to blocks and their translations.

use crate::addr::{PAGE_BITS, PAGE_SIZE, Va};

/// Entries that a page maps to: one group, so that forgetting a page costs one group. A group
/// fills a page of the host.
pub const CODE_GROUP: usize = PAGE_SIZE as usize / size_of::<CodeEntry>();
/// Groups in a table.
pub const CODE_GROUPS: usize = 512;

/// Where the code for one virtual address of one space is. All zero, it is for none.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CodeEntry {
    /// The tag of the virtual address, made by `code_tag`.
    pub tag: u32,
    /// The engine's number for the block.
    pub block: u32,
    /// The block's translated code, or 0 while there is none.
    pub entry: usize,
}

const NO_CODE: CodeEntry = CodeEntry {
    tag: 0,
    block: 0,
    entry: 0,
};

/// A table of code, most of which is never touched.
#[repr(C, align(4096))]
pub struct CodeTable {
    groups: [[CodeEntry; CODE_GROUP]; CODE_GROUPS],
    /// Which groups may hold entries, a bit each.
    used: [u64; CODE_GROUPS / 64],
}

/// What the entry of an aligned program counter is marked with; never 0.
#[inline(always)]
#[must_use]
pub const fn code_tag(pc: Va) -> u32 {
    pc.0 as u32 ^ 1
}

#[inline(always)]
const fn group_of(pc: Va) -> usize {
    (pc.0 >> PAGE_BITS) as usize % CODE_GROUPS
}

/// Translated code computes the same.
#[inline(always)]
const fn place(pc: Va) -> (usize, usize) {
    (group_of(pc), (pc.0 >> 2) as usize % CODE_GROUP)
}

/// The numbers of the bits that are set.
pub(super) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros() as usize;
        word &= word.checked_sub(1)?;
        Some(bit)
    })
}

impl CodeTable {
    /// The entry of `pc`, if it is present.
    #[inline(always)]
    #[must_use]
    pub fn probe(&self, pc: Va) -> Option<&CodeEntry> {
        let (group, index) = place(pc);
        let entry = &self.groups[group][index];
        (entry.tag == code_tag(pc) && pc.0 & 3 == 0).then_some(entry)
    }

    /// Makes the entry of `pc`.
    pub fn fill(&mut self, pc: Va, block: u32, entry: usize) {
        let (group, index) = place(pc);
        self.used[group / 64] |= 1 << (group % 64);
        self.groups[group][index] = CodeEntry {
            tag: code_tag(pc),
            block,
            entry,
        };
    }

    /// The entry of `pc` if it is for this block.
    fn entry_of(&mut self, pc: Va, block: u32) -> Option<&mut CodeEntry> {
        let (group, index) = place(pc);
        if self.used[group / 64] >> (group % 64) & 1 == 0 {
            return None;
        }
        let entry = &mut self.groups[group][index];
        (entry.tag == code_tag(pc) && entry.block == block).then_some(entry)
    }

    /// Forgets the entry of a block of the engine.
    pub(super) fn forget(&mut self, pc: Va, block: u32) {
        if let Some(entry) = self.entry_of(pc, block) {
            *entry = NO_CODE;
        }
    }

    /// Sets the translated code of a block, if there is an entry for it.
    pub(super) fn set(&mut self, pc: Va, block: u32, code: usize) {
        if let Some(entry) = self.entry_of(pc, block) {
            entry.entry = code;
        }
    }

    /// Forgets the entries of the page that starts at `page`.
    pub(super) fn forget_page(&mut self, page: Va) {
        let group = group_of(page);
        if self.used[group / 64] >> (group % 64) & 1 == 0 {
            return;
        }
        let mut left = false;
        for entry in &mut self.groups[group] {
            if u64::from(entry.tag & !(PAGE_SIZE as u32 - 1)) == page.0 && entry.tag != 0 {
                *entry = NO_CODE;
            }
            left |= entry.tag != 0;
        }
        self.used[group / 64] &= !(u64::from(!left) << (group % 64));
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        for (word, used) in self.used.iter_mut().enumerate() {
            for bit in bits(std::mem::take(used)) {
                self.groups[word * 64 + bit].fill(NO_CODE);
            }
        }
    }
}
