//! Homes: for each VM the place in machine memory where all of its pages can lie in one piece,
//! behind its [`Window`].
//!
//! A page lies at home unless another VM shares the frame that is there. Address space is all
//! that a home takes; frames in it are counted like any other.

use super::machine::Frame;
use crate::addr::PAGE_SIZE;
use crate::mmu::soft::Window;
use std::ops::Range;

/// The frames of a window.
pub(super) const WINDOW: u32 = (size_of::<Window>() / PAGE_SIZE as usize) as u32;

/// The home of a VM.
#[derive(Debug)]
pub struct Home(pub(super) Range<u32>);

impl Home {
    /// Where its window is.
    pub(super) fn window(&self) -> Frame {
        Frame(self.0.start)
    }

    /// Where the page with this index is at home.
    #[must_use]
    pub fn frame(&self, index: usize) -> Frame {
        Frame(self.0.start + WINDOW + index as u32)
    }
}

/// The frames of a home for so many pages.
pub(super) fn frames(pages: u64) -> u32 {
    WINDOW + pages as u32
}

/// Where homes can be.
#[derive(Debug)]
pub(super) struct Homes {
    /// What is free, in order and never adjoining.
    free: Vec<Range<u32>>,
}

impl Homes {
    pub fn new(frames: Range<u32>) -> Self {
        Self { free: vec![frames] }
    }

    /// A place of so many frames, if there is one.
    pub fn take(&mut self, frames: u32) -> Option<Home> {
        let fits = |range: &Range<u32>| range.len() >= frames as usize;
        let range = self.free.iter_mut().find(|range| fits(range))?;
        let home = range.start..range.start + frames;
        range.start = home.end;
        self.free.retain(|range| !range.is_empty());
        Some(Home(home))
    }

    /// Takes a place back.
    pub fn give(&mut self, Home(home): Home) {
        let at = self.free.partition_point(|range| range.start < home.start);
        self.free.insert(at, home);
        self.free.dedup_by(|next, range| {
            let adjoins = range.end == next.start;
            if adjoins {
                range.end = next.end;
            }
            adjoins
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_taken_and_given_back_in_any_order() {
        let mut homes = Homes::new(10..40);
        let [a, b, c] = [(); 3].map(|()| homes.take(10).unwrap());
        assert!(homes.take(1).is_none());
        homes.give(c);
        homes.give(a);
        assert!(homes.take(20).is_none(), "they do not adjoin");
        homes.give(b);
        assert_eq!(homes.take(30).unwrap().0, 10..40);
    }
}
