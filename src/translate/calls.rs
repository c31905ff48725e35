//! What translated code may call: one function, the interpreter for one instruction.
//!
//! The call may change anything in the machine. Translated code has written its registers back
//! before, and reads the one that the instruction writes afterwards; cycles of the whole block
//! are paid. The answer says whether to go on.

use crate::interp::{HANDLERS, Op, Step, settle};
use crate::isa::Insn;
use mirrorball_runtime::cpu::Reg;
use mirrorball_runtime::vm::Vm;

/// The functions that translated code finds through `cpu.calls`. All of them interpret an
/// instruction, for callers that keep values in every register: those survive the call, and the
/// answer is left in `cpu.status`. Slow paths then cost the fast ones nothing.
#[repr(C)]
pub struct Calls {
    /// For callers without floating-point values.
    // SAFETY: never called from Rust: its convention is that of translated code alone.
    pub interpret: unsafe extern "C" fn(),
    /// For those that have some.
    // SAFETY: as above.
    pub interpret_floats: unsafe extern "C" fn(),
}

/// The one table.
pub static CALLS: Calls = Calls {
    interpret: interpret_preserving,
    interpret_floats: interpret_preserving_floats,
};

/// Called with the arguments of [`interpret`] in the registers of the C convention.
// SAFETY: every general register that `interpret` may change is saved and restored, the stack stays
// aligned, and nothing else is written but `cpu.status` of the VM that came in.
#[unsafe(naked)]
unsafe extern "C" fn interpret_preserving() {
    // With the return address, nine registers keep the stack aligned as it was before the call.
    core::arch::naked_asm!(
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "call {interpret}",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "mov dword ptr [rdi + {status}], eax",
        "pop rax",
        "ret",
        interpret = sym interpret,
        status = const std::mem::offset_of!(mirrorball_runtime::cpu::Cpu, status),
    )
}

/// As [`interpret_preserving`], and every floating-point register survives too.
// SAFETY: the assembly saves and restores those registers around a call that keeps all others, and
// keeps the stack aligned.
#[unsafe(naked)]
unsafe extern "C" fn interpret_preserving_floats() {
    core::arch::naked_asm!(
        "sub rsp, 264",
        "movups [rsp + 0], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "movups [rsp + 128], xmm8",
        "movups [rsp + 144], xmm9",
        "movups [rsp + 160], xmm10",
        "movups [rsp + 176], xmm11",
        "movups [rsp + 192], xmm12",
        "movups [rsp + 208], xmm13",
        "movups [rsp + 224], xmm14",
        "movups [rsp + 240], xmm15",
        "call {interpret}",
        "movups xmm0, [rsp + 0]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "movups xmm8, [rsp + 128]",
        "movups xmm9, [rsp + 144]",
        "movups xmm10, [rsp + 160]",
        "movups xmm11, [rsp + 176]",
        "movups xmm12, [rsp + 192]",
        "movups xmm13, [rsp + 208]",
        "movups xmm14, [rsp + 224]",
        "movups xmm15, [rsp + 240]",
        "add rsp, 264",
        "ret",
        interpret = sym interpret_preserving,
    )
}

/// An instruction to be interpreted, as translated code passes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    insn: u16,
    rs: u8,
    rt: u8,
    rd: u8,
    owed: u8,
    slot: bool,
    imm: u32,
    end: u32,
}

impl Call {
    /// The call for an instruction of a block that ends at `end`.
    #[must_use]
    pub fn new(insn: Insn, op: &Op, slot: bool, end: u32) -> Self {
        Self {
            insn: insn as u16,
            rs: op.rs.slot() as u8,
            rt: op.rt.slot() as u8,
            rd: op.rd.slot() as u8,
            owed: op.owed,
            slot,
            imm: op.imm,
            end,
        }
    }

    /// The call as two words.
    #[must_use]
    pub fn pack(self) -> [u64; 2] {
        let [low, high] = self.insn.to_le_bytes();
        let bytes = [
            low,
            high,
            self.rs,
            self.rt,
            self.rd,
            self.owed,
            u8::from(self.slot),
            0,
        ];
        [
            u64::from_le_bytes(bytes),
            u64::from(self.imm) | u64::from(self.end) << 32,
        ]
    }

    fn unpack(first: u64, second: u64) -> Self {
        let [low, high, rs, rt, rd, owed, slot, _] = first.to_le_bytes();
        Self {
            insn: u16::from_le_bytes([low, high]),
            rs,
            rt,
            rd,
            owed,
            slot: slot != 0,
            imm: second as u32,
            end: (second >> 32) as u32,
        }
    }
}

/// What [`interpret`] answers when translated code goes on behind the instruction.
const DONE: u32 = 0;
/// When it goes back to the dispatcher.
const LEAVE: u32 = 1;
/// When the guest took an exception: control goes on at `cpu.pc`.
pub const RAISED: u32 = 2;

/// Interprets one instruction, and says how control goes on.
extern "C" fn interpret(vm: &mut Vm, first: u64, second: u64) -> u32 {
    vm.cpu.settle_cause();
    let call = Call::unpack(first, second);
    let reg = |slot: u8| {
        if slot > 31 {
            Reg::SINK
        } else {
            Reg::new(u32::from(slot))
        }
    };
    let op = Op {
        run: HANDLERS[usize::from(call.insn)],
        imm: call.imm,
        rs: reg(call.rs),
        rt: reg(call.rt),
        rd: reg(call.rd),
        owed: call.owed,
    };
    let step = (op.run)(vm, &op);
    if step == Step::Next {
        return DONE;
    }
    settle(vm, step, call.end, call.owed, call.slot);
    match step {
        Step::Raise(_) if vm.cpu.stop == 0 => RAISED,
        _ => LEAVE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_survives_packing() {
        let op = Op {
            run: HANDLERS[Insn::Lw as usize],
            imm: 0xffff_fffc,
            rs: Reg::new(29),
            rt: Reg::SINK,
            rd: Reg::new(7),
            owed: 64,
        };
        let call = Call::new(Insn::Lw, &op, true, 0x8000_1234);
        let [first, second] = call.pack();
        assert_eq!(Call::unpack(first, second), call);
    }
}
