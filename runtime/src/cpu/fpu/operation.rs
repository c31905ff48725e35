//! The arithmetic instructions, one public function each.
//!
//! Each takes the operands' patterns in the order of the assembler and returns the result's
//! pattern, or [`Trap`](super::Trap) where an enabled exception keeps the destination unwritten.

use super::format::{Double, Single};
use super::host::{self, Host};
use super::soft::{self, Mode, Raised};
use super::{Fcsr, Outcome, Rounding};

#[inline]
fn add<F: Host>(mode: Mode, a: u64, b: u64) -> Raised<u64> {
    if mode.rounding == Rounding::Nearest
        && let Some(done) = host::add::<F>(a, b)
    {
        return done;
    }
    soft::add::<F>(mode, a, b)
}

/// A difference is the sum with the opposite; what that does to a NaN's sign does not show.
#[inline]
fn sub<F: Host>(mode: Mode, a: u64, b: u64) -> Raised<u64> {
    add::<F>(mode, a, b ^ F::SIGN)
}

#[inline]
fn mul<F: Host>(mode: Mode, a: u64, b: u64) -> Raised<u64> {
    if mode.rounding == Rounding::Nearest
        && let Some(done) = host::mul::<F>(a, b)
    {
        return done;
    }
    soft::mul::<F>(mode, a, b)
}

#[inline]
fn div<F: Host>(mode: Mode, a: u64, b: u64) -> Raised<u64> {
    if mode.rounding == Rounding::Nearest
        && let Some(done) = host::div::<F>(a, b)
    {
        return done;
    }
    soft::div::<F>(mode, a, b)
}

#[inline]
fn sqrt<F: Host>(mode: Mode, a: u64) -> Raised<u64> {
    if mode.rounding == Rounding::Nearest
        && let Some(done) = host::sqrt::<F>(a)
    {
        return done;
    }
    soft::sqrt::<F>(mode, a)
}

#[inline]
fn abs<F: Host>(_mode: Mode, a: u64) -> Raised<u64> {
    soft::with_sign::<F>(a, a & !F::SIGN)
}

#[inline]
fn neg<F: Host>(_mode: Mode, a: u64) -> Raised<u64> {
    soft::with_sign::<F>(a, a ^ F::SIGN)
}

#[inline]
fn recip<F: Host>(mode: Mode, a: u64) -> Raised<u64> {
    let one = (F::BIAS as u64) << F::FRACTION_BITS;
    div::<F>(mode, one, a)
}

#[inline]
fn rsqrt<F: Host>(mode: Mode, a: u64) -> Raised<u64> {
    let (root, first) = sqrt::<F>(mode, a);
    let (result, second) = recip::<F>(mode, root);
    (result, first | second)
}

#[inline]
fn madd<F: Host>(mode: Mode, fr: u64, fs: u64, ft: u64) -> Raised<u64> {
    let (product, first) = mul::<F>(mode, fs, ft);
    let (sum, second) = add::<F>(mode, product, fr);
    (sum, first | second)
}

#[inline]
fn msub<F: Host>(mode: Mode, fr: u64, fs: u64, ft: u64) -> Raised<u64> {
    madd::<F>(mode, fr ^ F::SIGN, fs, ft)
}

#[inline]
fn nmadd<F: Host>(mode: Mode, fr: u64, fs: u64, ft: u64) -> Raised<u64> {
    let (sum, raised) = madd::<F>(mode, fr, fs, ft);
    (sum ^ F::SIGN, raised)
}

#[inline]
fn nmsub<F: Host>(mode: Mode, fr: u64, fs: u64, ft: u64) -> Raised<u64> {
    nmadd::<F>(mode, fr ^ F::SIGN, fs, ft)
}

/// Defines an instruction in both formats: names, what computes it, operands, what it is.
macro_rules! instructions {
    ($($s:ident $d:ident $generic:ident ($($operand:ident),+) $text:literal;)+) => {$(
        #[doc = $text]
        #[inline]
        pub fn $s(fcsr: &mut Fcsr, $($operand: u32),+) -> Outcome<u32> {
            let (result, raised) =
                $generic::<Single>(Mode::from(*fcsr), $(u64::from($operand)),+);
            fcsr.commit(result as u32, raised)
        }

        #[doc = $text]
        #[inline]
        pub fn $d(fcsr: &mut Fcsr, $($operand: u64),+) -> Outcome<u64> {
            let (result, raised) = $generic::<Double>(Mode::from(*fcsr), $($operand),+);
            fcsr.commit(result, raised)
        }
    )+};
}

instructions! {
    add_s add_d add(fs, ft) "ADD: `fs` + `ft`.";
    sub_s sub_d sub(fs, ft) "SUB: `fs` - `ft`.";
    mul_s mul_d mul(fs, ft) "MUL: `fs` × `ft`.";
    div_s div_d div(fs, ft) "DIV: `fs` ÷ `ft`.";
    sqrt_s sqrt_d sqrt(fs) "SQRT: √`fs`.";
    abs_s abs_d abs(fs) "ABS: |`fs`|; a NaN is an invalid operand.";
    neg_s neg_d neg(fs) "NEG: -`fs`; a NaN is an invalid operand.";
    recip_s recip_d recip(fs) "RECIP: 1 ÷ `fs`, as DIV rounds it.";
    rsqrt_s rsqrt_d rsqrt(fs) "RSQRT: 1 ÷ √`fs`, rounding both.";
    madd_s madd_d madd(fr, fs, ft) "MADD: `fs` × `ft` + `fr`, rounding both.";
    msub_s msub_d msub(fr, fs, ft) "MSUB: `fs` × `ft` - `fr`, rounding both.";
    nmadd_s nmadd_d nmadd(fr, fs, ft) "NMADD: -(`fs` × `ft` + `fr`), rounding both.";
    nmsub_s nmsub_d nmsub(fr, fs, ft) "NMSUB: -(`fs` × `ft` - `fr`), rounding both.";
}
