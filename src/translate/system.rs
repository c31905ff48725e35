//! CP0 moves, and what else of the privileged instructions translated code does by itself: reads,
//! and writes without consequence. All else is interpreted.

use super::emit::{Emitter, Instruction};
use super::memory;
use crate::isa::{Fields, Insn};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use mirrorball_runtime::cpu::Cpu;
use mirrorball_runtime::cpu::cp0::{
    CAUSE_DC, CAUSE_IP, Cp0, ENTRYHI_ASID, STATUS_CLEAR_ONLY, STATUS_EXL, STATUS_IE,
    STATUS_KSU_SHIFT,
};
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::cpu::plain::plain;
use std::mem::offset_of;

/// Whether translated code does a privileged instruction by itself, as long as nothing follows
/// from it but another value in a register. Else the interpreter does it, and with it the monitor.
#[must_use]
pub fn done_alone(model: &Model, insn: Insn, fields: Fields) -> bool {
    let (reg, sel) = (fields.rd(), fields.select());
    let plain = plain(model, reg, sel);
    match insn {
        Insn::Mfc0 => plain.is_some() || matches!((reg, sel), (9 | 13 | 15, 0) | (16, 1..=3)),
        Insn::Mtc0 => {
            matches!((reg, sel), (10 | 12, 0)) || plain.is_some_and(|plain| plain.mask != 0)
        }
        _ => false,
    }
}

macro_rules! field {
    ($name:ident) => {
        offset_of!(Cpu, cp0) + offset_of!(Cp0, $name)
    };
}

pub fn mfc0(e: &mut Emitter<'_>, i: &Instruction) {
    let model = e.region.model;
    let (reg, sel) = (i.fields.rd(), i.fields.select());
    let value = match (reg, sel) {
        (9, 0) => return count(e, i),
        (13, 0) => cause(e),
        (15, 0) => e.constant(model.prid),
        (16, 1) => e.constant(model.config1),
        (16, 2) => e.constant(model.config2),
        (16, 3) => e.constant(model.config3),
        _ => match plain(model, reg, sel) {
            Some(plain) => e.load_cpu(types::I32, plain.offset),
            None => return e.through_interpreter(i),
        },
    };
    e.set(i.written(), value);
}

/// Cause with the levels of the interrupt lines.
fn cause(e: &mut Emitter<'_>) -> Value {
    let cause = e.load_cpu(types::I32, field!(cause));
    let lines = e.load_cpu(types::I32, field!(lines));
    e.b.ins().bor(cause, lines)
}

/// Count: what it was at cycle 0 and the cycles since then, unless it stands still.
fn count(e: &mut Emitter<'_>, i: &Instruction) {
    let base = e.load_cpu(types::I32, field!(count_base));
    let now = e.now(i);
    let moving = e.b.ins().iadd(base, now);
    let cause = e.load_cpu(types::I32, field!(cause));
    let stopped = e.b.ins().band_imm_s(cause, i64::from(CAUSE_DC));
    let value = e.b.ins().select(stopped, base, moving);
    e.set(i.written(), value);
}

/// Goes to `slow` if `condition` is not zero.
fn unless(e: &mut Emitter<'_>, condition: Value, slow: Block) {
    let on = e.b.create_block();
    e.b.ins().brif(condition, slow, &[], on, &[]);
    e.begin(on);
}

fn bits(e: &mut Emitter<'_>, value: Value, mask: u32) -> Value {
    e.b.ins().band_imm_s(value, i64::from(mask as i32))
}

/// `value` in the bits of `mask`, `old` in all others.
fn merge(e: &mut Emitter<'_>, old: Value, value: Value, mask: u32) -> Value {
    if mask == !0 {
        return value;
    }
    let (kept, new) = (bits(e, old, !mask), bits(e, value, mask));
    e.b.ins().bor(kept, new)
}

pub fn mtc0(e: &mut Emitter<'_>, i: &Instruction) {
    let (reg, sel) = (i.fields.rd(), i.fields.select());
    let value = e.get(i.fields.rt());
    let plain = plain(e.region.model, reg, sel);
    match (reg, sel, plain) {
        (10, 0, _) => by_itself(e, i, |e, slow| entry_hi(e, value, slow)),
        (12, 0, _) if e.region.kernel => by_itself(e, i, |e, slow| status(e, value, slow)),
        (_, _, Some(plain)) if plain.mask != 0 => {
            let old = e.load_cpu(types::I32, plain.offset);
            let new = merge(e, old, value, plain.mask);
            e.store_cpu(new, plain.offset);
            e.go_on();
        }
        _ => e.interpret_and_go_on(i),
    }
}

/// An instruction that translated code does by itself, with a way out to the interpreter.
fn by_itself(e: &mut Emitter<'_>, i: &Instruction, fast: impl FnOnce(&mut Emitter<'_>, Block)) {
    let slow = e.cold_block();
    fast(e, slow);
    let before = e.registers.clone();
    e.go_on();
    e.begin(slow);
    e.registers = before;
    e.interpret_and_go_on(i);
}

/// EntryHi, while the ASID stays as it is.
fn entry_hi(e: &mut Emitter<'_>, value: Value, slow: Block) {
    let old = e.load_cpu(types::I32, field!(entry_hi));
    let new = bits(e, value, 0xffff_e000 | ENTRYHI_ASID);
    let changed = e.b.ins().bxor(old, new);
    let changed = bits(e, changed, ENTRYHI_ASID);
    unless(e, changed, slow);
    e.store_cpu(new, field!(entry_hi));
}

/// Status, while the mode stays the kernel's, nothing but interrupts and the mode's bits change,
/// and no interrupt is to be taken.
fn status(e: &mut Emitter<'_>, value: Value, slow: Block) {
    const KSU: u32 = 3 << STATUS_KSU_SHIFT;
    let harmless = CAUSE_IP | STATUS_IE | STATUS_EXL | KSU;
    let mask = e.region.model.status_mask & !STATUS_CLEAR_ONLY;
    let old = e.load_cpu(types::I32, field!(status));
    let new = merge(e, old, value, mask);
    let changed = e.b.ins().bxor(old, new);
    let changed = bits(e, changed, !harmless);
    let sticky = bits(e, old, STATUS_CLEAR_ONLY);
    let odd = e.b.ins().bor(changed, sticky);
    unless(e, odd, slow);
    // The kernel's mode: at exception level, or with KSU 0.
    let ksu = bits(e, new, KSU);
    let level = bits(e, new, STATUS_EXL);
    let zero = e.constant(0);
    let low = e.b.ins().select(level, zero, ksu);
    unless(e, low, slow);
    let cause = cause(e);
    let pending = e.b.ins().band(cause, new);
    let pending = bits(e, pending, CAUSE_IP);
    let mode = bits(e, new, STATUS_IE | STATUS_EXL);
    let enabled =
        e.b.ins()
            .icmp_imm_s(IntCC::Equal, mode, i64::from(STATUS_IE));
    let taken = e.b.ins().select(enabled, pending, zero);
    unless(e, taken, slow);
    e.store_cpu(new, field!(status));
}

/// CACHE: there are no caches. Operations by index do nothing; those by address, 4 to 7, translate
/// it, which kseg0 and kseg1 always do for the kernel.
pub fn cache(e: &mut Emitter<'_>, i: &Instruction) {
    if !e.region.kernel || e.is_wide() {
        return e.through_interpreter(i);
    }
    if i.fields.rt() >> 2 >= 4 {
        let va = memory::address(e, i);
        let segment = e.b.ins().ushr_imm_s(va, 30);
        let mapped = e.b.ins().icmp_imm_u(IntCC::NotEqual, segment, 2);
        e.interpret_if(i, mapped);
    }
}

macro_rules! goes_on {
    ($($name:ident)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            e.interpret_and_go_on(i);
        })*
    };
}

goes_on! {
    di ei tlbr tlbwi tlbwr
}
