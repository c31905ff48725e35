//! The host of a machine that is recorded.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::vm::host::{Host, Input};

/// A host that lets the machine go once the recorder is done.
pub struct UntilDone<'a> {
    host: &'a mut dyn Host,
    done: Rc<Cell<bool>>,
}

impl<'a> UntilDone<'a> {
    /// `host`, until `done`.
    pub(super) fn new(host: &'a mut dyn Host, done: Rc<Cell<bool>>) -> Self {
        Self { host, done }
    }
}

impl Host for UntilDone<'_> {
    fn output(&mut self, bytes: &[u8]) -> Vec<Stroke> {
        self.host.output(bytes)
    }

    fn is_full(&self) -> bool {
        self.host.is_full()
    }

    fn input(&mut self, room: usize) -> Input {
        if self.done.get() {
            return Input::Quit;
        }
        self.host.input(room)
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        self.host.idle(span)
    }

    fn clock(&self) -> Option<Duration> {
        self.host.clock()
    }

    fn may_type(&self) -> bool {
        self.host.may_type()
    }
}
