//! What FCSR knows, and what it will have to be told.

use super::Format;
use crate::isa::Effect;
use crate::translate::emit::Emitter;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use mirrorball_runtime::cpu::Cpu;
use mirrorball_runtime::cpu::fpu::{Deferred, Fcsr, Operation};
use std::mem::offset_of;

/// What a block knows of FCSR.
#[derive(Clone, Copy, Default)]
pub struct Cause {
    /// The last operation, while the CPU does not know of it.
    last: Option<Last>,
    /// See [`limit`], by format.
    limits: [Option<Value>; 2],
}

/// An operation and its operands.
#[derive(Clone, Copy)]
struct Last {
    operation: Operation,
    operands: [Option<Value>; 3],
}

/// How many values of the exponent field are those of results for whose sake nothing needs a
/// second look: all but those of zeros, subnormal numbers, infinities and NaNs. The smallest normal
/// number may be the rounded one of a tiny one, so its value is missing too. The first is 2.
pub fn ordinary_exponents(format: Format) -> i64 {
    match format {
        Format::S => 0xfd,
        Format::D => 0x7fd,
    }
}

/// FCSR as it now is, but for Cause.
pub fn fcsr(e: &mut Emitter<'_>) -> Value {
    e.load_cpu(types::I32, offset_of!(Cpu, fcsr))
}

/// How many values of the exponent field results may have that need no second look:
/// [`ordinary_exponents`] if results are rounded to nearest, nothing traps and Inexact is
/// among the Flags, else none.
///
/// In what follows in the block that is sooner too small than too large: operations collect
/// Flags, and nothing else of it changes but by CTC1, which starts anew. What asks first must
/// be on the way to all that follows.
pub(super) fn limit(e: &mut Emitter<'_>, format: Format) -> Value {
    if let Some(limit) = e.fpu.cause.limits[format as usize] {
        return limit;
    }
    let fcsr = fcsr(e);
    let mask = i64::from(Fcsr::MODES | Fcsr::FLAG_INEXACT);
    let modes = e.b.ins().band_imm_s(fcsr, mask);
    let wanted = i64::from(Fcsr::FLAG_INEXACT);
    let common = e.b.ins().icmp_imm_s(IntCC::Equal, modes, wanted);
    let most =
        e.b.ins()
            .iconst(format.pattern(), ordinary_exponents(format));
    let none = e.b.ins().iconst(format.pattern(), 0);
    let limit = e.b.ins().select(common, most, none);
    e.fpu.cause.limits[format as usize] = Some(limit);
    limit
}

/// From here on Cause is what `operation` raises.
pub(super) fn defer(e: &mut Emitter<'_>, operation: Operation, operands: &[Value]) {
    debug_assert!(e.may(|i| i.insn.info().has(Effect::Float)));
    e.fpu.cause.last = Some(Last {
        operation,
        operands: std::array::from_fn(|index| operands.get(index).copied()),
    });
}

/// From here on the CPU knows Cause.
pub(super) fn cause_is_known(e: &mut Emitter<'_>) {
    e.fpu.cause.last = None;
}

/// Tells the CPU that Cause is as FCSR has it.
pub(super) fn store_no_operation(e: &mut Emitter<'_>) {
    store_operation(e, Operation::None);
}

fn store_operation(e: &mut Emitter<'_>, operation: Operation) {
    let operation = e.constant(operation as u32);
    let offset = offset_of!(Cpu, deferred) + offset_of!(Deferred, operation);
    e.store_cpu(operation, offset);
}

/// Tells the CPU of the last operation, on a path that leaves the block.
pub fn store_cause(e: &mut Emitter<'_>) {
    let Some(last) = e.fpu.cause.last else {
        return;
    };
    store_operation(e, last.operation);
    for (index, operand) in last.operands.into_iter().enumerate() {
        let Some(operand) = operand else { continue };
        let narrow = e.b.func.dfg.value_type(operand).bytes() == 4;
        let lower = if narrow && cfg!(target_endian = "big") {
            4
        } else {
            0
        };
        let operands = offset_of!(Cpu, deferred) + offset_of!(Deferred, operands);
        e.store_cpu(operand, operands + index * 8 + lower);
    }
}

/// Tells the CPU of the last operation, at the end of the block.
pub fn materialize_cause(e: &mut Emitter<'_>) {
    store_cause(e);
    cause_is_known(e);
}
