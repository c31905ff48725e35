//! Moves between general and FPU registers, and FPU loads and stores.
//! MIPS32 Volume II, "FPU Move", "FPU Load, Store".

use super::memory::{self, address, load_value, store_value};
use super::system::next_unless_stopped;
use super::{Op, Step, Word};
use crate::isa::Fields;
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::device::Width;
use mirrorball_runtime::vm::Vm;

fn move_on_condition<W: Word>(vm: &mut Vm, op: &Op, wanted: bool) -> Step {
    if vm.cpu.fcsr.condition(Fields(op.imm).cc() as u8) == wanted {
        W::get(vm, op.rs).put(vm, op.rd);
    }
    Step::Next
}

fn load_word<W: Word>(vm: &mut Vm, op: &Op, va: Va, fpr: usize) -> Step {
    match load_value::<W>(vm, op, va, Width::Word) {
        Ok(value) => {
            vm.cpu.set_fpr32(fpr, value);
            next_unless_stopped(vm)
        }
        Err(exception) => Step::Raise(exception),
    }
}

fn store_word<W: Word>(vm: &mut Vm, op: &Op, va: Va, fpr: usize) -> Step {
    store_value::<W>(vm, op, va, Width::Word, vm.cpu.fpr32(fpr))
}

fn load_double<W: Word>(vm: &mut Vm, op: &Op, va: Va, fpr: usize) -> Step {
    match memory::load_double::<W>(vm, op, va) {
        Ok(value) => {
            vm.cpu.set_fpr64(fpr, value);
            next_unless_stopped(vm)
        }
        Err(exception) => Step::Raise(exception),
    }
}

fn store_double<W: Word>(vm: &mut Vm, op: &Op, va: Va, fpr: usize) -> Step {
    memory::store_double::<W>(vm, op, va, vm.cpu.fpr64(fpr))
}

fn indexed<W: Word>(vm: &Vm, op: &Op) -> Va {
    W::get(vm, op.rs).address(W::get(vm, op.rt))
}

/// Moves, loads and stores of FPU registers, on registers of either width.
pub trait FloatMoves: Word {
    /// `mfc1` rt, fs
    fn mfc1(vm: &mut Vm, op: &Op) -> Step {
        let value = vm.cpu.fpr32(op.rd.number());
        Self::set(vm, op.rt, value);
        Step::Next
    }

    /// `mtc1` rt, fs
    fn mtc1(vm: &mut Vm, op: &Op) -> Step {
        let value = vm.cpu.get(op.rt);
        vm.cpu.set_fpr32(op.rd.number(), value);
        Step::Next
    }

    /// `mfhc1` rt, fs
    fn mfhc1(vm: &mut Vm, op: &Op) -> Step {
        let value = (vm.cpu.fpr64(op.rd.number()) >> 32) as u32;
        Self::set(vm, op.rt, value);
        Step::Next
    }

    /// `mthc1` rt, fs
    fn mthc1(vm: &mut Vm, op: &Op) -> Step {
        let low = vm.cpu.fpr64(op.rd.number()) & 0xffff_ffff;
        let value = u64::from(vm.cpu.get(op.rt)) << 32 | low;
        vm.cpu.set_fpr64(op.rd.number(), value);
        Step::Next
    }

    /// `cfc1` rt, fs: control registers that do not exist read as zero.
    fn cfc1(vm: &mut Vm, op: &Op) -> Step {
        let value = vm
            .cpu
            .fcsr
            .read(op.rd.number() as u8, vm.cpu.model.fir)
            .unwrap_or(0);
        Self::set(vm, op.rt, value);
        Step::Next
    }

    /// `ctc1` rt, fs: may set a cause bit whose exception is enabled.
    fn ctc1(vm: &mut Vm, op: &Op) -> Step {
        let value = vm.cpu.get(op.rt);
        match vm.cpu.fcsr.write(op.rd.number() as u8, value) {
            Ok(()) => Step::Next,
            Err(_) => Step::Raise(Exception::FloatingPoint),
        }
    }

    /// `movf` rd, rs, cc
    fn movf(vm: &mut Vm, op: &Op) -> Step {
        move_on_condition::<Self>(vm, op, false)
    }

    /// `movt` rd, rs, cc
    fn movt(vm: &mut Vm, op: &Op) -> Step {
        move_on_condition::<Self>(vm, op, true)
    }

    /// `lwc1` ft, offset(base)
    fn lwc1(vm: &mut Vm, op: &Op) -> Step {
        load_word::<Self>(vm, op, address::<Self>(vm, op), op.rt.number())
    }

    /// `swc1` ft, offset(base)
    fn swc1(vm: &mut Vm, op: &Op) -> Step {
        store_word::<Self>(vm, op, address::<Self>(vm, op), op.rt.number())
    }

    /// `ldc1` ft, offset(base)
    fn ldc1(vm: &mut Vm, op: &Op) -> Step {
        load_double::<Self>(vm, op, address::<Self>(vm, op), op.rt.number())
    }

    /// `sdc1` ft, offset(base)
    fn sdc1(vm: &mut Vm, op: &Op) -> Step {
        store_double::<Self>(vm, op, address::<Self>(vm, op), op.rt.number())
    }

    /// `lwxc1` fd, index(base)
    fn lwxc1(vm: &mut Vm, op: &Op) -> Step {
        load_word::<Self>(vm, op, indexed::<Self>(vm, op), op.fields().sa() as usize)
    }

    /// `ldxc1` fd, index(base)
    fn ldxc1(vm: &mut Vm, op: &Op) -> Step {
        load_double::<Self>(vm, op, indexed::<Self>(vm, op), op.fields().sa() as usize)
    }

    /// `luxc1` fd, index(base): the low address bits do not count.
    fn luxc1(vm: &mut Vm, op: &Op) -> Step {
        load_double::<Self>(
            vm,
            op,
            Va(indexed::<Self>(vm, op).0 & !7),
            op.fields().sa() as usize,
        )
    }

    /// `swxc1` fs, index(base)
    fn swxc1(vm: &mut Vm, op: &Op) -> Step {
        store_word::<Self>(vm, op, indexed::<Self>(vm, op), op.rd.number())
    }

    /// `sdxc1` fs, index(base)
    fn sdxc1(vm: &mut Vm, op: &Op) -> Step {
        store_double::<Self>(vm, op, indexed::<Self>(vm, op), op.rd.number())
    }

    /// `suxc1` fs, index(base): the low address bits do not count.
    fn suxc1(vm: &mut Vm, op: &Op) -> Step {
        store_double::<Self>(vm, op, Va(indexed::<Self>(vm, op).0 & !7), op.rd.number())
    }

    /// `prefx`: a hint, and there are no caches.
    fn prefx(_: &mut Vm, _: &Op) -> Step {
        Step::Next
    }
}

impl<W: Word> FloatMoves for W {}
