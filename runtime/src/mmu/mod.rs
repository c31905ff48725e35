//! Address translation: segments, the architectural TLB, and the software TLB in front of both.

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
