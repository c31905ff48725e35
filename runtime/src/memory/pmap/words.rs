//! Which words of a page code was made from.

use crate::addr::{PAGE_SIZE, Pa};

/// A bit for each word of a page.
#[derive(Default)]
pub struct CodeWords([u64; PAGE_SIZE as usize / 4 / 64]);

/// The words that `bytes` at `pa` touch, by their number in the page.
fn words_of(pa: Pa, bytes: u64) -> std::ops::RangeInclusive<usize> {
    let first = pa.page_offset();
    let last = (first + bytes.max(1) - 1).min(PAGE_SIZE - 1);
    first as usize / 4..=last as usize / 4
}

impl CodeWords {
    /// Notes that code was made from the `bytes` at `pa`, which lie in the page.
    pub fn note(&mut self, pa: Pa, bytes: u64) {
        for word in words_of(pa, bytes) {
            self.0[word / 64] |= 1 << (word % 64);
        }
    }

    /// Whether code was made from any of the `bytes` at `pa`.
    pub fn touch(&self, pa: Pa, bytes: u64) -> bool {
        words_of(pa, bytes).any(|word| self.0[word / 64] >> (word % 64) & 1 != 0)
    }
}
