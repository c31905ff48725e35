//! The console of a machine between its serial port and the host.

use crate::sound::{Sound, is_count};
use serde::{Deserialize, Serialize};

/// The most bytes that the guest printed and the host has not seen, of a machine that is loaded.
const WAITING: usize = 4 << 20;

/// What is on its way between the guest's console and the host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Console {
    /// Bytes from the guest that the host has not seen yet.
    output: Vec<u8>,
    /// How many bytes were typed so far.
    typed: u64,
}

impl Console {
    /// The guest has written these bytes.
    pub(super) fn write(&mut self, bytes: impl IntoIterator<Item = u8>) {
        self.output.extend(bytes);
    }

    /// Whether the guest has written something that the host has not seen.
    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// How many bytes these are.
    pub(super) fn waiting(&self) -> usize {
        self.output.len()
    }

    /// Takes what the host has not seen yet.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// A byte was typed.
    pub(super) fn note_typed(&mut self) {
        self.typed += 1;
    }

    /// How many bytes were typed so far.
    #[must_use]
    pub fn typed(&self) -> u64 {
        self.typed
    }
}

impl Sound for Console {
    fn is_sound(&self) -> bool {
        self.output.len() <= WAITING && is_count(self.typed)
    }
}
