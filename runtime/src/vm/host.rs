//! What a machine needs of the world outside: a console and, for some, the time.

use crate::account::Holding;
use crate::clock::Nanos;
use crate::device::stroke::Stroke;
use crate::device::virtio::WindowSize;
use std::time::Duration;

/// What has come in from the console.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// What was typed; none if nothing was.
    Typed(Vec<Stroke>),
    /// The person wants to leave.
    Quit,
}

/// The outside of a machine.
pub trait Host {
    /// Takes bytes that the guest wrote to its console. Returns what to type in answer: that is
    /// how a script stays in step with the guest, to the instruction.
    fn output(&mut self, bytes: &[u8]) -> Vec<Stroke>;

    /// Whether what the guest printed waits for a reader, and the guest is to wait as well: it
    /// comes back to the monitor soon.
    fn is_full(&self) -> bool {
        false
    }

    /// What is kept for it beside the machine: what was printed and typed, and is on its way.
    fn held(&self) -> Holding {
        Holding::default()
    }

    /// What was typed since the last call, `room` strokes at most; the rest stays where it is. Never
    /// waits.
    fn input(&mut self, _room: usize) -> Input {
        Input::Typed(Vec::new())
    }

    /// The size of the window that shows the console, if there is one.
    fn window_size(&self) -> Option<WindowSize> {
        None
    }

    /// The guest is idle for `span`. A host that keeps time waits as long, or until something is
    /// typed, and says how much of it has passed; any other lets it pass at once.
    fn idle(&mut self, span: Nanos) -> Nanos {
        span
    }

    /// The host's clock, in time since the machine started, if virtual time is tied to it.
    fn clock(&self) -> Option<Duration> {
        None
    }

    /// Whether an idle guest is to wait until its time has passed on the host's clock.
    fn keeps_time(&self) -> bool {
        self.may_type()
    }

    /// Whether something may still be typed: if not, a guest that waits for nothing else is
    /// at its end.
    fn may_type(&self) -> bool {
        false
    }
}

/// A host that listens to nothing and says nothing.
#[derive(Debug, Default)]
pub struct Nowhere;

impl Host for Nowhere {
    fn output(&mut self, _bytes: &[u8]) -> Vec<Stroke> {
        Vec::new()
    }
}
