//! Homes: for each VM the place in machine memory where all of its pages can lie in one piece,
//! behind its [`Window`].
//!
//! A page lies at home unless another VM shares the frame that is there. Address space is all
//! that a home takes; frames in it are counted like any other.

use super::backmap::Frame;
use super::window::Window;
use crate::addr::PAGE_SIZE;
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

/// Where homes can be. One that was given back is taken again as it is or not at all: where a
/// window was there are never frames, which others may share still.
#[derive(Debug)]
pub(super) struct Homes {
    fresh: Range<u32>,
    empty: Vec<Range<u32>>,
}

impl Homes {
    pub fn new(frames: Range<u32>) -> Self {
        Self {
            fresh: frames,
            empty: Vec::new(),
        }
    }

    /// A place of so many frames, if there is one.
    pub fn take(&mut self, frames: u32) -> Option<Home> {
        let fits = |home: &Range<u32>| home.len() == frames as usize;
        if let Some(at) = self.empty.iter().position(fits) {
            return Some(Home(self.empty.swap_remove(at)));
        }
        let home = self.fresh.start..self.fresh.start.checked_add(frames)?;
        (home.end <= self.fresh.end).then(|| {
            self.fresh.start = home.end;
            Home(home)
        })
    }

    /// Takes a place back.
    pub fn give(&mut self, Home(home): Home) {
        self.empty.push(home);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_taken_again_as_it_is_or_not_at_all() {
        let mut homes = Homes::new(10..40);
        let [a, b, c] = [(); 3].map(|()| homes.take(10).unwrap());
        assert!(homes.take(1).is_none());
        let place = b.0.clone();
        homes.give(b);
        assert!(homes.take(5).is_none(), "another window would be there");
        assert_eq!(homes.take(10).unwrap().0, place);
        homes.give(a);
        homes.give(c);
        assert!(homes.take(20).is_none());
    }
}
