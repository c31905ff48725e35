//! FPU arithmetic, comparisons and conversions. MIPS32 Volume II, "FPU Arithmetic", "FPU Convert",
//! "FPU Conditional Move".
//!
//! The arithmetic is in the runtime, once; here are the registers it works on. fs is `rd`, ft is
//! `rt`, fr is `rs` of the word, and fd lies in its shift amount.

use super::{Op, Step, Word};
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::cpu::fpu;
use mirrorball_runtime::vm::Vm;

/// What an FPU instruction's outcome means: the result is written, or the guest traps.
macro_rules! outcome {
    ($vm:ident, $set:ident, $op:ident, $result:expr) => {
        match $result {
            Ok(value) => {
                $vm.cpu.$set(fd($op), value);
                Step::Next
            }
            Err(_) => Step::Raise(Exception::FloatingPoint),
        }
    };
}

/// fd: where an operation writes. In the predecoded form the shift amount may be alone.
fn fd(op: &Op) -> usize {
    op.fields().sa() as usize
}

macro_rules! unary {
    ($($name:ident $get:ident $set:ident;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` fd, fs")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let fs = vm.cpu.$get(op.rd.number());
            outcome!(vm, $set, op, fpu::$name(&mut vm.cpu.fcsr, fs))
        })*
    };
}

macro_rules! binary {
    ($($name:ident $get:ident $set:ident;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` fd, fs, ft")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let (fs, ft) = (vm.cpu.$get(op.rd.number()), vm.cpu.$get(op.rt.number()));
            outcome!(vm, $set, op, fpu::$name(&mut vm.cpu.fcsr, fs, ft))
        })*
    };
}

macro_rules! ternary {
    ($($name:ident $get:ident $set:ident;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` fd, fr, fs, ft")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let fr = vm.cpu.$get(op.rs.number());
            let (fs, ft) = (vm.cpu.$get(op.rd.number()), vm.cpu.$get(op.rt.number()));
            outcome!(vm, $set, op, fpu::$name(&mut vm.cpu.fcsr, fr, fs, ft))
        })*
    };
}

macro_rules! compare {
    ($($name:ident $get:ident $compare:ident;)*) => {
        $(#[doc = concat!("`", stringify!($name), "`: c.cond cc, fs, ft")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let (fs, ft) = (vm.cpu.$get(op.rd.number()), vm.cpu.$get(op.rt.number()));
            let (condition, cc) = (op.fields().condition() as u8, op.fields().compare_cc() as u8);
            match fpu::$compare(&mut vm.cpu.fcsr, condition, fs, ft) {
                Ok(holds) => {
                    vm.cpu.fcsr.set_condition(cc, holds);
                    Step::Next
                }
                Err(_) => Step::Raise(Exception::FloatingPoint),
            }
        })*
    };
}

/// Moves of one format: always, on a general register, on an FPU condition.
macro_rules! moves {
    ($($mov:ident $movz:ident $movn:ident $movf:ident $movt:ident $get:ident $set:ident;)*) => {
        $(#[doc = concat!("`", stringify!($mov), "` fd, fs")]
        fn $mov(vm: &mut Vm, op: &Op) -> Step {
            let value = vm.cpu.$get(op.rd.number());
            vm.cpu.$set(fd(op), value);
            Step::Next
        }

        #[doc = concat!("`", stringify!($movz), "` fd, fs, rt")]
        fn $movz(vm: &mut Vm, op: &Op) -> Step {
            if Self::get(vm, op.rt) == Self::default() { Self::$mov(vm, op) } else { Step::Next }
        }

        #[doc = concat!("`", stringify!($movn), "` fd, fs, rt")]
        fn $movn(vm: &mut Vm, op: &Op) -> Step {
            if Self::get(vm, op.rt) != Self::default() { Self::$mov(vm, op) } else { Step::Next }
        }

        #[doc = concat!("`", stringify!($movf), "` fd, fs, cc")]
        fn $movf(vm: &mut Vm, op: &Op) -> Step {
            if vm.cpu.fcsr.condition(op.fields().cc() as u8) { Step::Next } else { Self::$mov(vm, op) }
        }

        #[doc = concat!("`", stringify!($movt), "` fd, fs, cc")]
        fn $movt(vm: &mut Vm, op: &Op) -> Step {
            if vm.cpu.fcsr.condition(op.fields().cc() as u8) { Self::$mov(vm, op) } else { Step::Next }
        })*
    };
}

/// FPU arithmetic, comparisons and conversions, on registers of either width.
pub trait Floats: Word {
    unary! {
        sqrt_s fpr32 set_fpr32;
        abs_s fpr32 set_fpr32;
        neg_s fpr32 set_fpr32;
        recip_s fpr32 set_fpr32;
        rsqrt_s fpr32 set_fpr32;
        sqrt_d fpr64 set_fpr64;
        abs_d fpr64 set_fpr64;
        neg_d fpr64 set_fpr64;
        recip_d fpr64 set_fpr64;
        rsqrt_d fpr64 set_fpr64;
        round_w_s fpr32 set_fpr32;
        trunc_w_s fpr32 set_fpr32;
        ceil_w_s fpr32 set_fpr32;
        floor_w_s fpr32 set_fpr32;
        round_l_s fpr32 set_fpr64;
        trunc_l_s fpr32 set_fpr64;
        ceil_l_s fpr32 set_fpr64;
        floor_l_s fpr32 set_fpr64;
        round_w_d fpr64 set_fpr32;
        trunc_w_d fpr64 set_fpr32;
        ceil_w_d fpr64 set_fpr32;
        floor_w_d fpr64 set_fpr32;
        round_l_d fpr64 set_fpr64;
        trunc_l_d fpr64 set_fpr64;
        ceil_l_d fpr64 set_fpr64;
        floor_l_d fpr64 set_fpr64;
        cvt_d_s fpr32 set_fpr64;
        cvt_w_s fpr32 set_fpr32;
        cvt_l_s fpr32 set_fpr64;
        cvt_s_d fpr64 set_fpr32;
        cvt_w_d fpr64 set_fpr32;
        cvt_l_d fpr64 set_fpr64;
        cvt_s_w fpr32 set_fpr32;
        cvt_d_w fpr32 set_fpr64;
        cvt_s_l fpr64 set_fpr32;
        cvt_d_l fpr64 set_fpr64;
    }

    binary! {
        add_s fpr32 set_fpr32;
        sub_s fpr32 set_fpr32;
        mul_s fpr32 set_fpr32;
        div_s fpr32 set_fpr32;
        add_d fpr64 set_fpr64;
        sub_d fpr64 set_fpr64;
        mul_d fpr64 set_fpr64;
        div_d fpr64 set_fpr64;
    }

    ternary! {
        madd_s fpr32 set_fpr32;
        msub_s fpr32 set_fpr32;
        nmadd_s fpr32 set_fpr32;
        nmsub_s fpr32 set_fpr32;
        madd_d fpr64 set_fpr64;
        msub_d fpr64 set_fpr64;
        nmadd_d fpr64 set_fpr64;
        nmsub_d fpr64 set_fpr64;
    }

    compare! {
        c_s fpr32 compare_s;
        c_d fpr64 compare_d;
    }

    moves! {
        mov_s movz_s movn_s movf_s movt_s fpr32 set_fpr32;
        mov_d movz_d movn_d movf_d movt_d fpr64 set_fpr64;
    }
}

impl<W: Word> Floats for W {}
