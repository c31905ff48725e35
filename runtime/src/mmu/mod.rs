//! Address translation: segments, the architectural TLB, the second-level TLB behind
//! it, and the software TLB in front of all.

pub mod second;
pub mod segment;
pub mod soft;
pub mod tlb;

/// What an access wants to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Load data.
    Read,
    /// Store data.
    Write,
    /// Fetch an instruction.
    Fetch,
}
