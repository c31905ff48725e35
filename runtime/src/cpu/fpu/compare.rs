//! C.cond: comparisons, and which of them signal.
//!
//! Volume II-A, *C.cond.fmt*. The four bits of cond are predicates; the result is whether any of
//! those that hold was asked for.

use super::format::{Double, Format, Single, is_nan, is_signaling};
use super::{Exceptions, Fcsr, Outcome};

/// cond bit 0: the operands are unordered, that is, one is a NaN.
const UNORDERED: u8 = 1;
/// cond bit 1: they are equal.
const EQUAL: u8 = 1 << 1;
/// cond bit 2: the first is less.
const LESS: u8 = 1 << 2;
/// cond bit 3: quiet NaNs are invalid operands too.
const SIGNALS: u8 = 1 << 3;

/// A number's place in the order: both zeros have the same.
#[inline]
const fn place<F: Format>(bits: u64) -> i64 {
    let magnitude = (bits & !F::SIGN) as i64;
    if bits & F::SIGN != 0 {
        -magnitude
    } else {
        magnitude
    }
}

#[inline]
fn compare<F: Format>(fcsr: &mut Fcsr, cond: u8, fs: u64, ft: u64) -> Outcome<bool> {
    if is_nan::<F>(fs) || is_nan::<F>(ft) {
        let signals = cond & SIGNALS != 0 || is_signaling::<F>(fs) || is_signaling::<F>(ft);
        let raised = if signals {
            Exceptions::INVALID
        } else {
            Exceptions::NONE
        };
        return fcsr.commit(cond & UNORDERED != 0, raised);
    }
    let (fs, ft) = (place::<F>(fs), place::<F>(ft));
    let holds = if fs < ft {
        LESS
    } else if fs == ft {
        EQUAL
    } else {
        0
    };
    fcsr.commit(cond & holds != 0, Exceptions::NONE)
}

/// C.cond.S: whether condition `cond` (0 to 15) holds. The caller stores it in a condition code.
#[inline]
pub fn compare_s(fcsr: &mut Fcsr, cond: u8, fs: u32, ft: u32) -> Outcome<bool> {
    compare::<Single>(fcsr, cond, u64::from(fs), u64::from(ft))
}

/// C.cond.D: whether condition `cond` (0 to 15) holds. The caller stores it in a condition code.
#[inline]
pub fn compare_d(fcsr: &mut Fcsr, cond: u8, fs: u64, ft: u64) -> Outcome<bool> {
    compare::<Double>(fcsr, cond, fs, ft)
}
