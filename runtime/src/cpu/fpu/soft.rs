//! Exact arithmetic in integers: right for every operand, rounding mode and setting of FCSR.
//!
//! An operation computes the leading 64 bits of its exact result, with the last of them standing
//! for everything below it (the sticky bit), and `round` does the rest.

use super::format::{Format, Number, Value, is_nan, is_signaling, negative, sign, unpack};
use super::{Exceptions, Fcsr, Rounding};

/// A result and what computing it raised.
pub(super) type Raised<T> = (T, Exceptions);

/// What FCSR asks of an operation.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    /// RM.
    pub rounding: Rounding,
    /// FS.
    pub flushes: bool,
    /// Whether Underflow traps, so that exact tiny results raise it too.
    pub underflow_traps: bool,
}

impl From<Fcsr> for Mode {
    #[inline]
    fn from(fcsr: Fcsr) -> Self {
        Self {
            rounding: fcsr.rounding(),
            flushes: fcsr.flushes(),
            underflow_traps: fcsr.enables().intersects(Exceptions::UNDERFLOW),
        }
    }
}

/// Shifts right; bits that fall off leave their mark in the last bit.
pub(super) const fn shift_right_sticky(value: u64, count: u32) -> u64 {
    match count {
        0 => value,
        1..=63 => value >> count | (value << (64 - count) != 0) as u64,
        _ => (value != 0) as u64,
    }
}

/// Rounds away the last `count` bits (1 to 63) of a magnitude, and tells whether any was set.
pub(super) const fn round_off(
    rounding: Rounding,
    negative: bool,
    value: u64,
    count: u32,
) -> (u64, bool) {
    let kept = value >> count;
    let rest = value & ((1 << count) - 1);
    let half = 1 << (count - 1);
    let away = match rounding {
        Rounding::Nearest => rest > half || rest == half && kept & 1 != 0,
        Rounding::Zero => false,
        Rounding::Up => rest != 0 && !negative,
        Rounding::Down => rest != 0 && negative,
    };
    (kept + away as u64, rest != 0)
}

/// The nearest pattern of a format to a number, by the rules of `mode`.
pub(super) fn round<F: Format>(mode: Mode, number: Number) -> Raised<u64> {
    let Number {
        negative,
        exponent,
        significand,
    } = number;
    let excess = 64 - F::PRECISION;
    let sign = sign::<F>(negative);
    let field = exponent + F::BIAS;
    if field <= 0 {
        return round_tiny::<F>(mode, number);
    }
    let (kept, inexact) = round_off(mode.rounding, negative, significand, excess);
    // The leading bit of `kept` counts for one in the exponent field; a carry out of it for two.
    let magnitude = ((field as u64 - 1) << F::FRACTION_BITS).wrapping_add(kept);
    if field as u64 >= F::EXPONENT_MAX || magnitude >= F::INFINITY {
        return overflow::<F>(mode.rounding, negative);
    }
    (sign | magnitude, Exceptions::inexact_if(inexact))
}

/// Overflow: infinity, or the largest finite number where rounding is toward it.
fn overflow<F: Format>(rounding: Rounding, negative: bool) -> Raised<u64> {
    let infinite = match rounding {
        Rounding::Nearest => true,
        Rounding::Zero => false,
        Rounding::Up => !negative,
        Rounding::Down => negative,
    };
    let magnitude = F::INFINITY - !infinite as u64;
    let raised = Exceptions::OVERFLOW | Exceptions::INEXACT;
    (sign::<F>(negative) | magnitude, raised)
}

/// What FS puts in place of a number below the normal ones: the smallest of these where rounding is
/// away from zero, and else a zero. Whatever it was, it is another number now.
fn flushed<F: Format>(rounding: Rounding, negative: bool) -> Raised<u64> {
    let away = match rounding {
        Rounding::Nearest | Rounding::Zero => false,
        Rounding::Up => !negative,
        Rounding::Down => negative,
    };
    let magnitude = u64::from(away) << F::FRACTION_BITS;
    let raised = Exceptions::UNDERFLOW | Exceptions::INEXACT;
    (sign::<F>(negative) | magnitude, raised)
}

/// `round` for a number below the normal ones.
fn round_tiny<F: Format>(mode: Mode, number: Number) -> Raised<u64> {
    let Number {
        negative,
        exponent,
        significand,
    } = number;
    let excess = 64 - F::PRECISION;
    let sign = sign::<F>(negative);
    if mode.flushes {
        return flushed::<F>(mode.rounding, negative);
    }
    // Tininess after rounding: with the format's precision but no limit to the exponent, does
    // the number reach the smallest normal one?
    let below = 1 - F::BIAS - exponent;
    let (unlimited, _) = round_off(mode.rounding, negative, significand, excess);
    let tiny = below > 1 || unlimited >> F::PRECISION == 0;

    let shifted = shift_right_sticky(significand, below as u32);
    let (kept, inexact) = round_off(mode.rounding, negative, shifted, excess);
    let mut raised = Exceptions::inexact_if(inexact);
    if tiny && (inexact || mode.underflow_traps) {
        raised |= Exceptions::UNDERFLOW;
    }
    (sign | kept, raised)
}

/// Invalid Operation, and the NaN that it delivers.
pub(super) const fn invalid<F: Format>() -> Raised<u64> {
    (F::QUIET_NAN, Exceptions::INVALID)
}

/// What an operation with a NaN among its operands delivers.
#[cold]
const fn nan<F: Format>(a: u64, b: u64) -> Raised<u64> {
    if is_signaling::<F>(a) || is_signaling::<F>(b) {
        invalid::<F>()
    } else {
        (F::QUIET_NAN, Exceptions::NONE)
    }
}

/// `a` + `b`.
#[inline(never)]
pub(super) fn add<F: Format>(mode: Mode, a: u64, b: u64) -> Raised<u64> {
    match (unpack::<F>(a), unpack::<F>(b)) {
        (Value::Nan, _) | (_, Value::Nan) => nan::<F>(a, b),
        (Value::Infinity, Value::Infinity) if a != b => invalid::<F>(),
        (Value::Infinity, _) => (a, Exceptions::NONE),
        (_, Value::Infinity) => (b, Exceptions::NONE),
        (Value::Zero, Value::Zero) if a == b => (a, Exceptions::NONE),
        (Value::Zero, Value::Zero) => cancelled::<F>(mode),
        (Value::Number(number), Value::Zero) | (Value::Zero, Value::Number(number)) => {
            round::<F>(mode, number)
        }
        (Value::Number(a), Value::Number(b)) => match sum(a, b) {
            Some(sum) => round::<F>(mode, sum),
            None => cancelled::<F>(mode),
        },
    }
}

/// The zero that is the sum of opposites.
const fn cancelled<F: Format>(mode: Mode) -> Raised<u64> {
    (
        sign::<F>(matches!(mode.rounding, Rounding::Down)),
        Exceptions::NONE,
    )
}

/// The sum of two numbers, sticky, unless it is zero.
fn sum(a: Number, b: Number) -> Option<Number> {
    let a_is_larger = (a.exponent, a.significand) >= (b.exponent, b.significand);
    let (large, small) = if a_is_larger { (a, b) } else { (b, a) };
    // One bit to the right, there is room for a carry; the bits this loses are clear.
    let distance = (large.exponent - small.exponent) as u32;
    let aligned = shift_right_sticky(small.significand >> 1, distance);
    let total = if a.negative == b.negative {
        (large.significand >> 1) + aligned
    } else {
        (large.significand >> 1) - aligned
    };
    if total == 0 {
        return None;
    }
    let shift = total.leading_zeros();
    Some(Number {
        negative: large.negative,
        exponent: large.exponent + 1 - shift as i32,
        significand: total << shift,
    })
}

/// `a` × `b`.
#[inline(never)]
pub(super) fn mul<F: Format>(mode: Mode, a: u64, b: u64) -> Raised<u64> {
    let sign = (a ^ b) & F::SIGN;
    match (unpack::<F>(a), unpack::<F>(b)) {
        (Value::Nan, _) | (_, Value::Nan) => nan::<F>(a, b),
        (Value::Infinity, Value::Zero) | (Value::Zero, Value::Infinity) => invalid::<F>(),
        (Value::Infinity, _) | (_, Value::Infinity) => (sign | F::INFINITY, Exceptions::NONE),
        (Value::Zero, _) | (_, Value::Zero) => (sign, Exceptions::NONE),
        (Value::Number(a), Value::Number(b)) => {
            let product = u128::from(a.significand) * u128::from(b.significand);
            let shift = product.leading_zeros();
            let number = Number {
                negative: a.negative != b.negative,
                exponent: a.exponent + b.exponent + 1 - shift as i32,
                significand: leading_bits(product << shift),
            };
            round::<F>(mode, number)
        }
    }
}

/// The upper half, sticky.
const fn leading_bits(wide: u128) -> u64 {
    (wide >> 64) as u64 | (wide as u64 != 0) as u64
}

/// `a` ÷ `b`.
#[inline(never)]
pub(super) fn div<F: Format>(mode: Mode, a: u64, b: u64) -> Raised<u64> {
    let sign = (a ^ b) & F::SIGN;
    match (unpack::<F>(a), unpack::<F>(b)) {
        (Value::Nan, _) | (_, Value::Nan) => nan::<F>(a, b),
        (Value::Infinity, Value::Infinity) | (Value::Zero, Value::Zero) => invalid::<F>(),
        (Value::Infinity, _) => (sign | F::INFINITY, Exceptions::NONE),
        (Value::Zero, _) | (_, Value::Infinity) => (sign, Exceptions::NONE),
        (_, Value::Zero) => (sign | F::INFINITY, Exceptions::DIVISION_BY_ZERO),
        (Value::Number(a), Value::Number(b)) => round::<F>(mode, quotient(a, b)),
    }
}

/// The quotient of two numbers, sticky.
fn quotient(a: Number, b: Number) -> Number {
    let (dividend, divisor) = (u128::from(a.significand) << 63, u128::from(b.significand));
    // Between 2^62 and 2^64: at least 63 bits of it, more than any format keeps.
    let quotient = (dividend / divisor) as u64 | u64::from(dividend % divisor != 0);
    let shift = quotient.leading_zeros();
    Number {
        negative: a.negative != b.negative,
        exponent: a.exponent - b.exponent - shift as i32,
        significand: quotient << shift,
    }
}

/// √`a`.
#[inline(never)]
pub(super) fn sqrt<F: Format>(mode: Mode, a: u64) -> Raised<u64> {
    match unpack::<F>(a) {
        Value::Nan => nan::<F>(a, a),
        Value::Zero => (a, Exceptions::NONE),
        _ if negative::<F>(a) => invalid::<F>(),
        Value::Infinity => (a, Exceptions::NONE),
        Value::Number(number) => {
            // An even exponent comes out of the root; the radicand, 126 or 127 bits long, has a
            // root of 64 bits.
            let odd = number.exponent & 1;
            let radicand = u128::from(number.significand) << (63 + odd);
            let root = radicand.isqrt();
            let root_number = Number {
                negative: false,
                exponent: (number.exponent - odd) / 2,
                significand: root as u64 | u64::from(root * root != radicand),
            };
            round::<F>(mode, root_number)
        }
    }
}

/// `a` with its sign changed or cleared by the caller: arithmetic, so that NaNs are invalid.
#[inline]
pub(super) const fn with_sign<F: Format>(a: u64, changed: u64) -> Raised<u64> {
    if is_nan::<F>(a) {
        invalid::<F>()
    } else {
        (changed, Exceptions::NONE)
    }
}
