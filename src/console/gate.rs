//! What stops the reader of standard input between two reads, so that nothing is lost in its hands:
//! what was read is passed on, and what was not stays where it is.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Whether something was read that is not passed on yet.
    busy: bool,
}

/// What a reader has to pass before each read.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<Mutex<State>>);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the reader read no more. Says whether all that it has read is passed on.
    pub fn close(&self) -> bool {
        let mut state = self.lock();
        state.closed = true;
        !state.busy
    }

    /// Reads `from` as long as this is open. What was read is passed on when the next read begins.
    pub fn before<F: AsFd>(&self, from: F) -> Gated<F> {
        let gate = self.clone();
        Gated { gate, from }
    }
}

/// A descriptor behind a [`Gate`]: closed, it is at its end.
pub(super) struct Gated<F> {
    gate: Gate,
    from: F,
}

impl<F: AsFd> Read for Gated<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.gate.lock().busy = false;
        poll(&mut [PollFd::new(&self.from, PollFlags::IN)], None)?;
        let mut state = self.gate.lock();
        if state.closed {
            return Ok(0);
        }
        // It is there: the lock is not held for long.
        let count = rustix::io::read(&self.from, buffer)?;
        state.busy = count > 0;
        Ok(count)
    }
}

impl<F> Drop for Gated<F> {
    fn drop(&mut self) {
        self.gate.lock().busy = false;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_is_behind_a_closed_gate_stays_there() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let gate = Gate::default();
        let mut gated = gate.before(far.try_clone().unwrap());
        near.write_all(b"one").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(gated.read(&mut buffer).unwrap(), 3);
        assert!(!gate.close(), "it is in the reader's hands");
        near.write_all(b"two").unwrap();
        assert_eq!(gated.read(&mut buffer).unwrap(), 0);
        assert!(gate.close());
        assert_eq!((&far).read(&mut buffer).unwrap(), 3, "it is not read");
        assert_eq!(&buffer[..3], b"two");
    }
}
