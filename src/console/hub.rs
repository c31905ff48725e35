//! The console of one VM for clients that come and go: what the guest printed of late is kept for them,
//! and what they send is typed.
//!
//! Clients come by a socket of the console, or are handed over by the control socket. A thread serves
//! all of them; it is there from the first one on.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::exchange::Exchange;
use super::{Keys, Lane, Printer};

use crate::sandbox::{Duty, narrow};

/// Bytes of output that are kept for clients that are slow or come late.
pub(super) const RING: usize = 64 << 10;
/// Bytes of input that may wait for the guest.
pub(super) const ROOM: usize = 16 << 10;

/// Where clients come by, if there is such a place.
pub(super) type Socket = Option<Box<dyn Borrow<UnixListener> + Send>>;

/// The end of what the guest printed.
#[derive(Debug, Default)]
pub(super) struct Ring {
    bytes: VecDeque<u8>,
    /// How many bytes were printed before those.
    start: u64,
}

impl Ring {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let surplus = self.bytes.len().saturating_sub(RING);
        self.bytes.drain(..surplus);
        self.start += surplus as u64;
    }

    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// All that is kept.
    pub fn all(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }

    /// A piece of what comes at `at` or, if that is gone, later; and where that is.
    pub fn piece(&self, at: u64) -> (u64, &[u8]) {
        let at = at.clamp(self.start, self.end());
        let skip = (at - self.start) as usize;
        let (first, second) = self.bytes.as_slices();
        match first.get(skip..) {
            Some(piece) if !piece.is_empty() => (at, piece),
            _ => (at, &second[skip - first.len()..]),
        }
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub ring: Ring,
    /// Clients that were handed over and are not served yet.
    pub newcomers: Vec<UnixStream>,
    /// How many there are.
    pub clients: usize,
    /// Whether the thread has been told that there is something new.
    pub rung: bool,
    pub ended: bool,
    /// Whether the machine goes elsewhere: clients are told so, and what they have sent is still typed.
    pub parting: bool,
    /// Whether the thread knows, and has since counted its clients.
    pub parted: bool,
    /// Whether something that clients have sent is not typed yet.
    pub owing: bool,
    /// What the thread needs, until it is there.
    waiting: Option<(UnixStream, Keys)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Wakes the thread.
    bell: UnixStream,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self, state: &mut State) {
        if !state.rung {
            state.rung = true;
            // It holds one byte at most, so there is room.
            let _ = (&self.bell).write(&[1]);
        }
    }
}

/// The console of one VM, for clients.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Shared>);

impl Hub {
    /// One without clients, which type by `keys`.
    ///
    /// # Errors
    /// When the host has no descriptors for it.
    pub fn new(keys: Keys) -> io::Result<Self> {
        let (bell, rung) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        rung.set_nonblocking(true)?;
        let state = Mutex::new(State {
            ring: Ring::default(),
            newcomers: Vec::new(),
            clients: 0,
            rung: false,
            ended: false,
            parting: false,
            parted: false,
            owing: false,
            waiting: Some((rung, keys)),
            thread: None,
        });
        Ok(Self(Arc::new(Shared { state, bell })))
    }

    /// Serves clients of `socket`, too.
    ///
    /// # Errors
    /// When the host has no thread for it.
    pub(super) fn listen(&self, socket: Socket) -> io::Result<()> {
        self.serve(&mut self.0.lock(), socket)
    }

    /// Has one more client, which speaks as [`attach`](super::attach::attach) does.
    ///
    /// # Errors
    /// When the host has no thread for it, or had none, or the console is closed.
    pub fn join(&self, client: UnixStream) -> io::Result<()> {
        let mut state = self.0.lock();
        self.serve(&mut state, None)?;
        if state.ended || state.parting {
            return Err(ErrorKind::NotConnected.into());
        }
        state.newcomers.push(client);
        self.0.ring(&mut state);
        Ok(())
    }

    /// Starts the thread, if it is not there yet.
    fn serve(&self, state: &mut State, socket: Socket) -> io::Result<()> {
        let Some((rung, keys)) = state.waiting.take() else {
            return Ok(());
        };
        let mut exchange = Exchange::new(self.0.clone(), rung, keys);
        let thread = thread::Builder::new().name("console socket".to_owned());
        let thread = thread.spawn(move || {
            narrow(Duty::Serve);
            exchange.run(socket.as_deref().map(Borrow::borrow));
        });
        state.ended |= thread.is_err();
        state.thread = Some(thread?);
        Ok(())
    }

    /// How many bytes are kept of what was printed.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.0.lock().ring.all().len()
    }

    /// Tells clients last words, and has no more come. Says whether all that they have sent is typed, and
    /// they are gone.
    pub(crate) fn part(&self, words: &[u8]) -> bool {
        let mut state = self.0.lock();
        if !state.parting {
            state.parting = true;
            state.ring.push(words);
            self.0.ring(&mut state);
        }
        let counted = state.parted || state.thread.is_none();
        counted && state.clients == 0 && state.newcomers.is_empty() && !state.owing
    }

    /// Gives clients a moment to read the rest.
    fn end(&self) {
        let mut state = self.0.lock();
        state.ended = true;
        self.0.ring(&mut state);
        let thread = state.thread.take();
        drop(state);
        if let Some(thread) = thread {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// What the guest prints goes to the clients as well. They are closed when this is dropped.
#[derive(Debug)]
pub(super) struct Shown<P> {
    pub out: P,
    pub hub: Hub,
}

impl<P: Printer> Printer for Shown<P> {
    fn print(&mut self, bytes: &[u8]) {
        let mut state = self.hub.0.lock();
        state.ring.push(bytes);
        if state.clients > 0 {
            self.hub.0.ring(&mut state);
        }
        drop(state);
        self.out.print(bytes);
    }

    fn lane(&self) -> Option<&Lane> {
        self.out.lane()
    }
}

impl<P> Drop for Shown<P> {
    fn drop(&mut self) {
        self.hub.end();
    }
}
