//! Multiplication and division through HI and LO.
//! MIPS32 Volume II, "CPU Multiply and Divide".

use super::{Op, Step, Word};
use mirrorball_runtime::vm::Vm;

fn accumulator(vm: &Vm) -> u64 {
    vm.cpu.hi << 32 | u64::from(vm.cpu.lo as u32)
}

fn set_accumulator<W: Word>(vm: &mut Vm, value: u64) {
    vm.cpu.hi = W::held((value >> 32) as u32);
    vm.cpu.lo = W::held(value as u32);
}

/// Instructions of the form HI, LO ← f(HI, LO, rs, rt), of signed or unsigned operands.
macro_rules! products {
    ($($name:ident: $signed:ty, ($acc:ident, $s:ident, $t:ident) $value:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` rs, rt")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let $s = vm.cpu.get(op.rs) as $signed as i64 as u64;
            let $t = vm.cpu.get(op.rt) as $signed as i64 as u64;
            let $acc = accumulator(vm);
            set_accumulator::<Self>(vm, $value);
            Step::Next
        })*
    };
}

/// Multiplication and division, on registers of either width.
pub trait Products: Word {
    products! {
        mult: i32, (_acc, s, t) s.wrapping_mul(t);
        multu: u32, (_acc, s, t) s.wrapping_mul(t);
        madd: i32, (acc, s, t) acc.wrapping_add(s.wrapping_mul(t));
        maddu: u32, (acc, s, t) acc.wrapping_add(s.wrapping_mul(t));
        msub: i32, (acc, s, t) acc.wrapping_sub(s.wrapping_mul(t));
        msubu: u32, (acc, s, t) acc.wrapping_sub(s.wrapping_mul(t));
    }

    /// `div` rs, rt. Division by zero leaves an unpredictable result: like most hardware, the
    /// quotient is -1 or 1 by the dividend's sign and the remainder is the dividend.
    fn div(vm: &mut Vm, op: &Op) -> Step {
        let (s, t) = (vm.cpu.get(op.rs) as i32, vm.cpu.get(op.rt) as i32);
        let (quotient, remainder) = match t {
            0 => (if s < 0 { 1 } else { -1 }, s),
            _ => (s.wrapping_div(t), s.wrapping_rem(t)),
        };
        vm.cpu.lo = Self::held(quotient as u32);
        vm.cpu.hi = Self::held(remainder as u32);
        Step::Next
    }

    /// `divu` rs, rt. By zero: the quotient is all ones, the remainder the dividend.
    fn divu(vm: &mut Vm, op: &Op) -> Step {
        let (s, t) = (vm.cpu.get(op.rs), vm.cpu.get(op.rt));
        vm.cpu.lo = Self::held(s.checked_div(t).unwrap_or(u32::MAX));
        vm.cpu.hi = Self::held(s.checked_rem(t).unwrap_or(s));
        Step::Next
    }

    /// `mfhi` rd
    fn mfhi(vm: &mut Vm, op: &Op) -> Step {
        Self::of_slot(vm.cpu.hi).put(vm, op.rd);
        Step::Next
    }

    /// `mflo` rd
    fn mflo(vm: &mut Vm, op: &Op) -> Step {
        Self::of_slot(vm.cpu.lo).put(vm, op.rd);
        Step::Next
    }

    /// `mthi` rs
    fn mthi(vm: &mut Vm, op: &Op) -> Step {
        vm.cpu.hi = Self::get(vm, op.rs).slot();
        Step::Next
    }

    /// `mtlo` rs
    fn mtlo(vm: &mut Vm, op: &Op) -> Step {
        vm.cpu.lo = Self::get(vm, op.rs).slot();
        Step::Next
    }
}

impl<W: Word> Products for W {}
