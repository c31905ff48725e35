//! What executes instructions, and why a machine comes to rest.

use super::{Spin, Vm};
use crate::clock::Nanos;
use crate::exit::{Exit, Outcome};

/// What executes guest instructions.
pub trait Engine {
    /// Runs the machine's CPU from an instruction boundary until `cpu.left` is used up, or
    /// something asks for attention (`cpu.stop`, which the engine clears), or WAIT. Comes back at
    /// an instruction boundary, never between a branch and its delay slot.
    fn run(&mut self, vm: &mut Vm) -> Exit;

    /// Whether the guest, at its program counter, goes round in a loop that changes nothing. Leaves
    /// the machine as it is, but for counting one round's accesses to devices. An engine that does
    /// not look runs every round.
    fn spin(&mut self, _vm: &mut Vm) -> Option<Spin> {
        None
    }
}

/// Why a machine came to rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// Its slice is used up, it yields, it wants more of machine memory than there is, or what it
    /// printed waits for a reader.
    Slice,
    /// It waits for an interrupt, or for typed input. As much of this time as has passed by
    /// then is to be passed on by [`Vm::pass`].
    Idle(Nanos),
    /// It has come to the moment at which a disk shows a result that the host does not have yet.
    Disk,
    /// Its debugger wants to look: see [`StopPoints::cause`](crate::vcpu::StopPoints::cause).
    Stopped,
    /// It is at its end.
    Ended(Outcome),
}
