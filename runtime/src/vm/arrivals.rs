//! What reaches a machine from outside, and at which cycle: all that its run depends on beside its
//! state. A second run that gets the same arrivals at the same cycles is the same run.

use crate::clock::Cycles;
use crate::device::network::Frame;
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
}

/// What came, and when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Arrival {
    /// The cycle at which the machine got it.
    pub at: Cycles,
    /// What came.
    pub what: Arrived,
}

/// The arrivals that are kept for something that follows the machine.
#[derive(Clone, Default, Debug)]
pub struct Arrivals(Option<Vec<Arrival>>);

impl Arrivals {
    /// Keeps from now on what arrives.
    pub(super) fn keep(&mut self) {
        self.0.get_or_insert_default();
    }

    /// Something arrives.
    pub(super) fn note(&mut self, at: Cycles, what: &Arrived) {
        if let Some(kept) = &mut self.0 {
            let what = what.clone();
            kept.push(Arrival { at, what });
        }
    }

    /// What has arrived since the last call, if it is kept.
    pub(super) fn take(&mut self) -> Vec<Arrival> {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
