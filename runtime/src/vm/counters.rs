//! What is counted of a machine.

use crate::hypercall::Number;
use std::time::Duration;

/// Events that the monitor counts.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Exceptions by Cause.ExcCode.
    pub exceptions: [u64; 32],
    /// TLB refills, by load (0) and store (1).
    pub refills: [u64; 2],
    /// Accesses that missed the software TLB.
    pub soft_misses: u64,
    /// Accesses that went to a device.
    pub device_accesses: u64,
    /// Entries that TLBWR displaced and the second-level TLB kept.
    pub second_kept: u64,
    /// TLB entries written.
    pub tlb_writes: u64,
    /// Changes of address space or mode.
    pub space_switches: u64,
    /// Stores that hit code.
    pub code_writes: u64,
    /// Returns from the engine, by [`Exit`](crate::exit::Exit).
    pub exits: [u64; 4],
    /// Whole pages that devices wrote, disks above all, and that share the frame of a page which was
    /// the same already.
    pub shared_reads: u64,
    /// Bytes that the guest wrote to its console.
    pub console_bytes: u64,
    /// Times that WAIT skipped to the next event.
    pub waits: u64,
    /// Hypercalls, by [`Number`], those in batches included.
    pub hypercalls: [u64; Number::ALL.len()],
    /// Hypercalls that were refused, those included that do not exist.
    pub hypercalls_refused: u64,
    /// Times that rounds of a loop that changes nothing were skipped.
    pub spins: u64,
    /// The instructions of these rounds.
    pub spun: u64,
    /// Host time spent asleep.
    pub slept: Duration,
}
