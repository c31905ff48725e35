//! The common cases, by the host's own floating-point arithmetic.
//!
//! A host operation in `f32` and `f64` rounds to nearest as IEEE 754 says, but tells nothing of
//! what it raised. So each function here takes only operands that are normal or zero, vouches
//! only for a result that is zero or well inside the range of normal numbers, so that Inexact is
//! all that can have been raised, and finds out whether it was. All else it leaves, by `None`,
//! to `soft`.

use super::Exceptions;
use super::format::{Double, Format, Single};
use super::soft::Raised;

/// A format the host can compute in. The functions tell whether the result is inexact; that
/// holds for ordinary operands with a result in range.
pub(super) trait Host: Format {
    /// `a` + `b`.
    fn host_add(a: u64, b: u64) -> (u64, bool);
    /// `a` × `b`.
    fn host_mul(a: u64, b: u64) -> (u64, bool);
    /// `a` ÷ `b`.
    fn host_div(a: u64, b: u64) -> (u64, bool);
    /// √`a`.
    fn host_sqrt(a: u64) -> (u64, bool);
}

/// The rounding error of the sum `s` of `a` and `b` (Knuth's TwoSum): exact, as are all the
/// differences, unless something overflows.
macro_rules! sum_is_inexact {
    ($a:expr, $b:expr, $s:expr) => {{
        let b_part = $s - $a;
        ($a - ($s - b_part)) + ($b - b_part) != 0.0
    }};
}

const fn single(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

/// A double holds the product of two singles exactly, and a quotient or root with enough bits
/// that rounding it again to a single is harmless.
fn narrow(value: f64) -> (u64, f64) {
    let result = value as f32;
    (u64::from(result.to_bits()), f64::from(result))
}

impl Host for Single {
    #[inline]
    fn host_add(a: u64, b: u64) -> (u64, bool) {
        let (a, b) = (single(a), single(b));
        let sum = a + b;
        (u64::from(sum.to_bits()), sum_is_inexact!(a, b, sum))
    }

    #[inline]
    fn host_mul(a: u64, b: u64) -> (u64, bool) {
        let product = f64::from(single(a)) * f64::from(single(b));
        let (bits, result) = narrow(product);
        (bits, result != product)
    }

    #[inline]
    fn host_div(a: u64, b: u64) -> (u64, bool) {
        let (a, b) = (f64::from(single(a)), f64::from(single(b)));
        let (bits, result) = narrow(a / b);
        (bits, result * b != a)
    }

    #[inline]
    fn host_sqrt(a: u64) -> (u64, bool) {
        let a = f64::from(single(a));
        let (bits, result) = narrow(a.sqrt());
        (bits, result * result != a)
    }
}

/// The significand of a normal number of format D, as an integer.
const fn significand(bits: u64) -> u64 {
    bits & Double::FRACTION | 1 << Double::FRACTION_BITS
}

/// Whether the product of two significands is anything but a power of two times `of`.
const fn product_is_not(a: u64, b: u64, of: u64) -> bool {
    let product = a as u128 * b as u128;
    let length = u128::BITS - product.leading_zeros();
    product != (of as u128) << (length - Double::PRECISION)
}

impl Host for Double {
    #[inline]
    fn host_add(a: u64, b: u64) -> (u64, bool) {
        let (a, b) = (f64::from_bits(a), f64::from_bits(b));
        let sum = a + b;
        (sum.to_bits(), sum_is_inexact!(a, b, sum))
    }

    #[inline]
    fn host_mul(a: u64, b: u64) -> (u64, bool) {
        let result = (f64::from_bits(a) * f64::from_bits(b)).to_bits();
        let (a, b) = (significand(a), significand(b));
        // The product has as many trailing zeros as its factors together; what remains must fit.
        let product = u128::from(a) * u128::from(b);
        let length = u128::BITS - product.leading_zeros();
        let trailing = a.trailing_zeros() + b.trailing_zeros();
        (result, length - trailing > Double::PRECISION)
    }

    #[inline]
    fn host_div(a: u64, b: u64) -> (u64, bool) {
        let result = (f64::from_bits(a) / f64::from_bits(b)).to_bits();
        let inexact = product_is_not(significand(result), significand(b), significand(a));
        (result, inexact)
    }

    #[inline]
    fn host_sqrt(a: u64) -> (u64, bool) {
        let result = f64::from_bits(a).sqrt().to_bits();
        let root = significand(result);
        (result, product_is_not(root, root, significand(a)))
    }
}

#[inline]
const fn is_zero<F: Format>(bits: u64) -> bool {
    bits & !F::SIGN == 0
}

#[inline]
const fn is_normal<F: Format>(bits: u64) -> bool {
    let field = (bits & F::INFINITY) >> F::FRACTION_BITS;
    field.wrapping_sub(1) < F::EXPONENT_MAX - 1
}

/// Whether a result is so far from both ends of the range that neither underflow nor overflow
/// has to do with it, even in the steps that check it.
#[inline]
const fn is_in_range<F: Format>(bits: u64) -> bool {
    let field = (bits & F::INFINITY) >> F::FRACTION_BITS;
    field.wrapping_sub(2) < F::EXPONENT_MAX - 3
}

/// `a` + `b`.
#[inline]
pub(super) fn add<F: Host>(a: u64, b: u64) -> Option<Raised<u64>> {
    let ordinary = |bits| is_normal::<F>(bits) || is_zero::<F>(bits);
    if !(ordinary(a) && ordinary(b)) {
        return None;
    }
    let (sum, inexact) = F::host_add(a, b);
    if is_in_range::<F>(sum) {
        return Some((sum, Exceptions::inexact_if(inexact)));
    }
    // Sums that underflow are exact: a zero is no rounded one.
    is_zero::<F>(sum).then_some((sum, Exceptions::NONE))
}

/// `a` × `b`.
#[inline]
pub(super) fn mul<F: Host>(a: u64, b: u64) -> Option<Raised<u64>> {
    checked::<F>(a, b, F::host_mul)
}

/// `a` ÷ `b`.
#[inline]
pub(super) fn div<F: Host>(a: u64, b: u64) -> Option<Raised<u64>> {
    checked::<F>(a, b, F::host_div)
}

#[inline]
fn checked<F: Host>(a: u64, b: u64, host: fn(u64, u64) -> (u64, bool)) -> Option<Raised<u64>> {
    if !(is_normal::<F>(a) && is_normal::<F>(b)) {
        return None;
    }
    let (result, inexact) = host(a, b);
    is_in_range::<F>(result).then_some((result, Exceptions::inexact_if(inexact)))
}

/// √`a`.
#[inline]
pub(super) fn sqrt<F: Host>(a: u64) -> Option<Raised<u64>> {
    if !is_normal::<F>(a) || a & F::SIGN != 0 {
        return None;
    }
    let (root, inexact) = F::host_sqrt(a);
    Some((root, Exceptions::inexact_if(inexact)))
}

/// A number of format D in format S.
#[inline]
pub(super) fn double_to_single(bits: u64) -> Option<Raised<u64>> {
    if !is_normal::<Double>(bits) {
        return None;
    }
    let value = f64::from_bits(bits);
    let (bits, result) = narrow(value);
    is_in_range::<Single>(bits).then_some((bits, Exceptions::inexact_if(result != value)))
}

/// A number of format S in format D: exact, whatever the rounding mode.
#[inline]
pub(super) fn single_to_double(bits: u32) -> Option<u64> {
    let value = f32::from_bits(bits);
    is_normal::<Single>(u64::from(bits)).then(|| f64::from(value).to_bits())
}

/// An integer in format S.
#[inline]
pub(super) fn word_to_single(word: i32) -> Raised<u64> {
    let value = f64::from(word);
    let (bits, result) = narrow(value);
    (bits, Exceptions::inexact_if(result != value))
}
