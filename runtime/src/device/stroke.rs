//! What comes to a guest by its console.

use serde::{Deserialize, Serialize};

/// What comes to a guest by its console, one at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Stroke {
    /// A byte that a person or a script types. A guest that empties its receiver loses it.
    Byte(u8),
    /// A byte of a stream that is to arrive whole: one that the guest empties its receiver of comes
    /// again.
    Piped(u8),
    /// A break: the line is held low for longer than a character takes.
    Break,
}

impl Stroke {
    /// These bytes, typed.
    pub fn typed(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.iter().copied().map(Self::Byte)
    }

    /// These bytes, of a stream that is to arrive whole.
    pub fn piped(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.iter().copied().map(Self::Piped)
    }

    /// The byte that a receiver has of it.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Byte(byte) | Self::Piped(byte) => byte,
            Self::Break => 0,
        }
    }
}
