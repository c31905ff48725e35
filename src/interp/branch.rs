//! Jumps and branches. MIPS32 Volume II, "CPU Branch and Jump".
//!
//! While a block runs, `cpu.pc` is the address behind it: where control goes on if its branch is
//! not taken, and what a link instruction puts into its register.

use super::{Op, Step, Word};
use crate::isa::Fields;
use mirrorball_runtime::cpu::Reg;
use mirrorball_runtime::vm::Vm;

/// Where a jump leads: into the 256 MiB of its delay slot.
fn jump_target(vm: &Vm, op: &Op) -> u64 {
    let slot = (vm.cpu.pc as u32).wrapping_sub(4);
    u64::from(slot & 0xf000_0000 | op.imm)
}

/// Goes where a branch that is taken leads.
fn take(vm: &mut Vm, op: &Op) {
    vm.cpu.pc = u64::from((vm.cpu.pc as u32).wrapping_add(op.imm));
}

/// Branches: each with its likely form.
macro_rules! branches {
    ($($name:ident $likely:ident ($s:ident, $t:ident) $condition:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "`")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let ($s, $t) = (Self::get(vm, op.rs), Self::get(vm, op.rt));
            let _ = $t;
            if $condition {
                take(vm, op);
            }
            Step::Next
        }

        #[doc = concat!("`", stringify!($likely), "`")]
        fn $likely(vm: &mut Vm, op: &Op) -> Step {
            let ($s, $t) = (Self::get(vm, op.rs), Self::get(vm, op.rt));
            let _ = $t;
            if !($condition) {
                return Step::Skip;
            }
            take(vm, op);
            Step::Next
        })*
    };
}

/// Branches that link: $31 is written whether or not the branch is taken.
macro_rules! linking_branches {
    ($($name:ident $plain:ident;)*) => {
        $(#[doc = concat!("`", stringify!($name), "`")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let link = vm.cpu.pc as u32;
            let step = Self::$plain(vm, op);
            Self::set(vm, Reg::RA, link);
            step
        })*
    };
}

fn branch_on_condition(vm: &mut Vm, op: &Op, wanted: bool, likely: bool) -> Step {
    let fields = Fields(op.imm);
    if vm.cpu.fcsr.condition(fields.cc() as u8) == wanted {
        // `pc` is two instructions behind the branch.
        let branch = (vm.cpu.pc as u32).wrapping_sub(8);
        vm.cpu.pc = u64::from(fields.branch_target(branch));
        Step::Next
    } else if likely {
        Step::Skip
    } else {
        Step::Next
    }
}

/// Jumps and branches, on registers of either width.
pub trait Branches: Word {
    /// `j` target
    fn j(vm: &mut Vm, op: &Op) -> Step {
        vm.cpu.pc = jump_target(vm, op);
        Step::Next
    }

    /// `jal` target
    fn jal(vm: &mut Vm, op: &Op) -> Step {
        let value = vm.cpu.pc as u32;
        Self::set(vm, Reg::RA, value);
        vm.cpu.pc = jump_target(vm, op);
        Step::Next
    }

    /// `jr` rs
    fn jr(vm: &mut Vm, op: &Op) -> Step {
        vm.cpu.pc = u64::from(vm.cpu.get(op.rs));
        Step::Next
    }

    /// `jalr` rd, rs
    fn jalr(vm: &mut Vm, op: &Op) -> Step {
        let target = vm.cpu.get(op.rs);
        let value = vm.cpu.pc as u32;
        Self::set(vm, op.rd, value);
        vm.cpu.pc = u64::from(target);
        Step::Next
    }

    branches! {
        beq beql (s, t) s == t;
        bne bnel (s, t) s != t;
        blez blezl (s, _t) s.signed() <= Self::Signed::default();
        bgtz bgtzl (s, _t) s.signed() > Self::Signed::default();
        bltz bltzl (s, _t) s.signed() < Self::Signed::default();
        bgez bgezl (s, _t) s.signed() >= Self::Signed::default();
    }

    linking_branches! {
        bltzal bltz;
        bgezal bgez;
        bltzall bltzl;
        bgezall bgezl;
    }

    /// `bc1f` cc, target
    fn bc1f(vm: &mut Vm, op: &Op) -> Step {
        branch_on_condition(vm, op, false, false)
    }

    /// `bc1t` cc, target
    fn bc1t(vm: &mut Vm, op: &Op) -> Step {
        branch_on_condition(vm, op, true, false)
    }

    /// `bc1fl` cc, target
    fn bc1fl(vm: &mut Vm, op: &Op) -> Step {
        branch_on_condition(vm, op, false, true)
    }

    /// `bc1tl` cc, target
    fn bc1tl(vm: &mut Vm, op: &Op) -> Step {
        branch_on_condition(vm, op, true, true)
    }
}

impl<W: Word> Branches for W {}
