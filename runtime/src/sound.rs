//! Whether a state is one that a machine can come to.
//!
//! What a machine is loaded from may have been written by anyone. A part of it that trusts its own state
//! (that an index is inside of its table, that a divisor is not zero, that a list is no longer than what
//! fills it) says so in [`Sound::is_sound`], and nothing is loaded that is not sound. What a part does not
//! ask there it can work with, whatever it is: it does not panic or hang, and keeps no more than it is
//! meant to.

use crate::clock::{Cycles, Nanos};
use std::collections::VecDeque;

/// A part of a machine whose state may come from a file.
pub trait Sound {
    /// Whether the part can work with its state, whatever happens to it from now on.
    fn is_sound(&self) -> bool;
}

/// The most that anything is counted to: counting on from there has no end that matters.
const COUNTED: u64 = 1 << 60;

/// Whether counting can go on.
#[must_use]
pub fn is_count(count: u64) -> bool {
    count <= COUNTED
}

/// The most bytes that were typed and wait in a device: a script may type much at once.
pub const TYPED: usize = 1 << 20;

impl<T: Sound> Sound for Option<T> {
    fn is_sound(&self) -> bool {
        self.as_ref().is_none_or(Sound::is_sound)
    }
}

impl<T: Sound> Sound for [T] {
    fn is_sound(&self) -> bool {
        self.iter().all(Sound::is_sound)
    }
}

impl<T: Sound, const N: usize> Sound for [T; N] {
    fn is_sound(&self) -> bool {
        self.as_slice().is_sound()
    }
}

impl<T: Sound> Sound for VecDeque<T> {
    fn is_sound(&self) -> bool {
        self.iter().all(Sound::is_sound)
    }
}

/// Time has room to go on.
impl Sound for Cycles {
    fn is_sound(&self) -> bool {
        *self <= Self::LAST
    }
}

/// What is due then comes, and the sum of it and a span is a moment.
impl Sound for Nanos {
    fn is_sound(&self) -> bool {
        *self <= Self::LAST
    }
}
