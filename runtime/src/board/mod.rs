//! Boards: which devices there are, at which addresses, and how their interrupts are wired.

pub mod malta;

use crate::addr::Pa;
pub use crate::device::Request;

/// Nothing answers at this address: the CPU takes a bus error exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("nothing answers at {0}")]
pub struct BusError(pub Pa);
