//! Conversions between the formats: CVT, and ROUND, TRUNC, CEIL and FLOOR, which name the
//! rounding mode themselves.
//!
//! Integers are patterns too: a W is a `u32`, an L a `u64`, both two's complement.

use super::format::{Double, Format, Number, Single, Value, is_signaling, negative, sign, unpack};
use super::soft::{Mode, Raised, invalid, round, round_off, shift_right_sticky};
use super::{Exceptions, Fcsr, Outcome, Rounding, host};

/// From one floating-point format to another.
#[inline]
fn reformat<From: Format, To: Format>(mode: Mode, bits: u64) -> Raised<u64> {
    let sign = sign::<To>(negative::<From>(bits));
    match unpack::<From>(bits) {
        Value::Nan if is_signaling::<From>(bits) => invalid::<To>(),
        Value::Nan => (To::QUIET_NAN, Exceptions::NONE),
        Value::Infinity => (sign | To::INFINITY, Exceptions::NONE),
        Value::Zero => (sign, Exceptions::NONE),
        Value::Number(number) => round::<To>(mode, number),
    }
}

/// From an integer.
#[inline]
fn from_integer<F: Format>(mode: Mode, value: i64) -> Raised<u64> {
    let magnitude = value.unsigned_abs();
    if magnitude == 0 {
        return (0, Exceptions::NONE);
    }
    let shift = magnitude.leading_zeros();
    let number = Number {
        negative: value < 0,
        exponent: 63 - shift as i32,
        significand: magnitude << shift,
    };
    round::<F>(mode, number)
}

/// To an integer whose largest value is `max`: 2^31 - 1 or 2^63 - 1.
#[inline]
fn to_integer<F: Format>(rounding: Rounding, max: u64, bits: u64) -> Raised<u64> {
    let out_of_range = (max, Exceptions::INVALID);
    let number = match unpack::<F>(bits) {
        Value::Zero => return (0, Exceptions::NONE),
        Value::Nan | Value::Infinity => return out_of_range,
        Value::Number(number) => number,
    };
    let (magnitude, inexact) = match number.exponent {
        64.. => return out_of_range,
        63 => (number.significand, false),
        exponent => {
            // Bits of fraction to lose; `round_off` takes up to 63.
            let count = (63 - exponent) as u32;
            let excess = count.saturating_sub(63);
            let significand = shift_right_sticky(number.significand, excess);
            round_off(rounding, number.negative, significand, count - excess)
        }
    };
    if magnitude > max + u64::from(number.negative) {
        return out_of_range;
    }
    let value = if number.negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    };
    (value, Exceptions::inexact_if(inexact))
}

/// CVT.S.D.
pub fn cvt_s_d(fcsr: &mut Fcsr, fs: u64) -> Outcome<u32> {
    let mode = Mode::from(*fcsr);
    let (result, raised) = match host::double_to_single(fs) {
        Some(done) if mode.rounding == Rounding::Nearest => done,
        _ => reformat::<Double, Single>(mode, fs),
    };
    fcsr.commit(result as u32, raised)
}

/// CVT.D.S. Exact, except that a signaling NaN is invalid.
pub fn cvt_d_s(fcsr: &mut Fcsr, fs: u32) -> Outcome<u64> {
    let (result, raised) = match host::single_to_double(fs) {
        Some(done) => (done, Exceptions::NONE),
        None => reformat::<Single, Double>(Mode::from(*fcsr), u64::from(fs)),
    };
    fcsr.commit(result, raised)
}

/// CVT.S.W.
pub fn cvt_s_w(fcsr: &mut Fcsr, fs: u32) -> Outcome<u32> {
    let mode = Mode::from(*fcsr);
    let (result, raised) = if mode.rounding == Rounding::Nearest {
        host::word_to_single(fs as i32)
    } else {
        from_integer::<Single>(mode, i64::from(fs as i32))
    };
    fcsr.commit(result as u32, raised)
}

/// CVT.S.L.
pub fn cvt_s_l(fcsr: &mut Fcsr, fs: u64) -> Outcome<u32> {
    let (result, raised) = from_integer::<Single>(Mode::from(*fcsr), fs as i64);
    fcsr.commit(result as u32, raised)
}

/// CVT.D.W. Always exact.
pub fn cvt_d_w(fcsr: &mut Fcsr, fs: u32) -> Outcome<u64> {
    fcsr.commit(f64::from(fs as i32).to_bits(), Exceptions::NONE)
}

/// CVT.D.L.
pub fn cvt_d_l(fcsr: &mut Fcsr, fs: u64) -> Outcome<u64> {
    let (result, raised) = from_integer::<Double>(Mode::from(*fcsr), fs as i64);
    fcsr.commit(result, raised)
}

const MAX_W: u64 = i32::MAX as u64;
const MAX_L: u64 = i64::MAX as u64;

/// Defines the conversions to W and L, from S and D, under one rounding mode.
macro_rules! to_integers {
    ($($w_s:ident $w_d:ident $l_s:ident $l_d:ident $rounding:expr, $text:literal;)+) => {$(
        #[doc = concat!("From S to W, ", $text)]
        pub fn $w_s(fcsr: &mut Fcsr, fs: u32) -> Outcome<u32> {
            let (result, raised) = to_integer::<Single>($rounding(*fcsr), MAX_W, u64::from(fs));
            fcsr.commit(result as u32, raised)
        }

        #[doc = concat!("From D to W, ", $text)]
        pub fn $w_d(fcsr: &mut Fcsr, fs: u64) -> Outcome<u32> {
            let (result, raised) = to_integer::<Double>($rounding(*fcsr), MAX_W, fs);
            fcsr.commit(result as u32, raised)
        }

        #[doc = concat!("From S to L, ", $text)]
        pub fn $l_s(fcsr: &mut Fcsr, fs: u32) -> Outcome<u64> {
            let (result, raised) = to_integer::<Single>($rounding(*fcsr), MAX_L, u64::from(fs));
            fcsr.commit(result, raised)
        }

        #[doc = concat!("From D to L, ", $text)]
        pub fn $l_d(fcsr: &mut Fcsr, fs: u64) -> Outcome<u64> {
            let (result, raised) = to_integer::<Double>($rounding(*fcsr), MAX_L, fs);
            fcsr.commit(result, raised)
        }
    )+};
}

to_integers! {
    cvt_w_s cvt_w_d cvt_l_s cvt_l_d Fcsr::rounding, "rounding as FCSR says.";
    round_w_s round_w_d round_l_s round_l_d |_| Rounding::Nearest, "to the nearest, ties to even.";
    trunc_w_s trunc_w_d trunc_l_s trunc_l_d |_| Rounding::Zero, "toward zero.";
    ceil_w_s ceil_w_d ceil_l_s ceil_l_d |_| Rounding::Up, "upward.";
    floor_w_s floor_w_d floor_l_s floor_l_d |_| Rounding::Down, "downward.";
}
