//! A console on a Unix socket: several clients may look and type.
//!
//! The guest never waits for a client. What it prints goes into a ring; each client has a place in
//! it, starts at its oldest byte, and loses what the ring has dropped by the time it reads on.
//! What clients send has bounded room too: while that is full they are not read.
//!
//! The bytes are passed on as they are: a client that wants single keys puts its own terminal into
//! raw mode. There are no escapes here.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mirrorball_runtime::device::stroke::Stroke;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Keys, Printer, Source, Waker};

use crate::sandbox::{Duty, narrow};

/// Bytes of output that are kept for clients that are slow or come late.
const RING: usize = 64 << 10;
/// Bytes of input that may wait for the guest.
const ROOM: usize = 16 << 10;
/// Clients at the same time; more are sent away.
const CLIENTS: usize = 16;
/// How long clients have to read the rest when the VM is gone.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long until clients are read again that were too fast for the guest.
const PAUSE: Duration = Duration::from_millis(20);

/// The end of what the guest printed.
#[derive(Debug, Default)]
struct Ring {
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

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// A piece of what comes at `at` or, if that is gone, later; and where that is.
    fn piece(&self, at: u64) -> (u64, &[u8]) {
        let at = at.clamp(self.start, self.end());
        let skip = (at - self.start) as usize;
        let (first, second) = self.bytes.as_slices();
        match first.get(skip..) {
            Some(piece) if !piece.is_empty() => (at, piece),
            _ => (at, &second[skip - first.len()..]),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    ring: Ring,
    clients: usize,
    /// Whether the thread has been told that there is something new.
    rung: bool,
    ended: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the thread.
    bell: UnixStream,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
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

/// Where the guest's output goes; the console ends with it.
#[derive(Debug)]
pub(super) struct Sink {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Printer for Sink {
    fn print(&mut self, bytes: &[u8]) {
        let mut state = self.shared.lock();
        state.ring.push(bytes);
        if state.clients > 0 {
            self.shared.ring(&mut state);
        }
    }
}

impl Drop for Sink {
    /// Gives clients a moment to read the rest.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        self.shared.ring(&mut state);
        drop(state);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Starts to serve clients of `socket`.
pub(super) fn listen<S>(socket: S, waker: Waker) -> io::Result<(Sink, Source)>
where
    S: Borrow<UnixListener> + Send + 'static,
{
    socket.borrow().set_nonblocking(true)?;
    let (bell, rung) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    rung.set_nonblocking(true)?;
    let shared = Arc::new(Shared {
        state: Mutex::default(),
        bell,
    });
    let (keys, source) = Source::new(ROOM, waker);
    let mut exchange = Exchange {
        shared: shared.clone(),
        rung,
        clients: Vec::new(),
        typist: Typist {
            keys,
            stalled: Vec::new(),
        },
    };
    let thread = thread::Builder::new()
        .name("console socket".to_owned())
        .spawn(move || {
            narrow(Duty::Serve);
            exchange.run(socket.borrow());
        })?;
    let sink = Sink {
        shared,
        thread: Some(thread),
    };
    Ok((sink, source))
}

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    /// How much of what the guest printed it has seen, or missed.
    at: u64,
    /// Whether it may send more.
    sends: bool,
}

impl Client {
    /// Sends what it takes without waiting; says whether it is still there.
    fn send(&mut self, shared: &Shared) -> bool {
        loop {
            // The lock is not held long: sending never waits.
            let state = shared.lock();
            let (at, piece) = state.ring.piece(self.at);
            self.at = at;
            if piece.is_empty() {
                return true;
            }
            match (&self.stream).write(piece) {
                Ok(count) => self.at += count as u64,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// What it has sent by now, if anything.
    fn read(&mut self) -> Option<Vec<u8>> {
        let mut piece = [0; 1024];
        match (&self.stream).read(&mut piece) {
            Ok(0) => self.sends = false,
            Ok(count) => return Some(piece[..count].to_vec()),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.sends = false,
        }
        None
    }
}

/// Types for the clients.
#[derive(Debug)]
struct Typist {
    keys: Keys,
    /// What there was no room for yet.
    stalled: Vec<Stroke>,
}

impl Typist {
    /// Types what there is room for, after what was kept.
    fn send(&mut self, strokes: impl IntoIterator<Item = Stroke>) {
        self.stalled.extend(strokes);
        let typed = self.keys.offer(&self.stalled);
        self.stalled.drain(..typed);
    }

    fn is_stalled(&self) -> bool {
        !self.stalled.is_empty()
    }
}

/// The thread's own.
#[derive(Debug)]
struct Exchange {
    shared: Arc<Shared>,
    rung: UnixStream,
    clients: Vec<Client>,
    typist: Typist,
}

impl Exchange {
    fn run(&mut self, listener: &UnixListener) {
        while !self.turn(listener) {}
        self.say_farewell();
    }

    /// Waits and does what there is to do; says whether the VM is gone.
    fn turn(&mut self, listener: &UnixListener) -> bool {
        if self.typist.is_stalled() {
            self.typist.send([]);
        }
        let stalled = self.typist.is_stalled();
        let ready = self.wait(listener, stalled);
        let ended = self.hear();
        for (client, ready) in self.clients.iter_mut().zip(ready) {
            let readable = ready.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR);
            while readable && client.sends && !self.typist.is_stalled() {
                match client.read() {
                    Some(bytes) => self.typist.send(Stroke::typed(&bytes)),
                    None => break,
                }
            }
            // A client that has hung up is not sent anything, and is gone when all that it sent is
            // typed.
            if ready.contains(PollFlags::HUP) && !client.sends {
                client.at = u64::MAX;
            }
        }
        self.accept(listener);
        let shared = &*self.shared;
        self.clients
            .retain_mut(|client| client.at != u64::MAX && client.send(shared));
        shared.lock().clients = self.clients.len();
        ended
    }

    /// Waits until something happens; says what happened to each client. While no client may type,
    /// clients are left alone for a moment.
    fn wait(&self, listener: &UnixListener, stalled: bool) -> Vec<PollFlags> {
        let end = self.shared.lock().ring.end();
        let mut fds = vec![
            PollFd::new(&self.rung, PollFlags::IN),
            PollFd::new(listener, PollFlags::IN),
        ];
        if !stalled {
            fds.extend(self.clients.iter().map(|client| {
                let mut events = PollFlags::empty();
                events.set(PollFlags::IN, client.sends);
                events.set(PollFlags::OUT, client.at < end);
                PollFd::new(&client.stream, events)
            }));
        }
        let pause = stalled.then(|| timespec(PAUSE));
        if poll(&mut fds, pause.as_ref()).is_err() {
            return Vec::new();
        }
        fds[2..].iter().map(PollFd::revents).collect()
    }

    /// Takes note that something new was told; says whether that is the end.
    fn hear(&mut self) -> bool {
        let mut state = self.shared.lock();
        if state.rung {
            let _ = (&self.rung).read(&mut [0]);
            state.rung = false;
        }
        state.ended
    }

    fn accept(&mut self, listener: &UnixListener) {
        loop {
            match listener.accept() {
                Ok((stream, _)) => self.welcome(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    // The host has no descriptor for it, say: it is still there the next time.
                    thread::sleep(PAUSE);
                    return;
                }
            }
        }
    }

    fn welcome(&mut self, stream: UnixStream) {
        if self.clients.len() < CLIENTS && stream.set_nonblocking(true).is_ok() {
            self.clients.push(Client {
                stream,
                at: 0,
                sends: true,
            });
        }
    }

    /// Sends the rest to all clients that take it in time.
    fn say_farewell(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        let end = self.shared.lock().ring.end();
        loop {
            let shared = &*self.shared;
            self.clients
                .retain_mut(|client| client.send(shared) && client.at < end);
            let left = deadline.saturating_duration_since(Instant::now());
            if self.clients.is_empty() || left.is_zero() {
                return;
            }
            let fds = self.clients.iter();
            let mut fds: Vec<_> = fds
                .map(|client| PollFd::new(&client.stream, PollFlags::OUT))
                .collect();
            let _ = poll(&mut fds, Some(&timespec(left)));
        }
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests;
