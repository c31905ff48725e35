//! The two floating-point formats: where their fields are, and how patterns become numbers.
//!
//! Patterns of both formats travel in a `u64`, so that the arithmetic is written once.

use super::{QUIET_NAN_D, QUIET_NAN_S};

/// A floating-point format. `Single` and `Double` are its implementations.
pub(super) trait Format {
    /// The width of the fraction field.
    const FRACTION_BITS: u32;
    /// The largest value of the exponent field, which stands for infinities and NaNs.
    const EXPONENT_MAX: u64;
    /// The NaN that operations deliver.
    const QUIET_NAN: u64;

    /// The number of significant bits of a normal number.
    const PRECISION: u32 = Self::FRACTION_BITS + 1;
    /// What the exponent field has more than the exponent.
    const BIAS: i32 = (Self::EXPONENT_MAX >> 1) as i32;
    /// The fraction field.
    const FRACTION: u64 = (1 << Self::FRACTION_BITS) - 1;
    /// Plus infinity; also the exponent field.
    const INFINITY: u64 = Self::EXPONENT_MAX << Self::FRACTION_BITS;
    /// The sign bit.
    const SIGN: u64 = (Self::EXPONENT_MAX + 1) << Self::FRACTION_BITS;
    /// The fraction bit that is set in signaling NaNs.
    const SIGNALING: u64 = 1 << (Self::FRACTION_BITS - 1);
}

/// Format S.
pub(super) struct Single;

impl Format for Single {
    const FRACTION_BITS: u32 = 23;
    const EXPONENT_MAX: u64 = 0xff;
    const QUIET_NAN: u64 = QUIET_NAN_S as u64;
}

/// Format D.
pub(super) struct Double;

impl Format for Double {
    const FRACTION_BITS: u32 = 52;
    const EXPONENT_MAX: u64 = 0x7ff;
    const QUIET_NAN: u64 = QUIET_NAN_D;
}

/// A finite number other than zero: ±`significand` · 2^(`exponent` - 63).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Number {
    /// Whether it is negative.
    pub negative: bool,
    /// The exponent of its leading bit.
    pub exponent: i32,
    /// Bit 63 is set. In what comes out of a pattern, the low ten bits at least are clear.
    pub significand: u64,
}

/// What a pattern stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// Not a number.
    Nan,
    /// An infinity.
    Infinity,
    /// A zero.
    Zero,
    /// Any other number.
    Number(Number),
}

/// Whether a pattern's sign bit is set.
pub(super) const fn negative<F: Format>(bits: u64) -> bool {
    bits & F::SIGN != 0
}

/// Whether a pattern is a NaN.
#[inline]
pub(super) const fn is_nan<F: Format>(bits: u64) -> bool {
    bits & !F::SIGN > F::INFINITY
}

/// Whether a pattern is a signaling NaN.
#[inline]
pub(super) const fn is_signaling<F: Format>(bits: u64) -> bool {
    is_nan::<F>(bits) && bits & F::SIGNALING != 0
}

/// The sign bit of a format, set if `negative`.
pub(super) const fn sign<F: Format>(negative: bool) -> u64 {
    if negative { F::SIGN } else { 0 }
}

/// What a pattern stands for.
pub(super) const fn unpack<F: Format>(bits: u64) -> Value {
    let field = (bits & F::INFINITY) >> F::FRACTION_BITS;
    let fraction = bits & F::FRACTION;
    if field == F::EXPONENT_MAX {
        return if fraction == 0 {
            Value::Infinity
        } else {
            Value::Nan
        };
    }
    if field == 0 && fraction == 0 {
        return Value::Zero;
    }
    let (whole, exponent) = if field == 0 {
        (fraction, 1 - F::BIAS)
    } else {
        (fraction | 1 << F::FRACTION_BITS, field as i32 - F::BIAS)
    };
    let shift = whole.leading_zeros();
    Value::Number(Number {
        negative: negative::<F>(bits),
        exponent: exponent + (63 - F::FRACTION_BITS as i32) - shift as i32,
        significand: whole << shift,
    })
}
