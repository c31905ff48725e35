//! Against the reference: edge values with edge values and random patterns, in every mode.

mod arithmetic;
mod conversion;

use super::format::Format;
use super::soft::{Mode, Raised};
use super::*;

/// splitmix64: the tests run on the same numbers every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A pattern: of all sorts, of the middle of the range, of few bits, or near the edges.
    fn pattern<F: Format>(&mut self) -> u64 {
        let bits = self.next() & (F::SIGN | (F::SIGN - 1));
        let one = (F::BIAS as u64) << F::FRACTION_BITS;
        match self.next() % 5 {
            0 => bits,
            1 => (bits & (F::SIGN | F::FRACTION)) + one + ((self.next() % 3) << F::FRACTION_BITS),
            2 => bits & !(F::FRACTION >> 5),
            3 => bits & (F::SIGN | F::FRACTION | 7 << F::FRACTION_BITS),
            _ => {
                let edges = edges::<F>();
                let edge = edges[self.next() as usize % edges.len()];
                edge.wrapping_add(self.next() % 5).wrapping_sub(2) & (F::SIGN | (F::SIGN - 1))
            }
        }
    }
}

/// The patterns about which things change, with both signs.
fn edges<F: Format>() -> Vec<u64> {
    let field = |exponent: i32| ((F::BIAS + exponent) as u64) << F::FRACTION_BITS;
    let least = 1 << F::FRACTION_BITS;
    let mut edges = vec![
        0,
        1,
        2,
        F::FRACTION >> 1,
        F::FRACTION - 1,
        F::FRACTION,
        least,
        least + 1,
        2 * least - 1,
        2 * least,
        3 * least,
        F::INFINITY,
        F::INFINITY - 1,
        F::INFINITY - least,
        F::INFINITY - 2 * least,
        F::QUIET_NAN,
        F::INFINITY + 1,
        F::INFINITY + F::SIGNALING,
        F::INFINITY + F::FRACTION,
        field(0) - 1,
        field(0) + 1,
        field(0) + F::FRACTION,
        field(1) + F::SIGNALING,
        field(-1) - 1,
        field(-1) + 1,
        field(0) + F::SIGNALING,
        field(1) + (F::SIGNALING >> 1),
    ];
    let precision = F::PRECISION as i32;
    for exponent in [
        -1,
        0,
        1,
        31,
        62,
        63,
        64,
        precision - 1,
        precision,
        precision + 1,
        -precision,
        1 - precision,
        -1 - precision,
        F::BIAS / 2,
        -F::BIAS / 2,
    ] {
        edges.push(field(exponent));
    }
    for exponent in [31, 63] {
        edges.extend([field(exponent) - 1, field(exponent) + 1]);
    }
    // About the largest W, as D has it.
    edges.push(field(30) + (F::FRACTION >> 22 << 22));
    edges.push(field(30) + F::FRACTION);
    let opposites: Vec<u64> = edges.iter().map(|edge| edge | F::SIGN).collect();
    edges.extend(opposites);
    edges
}

/// All settings of FCSR that matter to a result: RM, FS, and the enable of Underflow.
fn modes() -> impl Iterator<Item = Fcsr> {
    (0..16).map(|n| Fcsr(n & 3 | (n >> 2 & 1) << 24 | (n >> 3) << 8))
}

/// Holds an outcome and the FCSR it left to what they have to be.
fn check(before: Fcsr, after: Fcsr, outcome: Outcome<u64>, expected: Raised<u64>, what: &str) {
    let (result, raised) = expected;
    let others = before.0 & !0x0003_f000;
    let trapped = raised.0 & (before.0 >> 7 & 0x1f) != 0;
    let flags = if trapped { 0 } else { raised.0 << 2 };
    let expected = if trapped { Err(Trap) } else { Ok(result) };
    let fcsr = Fcsr(others | raised.0 << 12 | flags);
    assert!(
        (outcome, after) == (expected, fcsr),
        "{what}, FCSR {:08x}: {outcome:x?} {:08x}, not {expected:x?} {:08x}",
        before.0,
        after.0,
        fcsr.0,
    );
}

/// Does something for operand pairs: every edge with every edge, and `random` random ones.
fn each_pair<F: Format>(random: usize, mut with: impl FnMut(Fcsr, u64, u64)) {
    let edges = edges::<F>();
    for &a in &edges {
        for &b in &edges {
            // All modes for each would be slow, and no more telling.
            for fcsr in modes().skip((a ^ b) as usize & 1).step_by(2) {
                with(fcsr, a, b);
            }
            with(Fcsr(0), a, b);
        }
    }
    let mut source = Random(0);
    for _ in 0..random {
        let (a, b) = (source.pattern::<F>(), source.pattern::<F>());
        let rest = source.next() as u32;
        with(Fcsr(0), a, b);
        with(Fcsr(rest & 0xff83_ffff), a, b);
    }
}

/// Does something for single operands: every edge in every mode, and random ones.
fn each_one<F: Format>(mut with: impl FnMut(Fcsr, u64)) {
    for edge in edges::<F>() {
        for near in [edge.wrapping_sub(1), edge, edge.wrapping_add(1)] {
            modes().for_each(|fcsr| with(fcsr, near & (F::SIGN | (F::SIGN - 1))));
        }
    }
    let mut source = Random(1);
    for _ in 0..20_000 {
        let pattern = source.pattern::<F>();
        with(Fcsr(0), pattern);
        with(Fcsr(source.next() as u32 & 0xff83_ffff), pattern);
    }
}

fn hold_unary<F: Format>(
    name: &str,
    ours: impl Fn(&mut Fcsr, u64) -> Outcome<u64>,
    reference: impl Fn(Mode, u64) -> Raised<u64>,
) {
    each_one::<F>(|before, a| {
        let mut after = before;
        let outcome = ours(&mut after, a);
        let expected = reference(Mode::from(before), a);
        check(before, after, outcome, expected, &format!("{name} {a:x}"));
    });
}
