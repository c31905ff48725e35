//! Privileged instructions: CP0, TLB, caches, interrupts. MIPS32 Volume II, "Privileged".
//!
//! What they mean is in the runtime ([`Vm`]), once; here is how they are called.

use super::memory::address;
use super::{Op, Step, Word};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::vm::{Hypercall, Vm, hypercall};

/// On to the next instruction, unless the machine asks for attention.
#[inline]
pub(super) fn next_unless_stopped(vm: &Vm) -> Step {
    if vm.cpu.stop == 0 {
        Step::Next
    } else {
        Step::Stop
    }
}

fn next_or_raise(vm: &Vm, result: Result<(), Exception>) -> Step {
    match result {
        Ok(()) => next_unless_stopped(vm),
        Err(exception) => Step::Raise(exception),
    }
}

/// Privileged instructions, on registers of either width.
pub trait Privileged: Word {
    /// `mfc0` rt, rd, select
    fn mfc0(vm: &mut Vm, op: &Op) -> Step {
        let value = vm
            .cpu
            .move_from_cp0(op.fields().rd(), op.fields().select(), op.owed());
        Self::set(vm, op.rt, value);
        Step::Next
    }

    /// `dmfc0` rt, rd, select
    fn dmfc0(vm: &mut Vm, op: &Op) -> Step {
        let value = vm
            .cpu
            .move_from_cp0_whole(op.fields().rd(), op.fields().select(), op.owed());
        vm.cpu.set_whole(op.rt, value);
        Step::Next
    }

    /// `mtc0` rt, rd, select
    fn mtc0(vm: &mut Vm, op: &Op) -> Step {
        let value = vm.cpu.get(op.rt);
        vm.move_to_cp0(op.fields().rd(), op.fields().select(), value, op.owed());
        next_unless_stopped(vm)
    }

    /// `rdpgpr` rd, rt: there is one register set, so the previous one is the current one.
    fn rdpgpr(vm: &mut Vm, op: &Op) -> Step {
        Self::get(vm, op.rt).put(vm, op.rd);
        Step::Next
    }

    /// `wrpgpr` rd, rt
    fn wrpgpr(vm: &mut Vm, op: &Op) -> Step {
        Self::rdpgpr(vm, op)
    }

    /// `di` rt
    fn di(vm: &mut Vm, op: &Op) -> Step {
        let status = vm.cpu.set_interrupt_enable(false);
        Self::set(vm, op.rt, status);
        next_unless_stopped(vm)
    }

    /// `ei` rt
    fn ei(vm: &mut Vm, op: &Op) -> Step {
        let status = vm.cpu.set_interrupt_enable(true);
        Self::set(vm, op.rt, status);
        next_unless_stopped(vm)
    }

    /// `tlbr`
    fn tlbr(vm: &mut Vm, _: &Op) -> Step {
        vm.tlb_read();
        next_unless_stopped(vm)
    }

    /// `tlbwi`
    fn tlbwi(vm: &mut Vm, _: &Op) -> Step {
        let result = vm.tlb_write_indexed();
        next_or_raise(vm, result)
    }

    /// `tlbwr`
    fn tlbwr(vm: &mut Vm, _: &Op) -> Step {
        let result = vm.tlb_write_random();
        next_or_raise(vm, result)
    }

    /// `tlbp`
    fn tlbp(vm: &mut Vm, _: &Op) -> Step {
        vm.cpu.tlb_probe();
        Step::Next
    }

    /// `eret`
    fn eret(vm: &mut Vm, _: &Op) -> Step {
        vm.eret();
        next_unless_stopped(vm)
    }

    /// `wait`: if no interrupt is pending the engine leaves, and the VM lets time pass.
    fn wait(vm: &mut Vm, _: &Op) -> Step {
        if vm.cpu.wakes() {
            next_unless_stopped(vm)
        } else {
            Step::Wait
        }
    }

    /// `hypcall` code: asks the monitor for something. It ends its block and is in no delay slot.
    /// Whether there are hypercalls is found out here, so that no translation depends on it.
    fn hypcall(vm: &mut Vm, op: &Op) -> Step {
        if !vm.config().hypercalls || op.fields().hypercode() != 0 {
            return Step::Raise(Exception::ReservedInstruction);
        }
        let next = vm.cpu.pc as u32;
        match hypercall(vm, Va(u64::from(next.wrapping_sub(4)))) {
            Hypercall::Done => next_unless_stopped(vm),
            Hypercall::Again => Step::Again,
        }
    }

    /// `cache` operation, offset(base)
    fn cache(vm: &mut Vm, op: &Op) -> Step {
        let va = address::<Self>(vm, op);
        let result = vm.cpu.cache(op.rt.number() as u32, va);
        next_or_raise(vm, result)
    }

    /// `rdhwr` rt, rd: what HWREna lets user mode see, kernel mode always sees.
    fn rdhwr(vm: &mut Vm, op: &Op) -> Step {
        let reg = op.fields().rd();
        let cpu = &vm.cpu;
        let allowed = vm.cpu.coprocessor0_usable() || cpu.cp0.hwrena >> reg & 1 != 0;
        let value = match reg {
            // CPUNum: one CPU.
            0 => 0,
            1 => cpu.model.synci_step,
            2 => cpu.cp0.count(cpu.now(op.owed())),
            3 => cpu.model.count_resolution,
            _ => return Step::Raise(Exception::ReservedInstruction),
        };
        if !allowed {
            return Step::Raise(Exception::ReservedInstruction);
        }
        Self::set(vm, op.rt, value);
        Step::Next
    }
}

impl<W: Word> Privileged for W {}
