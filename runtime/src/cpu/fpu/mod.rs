//! COP1 arithmetic: what the floating-point instructions of a MIPS32 release 2 CPU compute.
//!
//! Everything here is a function from bit patterns and FCSR to a bit pattern and FCSR; the
//! registers, their FR modes and the decoding of instructions are elsewhere. The formats are S
//! and D (IEEE 754 binary32 and binary64), W and L (32- and 64-bit integers). The manual is
//! *MIPS32 Architecture For Programmers, Volume I-A*, the FPU chapter; what it leaves open is
//! settled as QEMU's 24Kf does it, recorded by `tests/fpu-vectors`:
//!
//! - **NaNs** have the legacy encoding (NAN2008 = 0): the top fraction bit is *clear* in a quiet
//!   NaN. Only signaling operands raise Invalid. Any operation that has a NaN to deliver delivers
//!   the default one ([`QUIET_NAN_S`], [`QUIET_NAN_D`]), payloads do not travel; NMADD and NMSUB
//!   negate that NaN like any other sum.
//! - **Tininess** is detected after rounding. Underflow means tiny and inexact, or just tiny when
//!   its trap is enabled (*Underflow Exception*; QEMU does not make this distinction).
//! - **FS = 1** replaces a result that is tiny before rounding: by the smallest normal number of its
//!   sign where rounding is away from zero, and by a zero of its sign elsewhere. It raises Underflow and
//!   Inexact (*MIPS R4000 User's Manual*, table 7-1; QEMU delivers a zero and raises nothing). Operands
//!   are taken as they are.
//! - **Multiply-adds are not fused**: the product is rounded, then the sum, and Cause holds what
//!   either raised. A RECIP is a division, an RSQRT a square root and a division likewise.
//! - **ABS and NEG are arithmetic**: any NaN operand raises Invalid (Volume II-A, *ABS.fmt*,
//!   *NEG.fmt*; QEMU changes the sign bit and leaves FCSR alone). They never flush.
//! - **Conversions to integers** that have no right answer raise Invalid and deliver the largest
//!   positive integer, whatever the operand's sign.
//! - **Unimplemented Operation** is never raised by an operation: subnormal numbers are computed
//!   here, with no need of an emulator in the guest. Software may still set it by CTC1.
//!
//! `soft` is exact integer arithmetic and handles every case; `host` answers the common cases
//! with the host's own arithmetic, and `operation` chooses. `deferred` is for translated code, which
//! answers the commonest cases by itself.

mod compare;
mod convert;
mod deferred;
mod fcsr;
mod format;
mod host;
mod operation;
mod soft;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use compare::{compare_d, compare_s};
pub use convert::*;
pub use deferred::{Deferred, Operation};
pub use fcsr::{Exceptions, Fcsr, Outcome, Rounding, Trap};
pub use operation::*;

/// The quiet NaN of format S that every operation delivers.
pub const QUIET_NAN_S: u32 = 0x7fbf_ffff;
/// The quiet NaN of format D that every operation delivers.
pub const QUIET_NAN_D: u64 = 0x7ff7_ffff_ffff_ffff;
