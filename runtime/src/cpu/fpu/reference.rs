//! The slow, obviously right arithmetic that the tests compare with: whole numbers without limit
//! for the values, and the definitions of IEEE 754 and the manual, word for word, for the rest.

use super::format::Format;
use super::soft::Mode;
use super::{Exceptions, Rounding};
use num_bigint::BigUint;
use std::cmp::Ordering;

/// A real number, ±(`whole` + something less than one if `more`) · 2^`scale`.
#[derive(Clone, Debug)]
pub(super) struct Real {
    pub negative: bool,
    pub whole: BigUint,
    pub more: bool,
    pub scale: i64,
}

/// What a pattern stands for.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Nan {
        signaling: bool,
    },
    Infinity {
        negative: bool,
    },
    /// Finite; zero is a `Real` too, with a sign.
    Finite(Real),
}

/// Reads a pattern by the definition of the format.
pub(super) fn read<F: Format>(bits: u64) -> Operand {
    let sign_place = 64 - F::SIGN.leading_zeros() - 1;
    let negative = bits >> sign_place & 1 == 1;
    let fraction = bits % (1 << F::FRACTION_BITS);
    let field = bits >> F::FRACTION_BITS & F::EXPONENT_MAX;
    if field == F::EXPONENT_MAX {
        return match fraction {
            0 => Operand::Infinity { negative },
            _ => Operand::Nan {
                signaling: fraction >> (F::FRACTION_BITS - 1) == 1,
            },
        };
    }
    let (whole, field) = match field {
        0 => (fraction, 1),
        _ => (fraction + (1 << F::FRACTION_BITS), field),
    };
    Operand::Finite(Real {
        negative,
        whole: BigUint::from(whole),
        more: false,
        scale: field as i64 - i64::from(F::BIAS) - i64::from(F::FRACTION_BITS),
    })
}

impl Real {
    fn is_zero(&self) -> bool {
        self.whole == BigUint::ZERO && !self.more
    }

    /// The exponent of the leading bit.
    fn exponent(&self) -> i64 {
        self.scale + self.whole.bits() as i64 - 1
    }

    /// The multiple of 2^`place` that the magnitude is rounded to, as a count of them, and
    /// whether it is a different number.
    pub(super) fn to_multiple(&self, rounding: Rounding, place: i64) -> (BigUint, bool) {
        if place <= self.scale {
            assert!(!self.more, "the number is not known as precisely");
            return (&self.whole << (self.scale - place) as u64, false);
        }
        let count = (place - self.scale) as u64;
        let kept = &self.whole >> count;
        let rest = &self.whole - (&kept << count);
        let half = BigUint::from(1u32) << (count - 1);
        let from_half = match rest.cmp(&half) {
            Ordering::Equal if self.more => Ordering::Greater,
            order => order,
        };
        let inexact = self.more || rest != BigUint::ZERO;
        let away = match rounding {
            Rounding::Nearest => {
                from_half == Ordering::Greater || from_half == Ordering::Equal && kept.bit(0)
            }
            Rounding::Zero => false,
            Rounding::Up => inexact && !self.negative,
            Rounding::Down => inexact && self.negative,
        };
        (kept + u32::from(away), inexact)
    }
}

/// The pattern nearest to a number that is not zero, and what it raises.
pub(super) fn round<F: Format>(mode: Mode, real: &Real) -> (u64, Exceptions) {
    let precision = i64::from(F::PRECISION);
    let least = 1 - i64::from(F::BIAS);
    let greatest = i64::from(F::BIAS);
    let sign = if real.negative { F::SIGN } else { 0 };

    // As if the exponent had no limits.
    let place = real.exponent() - (precision - 1);
    let (unlimited, _) = real.to_multiple(mode.rounding, place);
    let exponent = place + unlimited.bits() as i64 - 1;
    if exponent > greatest {
        let largest = F::INFINITY - 1;
        let magnitude = match mode.rounding {
            Rounding::Zero => largest,
            Rounding::Up if real.negative => largest,
            Rounding::Down if !real.negative => largest,
            _ => F::INFINITY,
        };
        return (sign | magnitude, Exceptions::OVERFLOW | Exceptions::INEXACT);
    }
    if mode.flushes && real.exponent() < least {
        let away = matches!(
            (mode.rounding, real.negative),
            (Rounding::Up, false) | (Rounding::Down, true)
        );
        let least = if away { 1 << F::FRACTION_BITS } else { 0 };
        return (sign | least, Exceptions::UNDERFLOW | Exceptions::INEXACT);
    }

    // As the format has it.
    let (count, inexact) = real.to_multiple(mode.rounding, place.max(least - (precision - 1)));
    let mut raised = Exceptions::inexact_if(inexact);
    if exponent < least && (inexact || mode.underflow_traps) {
        raised |= Exceptions::UNDERFLOW;
    }
    let count = u64::try_from(count).unwrap();
    let field = (place.max(least - (precision - 1)) - (least - (precision - 1))) as u64;
    // `count` without its leading bit is the fraction; the leading bit, where there is one, makes
    // the field one more. A carry to the next power of two comes out right as well.
    (sign | ((field << F::FRACTION_BITS) + count), raised)
}

fn nan<F: Format>(invalid: bool) -> (u64, Exceptions) {
    (
        F::QUIET_NAN,
        if invalid {
            Exceptions::INVALID
        } else {
            Exceptions::NONE
        },
    )
}

fn infinity<F: Format>(negative: bool) -> (u64, Exceptions) {
    (
        if negative { F::SIGN } else { 0 } | F::INFINITY,
        Exceptions::NONE,
    )
}

fn zero<F: Format>(negative: bool) -> (u64, Exceptions) {
    (if negative { F::SIGN } else { 0 }, Exceptions::NONE)
}

/// Whether a NaN among the operands settles the result.
fn nans<F: Format>(operands: &[&Operand]) -> Option<(u64, Exceptions)> {
    let signals = |operand: &&Operand| match operand {
        Operand::Nan { signaling } => Some(*signaling),
        _ => None,
    };
    let found: Vec<bool> = operands.iter().filter_map(signals).collect();
    (!found.is_empty()).then(|| nan::<F>(found.contains(&true)))
}

/// `a` + `b`.
pub(super) fn add<F: Format>(mode: Mode, a: u64, b: u64) -> (u64, Exceptions) {
    let (a, b) = (read::<F>(a), read::<F>(b));
    if let Some(nan) = nans::<F>(&[&a, &b]) {
        return nan;
    }
    let (a, b) = match (a, b) {
        (Operand::Infinity { negative: a }, Operand::Infinity { negative: b }) if a != b => {
            return nan::<F>(true);
        }
        (Operand::Infinity { negative }, _) | (_, Operand::Infinity { negative }) => {
            return infinity::<F>(negative);
        }
        (Operand::Finite(a), Operand::Finite(b)) => (a, b),
        _ => unreachable!(),
    };
    let scale = a.scale.min(b.scale);
    let align = |real: &Real| &real.whole << (real.scale - scale) as u64;
    let (x, y) = (align(&a), align(&b));
    let (negative, whole) = if a.negative == b.negative {
        (a.negative, x + y)
    } else if x >= y {
        (a.negative, x - y)
    } else {
        (b.negative, y - x)
    };
    if whole == BigUint::ZERO {
        let negative = if a.negative == b.negative {
            a.negative
        } else {
            mode.rounding == Rounding::Down
        };
        return zero::<F>(negative);
    }
    round::<F>(
        mode,
        &Real {
            negative,
            whole,
            more: false,
            scale,
        },
    )
}

/// `a` × `b`.
pub(super) fn mul<F: Format>(mode: Mode, a: u64, b: u64) -> (u64, Exceptions) {
    let negative = (a ^ b) & F::SIGN != 0;
    let (a, b) = (read::<F>(a), read::<F>(b));
    if let Some(nan) = nans::<F>(&[&a, &b]) {
        return nan;
    }
    match (a, b) {
        (Operand::Finite(a), Operand::Finite(b)) if a.is_zero() || b.is_zero() => {
            zero::<F>(negative)
        }
        (Operand::Finite(a), Operand::Finite(b)) => {
            let (whole, scale) = (a.whole * b.whole, a.scale + b.scale);
            round::<F>(
                mode,
                &Real {
                    negative,
                    whole,
                    more: false,
                    scale,
                },
            )
        }
        (Operand::Finite(a), _) | (_, Operand::Finite(a)) if a.is_zero() => nan::<F>(true),
        _ => infinity::<F>(negative),
    }
}

/// More bits than any format keeps, for results whose bits have no end.
const PLENTY: u64 = 200;

/// `a` ÷ `b`.
pub(super) fn div<F: Format>(mode: Mode, a: u64, b: u64) -> (u64, Exceptions) {
    let negative = (a ^ b) & F::SIGN != 0;
    let (a, b) = (read::<F>(a), read::<F>(b));
    if let Some(nan) = nans::<F>(&[&a, &b]) {
        return nan;
    }
    match (a, b) {
        (Operand::Finite(a), Operand::Finite(b)) if b.is_zero() => {
            if a.is_zero() {
                return nan::<F>(true);
            }
            (infinity::<F>(negative).0, Exceptions::DIVISION_BY_ZERO)
        }
        (Operand::Finite(a), Operand::Finite(_)) if a.is_zero() => zero::<F>(negative),
        (Operand::Finite(a), Operand::Finite(b)) => {
            let dividend = a.whole << PLENTY;
            let whole = &dividend / &b.whole;
            let more = &whole * &b.whole != dividend;
            let scale = a.scale - b.scale - PLENTY as i64;
            round::<F>(
                mode,
                &Real {
                    negative,
                    whole,
                    more,
                    scale,
                },
            )
        }
        (Operand::Finite(_), _) => zero::<F>(negative),
        (_, Operand::Finite(_)) => infinity::<F>(negative),
        _ => nan::<F>(true),
    }
}

/// √`a`.
pub(super) fn sqrt<F: Format>(mode: Mode, a: u64) -> (u64, Exceptions) {
    let operand = read::<F>(a);
    if let Some(nan) = nans::<F>(&[&operand]) {
        return nan;
    }
    match operand {
        Operand::Finite(real) if real.is_zero() => (a, Exceptions::NONE),
        Operand::Finite(real) if !real.negative => {
            let shift = PLENTY + (real.scale & 1) as u64;
            let radicand = real.whole << shift;
            let whole = radicand.sqrt();
            let more = &whole * &whole != radicand;
            let scale = (real.scale - shift as i64) / 2;
            round::<F>(
                mode,
                &Real {
                    negative: false,
                    whole,
                    more,
                    scale,
                },
            )
        }
        Operand::Infinity { negative: false } => (a, Exceptions::NONE),
        _ => nan::<F>(true),
    }
}

/// From a format to another.
pub(super) fn reformat<From: Format, To: Format>(mode: Mode, a: u64) -> (u64, Exceptions) {
    match read::<From>(a) {
        Operand::Nan { signaling } => nan::<To>(signaling),
        Operand::Infinity { negative } => infinity::<To>(negative),
        Operand::Finite(real) if real.is_zero() => zero::<To>(real.negative),
        Operand::Finite(real) => round::<To>(mode, &real),
    }
}

/// To an integer of `bits` bits.
pub(super) fn to_integer<F: Format>(rounding: Rounding, bits: u32, a: u64) -> (u64, Exceptions) {
    let largest = (1i128 << (bits - 1)) - 1;
    if let Operand::Finite(real) = read::<F>(a) {
        let (magnitude, inexact) = real.to_multiple(rounding, 0);
        if let Ok(magnitude) = i128::try_from(magnitude) {
            let value = if real.negative { -magnitude } else { magnitude };
            if (-largest - 1..=largest).contains(&value) {
                return (value as u64, Exceptions::inexact_if(inexact));
            }
        }
    }
    (largest as u64, Exceptions::INVALID)
}

/// From an integer.
pub(super) fn from_integer<F: Format>(mode: Mode, value: i64) -> (u64, Exceptions) {
    if value == 0 {
        return zero::<F>(false);
    }
    let whole = BigUint::from(value.unsigned_abs());
    round::<F>(
        mode,
        &Real {
            negative: value < 0,
            whole,
            more: false,
            scale: 0,
        },
    )
}

/// The order of two numbers; `None` if one is a NaN.
pub(super) fn order<F: Format>(a: u64, b: u64) -> Option<Ordering> {
    // In round numbers, the sign of the difference: subtraction never rounds to zero.
    let mode = Mode {
        rounding: Rounding::Nearest,
        flushes: false,
        underflow_traps: false,
    };
    match (read::<F>(a), read::<F>(b)) {
        (Operand::Nan { .. }, _) | (_, Operand::Nan { .. }) => None,
        (Operand::Infinity { negative: a }, Operand::Infinity { negative: b }) => Some(b.cmp(&a)),
        _ => match read::<F>(add::<F>(mode, a, b ^ F::SIGN).0) {
            Operand::Infinity { negative: true } => Some(Ordering::Less),
            Operand::Infinity { negative: false } => Some(Ordering::Greater),
            Operand::Finite(real) if real.is_zero() => Some(Ordering::Equal),
            Operand::Finite(real) if real.negative => Some(Ordering::Less),
            _ => Some(Ordering::Greater),
        },
    }
}
