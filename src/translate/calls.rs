//! What translated code may call: one function, the interpreter for one instruction.
//!
//! The call may change anything in the machine. Translated code has written its registers back
//! before, and reads the one that the instruction writes afterwards; cycles of the whole block
//! are paid. The answer says whether to go on.

use crate::interp::{HANDLERS, Op, Step, settle};
use crate::isa::Insn;
use mirrorball_runtime::cpu::Reg;
use mirrorball_runtime::vm::Vm;

/// The functions that translated code finds through `cpu.calls`.
#[repr(C)]
pub struct Calls {
    /// The interpreter for one instruction.
    pub interpret: extern "C" fn(&mut Vm, u64, u64) -> u32,
}

/// The one table.
pub static CALLS: Calls = Calls { interpret };

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

/// Interprets one instruction. 0: go on; 1: leave translated code.
extern "C" fn interpret(vm: &mut Vm, first: u64, second: u64) -> u32 {
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
        return 0;
    }
    settle(vm, step, call.end, call.owed, call.slot);
    1
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
