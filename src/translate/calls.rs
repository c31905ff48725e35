//! What translated code may call: one function, the interpreter for one instruction.
//!
//! The call may change anything in the machine. Translated code has written its registers back
//! before, and reads the one that the instruction writes afterwards; cycles of the whole block
//! are paid. It only comes back to code that goes on behind the instruction.

use super::glue::Symbol;
use super::site::Expectation;
use crate::interp::{HANDLERS, Op, Step, finish_step};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::Reg;
use mirrorball_runtime::insight::Way;
use mirrorball_runtime::mmu::soft::{CodePage, word_of};
use mirrorball_runtime::vm::Vm;

/// Where the function is that interprets an instruction for callers that keep values in every
/// general register, and in none for floating-point values. These survive the call. Slow paths then
/// cost the fast ones nothing.
///
/// If control does not go on behind the instruction, the call ends its caller as well, whose frame
/// pointer says where its frame ends. That is no call in Cranelift's terms, whose functions return
/// to their callers: so it is assembly.
pub(super) fn interpreting() -> usize {
    // Never called from Rust: its convention is that of translated code alone.
    let function: unsafe extern "C" fn() = interpret_preserving;
    function as usize
}

/// As [`interpreting`], for callers that have values in floating-point registers too. A frame of its
/// own would be the one that such a call ends: so it is assembly as well.
pub(super) fn interpreting_with_floats() -> usize {
    let function: unsafe extern "C" fn() = interpret_preserving_floats;
    function as usize
}

/// Called with the arguments of [`interpret`] in the registers of the C convention.
// SAFETY: every general register that `interpret` may change is saved and restored, and the stack
// stays aligned. Translated code keeps its frame pointer in `rbp`, and below its return address
// nothing that is needed when it has ended; it has no registers to restore.
#[unsafe(naked)]
unsafe extern "C" fn interpret_preserving() {
    // With the return address, nine registers keep the stack aligned as it was before the call.
    core::arch::naked_asm!(
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push rdi",
        "call {interpret}",
        "pop rdi",
        "test rax, rax",
        "jnz 2f",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "ret",
        // The caller's frame ends here; its registers are not needed.
        "2:",
        "mov rsp, rbp",
        "pop rbp",
        "cmp rax, {leave}",
        "je 3f",
        "jmp rax",
        "3:",
        "xor eax, eax",
        "ret",
        interpret = sym interpret,
        leave = const LEAVE,
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
    /// The number of the handler.
    handler: u16,
    rs: u8,
    rt: u8,
    rd: u8,
    owed: u8,
    slot: bool,
    /// Of an access that did not find what it expected.
    expectation: Option<Expectation>,
    imm: u32,
    end: u32,
}

impl Call {
    /// The call of the handler with this number, for an instruction of a block that ends at `end`.
    #[must_use]
    pub fn new(
        handler: usize,
        op: &Op,
        slot: bool,
        end: u32,
        expectation: Option<Expectation>,
    ) -> Self {
        Self {
            handler: handler as u16,
            rs: op.rs.slot() as u8,
            rt: op.rt.slot() as u8,
            rd: op.rd.slot() as u8,
            owed: op.owed,
            slot,
            expectation,
            imm: op.imm,
            end,
        }
    }

    /// The call as two words.
    #[must_use]
    pub fn pack(self) -> [u64; 2] {
        let [low, high] = self.handler.to_le_bytes();
        let bytes = [
            low,
            high,
            self.rs,
            self.rt,
            self.rd,
            self.owed,
            u8::from(self.slot),
            self.expectation
                .map_or(0, |expectation| 1 + expectation as u8),
        ];
        [
            u64::from_le_bytes(bytes),
            u64::from(self.imm) | u64::from(self.end) << 32,
        ]
    }

    fn unpack(first: u64, second: u64) -> Self {
        let [low, high, rs, rt, rd, owed, slot, expectation] = first.to_le_bytes();
        Self {
            handler: u16::from_le_bytes([low, high]),
            rs,
            rt,
            rd,
            owed,
            slot: slot != 0,
            expectation: expectation
                .checked_sub(1)
                .and_then(Expectation::from_number),
            imm: second as u32,
            end: (second >> 32) as u32,
        }
    }
}

/// What [`interpret`] answers when translated code goes on behind the instruction.
const DONE: usize = 0;
/// When it goes back to the dispatcher.
const LEAVE: usize = 1;

/// Interprets one instruction, and says how control goes on: by one of the above, or with the code
/// of the exception's vector.
extern "C" fn interpret(vm: &mut Vm, first: u64, second: u64) -> usize {
    vm.cpu.materialize_cause();
    let call = Call::unpack(first, second);
    let reg = |slot: u8| {
        if slot > 31 {
            Reg::SINK
        } else {
            Reg::new(u32::from(slot))
        }
    };
    let op = Op {
        run: HANDLERS[usize::from(call.handler)],
        imm: call.imm,
        rs: reg(call.rs),
        rt: reg(call.rt),
        rd: reg(call.rd),
        owed: call.owed,
    };
    let before = (vm.counters.device_accesses, vm.counters.soft_misses);
    let step = (op.run)(vm, &op);
    if step == Step::Next && !vm.is_called_back() {
        if let Some(expectation) = call.expectation {
            let after = (vm.counters.device_accesses, vm.counters.soft_misses);
            note_way(vm, &call, expectation, before, after);
        }
        return DONE;
    }
    let step = match step {
        // It was called back.
        Step::Next => {
            vm.cpu.request_stop();
            Step::Stop
        }
        step => step,
    };
    let end = vm.cpu.code_va(call.end).0 as u32;
    finish_step(vm, step, end, call.owed, call.slot);
    match step {
        Step::Raise(_) if vm.cpu.stop == 0 => enter(vm).unwrap_or(LEAVE),
        _ => LEAVE,
    }
}

/// The translation at the program counter, which is aligned, to be gone on to.
fn enter(vm: &mut Vm) -> Option<usize> {
    let pc = Va(vm.cpu.pc);
    let page = vm.cpu.code_pages + vm.cpu.space().code_slot(pc).offset();
    // SAFETY: code that an engine translated runs while its code pages are where it says, and slots
    // name none but these.
    let code = unsafe { (*(page as *const CodePage)).codes[word_of(pc)] };
    vm.cpu.code_base = pc.page().0 as u32;
    let origin = vm.cpu.symbols[Symbol::Untranslated as usize];
    (code != 0).then(|| origin.wrapping_add_signed(code as isize))
}

/// Notes which way an access went that did not find what it expected, by how often a device was
/// accessed and a page was missed before and after.
fn note_way(
    vm: &mut Vm,
    call: &Call,
    expectation: Expectation,
    before: (u64, u64),
    after: (u64, u64),
) {
    let way = if after.0 != before.0 {
        Way::Device
    } else if after.1 == before.1 {
        Way::Space
    } else {
        // It was only not there yet.
        return;
    };
    let expected = match expectation {
        Expectation::Window => None,
        Expectation::Either | Expectation::Space => Some(Way::Space),
        Expectation::Device => Some(Way::Device),
    };
    if Some(way) > expected {
        // It is in kseg0 or kseg1: others expect nothing.
        let pc = call.end.wrapping_sub(u32::from(call.owed) * 4);
        vm.insight.misses.note(pc, way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Insn;

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
        let expectation = Some(Expectation::Space);
        let call = Call::new(Insn::Lw as usize, &op, true, 0x8000_1234, expectation);
        let [first, second] = call.pack();
        assert_eq!(Call::unpack(first, second), call);
    }
}
