//! What reaches a machine from outside, and at which cycle: all that its run depends on beside its
//! state. A second run that gets the same arrivals at the same cycles is the same run.

use crate::clock::Cycles;
use crate::device::folder::Job;
use crate::device::network::Frame;
use crate::device::virtio::WindowSize;
use crate::exit::Outcome;
use serde::{Deserialize, Serialize};

/// Something that came from outside.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Arrived {
    /// A byte was typed on the console.
    Typed(u8),
    /// A frame came in by a network port.
    Frame {
        /// The number of the port.
        port: usize,
        /// The frame.
        frame: Frame,
    },
    /// The run was ended, although the guest would have gone on.
    End(Outcome),
    /// The host answers what the guest asked of a folder.
    Answer {
        /// The number of the folder.
        folder: usize,
        /// The device's number of the message.
        job: Job,
        /// The answer.
        answer: Vec<u8>,
    },
    /// The window that shows the virtio console has another size.
    Resized(WindowSize),
    /// The monitor asks the guest to have so many pages in its balloon.
    Balloon(u32),
}

/// What came, and when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Arrival {
    /// The cycle at which the machine got it.
    pub at: Cycles,
    /// What came.
    pub what: Arrived,
}

/// What keeps arrivals for a later run.
pub trait Recorder: Send {
    /// Something arrives.
    fn arrived(&mut self, arrival: &Arrival);
}

/// The arrivals of an earlier run, in order.
pub type Earlier = Box<dyn Iterator<Item = Arrival> + Send>;

/// What is still to arrive.
struct Replay {
    next: Option<Arrival>,
    rest: Earlier,
}

/// The most bytes of arrivals that are kept for a machine that may go back.
const MOST_PAST: usize = 64 << 20;

/// What has arrived since the machine's history began, to arrive again when the machine has gone back.
#[derive(Default)]
struct Past {
    log: Vec<Arrival>,
    bytes: usize,
    /// How many of these have arrived by now.
    arrived: usize,
    /// How far the machine has come before it went back.
    edge: Cycles,
}

impl Past {
    /// Whether the machine is where it has been before.
    fn is_now(&self, now: Cycles) -> bool {
        self.arrived < self.log.len() || now < self.edge
    }

    fn add(&mut self, arrival: Arrival) {
        let frame = match &arrival.what {
            Arrived::Frame { frame, .. } => frame.bytes.len(),
            _ => 0,
        };
        self.bytes += size_of::<Arrival>() + frame;
        self.log.push(arrival);
    }
}

/// What has arrived, for those that follow the machine, and what is to arrive, if that is known.
#[derive(Default)]
pub struct Arrivals {
    /// For a twin.
    kept: Option<Vec<Arrival>>,
    recorder: Option<Box<dyn Recorder>>,
    replay: Option<Replay>,
    /// An arrival that should have come before, and when it was noticed.
    missed: Option<(Cycles, Cycles)>,
    past: Option<Past>,
}

impl Arrivals {
    /// Keeps from now on what arrives.
    pub(super) fn keep(&mut self) {
        self.kept = Some(Vec::new());
    }

    /// The past of a machine that may go back begins now.
    pub(super) fn begin_past(&mut self) {
        if let Some(past) = &mut self.past
            && let Some(replay) = &mut self.replay
        {
            // What is recorded to arrive arrives still.
            let again = past.log.split_off(past.arrived).into_iter();
            let rest = std::mem::replace(&mut replay.rest, Box::new(std::iter::empty()));
            let mut rest = again.chain(replay.next.take()).chain(rest);
            replay.next = rest.next();
            replay.rest = Box::new(rest);
        }
        self.past = Some(Past::default());
    }

    /// The past is kept no more. What is recorded to arrive arrives still.
    pub(super) fn end_past(&mut self) {
        self.begin_past();
        self.past = None;
    }

    /// How much of the past has arrived by now.
    pub(super) fn arrived(&self) -> usize {
        self.past.as_ref().map_or(0, |past| past.arrived)
    }

    /// Whether more has arrived than is to be kept.
    pub(super) fn is_past_full(&self) -> bool {
        self.past
            .as_ref()
            .is_some_and(|past| past.bytes > MOST_PAST)
    }

    /// The machine goes back from `now` to where so much had arrived.
    pub(super) fn go_back(&mut self, now: Cycles, arrived: usize) {
        if let Some(past) = &mut self.past {
            past.edge = past.edge.max(now);
            past.arrived = arrived.min(past.log.len());
        }
    }

    /// Whether the machine is where it has been before.
    pub(super) fn is_past(&self, now: Cycles) -> bool {
        self.past.as_ref().is_some_and(|past| past.is_now(now))
    }

    /// Has what arrives from now on recorded.
    pub(super) fn record(&mut self, recorder: Box<dyn Recorder>) {
        self.recorder = Some(recorder);
    }

    /// Has nothing arrive from now on but this.
    pub(super) fn replay(&mut self, mut rest: Earlier) {
        let next = rest.next();
        self.replay = Some(Replay { next, rest });
    }

    /// Something arrives.
    pub(super) fn note(&mut self, at: Cycles, what: &Arrived) {
        let mut again = false;
        if let Some(past) = &mut self.past {
            again = past.arrived < past.log.len();
            past.arrived += 1;
        }
        if self.kept.is_none() && self.recorder.is_none() && (again || self.past.is_none()) {
            return;
        }
        let what = what.clone();
        let arrival = Arrival { at, what };
        if let Some(recorder) = &mut self.recorder {
            recorder.arrived(&arrival);
        }
        if let Some(kept) = &mut self.kept {
            kept.push(arrival.clone());
        }
        if let Some(past) = self.past.as_mut().filter(|_| !again) {
            past.add(arrival);
        }
    }

    /// What has arrived since the last call, if it is kept.
    pub(super) fn take(&mut self) -> Vec<Arrival> {
        self.kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether nothing arrives but what has arrived in an earlier run.
    pub(super) fn is_replay(&self) -> bool {
        self.replay.is_some()
    }

    /// What arrives again next, as the machine has gone back.
    fn again(&self) -> Option<&Arrival> {
        let past = self.past.as_ref()?;
        past.log.get(past.arrived)
    }

    /// When the next of what is known arrives; never if there is none.
    pub(super) fn next_at(&self) -> u64 {
        let next = || self.replay.as_ref().and_then(|replay| replay.next.as_ref());
        let next = self.again().or_else(next);
        next.map_or(u64::MAX, |arrival| arrival.at.0)
    }

    /// The next of these, if it arrives now: it is to arrive before the next call.
    pub(super) fn due(&mut self, now: Cycles) -> Option<Arrived> {
        let arrival = match self.again().cloned() {
            Some(arrival) if arrival.at <= now => arrival,
            Some(_) => return None,
            None => {
                let replay = self.replay.as_mut()?;
                let arrival = replay.next.take_if(|arrival| arrival.at <= now)?;
                replay.next = replay.rest.next();
                arrival
            }
        };
        if arrival.at < now {
            self.missed.get_or_insert((arrival.at, now));
        }
        Some(arrival.what)
    }

    /// The cycle of an arrival for which the machine was too late, and when it was: it does not do
    /// what it did in the earlier run.
    pub(super) fn missed(&self) -> Option<(Cycles, Cycles)> {
        self.missed
    }
}
