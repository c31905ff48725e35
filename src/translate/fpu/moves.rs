//! Moves to, from and between FPU registers. MIPS32 Volume II, "FPU Move".

use super::Format;
use crate::translate::emit::{Emitter, Instruction};

pub fn mfc1(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.read_fpr_pattern(Format::S, i.fields.rd());
    e.set(i.written(), value);
}

pub fn mtc1(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.get(i.fields.rt());
    e.write_fpr_pattern(Format::S, i.fields.rd(), value);
}

pub fn mfhc1(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.read_fpr_upper(i.fields.rd());
    e.set(i.written(), value);
}

pub fn mthc1(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.get(i.fields.rt());
    e.write_fpr_upper(i.fields.rd(), value);
}

pub fn mov_s(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.read_fpr(Format::S, i.fields.rd());
    e.write_fpr(Format::S, i.fields.sa(), value);
}

pub fn mov_d(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.read_fpr(Format::D, i.fields.rd());
    e.write_fpr(Format::D, i.fields.sa(), value);
}
