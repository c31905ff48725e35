//! Integer arithmetic, logic, shifts, bit fields and conditional moves, as host instructions.

use super::emit::{Emitter, Instruction};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// Instructions of the form rd ← f(rs, rt) that are one Cranelift instruction, on 32 bits or on whole
/// registers.
macro_rules! three_registers {
    ($get:ident $set:ident: $($name:ident $method:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            let (s, t) = (e.$get(i.fields.rs()), e.$get(i.fields.rt()));
            let value = e.b.ins().$method(s, t);
            e.$set(i.written(), value);
        })*
    };
}

three_registers! { get set:
    addu iadd;
    subu isub;
    mul imul;
}

three_registers! { get_whole set_whole:
    and band;
    or bor;
    xor bxor;
    daddu iadd;
}

pub fn nor(e: &mut Emitter<'_>, i: &Instruction) {
    let (s, t) = (e.get_whole(i.fields.rs()), e.get_whole(i.fields.rt()));
    let either = e.b.ins().bor(s, t);
    let value = e.b.ins().bnot(either);
    e.set_whole(i.written(), value);
}

/// Shifts by a register: rd ← rt shifted by rs, whose upper bits do not count.
macro_rules! shifts_by_register {
    ($($name:ident $method:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            let (s, t) = (e.get(i.fields.rs()), e.get(i.fields.rt()));
            let value = e.b.ins().$method(t, s);
            e.set(i.written(), value);
        })*
    };
}

shifts_by_register! {
    sllv ishl;
    srlv ushr;
    srav sshr;
    rotrv rotr;
}

/// Shifts by a constant: rd ← rt shifted by sa.
macro_rules! shifts {
    ($($name:ident $method:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            if i.written() == 0 {
                return;
            }
            let t = e.get(i.fields.rt());
            let value = e.b.ins().$method(t, i64::from(i.op.imm));
            e.set(i.written(), value);
        })*
    };
}

shifts! {
    sll ishl_imm_s;
    srl ushr_imm_s;
    sra sshr_imm_s;
    rotr rotr_imm_s;
}

/// The same on 64 bits.
macro_rules! double_shifts {
    ($($name:ident $method:ident $more:literal;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            let t = e.get_whole(i.fields.rt());
            let value = e.b.ins().$method(t, i64::from(i.op.imm + $more));
            e.set_whole(i.written(), value);
        })*
    };
}

double_shifts! {
    dsll ishl_imm_s 0;
    dsll32 ishl_imm_s 32;
    dsrl32 ushr_imm_s 32;
}

/// Instructions of the form rt ← f(rs, immediate).
macro_rules! with_immediate {
    ($get:ident $constant:ident $set:ident: $($name:ident $method:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            let (s, imm) = (e.$get(i.fields.rs()), e.$constant(i.op.imm));
            let value = e.b.ins().$method(s, imm);
            e.$set(i.written(), value);
        })*
    };
}

with_immediate! { get constant set:
    addiu iadd;
}

with_immediate! { get_whole whole_constant set_whole:
    andi band;
    ori bor;
    xori bxor;
    daddiu iadd;
}

fn set_if(e: &mut Emitter<'_>, i: &Instruction, condition: IntCC, a: Value, b: Value) {
    let flag = e.b.ins().icmp(condition, a, b);
    let value = e.b.ins().uextend(e.word, flag);
    e.set_whole(i.written(), value);
}

/// Comparisons: of registers, and with an immediate.
macro_rules! comparisons {
    ($($name:ident $immediate:ident $condition:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            let (s, t) = (e.get_whole(i.fields.rs()), e.get_whole(i.fields.rt()));
            set_if(e, i, IntCC::$condition, s, t);
        }

        pub fn $immediate(e: &mut Emitter<'_>, i: &Instruction) {
            let (s, imm) = (e.get_whole(i.fields.rs()), e.whole_constant(i.op.imm));
            set_if(e, i, IntCC::$condition, s, imm);
        })*
    };
}

comparisons! {
    slt slti SignedLessThan;
    sltu sltiu UnsignedLessThan;
}

pub fn lui(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.constant(i.op.imm << 16);
    e.set(i.written(), value);
}

pub fn clz(e: &mut Emitter<'_>, i: &Instruction) {
    let s = e.get(i.fields.rs());
    let value = e.b.ins().clz(s);
    e.set(i.written(), value);
}

pub fn clo(e: &mut Emitter<'_>, i: &Instruction) {
    let s = e.get(i.fields.rs());
    let inverse = e.b.ins().bnot(s);
    let value = e.b.ins().clz(inverse);
    e.set(i.written(), value);
}

/// Arithmetic that traps on overflow: the interpreter raises the exception.
fn trapping(e: &mut Emitter<'_>, i: &Instruction, result: Value, overflow: Value) {
    e.interpret_if(i, overflow);
    e.set(i.written(), result);
}

fn add_checked(e: &mut Emitter<'_>, i: &Instruction, s: Value, t: Value) {
    let (sum, overflow) = e.b.ins().sadd_overflow(s, t);
    trapping(e, i, sum, overflow);
}

pub fn add(e: &mut Emitter<'_>, i: &Instruction) {
    let (s, t) = (e.get(i.fields.rs()), e.get(i.fields.rt()));
    add_checked(e, i, s, t);
}

pub fn addi(e: &mut Emitter<'_>, i: &Instruction) {
    let (s, imm) = (e.get(i.fields.rs()), e.constant(i.op.imm));
    add_checked(e, i, s, imm);
}

pub fn sub(e: &mut Emitter<'_>, i: &Instruction) {
    let (s, t) = (e.get(i.fields.rs()), e.get(i.fields.rt()));
    let (difference, overflow) = e.b.ins().ssub_overflow(s, t);
    trapping(e, i, difference, overflow);
}

fn move_if(e: &mut Emitter<'_>, i: &Instruction, zero: bool) {
    if i.written() == 0 {
        return;
    }
    let (s, t, old) = (
        e.get_whole(i.fields.rs()),
        e.get_whole(i.fields.rt()),
        e.get_whole(i.fields.rd()),
    );
    let value = if zero {
        e.b.ins().select(t, old, s)
    } else {
        e.b.ins().select(t, s, old)
    };
    e.set_whole(i.written(), value);
}

pub fn movz(e: &mut Emitter<'_>, i: &Instruction) {
    move_if(e, i, true);
}

pub fn movn(e: &mut Emitter<'_>, i: &Instruction) {
    move_if(e, i, false);
}

pub fn ext(e: &mut Emitter<'_>, i: &Instruction) {
    let (position, top) = (i.fields.sa(), i.fields.rd());
    let s = e.get(i.fields.rs());
    let shifted = e.b.ins().ushr_imm_s(s, i64::from(position));
    let mask = e.constant(u32::MAX >> (31 - top));
    let value = e.b.ins().band(shifted, mask);
    e.set(i.written(), value);
}

pub fn ins(e: &mut Emitter<'_>, i: &Instruction) {
    let (position, last) = (i.fields.sa(), i.fields.rd());
    let Some(top) = last.checked_sub(position) else {
        return;
    };
    let mask = (u32::MAX >> (31 - top)) << position;
    let (s, old) = (e.get(i.fields.rs()), e.get(i.fields.rt()));
    let (inside, outside) = (e.constant(mask), e.constant(!mask));
    let shifted = e.b.ins().ishl_imm_s(s, i64::from(position));
    let new = e.b.ins().band(shifted, inside);
    let kept = e.b.ins().band(old, outside);
    let value = e.b.ins().bor(new, kept);
    e.set(i.written(), value);
}

pub fn seb(e: &mut Emitter<'_>, i: &Instruction) {
    sign_extend(e, i, types::I8);
}

pub fn seh(e: &mut Emitter<'_>, i: &Instruction) {
    sign_extend(e, i, types::I16);
}

fn sign_extend(e: &mut Emitter<'_>, i: &Instruction, ty: types::Type) {
    let t = e.get(i.fields.rt());
    let low = e.b.ins().ireduce(ty, t);
    let value = e.b.ins().sextend(types::I32, low);
    e.set(i.written(), value);
}

pub fn wsbh(e: &mut Emitter<'_>, i: &Instruction) {
    let t = e.get(i.fields.rt());
    let swapped = e.b.ins().bswap(t);
    let value = e.b.ins().rotr_imm_s(swapped, 16);
    e.set(i.written(), value);
}

/// Traps: if the condition holds, the interpreter raises the exception.
macro_rules! traps {
    ($($name:ident $immediate:ident $condition:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            let (s, t) = (e.get_whole(i.fields.rs()), e.get_whole(i.fields.rt()));
            let condition = e.b.ins().icmp(IntCC::$condition, s, t);
            e.interpret_if(i, condition);
        }

        pub fn $immediate(e: &mut Emitter<'_>, i: &Instruction) {
            let (s, imm) = (e.get_whole(i.fields.rs()), e.whole_constant(i.op.imm));
            let condition = e.b.ins().icmp(IntCC::$condition, s, imm);
            e.interpret_if(i, condition);
        })*
    };
}

traps! {
    tge tgei SignedGreaterThanOrEqual;
    tgeu tgeiu UnsignedGreaterThanOrEqual;
    tlt tlti SignedLessThan;
    tltu tltiu UnsignedLessThan;
    teq teqi Equal;
    tne tnei NotEqual;
}

/// Instructions that do nothing here: hints and barriers.
macro_rules! nothing {
    ($($name:ident)*) => {
        $(pub fn $name(_: &mut Emitter<'_>, _: &Instruction) {})*
    };
}

nothing! { pref prefx sync }
