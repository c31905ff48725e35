//! Boards: which devices there are, at which addresses, and how their interrupts are wired.

pub mod malta;

use crate::addr::Pa;

/// Nothing answers at this address: the CPU takes a bus error exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("nothing answers at {0}")]
pub struct BusError(pub Pa);

/// What a guest can ask of the machine that it runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Switch the machine off.
    PowerOff,
    /// Start it anew.
    Reset,
}
