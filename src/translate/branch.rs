//! Jumps and branches, with their delay slots.

use super::emit::{Emitter, Instruction, Next};
use super::fpu;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};

fn link(e: &mut Emitter<'_>, register: usize) {
    let address = e.address(e.source.next());
    e.set(register, address);
}

fn jump(e: &mut Emitter<'_>, next: Next) {
    e.next = next;
    e.slot();
    // What ends a block may stand in a delay slot too, and goes on by itself.
    if !e.closed {
        e.go_on();
    }
}

/// Where J and JAL lead.
fn jump_target(e: &Emitter<'_>, i: &Instruction) -> Next {
    if e.is_direct() {
        Next::To(i.fields.jump_target(i.pc))
    } else {
        Next::Jump(i.fields.jump_target(0))
    }
}

pub fn j(e: &mut Emitter<'_>, i: &Instruction) {
    jump(e, jump_target(e, i));
}

pub fn jal(e: &mut Emitter<'_>, i: &Instruction) {
    link(e, 31);
    jump(e, jump_target(e, i));
}

pub fn jr(e: &mut Emitter<'_>, i: &Instruction) {
    let target = e.get(i.fields.rs());
    jump(e, Next::Computed(target));
}

pub fn jalr(e: &mut Emitter<'_>, i: &Instruction) {
    let target = e.get(i.fields.rs());
    link(e, i.written());
    jump(e, Next::Computed(target));
}

fn branch(e: &mut Emitter<'_>, condition: Value, target: u32) {
    jump(e, Next::Either(condition, target, e.source.next()));
}

/// A branch whose delay slot runs only if it is taken.
fn branch_likely(e: &mut Emitter<'_>, condition: Value, target: u32) {
    fpu::materialize_cause(e);
    e.write_back_early();
    let (taken, skipped) = (e.b.create_block(), e.b.create_block());
    e.b.ins().brif(condition, taken, &[], skipped, &[]);
    e.begin(skipped);
    let before = e.registers.clone();
    e.refund_slot();
    e.go_to(e.source.next());
    e.begin(taken);
    e.registers = before;
    jump(e, Next::To(target));
}

/// Branches on registers: plain and likely.
macro_rules! branches {
    ($($name:ident $likely:ident $compare:ident $condition:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            let condition = $compare(e, i, IntCC::$condition);
            branch(e, condition, i.fields.branch_target(i.pc));
        }

        pub fn $likely(e: &mut Emitter<'_>, i: &Instruction) {
            let condition = $compare(e, i, IntCC::$condition);
            branch_likely(e, condition, i.fields.branch_target(i.pc));
        })*
    };
}

branches! {
    beq beql two Equal;
    bne bnel two NotEqual;
    blez blezl with_zero SignedLessThanOrEqual;
    bgtz bgtzl with_zero SignedGreaterThan;
    bltz bltzl with_zero SignedLessThan;
    bgez bgezl with_zero SignedGreaterThanOrEqual;
    bltzal bltzall with_zero_linking SignedLessThan;
    bgezal bgezall with_zero_linking SignedGreaterThanOrEqual;
}

fn two(e: &mut Emitter<'_>, i: &Instruction, condition: IntCC) -> Value {
    let (s, t) = (e.get_whole(i.fields.rs()), e.get_whole(i.fields.rt()));
    e.b.ins().icmp(condition, s, t)
}

fn with_zero(e: &mut Emitter<'_>, i: &Instruction, condition: IntCC) -> Value {
    let s = e.get_whole(i.fields.rs());
    e.b.ins().icmp_imm_s(condition, s, 0)
}

fn with_zero_linking(e: &mut Emitter<'_>, i: &Instruction, condition: IntCC) -> Value {
    let condition = with_zero(e, i, condition);
    link(e, 31);
    condition
}

/// Whether an FPU condition code has the wanted value.
fn condition(e: &mut Emitter<'_>, i: &Instruction, wanted: bool) -> Value {
    let condition = fpu::condition(e, i.fields.cc());
    if wanted {
        condition
    } else {
        e.b.ins().bxor_imm_s(condition, 1)
    }
}

/// Branches on FPU conditions: plain and likely.
macro_rules! fpu_branches {
    ($($name:ident $likely:ident $wanted:literal;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            let condition = condition(e, i, $wanted);
            branch(e, condition, i.fields.branch_target(i.pc));
        }

        pub fn $likely(e: &mut Emitter<'_>, i: &Instruction) {
            let condition = condition(e, i, $wanted);
            branch_likely(e, condition, i.fields.branch_target(i.pc));
        })*
    };
}

fpu_branches! {
    bc1f bc1fl false;
    bc1t bc1tl true;
}
