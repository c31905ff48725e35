//! Multiplication and division through HI and LO, as host instructions.

use super::emit::{Emitter, Instruction};
use crate::interp::block::Meaning;
use crate::isa::{Access, HI, LO, State};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

fn operands(e: &mut Emitter<'_>, i: &Instruction) -> (Value, Value) {
    (e.get(i.fields.rs()), e.get(i.fields.rt()))
}

fn product(e: &mut Emitter<'_>, i: &Instruction, signed: bool) -> Value {
    let (s, t) = operands(e, i);
    let (s, t) = if signed {
        (
            e.b.ins().sextend(types::I64, s),
            e.b.ins().sextend(types::I64, t),
        )
    } else {
        (
            e.b.ins().uextend(types::I64, s),
            e.b.ins().uextend(types::I64, t),
        )
    };
    e.b.ins().imul(s, t)
}

fn accumulator(e: &mut Emitter<'_>) -> Value {
    let (hi, lo) = (e.get(HI as u32), e.get(LO as u32));
    let hi = e.b.ins().uextend(types::I64, hi);
    let lo = e.b.ins().uextend(types::I64, lo);
    let hi = e.b.ins().ishl_imm_s(hi, 32);
    e.b.ins().bor(hi, lo)
}

fn set_accumulator(e: &mut Emitter<'_>, value: Value) {
    let lo = e.b.ins().ireduce(types::I32, value);
    let hi = e.b.ins().ushr_imm_s(value, 32);
    let hi = e.b.ins().ireduce(types::I32, hi);
    e.set(HI, hi);
    e.set(LO, lo);
}

/// Products, alone and with the accumulator.
macro_rules! products {
    ($($plain:ident $add:ident $subtract:ident $signed:literal;)*) => {
        $(pub fn $plain(e: &mut Emitter<'_>, i: &Instruction) {
            let value = product(e, i, $signed);
            set_accumulator(e, value);
        }

        pub fn $add(e: &mut Emitter<'_>, i: &Instruction) {
            let (product, acc) = (product(e, i, $signed), accumulator(e));
            let value = e.b.ins().iadd(acc, product);
            set_accumulator(e, value);
        }

        pub fn $subtract(e: &mut Emitter<'_>, i: &Instruction) {
            let (product, acc) = (product(e, i, $signed), accumulator(e));
            let value = e.b.ins().isub(acc, product);
            set_accumulator(e, value);
        })*
    };
}

products! {
    mult madd msub true;
    multu maddu msubu false;
}

/// Where the host would trap, 1 is divided by instead; what the guest sees is chosen afterwards.
pub fn div(e: &mut Emitter<'_>, i: &Instruction) {
    let (s, t) = operands(e, i);
    let zero = e.b.ins().icmp_imm_s(IntCC::Equal, t, 0);
    let smallest = e.b.ins().icmp_imm_s(IntCC::Equal, s, i64::from(i32::MIN));
    let minus_one = e.b.ins().icmp_imm_s(IntCC::Equal, t, -1);
    let overflow = e.b.ins().band(smallest, minus_one);
    let unsafe_ = e.b.ins().bor(zero, overflow);
    let one = e.constant(1);
    let divisor = e.b.ins().select(unsafe_, one, t);
    let quotient = e.b.ins().sdiv(s, divisor);
    let remainder = if reads_hi(e) {
        e.b.ins().srem(s, divisor)
    } else {
        remainder(e, s, divisor, quotient)
    };
    let negative = e.b.ins().icmp_imm_s(IntCC::SignedLessThan, s, 0);
    let minus = e.constant(u32::MAX);
    let by_zero = e.b.ins().select(negative, one, minus);
    finish(e, zero, (by_zero, s), (quotient, remainder));
}

pub fn divu(e: &mut Emitter<'_>, i: &Instruction) {
    let (s, t) = operands(e, i);
    let zero = e.b.ins().icmp_imm_s(IntCC::Equal, t, 0);
    let one = e.constant(1);
    let divisor = e.b.ins().select(zero, one, t);
    let quotient = e.b.ins().udiv(s, divisor);
    let remainder = if reads_hi(e) {
        e.b.ins().urem(s, divisor)
    } else {
        remainder(e, s, divisor, quotient)
    };
    let minus = e.constant(u32::MAX);
    finish(e, zero, (minus, s), (quotient, remainder));
}

/// Whether the current block reads HI, and so most likely the remainder.
fn reads_hi(e: &Emitter<'_>) -> bool {
    let mut code = e.source.code.iter();
    code.any(|&(_, meaning)| match meaning {
        Meaning::Insn(insn) => insn.info().access(State::Hi) == Some(Access::R),
        _ => false,
    })
}

/// What is left of `s`. Another division would be faster, but is one even if it is not used.
fn remainder(e: &mut Emitter<'_>, s: Value, divisor: Value, quotient: Value) -> Value {
    let product = e.b.ins().imul(quotient, divisor);
    e.b.ins().isub(s, product)
}

fn finish(e: &mut Emitter<'_>, zero: Value, by_zero: (Value, Value), result: (Value, Value)) {
    let lo = e.b.ins().select(zero, by_zero.0, result.0);
    let hi = e.b.ins().select(zero, by_zero.1, result.1);
    e.set(LO, lo);
    e.set(HI, hi);
}

pub fn mfhi(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.get_whole(HI as u32);
    e.set_whole(i.written(), value);
}

pub fn mflo(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.get_whole(LO as u32);
    e.set_whole(i.written(), value);
}

pub fn mthi(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.get_whole(i.fields.rs());
    e.set_whole(HI, value);
}

pub fn mtlo(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.get_whole(i.fields.rs());
    e.set_whole(LO, value);
}
