//! Comparisons, and what depends on the condition codes that they set. MIPS32 Volume II,
//! "FPU Compare", "FPU Conditional Move".

use super::Format;
use super::cause::{cause_is_known, fcsr, store_no_operation};
use super::checks::Ways;
use super::{read_fpr, write_fpr};
use crate::translate::emit::{Emitter, Instruction};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use mirrorball_runtime::cpu::Cpu;
use mirrorball_runtime::cpu::fpu::Fcsr;
use std::mem::offset_of;

/// The value of a condition code: a boolean.
pub fn condition(e: &mut Emitter<'_>, cc: u32) -> Value {
    debug_assert!(e.may(|i| i.insn.info().condition_read(i.fields) == Some(cc)));
    let index = cc as usize & 7;
    if let Some(condition) = e.fpu.conditions[index] {
        return condition;
    }
    let condition = load_condition(e, cc);
    e.fpu.conditions[index] = Some(condition);
    condition
}

fn load_condition(e: &mut Emitter<'_>, cc: u32) -> Value {
    let fcsr = fcsr(e);
    let bit = i64::from(Fcsr::condition_bit(cc as u8));
    let bit = e.b.ins().band_imm_u(fcsr, bit);
    e.b.ins().icmp_imm_s(IntCC::NotEqual, bit, 0)
}

/// Ends a comparison, which raises nothing.
fn store_condition(e: &mut Emitter<'_>, cc: u32, condition: Value) {
    debug_assert!(e.may(|i| i.insn.info().condition_written(i.fields) == Some(cc)));
    let fcsr = fcsr(e);
    let bit = Fcsr::condition_bit(cc as u8);
    let others = i64::from(!(bit | Fcsr::CAUSE));
    let others = e.b.ins().band_imm_u(fcsr, others);
    let value = e.b.ins().uextend(types::I32, condition);
    let value = e.b.ins().ishl_imm_s(value, i64::from(bit.trailing_zeros()));
    let fcsr = e.b.ins().bor(others, value);
    e.store_cpu(fcsr, offset_of!(Cpu, fcsr));
    store_no_operation(e);
}

/// C.cond: what is in order is compared here. Bits 1 and 2 of cond ask for equal and less; the
/// others are about what is not in order.
fn compare(e: &mut Emitter<'_>, i: &Instruction, format: Format) {
    let (a, b) = (
        read_fpr(e, format, i.fields.rd()),
        read_fpr(e, format, i.fields.rt()),
    );
    let holds = match i.fields.condition() >> 1 & 3 {
        0 => e.b.ins().iconst(types::I8, 0),
        1 => e.b.ins().fcmp(FloatCC::Equal, a, b),
        2 => e.b.ins().fcmp(FloatCC::LessThan, a, b),
        _ => e.b.ins().fcmp(FloatCC::LessThanOrEqual, a, b),
    };
    let ordered = e.b.ins().fcmp(FloatCC::Ordered, a, b);
    let cc = i.fields.compare_cc();
    let ways = Ways::new(e);
    ways.require(e, ordered);
    store_condition(e, cc, holds);
    let holds = ways.join_required(e, i, holds, |e| load_condition(e, cc));
    cause_is_known(e);
    e.fpu.conditions[cc as usize & 7] = Some(holds);
}

pub fn c_s(e: &mut Emitter<'_>, i: &Instruction) {
    compare(e, i, Format::S);
}

pub fn c_d(e: &mut Emitter<'_>, i: &Instruction) {
    compare(e, i, Format::D);
}

/// Moves rs to rd if a condition code is as wanted.
fn move_general(e: &mut Emitter<'_>, i: &Instruction, wanted: bool) {
    let (new, old) = (e.get_whole(i.fields.rs()), e.get_whole(i.fields.rd()));
    let condition = condition(e, i.fields.cc());
    let value = if wanted {
        e.b.ins().select(condition, new, old)
    } else {
        e.b.ins().select(condition, old, new)
    };
    e.set_whole(i.written(), value);
}

pub fn movf(e: &mut Emitter<'_>, i: &Instruction) {
    move_general(e, i, false);
}

pub fn movt(e: &mut Emitter<'_>, i: &Instruction) {
    move_general(e, i, true);
}

/// Moves fs to fd if `condition` is as wanted.
fn move_if(e: &mut Emitter<'_>, i: &Instruction, format: Format, condition: Value, wanted: bool) {
    let (new, old) = (
        read_fpr(e, format, i.fields.rd()),
        read_fpr(e, format, i.fields.sa()),
    );
    let value = if wanted {
        e.b.ins().select(condition, new, old)
    } else {
        e.b.ins().select(condition, old, new)
    };
    write_fpr(e, format, i.fields.sa(), value);
}

/// Conditional moves of one format: on a condition code, on a general register.
macro_rules! moves {
    ($($movf:ident $movt:ident $movz:ident $movn:ident $format:ident;)*) => {
        $(pub fn $movf(e: &mut Emitter<'_>, i: &Instruction) {
            let condition = condition(e, i.fields.cc());
            move_if(e, i, Format::$format, condition, false);
        }

        pub fn $movt(e: &mut Emitter<'_>, i: &Instruction) {
            let condition = condition(e, i.fields.cc());
            move_if(e, i, Format::$format, condition, true);
        }

        pub fn $movz(e: &mut Emitter<'_>, i: &Instruction) {
            let register = e.get_whole(i.fields.rt());
            move_if(e, i, Format::$format, register, false);
        }

        pub fn $movn(e: &mut Emitter<'_>, i: &Instruction) {
            let register = e.get_whole(i.fields.rt());
            move_if(e, i, Format::$format, register, true);
        })*
    };
}

moves! {
    movf_s movt_s movz_s movn_s S;
    movf_d movt_d movz_d movn_d D;
}
