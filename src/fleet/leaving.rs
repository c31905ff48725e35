//! A machine that leaves for another monitor while it runs.
//!
//! Its memory is sent while it runs, and then what it has written since, until that is little. Then it
//! stands still, its disks are let go of, and the rest is sent. Until the other monitor has said that it
//! runs the machine, it is here, and goes on here if that fails.

use std::io::{self, BufWriter};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mirrorball_runtime::memory::{Busy, Frozen};
use mirrorball_runtime::monitor::{Command, CommandError, Phase};
use mirrorball_runtime::vm::{SavedVm, Vm};
use thiserror::Error;

use super::FleetMonitor;
use crate::control::{ControlError, Talks};
use crate::disk::MarkError;
use crate::machine::{MachineSpec, StartError};
use crate::migration::{Frame, MOST_TIMES, PATIENCE, Parts, Report};
use crate::snapshot::Writer;

/// The machine stands still for the rest when so few pages were written in a round.
const FEW: u64 = 256;
/// Or after so many rounds.
const MOST_ROUNDS: u32 = 12;
/// The bytes that are sent at once.
const PIECE: usize = 256 << 10;
/// How long what was typed may take to follow the machine.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// When to look again for more of it.
const LOOK: Duration = Duration::from_millis(1);
/// When to try again to open a disk.
const RETRY: Duration = Duration::from_millis(100);
/// How long the other monitor may take to let go of a disk.
const RELEASE: Duration = Duration::from_secs(3);

/// Why a machine has not left.
#[derive(Debug, Error)]
enum LeaveError {
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Mark(#[from] MarkError),
    #[error("it has ended")]
    Ended,
    #[error("{0}")]
    Refused(String),
    #[error(
        "the other monitor was told to run it, has its disk, and has not answered: it has left"
    )]
    Presumed,
    #[error(
        "the other monitor was told to run it, and has not answered: it is paused here; if it does \
         not run there, resume it"
    )]
    Doubt,
}

/// A machine that is to leave.
pub(super) struct Leaving {
    monitor: Arc<FleetMonitor>,
    number: usize,
}

impl Leaving {
    /// Machine `number` of the monitor.
    ///
    /// # Errors
    /// If it cannot leave.
    pub fn new(monitor: &Arc<FleetMonitor>, number: usize) -> Result<Self, ControlError> {
        let leaving = Self {
            monitor: Arc::clone(monitor),
            number,
        };
        let name = &leaving.spec().name;
        match leaving.stays() {
            Some(why) => Err(ControlError::Value(format!("{name} cannot move: {why}"))),
            None => Ok(leaving),
        }
    }

    fn spec(&self) -> &MachineSpec {
        self.monitor.fleet().spec(self.number)
    }

    /// Why it cannot leave, if so.
    fn stays(&self) -> Option<String> {
        let fleet = self.monitor.fleet();
        let problem = match self.monitor.standing(self.number).phase {
            Phase::Ended(_) => Some(CommandError::Ended),
            Phase::Paused => Some(CommandError::Paused),
            Phase::Halted => Some(CommandError::Halted),
            Phase::Parting => Some(CommandError::Parting),
            _ => None,
        };
        let problem = problem.map(|problem| problem.to_string());
        let disks = || self.spec().marks(false).err();
        let script = || fleet.consoles.session(self.number).unfinished();
        problem
            .or_else(|| self.spec().is_bound())
            .or_else(|| disks().map(|error| error.to_string()))
            .or_else(|| script().map(|wait| format!("{wait}; move it when its script has ended")))
    }

    fn command(&self, command: Command) -> Result<(), CommandError> {
        self.monitor.command(self.number, command)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vm) -> T) -> Result<T, LeaveError> {
        let changed = self.monitor.change(self.number, change);
        changed.ok_or(LeaveError::Ended)
    }

    fn freeze(&self) -> Result<Frozen, LeaveError> {
        Ok(self.change(|vm| vm.view().freeze())??)
    }

    /// Says what the machine is made of.
    fn announce(&self, mut stream: &UnixStream) -> Result<(), LeaveError> {
        let vm = self.change(|vm| SavedVm::of(vm))?;
        let mut parts = BufWriter::with_capacity(PIECE, Parts(&mut stream));
        Writer::new(&mut parts)?.finish(&self.spec().name, &vm, &[])?;
        drop(parts);
        Ok(Frame::Whole.write(&mut stream)?)
    }

    /// Sends memory while the machine runs. Returns the copy that was sent last, and how many were.
    fn send_rounds(&self, writer: &mut Writer<'_>) -> Result<(Frozen, u32), LeaveError> {
        // The rest, after one more round, may be all of it.
        let most = self.spec().memory.bytes() * (MOST_TIMES - 2) / 2;
        let mut last = self.freeze()?;
        writer.add(&last, None)?;
        let mut rounds = 1;
        loop {
            let now = self.freeze()?;
            let count = writer.add(&now, Some(&last))?;
            (last, rounds) = (now, rounds + 1);
            if count <= FEW || rounds >= MOST_ROUNDS || writer.bytes() > most {
                return Ok((last, rounds));
            }
        }
    }

    /// Has the machine leave, and tells the other side what came of it.
    fn leave(&self, mut stream: &UnixStream) -> Result<(), LeaveError> {
        let start = Instant::now();
        self.announce(stream)?;
        let mut parts = BufWriter::with_capacity(PIECE, Parts(&mut stream));
        let mut writer = Writer::new(&mut parts)?;
        let (last, rounds) = self.send_rounds(&mut writer)?;
        let stood = Instant::now();
        let mut parted = Parted::new(self)?;
        let (vm, memory) = parted.let_go()?;
        writer.add(&memory, Some(&last))?;
        let bytes = writer.bytes();
        writer.finish(&self.spec().name, &vm, &self.spec().marks(false)?)?;
        drop(parts);
        Frame::Whole.write(&mut stream)?;
        let control = ready(stream)?;
        Frame::Go.write(&mut stream)?;
        parted.is_gone(stream)?;
        let still = stood.elapsed();
        self.send_typed(stream, control.as_deref());
        let report = Report {
            vm: self.spec().name.clone(),
            control,
            rounds: rounds + 1,
            bytes,
            seconds: start.elapsed().as_secs_f64(),
            still_seconds: still.as_secs_f64(),
        };
        // What asked for the move may be gone by now.
        let _ = Frame::Told(report).write(&mut stream);
        Ok(self.command(Command::Leave)?)
    }

    /// Sends what was typed and the guest was not given; tells those at the console where it is now.
    fn send_typed(&self, mut stream: &UnixStream, control: Option<&str>) {
        let fleet = self.monitor.fleet();
        let (session, hub) = (fleet.consoles.session(self.number), fleet.hub(self.number));
        let words = farewell(&self.spec().name, control);
        let end = Instant::now() + LAST_WORDS;
        loop {
            let is_left = hub.is_none_or(|hub| hub.part(words.as_bytes()));
            let (typed, is_all) = session.hand_over();
            if !typed.is_empty() {
                // There is nowhere else to send it.
                let _ = Frame::Typed(typed).write(&mut stream);
            } else if is_left && is_all || Instant::now() > end {
                return;
            }
            thread::sleep(LOOK);
        }
    }

    /// Opens its disks again; nothing if there is no machine any more.
    fn reconnect(&self) -> Option<Result<(), StartError>> {
        let spec = self.spec();
        self.monitor.change(self.number, |vm| {
            vm.disconnect_disks();
            spec.connect_disks(vm)
        })
    }

    /// The same, and waits for the other monitor to let go of them. Says what came of it by `end`, which
    /// may be never.
    fn reconnect_by(&self, end: Option<Instant>) -> Result<(), StartError> {
        let mut told = false;
        loop {
            match self.reconnect() {
                Some(Err(error)) if end.is_some_and(|end| Instant::now() >= end) => {
                    return Err(error);
                }
                Some(Err(error)) => {
                    if !std::mem::replace(&mut told, true) && end.is_none() {
                        let text = format!("stands still: {error}; it goes on when that is over");
                        self.monitor.fleet().tell(self.number, &text);
                    }
                    thread::sleep(RETRY);
                }
                Some(Ok(())) | None => return Ok(()),
            }
        }
    }
}

/// What is shown at the console of a machine that has moved to where `control` is.
fn farewell(name: &str, control: Option<&str>) -> String {
    let now = match control {
        Some(socket) => format!("; mirrorball ctl --socket {socket} attach {name}"),
        None => " to another monitor".to_owned(),
    };
    format!("\r\n[{name} has moved{now}]\r\n")
}

/// Waits until the other monitor could run the machine. Says where its control socket is.
fn ready(mut stream: &UnixStream) -> Result<Option<String>, LeaveError> {
    match Frame::read(&mut stream)? {
        Frame::Ready(control) => Ok(control),
        Frame::Failed(why) => Err(LeaveError::Refused(why)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
    }
}

/// A machine that stands still, and goes on here if it does not leave.
struct Parted<'a> {
    leaving: &'a Leaving,
    gone: bool,
}

impl<'a> Parted<'a> {
    fn new(leaving: &'a Leaving) -> Result<Self, LeaveError> {
        leaving.command(Command::Part)?;
        let gone = false;
        Ok(Self { leaving, gone })
    }

    /// Lets go of its disks, which have done then what they were doing. What is left of it is its state.
    fn let_go(&self) -> Result<(SavedVm, Frozen), LeaveError> {
        self.leaving.change(|vm| {
            vm.disconnect_disks();
            Ok((SavedVm::of(vm), vm.view().freeze()?))
        })?
    }

    /// Waits until the machine runs elsewhere, as it was told to.
    fn is_gone(&mut self, mut stream: &UnixStream) -> Result<(), LeaveError> {
        self.gone = true;
        match Frame::read(&mut stream) {
            Ok(Frame::Goes) => Ok(()),
            Ok(Frame::Failed(why)) => {
                self.gone = false;
                Err(LeaveError::Refused(why))
            }
            _ => Err(self.doubt()),
        }
    }

    /// It is not known whether it runs elsewhere. If its disks are in use, it does.
    fn doubt(&self) -> LeaveError {
        let free = (self.leaving).reconnect_by(Some(Instant::now() + RELEASE));
        let (command, error) = match free {
            Ok(()) => (Command::Rest, LeaveError::Doubt),
            Err(_) => (Command::Leave, LeaveError::Presumed),
        };
        self.leaving
            .monitor
            .fleet()
            .tell(self.leaving.number, &error.to_string());
        let _ = self.leaving.command(command);
        error
    }
}

impl Drop for Parted<'_> {
    fn drop(&mut self) {
        if !self.gone {
            // It waits for its disks for as long as it takes.
            let _ = self.leaving.reconnect_by(None);
            let _ = self.leaving.command(Command::Stay);
        }
    }
}

impl Talks for Leaving {
    fn talk(self: Box<Self>, stream: UnixStream) {
        let timed = stream.set_read_timeout(Some(PATIENCE));
        let timed = timed.and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        if let Err(why) = timed
            .map_err(LeaveError::from)
            .and_then(|()| self.leave(&stream))
        {
            let _ = Frame::Failed(why.to_string()).write(&mut &stream);
        }
        let _ = stream.shutdown(Shutdown::Both);
        // The copies of its memory are gone. A machine that has left has nothing to bring in order.
        let _ = self.change(|vm| vm.view().settle());
    }
}
