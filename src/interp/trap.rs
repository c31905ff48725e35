//! System calls, breakpoints, conditional traps, and what has no meaning.
//! MIPS32 Volume II, "CPU Trap".

use super::{Op, Step, Word};
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::vm::Vm;

/// An encoding that this CPU does not have.
pub fn reserved(_: &mut Vm, _: &Op) -> Step {
    Step::Raise(Exception::ReservedInstruction)
}

/// A coprocessor that is absent or not enabled.
pub fn unusable(_: &mut Vm, op: &Op) -> Step {
    Step::Raise(Exception::CoprocessorUnusable(op.imm as u8))
}

/// Traps: against a register, and against an immediate.
macro_rules! traps {
    ($($name:ident $immediate:ident ($s:ident, $t:ident) $condition:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` rs, rt")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let ($s, $t) = (Self::get(vm, op.rs), Self::get(vm, op.rt));
            if $condition { Step::Raise(Exception::Trap) } else { Step::Next }
        }

        #[doc = concat!("`", stringify!($immediate), "` rs, immediate")]
        fn $immediate(vm: &mut Vm, op: &Op) -> Step {
            let ($s, $t) = (Self::get(vm, op.rs), Self::extended(op.imm));
            if $condition { Step::Raise(Exception::Trap) } else { Step::Next }
        })*
    };
}

/// System calls, breakpoints and conditional traps, on registers of either width.
pub trait Traps: Word {
    /// `syscall`
    fn syscall(_: &mut Vm, _: &Op) -> Step {
        Step::Raise(Exception::Syscall)
    }

    /// `break`
    fn break_(_: &mut Vm, _: &Op) -> Step {
        Step::Raise(Exception::Breakpoint)
    }

    traps! {
        tge tgei (s, t) s.signed() >= t.signed();
        tgeu tgeiu (s, t) s >= t;
        tlt tlti (s, t) s.signed() < t.signed();
        tltu tltiu (s, t) s < t;
        teq teqi (s, t) s == t;
        tne tnei (s, t) s != t;
    }
}

impl<W: Word> Traps for W {}
