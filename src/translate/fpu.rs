//! Moves to, from and between FPU registers. The arithmetic goes through the interpreter.

use super::emit::{Emitter, Instruction};
use super::memory::{fpr32, fpr64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, types};

fn move_from(e: &mut Emitter<'_>, i: &Instruction, register: i32) {
    let value =
        e.b.ins()
            .load(types::I32, MemFlagsData::trusted(), e.vm, register);
    e.set(i.written(), value);
}

fn move_to(e: &mut Emitter<'_>, i: &Instruction, register: i32) {
    let value = e.get(i.fields.rt());
    e.b.ins()
        .store(MemFlagsData::trusted(), value, e.vm, register);
}

pub fn mfc1(e: &mut Emitter<'_>, i: &Instruction) {
    let register = fpr32(e, i.fields.rd());
    move_from(e, i, register);
}

pub fn mtc1(e: &mut Emitter<'_>, i: &Instruction) {
    let register = fpr32(e, i.fields.rd());
    move_to(e, i, register);
}

/// The upper half of a 64-bit register lies four bytes up on a little-endian host.
const UPPER: i32 = if cfg!(target_endian = "little") { 4 } else { 0 };

pub fn mfhc1(e: &mut Emitter<'_>, i: &Instruction) {
    let register = fpr64(e, i.fields.rd()) + UPPER;
    move_from(e, i, register);
}

pub fn mthc1(e: &mut Emitter<'_>, i: &Instruction) {
    let register = fpr64(e, i.fields.rd()) + UPPER;
    move_to(e, i, register);
}

fn move_between(e: &mut Emitter<'_>, ty: Type, from: i32, to: i32) {
    let value = e.b.ins().load(ty, MemFlagsData::trusted(), e.vm, from);
    e.b.ins().store(MemFlagsData::trusted(), value, e.vm, to);
}

pub fn mov_s(e: &mut Emitter<'_>, i: &Instruction) {
    let (from, to) = (fpr32(e, i.fields.rd()), fpr32(e, i.fields.sa()));
    move_between(e, types::I32, from, to);
}

pub fn mov_d(e: &mut Emitter<'_>, i: &Instruction) {
    let (from, to) = (fpr64(e, i.fields.rd()), fpr64(e, i.fields.sa()));
    move_between(e, types::I64, from, to);
}
