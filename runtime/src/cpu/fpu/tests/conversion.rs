//! Conversions and comparisons against the reference.

use super::*;
use crate::cpu::fpu::format::{Double, Single};
use std::cmp::Ordering;

#[test]
fn conversions_between_s_and_d_are_right() {
    let narrow = |fcsr: &mut Fcsr, a| cvt_s_d(fcsr, a).map(u64::from);
    hold_unary::<Double>("cvt.s.d", narrow, reference::reformat::<Double, Single>);
    let widen = |fcsr: &mut Fcsr, a| cvt_d_s(fcsr, a as u32);
    hold_unary::<Single>("cvt.d.s", widen, reference::reformat::<Single, Double>);
    // Doubles about what S can hold.
    for edge in edges::<Single>() {
        let Ok(edge) = cvt_d_s(&mut Fcsr(0), edge as u32) else {
            unreachable!()
        };
        let steps = [
            0,
            1,
            1 << 27,
            (1 << 28) - 1,
            1 << 28,
            (1 << 28) + 1,
            3 << 27,
            (1 << 29) - 1,
        ];
        for step in steps {
            for a in [edge.wrapping_add(step), edge.wrapping_sub(step)] {
                for before in modes() {
                    let mut after = before;
                    let outcome = cvt_s_d(&mut after, a).map(u64::from);
                    let expected = reference::reformat::<Double, Single>(Mode::from(before), a);
                    check(before, after, outcome, expected, &format!("cvt.s.d {a:x}"));
                }
            }
        }
    }
}

#[test]
fn conversions_to_integers_are_right() {
    macro_rules! hold {
        ($($w_s:ident $w_d:ident $l_s:ident $l_d:ident $rounding:expr;)+) => {$(
            let rounding: fn(Mode) -> Rounding = $rounding;
            hold_unary::<Single>(
                stringify!($w_s),
                |fcsr, a| $w_s(fcsr, a as u32).map(|result| i64::from(result as i32) as u64),
                |mode, a| reference::to_integer::<Single>(rounding(mode), 32, a),
            );
            hold_unary::<Double>(
                stringify!($w_d),
                |fcsr, a| $w_d(fcsr, a).map(|result| i64::from(result as i32) as u64),
                |mode, a| reference::to_integer::<Double>(rounding(mode), 32, a),
            );
            hold_unary::<Single>(
                stringify!($l_s),
                |fcsr, a| $l_s(fcsr, a as u32),
                |mode, a| reference::to_integer::<Single>(rounding(mode), 64, a),
            );
            hold_unary::<Double>(stringify!($l_d), $l_d, |mode, a| {
                reference::to_integer::<Double>(rounding(mode), 64, a)
            });
        )+};
    }
    hold! {
        cvt_w_s cvt_w_d cvt_l_s cvt_l_d |mode| mode.rounding;
        round_w_s round_w_d round_l_s round_l_d |_| Rounding::Nearest;
        trunc_w_s trunc_w_d trunc_l_s trunc_l_d |_| Rounding::Zero;
        ceil_w_s ceil_w_d ceil_l_s ceil_l_d |_| Rounding::Up;
        floor_w_s floor_w_d floor_l_s floor_l_d |_| Rounding::Down;
    }
}

#[test]
fn conversions_from_integers_are_right() {
    let mut source = Random(4);
    let mut integers = vec![0];
    for place in 0..64 {
        let power = 1i64 << place;
        integers.extend([power, power.wrapping_sub(1), power.wrapping_add(1), !power]);
        integers.extend((0..100).map(|_| source.next() as i64 >> place));
    }
    for value in integers {
        let word = value as i32;
        for before in modes() {
            let mode = Mode::from(before);
            let hold = |name, expected, ours: &dyn Fn(&mut Fcsr) -> Outcome<u64>| {
                let mut after = before;
                let outcome = ours(&mut after);
                check(
                    before,
                    after,
                    outcome,
                    expected,
                    &format!("{name} {value:x}"),
                );
            };
            let (w, l) = (word as u32, value as u64);
            let of_word = i64::from(word);
            hold(
                "cvt.s.w",
                reference::from_integer::<Single>(mode, of_word),
                &|fcsr| cvt_s_w(fcsr, w).map(u64::from),
            );
            hold(
                "cvt.d.w",
                reference::from_integer::<Double>(mode, of_word),
                &|fcsr| cvt_d_w(fcsr, w),
            );
            hold(
                "cvt.s.l",
                reference::from_integer::<Single>(mode, value),
                &|fcsr| cvt_s_l(fcsr, l).map(u64::from),
            );
            hold(
                "cvt.d.l",
                reference::from_integer::<Double>(mode, value),
                &|fcsr| cvt_d_l(fcsr, l),
            );
        }
    }
}

fn hold_compare<F: Format>(ours: fn(&mut Fcsr, u8, u64, u64) -> Outcome<bool>) {
    let signaling = |bits| {
        matches!(
            reference::read::<F>(bits),
            reference::Operand::Nan { signaling: true }
        )
    };
    let mut n = 0u8;
    each_pair::<F>(2_000, |before, a, b| {
        n = (n + 1) % 16;
        let cond = n;
        let order = reference::order::<F>(a, b);
        let predicate = match order {
            None => 1,
            Some(Ordering::Equal) => 2,
            Some(Ordering::Less) => 4,
            Some(Ordering::Greater) => 0,
        };
        let invalid = signaling(a) || signaling(b) || order.is_none() && cond >= 8;
        let raised = if invalid {
            Exceptions::INVALID
        } else {
            Exceptions::NONE
        };
        let mut after = before;
        let outcome = ours(&mut after, cond, a, b).map(u64::from);
        let expected = (u64::from(cond & predicate != 0), raised);
        check(
            before,
            after,
            outcome,
            expected,
            &format!("compare {cond} {a:x} {b:x}"),
        );
    });
}

#[test]
fn comparisons_are_right() {
    hold_compare::<Single>(|fcsr, cond, a, b| compare_s(fcsr, cond, a as u32, b as u32));
    hold_compare::<Double>(compare_d);
}
