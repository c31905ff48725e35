//! The thread that serves the clients of one console.
//!
//! The guest never waits for a client. What it prints goes into a ring; each client has a place in
//! it, and loses what the ring has dropped by the time it reads on. What clients send has bounded room
//! too: while that is full they are not read.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mirrorball_runtime::device::stroke::Stroke;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Keys;
use super::frames::{Frames, Said};
use super::hub::Shared;
use super::shared::Lines;

/// Clients at the same time; more are sent away.
pub(super) const CLIENTS: usize = 16;
/// How long clients have to read the rest when the VM is gone.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long until clients are read again that were too fast for the guest.
const PAUSE: Duration = Duration::from_millis(20);
/// How many lines of what was printed are shown to a client that is handed over.
const RECENT: usize = 20;

/// How a client says what is to be typed.
#[derive(Debug)]
enum Speech {
    /// It sends the bytes as they are.
    Plain,
    /// In frames, with breaks and the size of its window.
    Framed(Frames),
}

impl Speech {
    /// What these bytes say; nothing if they say nothing that there is.
    fn hear(&mut self, bytes: &[u8]) -> Option<Vec<Said>> {
        match self {
            Self::Plain => Some(vec![Said::Typed(Stroke::typed(bytes).collect())]),
            Self::Framed(frames) => frames.take(bytes),
        }
    }
}

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    speech: Speech,
    /// What it is sent before what the guest prints.
    greeting: Vec<u8>,
    /// How much of what the guest printed it has seen, or missed.
    at: u64,
    /// Whether it may send more.
    sends: bool,
    /// Whether it is sent more.
    hears: bool,
    /// Whether it was told that no more comes.
    parted: bool,
}

impl Client {
    fn new(stream: UnixStream, speech: Speech, greeting: Vec<u8>, at: u64) -> Self {
        Self {
            stream,
            speech,
            greeting,
            at,
            sends: true,
            hears: true,
            parted: false,
        }
    }

    /// Whether it is still there: what one has sent that is gone is typed first.
    fn stays(&self) -> bool {
        self.sends || self.hears
    }

    /// Sends what it takes without waiting.
    fn send(&mut self, shared: &Shared) {
        self.hears = self.hears && self.takes(shared);
    }

    /// The same; says whether it is still there to take more.
    fn takes(&mut self, shared: &Shared) -> bool {
        while !self.greeting.is_empty() {
            match (&self.stream).write(&self.greeting) {
                Ok(count) => drop(self.greeting.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
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

    /// Lets it know that no more comes, once it has all. It goes when it has sent what it has to send.
    fn part(&mut self, end: u64) {
        if self.at >= end && self.greeting.is_empty() && !self.parted {
            let _ = self.stream.shutdown(Shutdown::Write);
            self.parted = true;
        }
        self.hears &= !self.parted || self.sends;
    }

    /// What it has sent by now, if anything.
    fn read(&mut self) -> Option<Vec<Said>> {
        let mut piece = [0; 1024];
        match (&self.stream).read(&mut piece) {
            Ok(0) => self.sends = false,
            Ok(count) => match self.speech.hear(&piece[..count]) {
                None => (self.sends, self.hears) = (false, false),
                said => return said,
            },
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

    fn heed(&mut self, said: Said) {
        match said {
            Said::Typed(strokes) => self.send(strokes),
            Said::Resized(size) => self.keys.resize(size),
        }
    }

    fn is_stalled(&self) -> bool {
        !self.stalled.is_empty()
    }
}

/// The thread's own.
#[derive(Debug)]
pub(super) struct Exchange {
    shared: Arc<Shared>,
    rung: UnixStream,
    clients: Vec<Client>,
    typist: Typist,
}

impl Exchange {
    /// Serves the clients of what `shared` has, which rings at `rung` and types by `keys`.
    pub fn new(shared: Arc<Shared>, rung: UnixStream, keys: Keys) -> Self {
        let stalled = Vec::new();
        Self {
            shared,
            rung,
            clients: Vec::new(),
            typist: Typist { keys, stalled },
        }
    }

    /// Until the VM is gone.
    pub fn run(&mut self, listener: Option<&UnixListener>) {
        while !self.turn(listener) {}
        self.say_farewell();
    }

    /// Waits and does what there is to do; says whether the VM is gone.
    fn turn(&mut self, listener: Option<&UnixListener>) -> bool {
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
                    Some(said) => said.into_iter().for_each(|it| self.typist.heed(it)),
                    None => break,
                }
            }
            // A client that has hung up is not sent anything, and is gone when all that it sent is
            // typed.
            client.hears &= !ready.contains(PollFlags::HUP) || client.sends;
        }
        if let Some(listener) = listener {
            self.accept(listener);
        }
        let newcomers = std::mem::take(&mut self.shared.lock().newcomers);
        for stream in newcomers {
            self.welcome_framed(stream);
        }
        let shared = &*self.shared;
        self.clients
            .iter_mut()
            .for_each(|client| client.send(shared));
        let mut state = shared.lock();
        if state.parting {
            let end = state.ring.end();
            self.clients.iter_mut().for_each(|client| client.part(end));
        }
        self.clients.retain(Client::stays);
        state.clients = self.clients.len();
        state.owing = self.typist.is_stalled();
        state.parted = state.parting;
        ended
    }

    /// Waits until something happens; says what happened to each client. While no client may type,
    /// clients are left alone for a moment.
    fn wait(&self, listener: Option<&UnixListener>, stalled: bool) -> Vec<PollFlags> {
        let end = self.shared.lock().ring.end();
        let mut fds = vec![PollFd::new(&self.rung, PollFlags::IN)];
        fds.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
        let others = fds.len();
        if !stalled {
            fds.extend(self.clients.iter().map(|client| {
                let mut events = PollFlags::empty();
                events.set(PollFlags::IN, client.sends);
                let owed = client.at < end || !client.greeting.is_empty();
                events.set(PollFlags::OUT, owed && client.hears);
                PollFd::new(&client.stream, events)
            }));
        }
        let pause = stalled.then(|| timespec(PAUSE));
        if poll(&mut fds, pause.as_ref()).is_err() {
            return Vec::new();
        }
        fds[others..].iter().map(PollFd::revents).collect()
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
                Ok(_) if self.shared.lock().parting => {}
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
        self.add(Client::new(stream, Speech::Plain, Vec::new(), 0));
    }

    /// One at a terminal sees the last lines as plain text: what asks a terminal for something would be
    /// answered once more.
    fn welcome_framed(&mut self, stream: UnixStream) {
        let state = self.shared.lock();
        let at = state.ring.end();
        let mut lines = Lines::default();
        let ended = lines.feed(&state.ring.all());
        drop(state);
        let mut greeting = String::new();
        for line in &ended[ended.len().saturating_sub(RECENT)..] {
            greeting += line;
            greeting += "\r\n";
        }
        greeting.extend(lines.open().0);
        let speech = Speech::Framed(Frames::default());
        self.add(Client::new(stream, speech, greeting.into_bytes(), at));
    }

    fn add(&mut self, client: Client) {
        if self.clients.len() < CLIENTS && client.stream.set_nonblocking(true).is_ok() {
            self.clients.push(client);
        }
    }

    /// Sends the rest to all clients that take it in time.
    fn say_farewell(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        let end = self.shared.lock().ring.end();
        loop {
            let shared = &*self.shared;
            self.clients
                .iter_mut()
                .for_each(|client| client.send(shared));
            self.clients
                .retain(|client| client.hears && client.at < end);
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
