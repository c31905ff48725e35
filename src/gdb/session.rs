//! What happens with one client, from its connection until it leaves.
//!
//! The crate `gdbstub` gets whole packets and is told when the machine has stopped. A packet that it
//! cannot make sense of ends its state machine: the client gets an error, and a new one goes on.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fs::File;
use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gdbstub::common::Signal;
use gdbstub::conn::Connection;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{DisconnectReason, GdbStub};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::frames::{Frame, Frames, LONGEST, packet};
use super::subject::{Desk, Subject};
use super::target::{Debuggee, Reason};

/// How long to wait before the next look whether there is a machine.
const PAUSE: Duration = Duration::from_millis(10);
/// What a client is told of a packet that makes no sense.
const NONSENSE: &str = "E16";
/// What one is told of a packet that is too long.
const TOO_LONG: &str = "E07";

/// What `gdbstub` answers, until it is sent.
#[derive(Clone, Default)]
struct Answers(Rc<RefCell<Vec<u8>>>);

impl Connection for Answers {
    type Error = Infallible;

    fn write(&mut self, byte: u8) -> Result<(), Infallible> {
        self.0.borrow_mut().push(byte);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

type Stub = GdbStubStateMachine<'static, Debuggee, Answers>;

/// What has come.
enum Event {
    /// Bytes from the client.
    Bytes(usize),
    /// The machine has stopped or ended, or there is nothing more to debug.
    Bell,
    /// The client has left.
    Left,
}

/// One client.
pub(super) struct Session {
    stream: File,
    desk: Arc<Desk>,
    target: Debuggee,
    frames: Frames,
    answers: Answers,
    /// The last answer, in case that it does not arrive.
    last: Vec<u8>,
    /// Whether packets are acknowledged.
    acknowledges: bool,
    /// Whether the client has begun as one of this protocol does.
    speaks: bool,
}

/// Whether a client of this protocol begins with `byte`. A page that a browser shows can have it send
/// other things to any port of this host.
fn begins_well(byte: &u8) -> bool {
    b"+-$\x03".contains(byte)
}

/// Serves the client at `stream` until it leaves, or there is nothing more to debug. Then the machine
/// goes on, unless the client has ended it.
pub(crate) fn serve(stream: File, subject: &Arc<dyn Subject>, desk: &Arc<Desk>) {
    let Some(target) = attach(subject, desk) else {
        return;
    };
    let mut session = Session {
        stream,
        desk: Arc::clone(desk),
        target,
        frames: Frames::default(),
        answers: Answers::default(),
        last: Vec::new(),
        acknowledges: true,
        speaks: false,
    };
    let left = session.run();
    if left == Some(DisconnectReason::Kill) {
        session.target.kill();
    }
}

/// The machine, once it is made. `None` if it will not be.
fn attach(subject: &Arc<dyn Subject>, desk: &Arc<Desk>) -> Option<Debuggee> {
    while desk.ending().is_none() && !desk.is_closed() {
        let target = Debuggee::attach(Arc::clone(subject), Arc::clone(desk));
        if target.is_some() {
            return target;
        }
        std::thread::sleep(PAUSE);
    }
    None
}

impl Session {
    /// A stub whose machine stands still.
    fn stub(&mut self) -> Option<Stub> {
        let stub = GdbStub::builder(self.answers.clone());
        let stub = stub.packet_buffer_size(LONGEST + 4).build().ok()?;
        stub.run_state_machine(&mut self.target).ok()
    }

    /// Says why the client left, if it said so.
    fn run(&mut self) -> Option<DisconnectReason> {
        let mut stub = self.stub()?;
        let mut bytes = [0; 4096];
        loop {
            let count = match self.wait(&mut bytes) {
                Event::Bytes(count) => count,
                Event::Bell => 0,
                Event::Left => return None,
            };
            if let Some(first) = bytes[..count].first() {
                self.speaks = self.speaks || begins_well(first);
            }
            if count > 0 && !self.speaks {
                tracing::warn!("what has connected is no debugger");
                return None;
            }
            for &byte in &bytes[..count] {
                if let Some(frame) = self.frames.push(byte) {
                    stub = self.take(stub, frame)?;
                }
            }
            stub = self.look(stub)?;
            if let GdbStubStateMachine::Disconnected(stub) = stub {
                return Some(stub.get_reason());
            }
            if self.desk.is_closed() {
                return None;
            }
        }
    }

    /// Waits for something to do.
    fn wait(&mut self, bytes: &mut [u8]) -> Event {
        let mut fds = [
            PollFd::new(&self.stream, PollFlags::IN),
            PollFd::new(&self.desk.ear, PollFlags::IN),
        ];
        let waited = poll(&mut fds, None);
        let [heard, rung] = fds.map(|fd| !fd.revents().is_empty());
        if waited.is_err() {
            return Event::Bytes(0);
        }
        if rung {
            self.desk.hear();
        }
        if !heard {
            return Event::Bell;
        }
        match self.stream.read(bytes) {
            Ok(count) if count > 0 => Event::Bytes(count),
            _ => Event::Left,
        }
    }

    /// Does what a frame asks for. `None` if the client has left.
    fn take(&mut self, stub: Stub, frame: Frame) -> Option<Stub> {
        match frame {
            Frame::Packet(bytes) => {
                self.acknowledge("+");
                self.hand_over(stub, &bytes)
            }
            Frame::Damaged if self.acknowledges => self.send(b"-").map(|()| stub),
            Frame::Damaged => self.answer(NONSENSE).map(|()| stub),
            Frame::Oversized => {
                self.acknowledge("+");
                self.answer(TOO_LONG).map(|()| stub)
            }
            Frame::Again => {
                let last = std::mem::take(&mut self.last);
                self.send(&last)?;
                self.last = last;
                Some(stub)
            }
            Frame::Interrupt => match stub {
                GdbStubStateMachine::Running(_) => {
                    self.target.halt();
                    let reason = self.target.stopped();
                    self.report(stub, reason.unwrap_or(Reason::Signal(Signal::SIGINT)))
                }
                stub => Some(stub),
            },
        }
    }

    /// Hands a packet to the stub, and sends what it answers.
    fn hand_over(&mut self, mut stub: Stub, bytes: &[u8]) -> Option<Stub> {
        for &byte in bytes {
            let next = match stub {
                GdbStubStateMachine::Idle(stub) => stub.incoming_data(&mut self.target, byte),
                GdbStubStateMachine::Running(stub) => stub.incoming_data(&mut self.target, byte),
                GdbStubStateMachine::CtrlCInterrupt(stub) => {
                    stub.interrupt_handled(&mut self.target, None::<Reason>)
                }
                stub @ GdbStubStateMachine::Disconnected(_) => Ok(stub),
            };
            stub = match next {
                Ok(stub) => stub,
                Err(error) => {
                    tracing::debug!("a packet of the debugger: {error}");
                    self.answers.0.borrow_mut().clear();
                    self.target.halt();
                    self.answer(NONSENSE)?;
                    return self.stub();
                }
            };
        }
        self.flush()?;
        if bytes.starts_with(b"$QStartNoAckMode#") {
            self.acknowledges = false;
        }
        Some(stub)
    }

    /// Tells the client that the machine has stopped, if it has.
    fn look(&mut self, stub: Stub) -> Option<Stub> {
        match stub {
            GdbStubStateMachine::Running(_)
                if let Some((why, reason)) = self.target.take_refusal() =>
            {
                self.tell(&why)?;
                self.report(stub, reason)
            }
            GdbStubStateMachine::Running(_) => match self.target.stopped() {
                Some(reason) => self.report(stub, reason),
                None => Some(stub),
            },
            stub => Some(stub),
        }
    }

    /// Tells the client that the machine has stopped.
    fn report(&mut self, stub: Stub, reason: Reason) -> Option<Stub> {
        let GdbStubStateMachine::Running(running) = stub else {
            return Some(stub);
        };
        let stub = running.report_stop(&mut self.target, reason).ok()?;
        self.flush()?;
        Some(stub)
    }

    /// Sends what the stub has answered. The acknowledgement that it begins with was sent before.
    fn flush(&mut self) -> Option<()> {
        let answers = std::mem::take(&mut *self.answers.0.borrow_mut());
        let start = answers.iter().position(|&byte| byte != b'+');
        let answer = &answers[start.unwrap_or(answers.len())..];
        self.send(answer)?;
        if !answer.is_empty() {
            self.last = answer.to_vec();
        }
        Some(())
    }

    fn answer(&mut self, body: &str) -> Option<()> {
        self.last = packet(body);
        let last = self.last.clone();
        self.send(&last)
    }

    /// Shows the person at the debugger a text, while the machine is to run.
    fn tell(&mut self, text: &str) -> Option<()> {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.send(&packet(&format!("O{hex}")))
    }

    fn acknowledge(&mut self, sign: &str) {
        if self.acknowledges {
            // That the client has left is seen when it is answered.
            let _ = self.send(sign.as_bytes());
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).ok()
    }
}

/// Waits until there is a client, or the bell rings. Says whether there is a client.
pub(super) fn wait_for_client(listener: &impl std::os::fd::AsFd, desk: &Desk) -> bool {
    let mut fds = [
        PollFd::new(listener, PollFlags::IN),
        PollFd::new(&desk.ear, PollFlags::IN),
    ];
    let never: Option<&Timespec> = None;
    let waited = poll(&mut fds, never).is_ok();
    let [comes, rung] = fds.map(|fd| !fd.revents().is_empty());
    if waited && rung {
        desk.hear();
    }
    waited && comes
}
