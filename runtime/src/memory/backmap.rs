//! The backmap: for each frame of machine memory, what uses it.

use crate::addr::{Ma, PAGE_BITS, Pa};
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a VM in its monitor; 0 is for one that has none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct VmId(pub u16);

/// What uses a frame: a page of a VM.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct User {
    /// The VM.
    pub vm: VmId,
    /// Its page.
    pub pa: Pa,
}

/// The number of a frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Frame(pub u32);

impl Frame {
    /// The frame that every page of zeros can be read from. It is never written to.
    pub const ZERO: Self = Self(0);

    /// The machine address of its first byte.
    #[must_use]
    pub const fn ma(self) -> Ma {
        Ma((self.0 as u64) << PAGE_BITS)
    }

    /// The machine address of the byte at `pa`, whose page is in this frame.
    #[must_use]
    pub const fn at(self, pa: Pa) -> Ma {
        Ma(self.ma().0 | pa.page_offset())
    }
}

impl From<Ma> for Frame {
    fn from(ma: Ma) -> Self {
        Self(ma.page_number() as u32)
    }
}

/// What is known of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// It is free, and zero.
    Free,
    /// It is free, and holds what its last user left.
    Stale,
    /// Several pages may use it: [`super::share::Shares`] knows which.
    Shared,
    /// It is this page's alone.
    Private(User),
}

/// What uses each frame, a number each.
#[derive(Debug)]
pub(super) struct Backmap(Box<[AtomicU64]>);

const FREE: u64 = 0;
const SHARED: u64 = 1;
const PRIVATE: u64 = 2;
const STALE: u64 = 3;
const KIND: u64 = 3;

impl Backmap {
    /// All of them free.
    pub fn new(frames: u32) -> Self {
        // SAFETY: all zero is a number, 0; most of the backmap is never touched.
        Self(unsafe { Box::new_zeroed_slice(frames as usize).assume_init() })
    }

    pub fn get(&self, frame: Frame) -> Use {
        let mark = self.0[frame.0 as usize].load(Ordering::Relaxed);
        match mark & KIND {
            FREE => Use::Free,
            SHARED => Use::Shared,
            STALE => Use::Stale,
            _ => Use::Private(User {
                vm: VmId((mark >> 2) as u16),
                pa: Pa(mark >> 18 << PAGE_BITS),
            }),
        }
    }

    pub fn set(&self, frame: Frame, what: Use) {
        let mark = match what {
            Use::Free => FREE,
            Use::Shared => SHARED,
            Use::Stale => STALE,
            Use::Private(User { vm, pa }) => {
                PRIVATE | u64::from(vm.0) << 2 | pa.page_number() << 18
            }
        };
        self.0[frame.0 as usize].store(mark, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_of_a_frame_is_known() {
        let backmap = Backmap::new(3);
        let user = |vm, pa| {
            Use::Private(User {
                vm: VmId(vm),
                pa: Pa(pa),
            })
        };
        assert_eq!(backmap.get(Frame(1)), Use::Free);
        for what in [
            user(0, 0),
            user(u16::MAX, 0xf_ffff_f000),
            Use::Shared,
            Use::Stale,
            Use::Free,
        ] {
            backmap.set(Frame(1), what);
            assert_eq!(backmap.get(Frame(1)), what);
            assert_eq!(backmap.get(Frame(2)), Use::Free);
        }
    }
}
