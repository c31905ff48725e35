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

/// What has arrived, for those that follow the machine, and what is to arrive, if that is known.
#[derive(Default)]
pub struct Arrivals {
    /// For a twin.
    kept: Option<Vec<Arrival>>,
    recorder: Option<Box<dyn Recorder>>,
    replay: Option<Replay>,
    /// An arrival that should have come before, and when it was noticed.
    missed: Option<(Cycles, Cycles)>,
}

impl Arrivals {
    /// Keeps from now on what arrives.
    pub(super) fn keep(&mut self) {
        self.kept.get_or_insert_default();
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
        if self.kept.is_none() && self.recorder.is_none() {
            return;
        }
        let what = what.clone();
        let arrival = Arrival { at, what };
        if let Some(recorder) = &mut self.recorder {
            recorder.arrived(&arrival);
        }
        if let Some(kept) = &mut self.kept {
            kept.push(arrival);
        }
    }

    /// What has arrived since the last call, if it is kept.
    pub(super) fn take(&mut self) -> Vec<Arrival> {
        self.kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether nothing arrives but what has arrived in an earlier run.
    pub(super) fn is_replayed(&self) -> bool {
        self.replay.is_some()
    }

    /// When the next of these arrives; never if there is none.
    pub(super) fn next_at(&self) -> u64 {
        let next = self.replay.as_ref().and_then(|replay| replay.next.as_ref());
        next.map_or(u64::MAX, |arrival| arrival.at.0)
    }

    /// The next of these, if it arrives now.
    pub(super) fn due(&mut self, now: Cycles) -> Option<Arrived> {
        let replay = self.replay.as_mut()?;
        let arrival = replay.next.take_if(|arrival| arrival.at <= now)?;
        replay.next = replay.rest.next();
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
