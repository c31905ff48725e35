//! What wakes the thread of a network.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use crate::console::Waker;

/// What wakes a thread that polls it.
#[derive(Clone, Debug)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    pub fn new() -> Result<Self, Errno> {
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        Ok(Self(Arc::new(eventfd(0, flags)?)))
    }

    pub fn ring(&self) {
        // It is full only if it has been rung very often.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// A waker that rings it.
    pub fn ringer(&self) -> Waker {
        let bell = self.clone();
        Waker::new(move || bell.ring())
    }

    /// Has it not be rung any more.
    pub fn hush(&self) {
        // Only what has been rung is there to be read.
        let _ = rustix::io::read(&*self.0, &mut [0_u8; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
