//! The control socket's server: a thread that accepts, and one for each connection while it lasts.
//!
//! It knows HTTP and the table of routes, and leaves the rest to [`Machines`].

use std::borrow::Borrow;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle, Scope};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::api::Machines;
use super::http::{Connection, Content};
use super::routes::{answer, failure};
use super::socket::Claimed;

/// How long a connection may take, from its start to the answer's last byte.
const TIME: Duration = Duration::from_secs(5);
/// How long an answered client may go on to send.
const DRAIN: Duration = Duration::from_millis(200);
/// Connections at the same time. For one more, the oldest that has not asked yet is closed; while
/// all are answered, more wait to be accepted.
const MOST: usize = 64;
/// How long to wait before the next try where the host or [`MOST`] lets no client in.
const PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};

/// A server that runs for as long as this lives.
#[derive(Debug)]
pub struct Server {
    /// The thread stops when the other end of this is closed.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts to answer for `machines` on `socket`, which goes with the server.
    ///
    /// # Errors
    /// When the host has no thread for it.
    pub fn start(socket: Claimed, machines: Arc<dyn Machines>) -> io::Result<Self> {
        let listener: &UnixListener = socket.borrow();
        listener.set_nonblocking(true)?;
        let (stop, stopped) = UnixStream::pair()?;
        let thread = thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || serve(&socket, &stopped, &*machines))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    /// Accepts no more, finishes the answers that are under way, removes the socket.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// A connection, as long as its thread is there.
#[derive(Debug)]
struct Caller {
    stream: UnixStream,
    /// Whether it has asked.
    heard: AtomicBool,
    /// Whether it gets something large, which takes as long as it likes.
    streams: AtomicBool,
}

/// The connections, from the oldest to the newest.
#[derive(Debug, Default)]
struct Callers(Vec<Weak<Caller>>);

impl Callers {
    /// Says whether there is room for one more, and makes room if it can.
    fn make_room(&mut self) -> bool {
        self.0.retain(|caller| caller.strong_count() > 0);
        if self.0.len() < MOST {
            return true;
        }
        let silent = |caller: &Weak<Caller>| {
            let caller = caller.upgrade()?;
            let silent = !caller.heard.load(Ordering::Relaxed);
            silent.then_some(caller)
        };
        let oldest = self.0.iter().enumerate();
        let mut oldest = oldest.filter_map(|(place, caller)| Some((place, silent(caller)?)));
        let Some((place, caller)) = oldest.next() else {
            return false;
        };
        let _ = caller.stream.shutdown(Shutdown::Both);
        self.0.remove(place);
        true
    }

    fn add(&mut self, stream: UnixStream) -> Arc<Caller> {
        let caller = Arc::new(Caller {
            stream,
            heard: AtomicBool::new(false),
            streams: AtomicBool::new(false),
        });
        self.0.push(Arc::downgrade(&caller));
        caller
    }
}

fn serve(socket: &Claimed, stopped: &UnixStream, machines: &dyn Machines) {
    let listener: &UnixListener = socket.borrow();
    let mut callers = Callers::default();
    thread::scope(|scope| {
        let mut pause = false;
        while !wait(listener, stopped, pause) {
            pause = if pause {
                // It is not known whether there is a client.
                false
            } else if callers.make_room() {
                match listener.accept() {
                    Ok((stream, _)) => !spawn(scope, callers.add(stream), machines),
                    Err(error) => error.kind() != ErrorKind::WouldBlock,
                }
            } else {
                true
            };
        }
        // A client that has not asked yet is not waited for, nor is one that takes its time.
        for caller in callers.0.iter().filter_map(Weak::upgrade) {
            let streams = caller.streams.load(Ordering::Relaxed);
            let what = if streams {
                Shutdown::Both
            } else {
                Shutdown::Read
            };
            let _ = caller.stream.shutdown(what);
        }
    });
}

/// Waits for a connection, or a moment if it is to `pause`; says whether the server is to stop.
fn wait(listener: &UnixListener, stopped: &UnixStream, pause: bool) -> bool {
    let mut fds = [
        PollFd::new(stopped, PollFlags::IN),
        PollFd::new(listener, PollFlags::IN),
    ];
    let watched = if pause { &mut fds[..1] } else { &mut fds[..] };
    let polled = poll(watched, pause.then_some(&PAUSE));
    polled.is_ok() && !fds[0].revents().is_empty()
}

/// Serves a connection on a thread of its own; says whether there was one to be had.
fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    caller: Arc<Caller>,
    machines: &'scope dyn Machines,
) -> bool {
    thread::Builder::new()
        .name("control request".to_owned())
        .spawn_scoped(scope, move || converse(&caller, machines))
        .is_ok()
}

/// Answers the one request of a connection. A client that does not read the answer gets none.
fn converse(caller: &Caller, machines: &dyn Machines) {
    let stream = &caller.stream;
    if stream.set_nonblocking(false).is_err() {
        return;
    }
    let mut connection = Connection::new(stream, TIME);
    let (bytes, whole) = match connection.request() {
        Ok(request) => {
            caller.heard.store(true, Ordering::Relaxed);
            let head_only = request.method == "HEAD";
            let answer = answer(machines, &request);
            let bytes = answer.to_bytes(head_only);
            if let Content::Talk(talk) = answer.body {
                caller.streams.store(true, Ordering::Relaxed);
                if let (Ok(()), Ok(stream)) = (connection.write(&bytes), stream.try_clone()) {
                    talk.talk(stream);
                }
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            if let (Content::Stream(body), false) = (answer.body, head_only) {
                caller.streams.store(true, Ordering::Relaxed);
                // A client that is gone needs no more of it.
                let sent = connection.write(&bytes);
                let _ = sent.and_then(|()| connection.stream(&*body, TIME));
                return;
            }
            (bytes, true)
        }
        Err(error) => match error.status() {
            Some(status) => {
                // A late request has used up the time for the answer as well.
                connection = Connection::new(stream, DRAIN);
                (failure(status, &error.to_string()).to_bytes(false), false)
            }
            None => return,
        },
    };
    if connection.write(&bytes).is_ok() && !whole {
        let _ = stream.shutdown(Shutdown::Write);
        connection.drain(DRAIN);
    }
}
