//! One connection: the guest's and the host's half of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::PollFlags;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, State};

/// How far the host's half is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// There may be bytes either way.
    Open,
    /// The other has said all that it has to say.
    Said,
    /// It is over: the other is gone.
    Lost,
}

pub(super) struct Flow {
    /// The guest's half.
    handle: SocketHandle,
    /// The host's half.
    stream: TcpStream,
    stage: Stage,
    /// Whether the guest has said all.
    finished: bool,
    /// Whether the other was told so.
    told: bool,
}

/// Passes bytes on as long as there are some and they are taken. Says how many, and whether there was
/// an end.
fn pump(mut step: impl FnMut() -> Option<io::Result<usize>>) -> io::Result<(usize, bool)> {
    let mut all = 0;
    loop {
        match step() {
            Some(Ok(0)) => return Ok((all, true)),
            Some(Ok(bytes)) => all += bytes,
            Some(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
            Some(Err(error)) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            Some(Err(_)) | None => return Ok((all, false)),
        }
    }
}

/// How a step of so many bytes, or of none, looks to `smoltcp`.
fn stepped(result: io::Result<usize>) -> (usize, io::Result<usize>) {
    (*result.as_ref().unwrap_or(&0), result)
}

/// Whether the guest has said all that it has to say.
fn guest_has_said(socket: &Socket<'_>) -> bool {
    use State::{CloseWait, Closing, LastAck, TimeWait};
    [CloseWait, Closing, LastAck, TimeWait].contains(&socket.state())
}

impl Flow {
    pub fn new(handle: SocketHandle, stream: TcpStream) -> Self {
        Self {
            handle,
            stream,
            stage: Stage::Open,
            finished: false,
            told: false,
        }
    }

    pub fn handle(&self) -> SocketHandle {
        self.handle
    }

    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Passes on what can be passed on. Says whether the guest's half has something new.
    pub fn turn(&mut self, sockets: &mut SocketSet<'_>) -> bool {
        let socket = sockets.get_mut(self.handle);
        if self.stage == Stage::Lost {
            return false;
        }
        self.step(socket).unwrap_or_else(|_| {
            socket.abort();
            self.stage = Stage::Lost;
            true
        })
    }

    fn step(&mut self, socket: &mut Socket<'_>) -> io::Result<bool> {
        let heard = self.hear(socket)?;
        Ok(self.say(socket)? || heard)
    }

    /// What the guest has sent goes to the other.
    fn hear(&mut self, socket: &mut Socket<'_>) -> io::Result<bool> {
        self.finished |= guest_has_said(socket);
        let mut write = |bytes: &mut [u8]| stepped(self.stream.write(bytes));
        let (bytes, _) = pump(|| {
            let has = socket.can_recv();
            has.then(|| socket.recv(&mut write).unwrap_or(Ok(0)))
        })?;
        if !self.told && guest_has_said(socket) && socket.recv_queue() == 0 {
            self.told = true;
            self.stream.shutdown(Shutdown::Write)?;
        }
        Ok(bytes > 0)
    }

    /// What the other has sent goes to the guest.
    fn say(&mut self, socket: &mut Socket<'_>) -> io::Result<bool> {
        if self.stage == Stage::Said {
            return Ok(false);
        }
        let mut read = |room: &mut [u8]| stepped(self.stream.read(room));
        let (bytes, end) = pump(|| {
            let has = socket.can_send();
            has.then(|| socket.send(&mut read).unwrap_or(Ok(0)))
        })?;
        if end {
            socket.close();
            self.stage = Stage::Said;
        }
        Ok(bytes > 0 || end)
    }

    /// Whether there is something left of it. If the guest has broken it off, so does the host.
    pub fn lives(&self, sockets: &SocketSet<'_>) -> bool {
        let socket: &Socket<'_> = sockets.get(self.handle);
        let unheard = socket.recv_queue() > 0 && self.stage != Stage::Lost;
        match socket.state() {
            // Both have said all; what the guest repeats is answered that there is no connection.
            State::TimeWait => unheard,
            // The guest is to be told.
            State::Closed if socket.remote_endpoint().is_some() => true,
            State::Closed if unheard => true,
            State::Closed => {
                if !(self.finished && self.stage == Stage::Said) {
                    self.break_off();
                }
                false
            }
            // What the guest asked for it by was none.
            State::Listen => false,
            _ => true,
        }
    }

    /// Has the other find a break, and not an end, when this goes.
    pub fn break_off(&self) {
        // If that fails, it finds an end.
        let _ = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }

    /// What is waited for of the host's half.
    pub fn interest(&self, sockets: &SocketSet<'_>) -> PollFlags {
        let socket: &Socket<'_> = sockets.get(self.handle);
        let mut interest = PollFlags::empty();
        if self.stage != Stage::Lost && socket.can_recv() {
            interest |= PollFlags::OUT;
        }
        if self.stage == Stage::Open && socket.can_send() {
            interest |= PollFlags::IN;
        }
        interest
    }
}
