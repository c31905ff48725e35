//! Where a console's input comes from, whatever that is: a channel for what is typed.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::raw::RawMode;

/// What arrived for the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Bytes for the guest.
    Bytes(Vec<u8>),
    /// Ctrl-A x.
    Quit,
    /// Nothing more will arrive. The machine runs on.
    End,
}

/// Called when there is something new to look at, from whatever thread brings it: it has to come
/// back soon. What executes a VM that is idle learns by it that there is input.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// One that does `wake`.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// One that wakes nothing: what waits for input waits on the channel.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|| {})
    }

    /// Does it.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// What a [`Session`](super::Session) is typed on by.
#[derive(Debug)]
pub struct Source {
    input: Receiver<Input>,
    /// The terminal is in raw mode for as long as this lives, if it is a terminal.
    _raw: Option<RawMode>,
}

impl Source {
    /// One with room for so many pieces, and where to type.
    #[must_use]
    pub fn channel(room: usize) -> (SyncSender<Input>, Self) {
        let (sender, input) = sync_channel(room);
        (sender, Self { input, _raw: None })
    }

    pub(super) fn keeping(mut self, raw: Option<RawMode>) -> Self {
        self._raw = raw;
        self
    }

    /// Where what is typed arrives. After [`Input::End`] the channel is closed.
    #[must_use]
    pub fn input(&self) -> &Receiver<Input> {
        &self.input
    }
}
