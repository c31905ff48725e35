//! Instructions that translated code hands to the interpreter: all that is privileged, rare, or
//! exact beyond what the host computes by itself.

use super::calls::Call;
use super::emit::{Emitter, Instruction, Next};
use super::fpu;
use super::site::Expectation;
use crate::interp::number;
use crate::isa::{Insn, State};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use mirrorball_runtime::cpu::Cpu;
use mirrorball_runtime::vcpu;
use std::mem::offset_of;

macro_rules! through {
    ($($name:ident)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            e.through_interpreter(i);
        })*
    };
}

through! {
    // Memory.
    synci
    // Traps.
    syscall break_
    // The system.
    rdpgpr wrpgpr tlbp eret wait hypcall rdhwr dmfc0
    // FPU control, and what rounds twice.
    cfc1 ctc1 rsqrt_s rsqrt_d
}

impl Emitter<'_> {
    /// Lets the interpreter execute an instruction, with all registers written back. The current
    /// path only goes on if control goes on behind the instruction.
    pub fn interpret(&mut self, i: &Instruction) {
        self.call_interpreter(i, None);
    }

    /// As [`Emitter::interpret`], for an access that did not find what it expected.
    pub fn interpret_access(&mut self, i: &Instruction, expectation: Expectation) {
        self.call_interpreter(i, Some(expectation));
    }

    fn call_interpreter(&mut self, i: &Instruction, expectation: Option<Expectation>) {
        self.registers.write_back(&mut self.b, self.vm);
        fpu::store_cause(self);
        self.store_left();
        if i.op.owed == 1 {
            let pc = self.next_pc();
            self.store_cpu(pc, offset_of!(Cpu, pc));
        }
        // What code at mapped addresses accesses is no question of its address.
        let expectation = expectation.filter(|_| self.is_direct());
        let handler = number(i.insn, self.source.width);
        let call = Call::new(handler, &i.op, i.slot, self.source.end(), expectation);
        let packed = call
            .pack()
            .map(|word| self.b.ins().iconst(types::I64, word as i64));
        let function = self.load_cpu(types::I64, self.interpret);
        self.b.ins().call_indirect(
            self.call_signature,
            function,
            &[self.vm, packed[0], packed[1]],
        );
        self.known.nearby.lose(&mut self.b);
    }

    /// Lets the interpreter execute an instruction if `condition` holds, which makes it trap.
    pub fn interpret_if(&mut self, i: &Instruction, condition: Value) {
        debug_assert!(i.insn.info().may_raise());
        let (trap, on) = (self.cold_block(), self.b.create_block());
        self.b.ins().brif(condition, trap, &[], on, &[]);
        self.begin(trap);
        self.interpret(i);
        self.b.ins().jump(on, &[]);
        self.begin(on);
    }

    /// As [`Emitter::interpret`], for an instruction that always goes this way.
    pub fn through_interpreter(&mut self, i: &Instruction) {
        self.interpret(i);
        self.registers.clean();
        self.registers.reload(&mut self.b, self.vm, i.written());
        fpu::interpreted(self, i);
    }

    /// Lets the interpreter execute an instruction that may change anything, and mostly does not:
    /// while it is the same space, the block after it is the same too.
    pub fn interpret_and_go_on(&mut self, i: &Instruction) {
        let before = self.load_cpu(types::I64, vcpu::SPACE);
        self.through_interpreter(i);
        // A TLB write may take the page away that the code is on.
        let stays = match self.next {
            Next::To(_) if self.is_direct() => !i.slot,
            Next::To(_) => {
                // As does Wired, with what is kept behind the TLB.
                let wired = i.insn == Insn::Mtc0 && i.fields.rd() == 6;
                !i.slot && !wired && i.insn.info().access(State::Tlb).is_none()
            }
            _ => false,
        };
        if !stays {
            return self.go_on_anywhere(false);
        }
        let space = self.load_cpu(types::I64, vcpu::SPACE);
        let same = self.b.ins().icmp(IntCC::Equal, space, before);
        let (on, off) = (self.b.create_block(), self.cold_block());
        self.b.ins().brif(same, on, &[], off, &[]);
        self.begin(off);
        let before = self.registers.clone();
        self.go_on_anywhere(false);
        self.begin(on);
        self.registers = before;
        self.go_on();
    }

    /// The address that control goes to after the current block, as 64 bits.
    fn next_pc(&mut self) -> Value {
        let pc = match self.next {
            Next::To(pc) => self.address(pc),
            Next::Either(condition, yes, no) => {
                let (yes, no) = (self.address(yes), self.address(no));
                self.b.ins().select(condition, yes, no)
            }
            Next::Computed(pc) => pc,
            Next::Jump(low) => self.jump_target(low),
        };
        self.b.ins().uextend(types::I64, pc)
    }
}
