//! Live migration: a machine that runs goes on under another monitor.
//!
//! What is sent is a [snapshot](crate::snapshot), with pages that the guest wrote meanwhile sent once
//! more: the other side reads it as it reads a file. The monitor that has the machine answers a request
//! at its control socket, the one that is to have it waits at a socket of its own ([`Incoming`]), and
//! what asked for the move carries the bytes between them ([`carry`]): no monitor connects to anything.
//!
//! The machine runs in one place at any time. Where it was, it stands still from the last round on; the
//! other side says that it has all and has opened the disks, is told to go, and says that it goes. What
//! fails before that leaves the machine where it was.

mod carry;
mod frame;
mod incoming;

pub use carry::{CarryError, carry};
pub use frame::{Frame, Parts, Report};
#[cfg(any(test, fuzzing))]
pub(crate) use incoming::receive;
pub use incoming::{Incoming, IncomingError};

use std::time::Duration;

/// How long each side waits for the other.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How many times a machine's memory may be sent.
pub const MOST_TIMES: u64 = 4;
