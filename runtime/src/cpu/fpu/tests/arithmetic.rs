//! The arithmetic instructions against the reference.

use super::*;
use crate::cpu::fpu::format::{Double, Single};

fn hold_binary<F: Format>(
    name: &str,
    ours: impl Fn(&mut Fcsr, u64, u64) -> Outcome<u64>,
    reference: impl Fn(Mode, u64, u64) -> Raised<u64>,
) {
    each_pair::<F>(20_000, |before, a, b| {
        let mut after = before;
        let outcome = ours(&mut after, a, b);
        let expected = reference(Mode::from(before), a, b);
        check(
            before,
            after,
            outcome,
            expected,
            &format!("{name} {a:x} {b:x}"),
        );
    });
}

macro_rules! widened {
    ($f:ident) => {
        |fcsr, a, b| $f(fcsr, a as u32, b as u32).map(u64::from)
    };
}

#[test]
fn sums_are_right() {
    hold_binary::<Single>("add.s", widened!(add_s), reference::add::<Single>);
    hold_binary::<Double>("add.d", add_d, reference::add::<Double>);
}

#[test]
fn differences_are_right() {
    fn sub<F: Format>(mode: Mode, a: u64, b: u64) -> Raised<u64> {
        reference::add::<F>(mode, a, b ^ F::SIGN)
    }
    hold_binary::<Single>("sub.s", widened!(sub_s), sub::<Single>);
    hold_binary::<Double>("sub.d", sub_d, sub::<Double>);
}

#[test]
fn products_are_right() {
    hold_binary::<Single>("mul.s", widened!(mul_s), reference::mul::<Single>);
    hold_binary::<Double>("mul.d", mul_d, reference::mul::<Double>);
}

#[test]
fn quotients_are_right() {
    hold_binary::<Single>("div.s", widened!(div_s), reference::div::<Single>);
    hold_binary::<Double>("div.d", div_d, reference::div::<Double>);
}

/// Operands whose results are often exact or halfway between two patterns: products of short
/// factors, and what they came from.
#[test]
fn exact_and_halfway_results_are_right() {
    let mut source = Random(3);
    for _ in 0..40_000 {
        let short = |bits: u64| bits >> 29 & !0 << (bits % 23);
        let (a, b) = (
            short(source.next()) | 1 << 27,
            short(source.next()) | 1 << 26,
        );
        let (x, y) = ((a as f64).to_bits(), (b as f64).to_bits());
        let product = ((a as f64) * (b as f64)).to_bits();
        let square = ((a as f64) * (a as f64)).to_bits();
        let mode = Mode::from(Fcsr(0));
        let hold = |outcome: Raised<u64>, f: &dyn Fn(&mut Fcsr) -> Outcome<u64>| {
            let mut fcsr = Fcsr(0);
            let result = f(&mut fcsr);
            check(Fcsr(0), fcsr, result, outcome, &format!("{x:x} {y:x}"));
        };
        hold(reference::mul::<Double>(mode, x, y), &|fcsr| {
            mul_d(fcsr, x, y)
        });
        hold(reference::div::<Double>(mode, product, x), &|fcsr| {
            div_d(fcsr, product, x)
        });
        hold(reference::sqrt::<Double>(mode, square), &|fcsr| {
            sqrt_d(fcsr, square)
        });
    }
}

#[test]
fn roots_are_right() {
    let single = |fcsr: &mut Fcsr, a| sqrt_s(fcsr, a as u32).map(u64::from);
    hold_unary::<Single>("sqrt.s", single, reference::sqrt::<Single>);
    hold_unary::<Double>("sqrt.d", sqrt_d, reference::sqrt::<Double>);
}

#[test]
fn a_reciprocal_is_a_quotient() {
    fn recip<F: Format>(mode: Mode, a: u64) -> Raised<u64> {
        reference::div::<F>(mode, (F::BIAS as u64) << F::FRACTION_BITS, a)
    }
    let single = |fcsr: &mut Fcsr, a| recip_s(fcsr, a as u32).map(u64::from);
    hold_unary::<Single>("recip.s", single, recip::<Single>);
    hold_unary::<Double>("recip.d", recip_d, recip::<Double>);
}

#[test]
fn a_reciprocal_root_is_a_root_and_a_quotient() {
    fn rsqrt<F: Format>(mode: Mode, a: u64) -> Raised<u64> {
        let (root, first) = reference::sqrt::<F>(mode, a);
        let one = (F::BIAS as u64) << F::FRACTION_BITS;
        let (result, second) = reference::div::<F>(mode, one, root);
        (result, first | second)
    }
    let single = |fcsr: &mut Fcsr, a| rsqrt_s(fcsr, a as u32).map(u64::from);
    hold_unary::<Single>("rsqrt.s", single, rsqrt::<Single>);
    hold_unary::<Double>("rsqrt.d", rsqrt_d, rsqrt::<Double>);
}

#[test]
fn signs_change_and_nans_are_invalid() {
    for nan in [QUIET_NAN_S, 0x7f80_0001, 0xffff_ffff] {
        for op in [abs_s, neg_s] {
            let mut fcsr = Fcsr(0x0000_1004);
            assert_eq!(op(&mut fcsr, nan), Ok(QUIET_NAN_S));
            assert_eq!(fcsr, Fcsr(0x0001_0044));
        }
    }
    // A number clears Cause, and FS does not take subnormal ones for zero.
    let mut fcsr = Fcsr(0x0101_0044);
    assert_eq!(abs_s(&mut fcsr, 0x8000_0001), Ok(1));
    assert_eq!(fcsr, Fcsr(0x0100_0044));
    assert_eq!(neg_s(&mut fcsr, 1), Ok(0x8000_0001));
    assert_eq!(neg_d(&mut fcsr, 0), Ok(1 << 63));
    assert_eq!(
        abs_d(&mut fcsr, 0xfff0_0000_0000_0000),
        Ok(0x7ff0_0000_0000_0000)
    );
    assert_eq!(neg_d(&mut Fcsr(0x0000_0800), QUIET_NAN_D), Err(Trap));
}

type Ternary = fn(&mut Fcsr, u64, u64, u64) -> Outcome<u64>;

fn hold_ternary<F: Format>(operations: [Ternary; 4]) {
    let mut source = Random(2);
    for n in 0..40_000 {
        let mut next = || source.pattern::<F>();
        let (fr, fs, ft) = (next(), next(), next());
        let before = Fcsr(if n % 2 == 0 {
            0
        } else {
            source.next() as u32 & 0xff83_ffff
        });
        for (which, operation) in operations.into_iter().enumerate() {
            let minus = if which & 1 == 0 { 0 } else { F::SIGN };
            let negate = if which & 2 == 0 { 0 } else { F::SIGN };
            let mode = Mode::from(before);
            let (product, first) = reference::mul::<F>(mode, fs, ft);
            let (sum, second) = reference::add::<F>(mode, product, fr ^ minus);
            let mut after = before;
            let outcome = operation(&mut after, fr, fs, ft);
            let what = format!("multiply-add {which} {fr:x} {fs:x} {ft:x}");
            check(
                before,
                after,
                outcome,
                (sum ^ negate, first | second),
                &what,
            );
        }
    }
}

#[test]
fn multiply_adds_round_twice_and_raise_all() {
    macro_rules! widened {
        ($f:ident) => {
            |fcsr, fr, fs, ft| $f(fcsr, fr as u32, fs as u32, ft as u32).map(u64::from)
        };
    }
    hold_ternary::<Single>([
        widened!(madd_s),
        widened!(msub_s),
        widened!(nmadd_s),
        widened!(nmsub_s),
    ]);
    hold_ternary::<Double>([madd_d, msub_d, nmadd_d, nmsub_d]);
}

/// Table 7-1 of the *MIPS R4000 User's Manual*: what FS makes of tiny results, in the order of RM.
#[test]
fn tiny_results_are_flushed_as_in_the_manuals_table() {
    const LEAST_S: u32 = 0x0080_0000;
    const LEAST_D: u64 = 0x0010_0000_0000_0000;
    const TINY_S: u32 = 0x1a00_0001;
    const TINY_D: u64 = 0x1f00_0000_0000_0001;
    let table = [(false, [0, 0, 1, 0]), (true, [0, 0, 0, 1])];
    for (negative, least) in table {
        for (rm, least) in (0..).zip(least) {
            let (sign_s, sign_d) = (u32::from(negative) << 31, u64::from(negative) << 63);
            let before = Fcsr(1 << 24 | rm);
            let after = Fcsr(before.0 | 0x3000 | 0xc);
            let mut fcsr = before;
            let single = mul_s(&mut fcsr, TINY_S | sign_s, TINY_S);
            assert_eq!(
                (single, fcsr),
                (Ok((least as u32 * LEAST_S) | sign_s), after)
            );
            fcsr = before;
            let double = mul_d(&mut fcsr, TINY_D | sign_d, TINY_D);
            assert_eq!((double, fcsr), (Ok((least * LEAST_D) | sign_d), after));
            // One that the format has, too.
            fcsr = before;
            let exact = mul_s(&mut fcsr, LEAST_S | sign_s, 0x3f00_0000);
            assert_eq!(
                (exact, fcsr),
                (Ok((least as u32 * LEAST_S) | sign_s), after)
            );
            // Underflow traps, and no result is delivered.
            fcsr = Fcsr(before.0 | 1 << 8);
            assert_eq!(mul_s(&mut fcsr, TINY_S | sign_s, TINY_S), Err(Trap));
            assert_eq!(fcsr, Fcsr(before.0 | 1 << 8 | 0x3000));
        }
    }
}
