//! Every reason for which an engine, and then the machine, comes back.

use serde::{Deserialize, Serialize};

/// Why an engine came back to the VM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// The horizon is reached.
    Horizon,
    /// Something asked for attention: an interrupt, a nearer deadline, a request of the board.
    Stop,
    /// WAIT: nothing to do until an interrupt.
    Wait,
    /// The engine compares two executions and found a difference.
    Difference,
}

impl Exit {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Horizon, Self::Stop, Self::Wait, Self::Difference];
}

/// Why a machine came to its end, or to a rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// The guest switched its machine off.
    PowerOff,
    /// The guest reset its machine.
    Reset,
    /// The instruction limit is reached.
    Limit,
    /// The guest waits for an interrupt that nothing can bring.
    Halted,
    /// The person at the console asked to quit.
    Quit,
    /// Lockstep execution found a difference.
    Difference,
    /// There is no machine memory for it to go on, and no other machine is left to give any back.
    Starved,
    /// The host failed to give what the machine needed: [`Ram::failure`](crate::memory::Ram::failure).
    HostFailure,
    /// It has come to the instruction count to which it was to run.
    Reached,
    /// It goes on under another monitor.
    Moved,
}
