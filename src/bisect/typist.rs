//! The console of a machine that may go back: what its script did once, it does not do again.

use std::time::Duration;

use mirrorball_runtime::account::Holding;
use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::device::virtio::WindowSize;
use mirrorball_runtime::vm::host::{Host, Input};

use crate::console::Session;

/// A console whose script quits once.
pub(super) struct Typist {
    session: Session,
    /// Whether it has quit: from then on where the machine ends is known.
    pub has_quit: bool,
}

impl Typist {
    pub const fn new(session: Session) -> Self {
        let has_quit = false;
        Self { session, has_quit }
    }
}

impl Host for Typist {
    fn output(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.session.output(bytes)
    }

    fn is_full(&self) -> bool {
        self.session.is_full()
    }

    fn held(&self) -> Holding {
        self.session.held()
    }

    fn input(&mut self, room: usize) -> Input {
        match self.session.input(room) {
            Input::Quit if self.has_quit => Input::Bytes(Vec::new()),
            input => input,
        }
    }

    fn window_size(&self) -> Option<WindowSize> {
        self.session.window_size()
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        self.session.idle(span)
    }

    fn clock(&self) -> Option<Duration> {
        self.session.clock()
    }

    fn keeps_time(&self) -> bool {
        self.session.keeps_time()
    }

    fn may_type(&self) -> bool {
        self.session.may_type()
    }
}
