//! Moves between general and FPU registers, and FPU loads and stores.
//! MIPS32 Volume II, "FPU Move", "FPU Load, Store".

use super::memory::{address, load_value, store_value};
use super::system::next_unless_stopped;
use super::{Op, Step};
use crate::isa::Fields;
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::device::Width;
use mirrorball_runtime::vm::Vm;

/// `mfc1` rt, fs
pub fn mfc1(vm: &mut Vm, op: &Op) -> Step {
    let value = vm.cpu.fpr32(op.rd.number());
    vm.cpu.set(op.rt, value);
    Step::Next
}

/// `mtc1` rt, fs
pub fn mtc1(vm: &mut Vm, op: &Op) -> Step {
    let value = vm.cpu.get(op.rt);
    vm.cpu.set_fpr32(op.rd.number(), value);
    Step::Next
}

/// `mfhc1` rt, fs
pub fn mfhc1(vm: &mut Vm, op: &Op) -> Step {
    let value = (vm.cpu.fpr64(op.rd.number()) >> 32) as u32;
    vm.cpu.set(op.rt, value);
    Step::Next
}

/// `mthc1` rt, fs
pub fn mthc1(vm: &mut Vm, op: &Op) -> Step {
    let low = vm.cpu.fpr64(op.rd.number()) & 0xffff_ffff;
    let value = u64::from(vm.cpu.get(op.rt)) << 32 | low;
    vm.cpu.set_fpr64(op.rd.number(), value);
    Step::Next
}

/// `cfc1` rt, fs: control registers that do not exist read as zero.
pub fn cfc1(vm: &mut Vm, op: &Op) -> Step {
    let value = vm
        .cpu
        .fcsr
        .read(op.rd.number() as u8, vm.cpu.model.fir)
        .unwrap_or(0);
    vm.cpu.set(op.rt, value);
    Step::Next
}

/// `ctc1` rt, fs: may set a cause bit whose exception is enabled.
pub fn ctc1(vm: &mut Vm, op: &Op) -> Step {
    let value = vm.cpu.get(op.rt);
    match vm.cpu.fcsr.write(op.rd.number() as u8, value) {
        Ok(()) => Step::Next,
        Err(_) => Step::Raise(Exception::FloatingPoint),
    }
}

/// `movf` rd, rs, cc
pub fn movf(vm: &mut Vm, op: &Op) -> Step {
    move_on_condition(vm, op, false)
}

/// `movt` rd, rs, cc
pub fn movt(vm: &mut Vm, op: &Op) -> Step {
    move_on_condition(vm, op, true)
}

fn move_on_condition(vm: &mut Vm, op: &Op, wanted: bool) -> Step {
    if vm.cpu.fcsr.condition(Fields(op.imm).cc() as u8) == wanted {
        let value = vm.cpu.get(op.rs);
        vm.cpu.set(op.rd, value);
    }
    Step::Next
}

fn load_word(vm: &mut Vm, op: &Op, va: Va, fpr: usize) -> Step {
    match load_value(vm, op, va, Width::Word) {
        Ok(value) => {
            vm.cpu.set_fpr32(fpr, value);
            next_unless_stopped(vm)
        }
        Err(exception) => Step::Raise(exception),
    }
}

fn store_word(vm: &mut Vm, op: &Op, va: Va, fpr: usize) -> Step {
    store_value(vm, op, va, Width::Word, vm.cpu.fpr32(fpr))
}

/// The addresses of the low and the high word of a doubleword.
fn halves(vm: &Vm, va: Va) -> (Va, Va) {
    if vm.ram.big_endian() {
        (va.offset(4), va)
    } else {
        (va, va.offset(4))
    }
}

fn load_double(vm: &mut Vm, op: &Op, va: Va, fpr: usize) -> Step {
    if va.0 & 7 != 0 {
        vm.cpu.bad_address = va;
        return Step::Raise(Exception::AddressLoad);
    }
    let (low, high) = halves(vm, va);
    let words = load_value(vm, op, low, Width::Word)
        .and_then(|low| Ok((low, load_value(vm, op, high, Width::Word)?)));
    match words {
        Ok((low, high)) => {
            vm.cpu
                .set_fpr64(fpr, u64::from(high) << 32 | u64::from(low));
            next_unless_stopped(vm)
        }
        Err(exception) => {
            vm.cpu.bad_address = va;
            Step::Raise(exception)
        }
    }
}

fn store_double(vm: &mut Vm, op: &Op, va: Va, fpr: usize) -> Step {
    if va.0 & 7 != 0 {
        vm.cpu.bad_address = va;
        return Step::Raise(Exception::AddressStore);
    }
    let value = vm.cpu.fpr64(fpr);
    let (low, high) = halves(vm, va);
    let step = store_value(vm, op, low, Width::Word, value as u32);
    if let Step::Raise(_) = step {
        vm.cpu.bad_address = va;
        return step;
    }
    // Both words lie in one page: if the first was stored, so is the second.
    store_value(vm, op, high, Width::Word, (value >> 32) as u32);
    next_unless_stopped(vm)
}

/// `lwc1` ft, offset(base)
pub fn lwc1(vm: &mut Vm, op: &Op) -> Step {
    load_word(vm, op, address(vm, op), op.rt.number())
}

/// `swc1` ft, offset(base)
pub fn swc1(vm: &mut Vm, op: &Op) -> Step {
    store_word(vm, op, address(vm, op), op.rt.number())
}

/// `ldc1` ft, offset(base)
pub fn ldc1(vm: &mut Vm, op: &Op) -> Step {
    load_double(vm, op, address(vm, op), op.rt.number())
}

/// `sdc1` ft, offset(base)
pub fn sdc1(vm: &mut Vm, op: &Op) -> Step {
    store_double(vm, op, address(vm, op), op.rt.number())
}

fn indexed(vm: &Vm, op: &Op) -> Va {
    Va(u64::from(vm.cpu.get(op.rs).wrapping_add(vm.cpu.get(op.rt))))
}

/// `lwxc1` fd, index(base)
pub fn lwxc1(vm: &mut Vm, op: &Op) -> Step {
    load_word(vm, op, indexed(vm, op), op.fields().sa() as usize)
}

/// `ldxc1` fd, index(base)
pub fn ldxc1(vm: &mut Vm, op: &Op) -> Step {
    load_double(vm, op, indexed(vm, op), op.fields().sa() as usize)
}

/// `luxc1` fd, index(base): the low address bits do not count.
pub fn luxc1(vm: &mut Vm, op: &Op) -> Step {
    load_double(
        vm,
        op,
        Va(indexed(vm, op).0 & !7),
        op.fields().sa() as usize,
    )
}

/// `swxc1` fs, index(base)
pub fn swxc1(vm: &mut Vm, op: &Op) -> Step {
    store_word(vm, op, indexed(vm, op), op.rd.number())
}

/// `sdxc1` fs, index(base)
pub fn sdxc1(vm: &mut Vm, op: &Op) -> Step {
    store_double(vm, op, indexed(vm, op), op.rd.number())
}

/// `suxc1` fs, index(base): the low address bits do not count.
pub fn suxc1(vm: &mut Vm, op: &Op) -> Step {
    store_double(vm, op, Va(indexed(vm, op).0 & !7), op.rd.number())
}

/// `prefx`: a hint, and there are no caches.
pub fn prefx(_: &mut Vm, _: &Op) -> Step {
    Step::Next
}
