//! Moves to, from and between FPU registers. MIPS32 Volume II, "FPU Move".

use super::Format;
use super::{
    read_fpr, read_fpr_pattern, read_fpr_upper, write_fpr, write_fpr_pattern, write_fpr_upper,
};
use crate::translate::emit::{Emitter, Instruction};

pub fn mfc1(e: &mut Emitter<'_>, i: &Instruction) {
    let value = read_fpr_pattern(e, Format::S, i.fields.rd());
    e.set(i.written(), value);
}

pub fn mtc1(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.get(i.fields.rt());
    write_fpr_pattern(e, Format::S, i.fields.rd(), value);
}

pub fn mfhc1(e: &mut Emitter<'_>, i: &Instruction) {
    let value = read_fpr_upper(e, i.fields.rd());
    e.set(i.written(), value);
}

pub fn mthc1(e: &mut Emitter<'_>, i: &Instruction) {
    let value = e.get(i.fields.rt());
    write_fpr_upper(e, i.fields.rd(), value);
}

pub fn mov_s(e: &mut Emitter<'_>, i: &Instruction) {
    let value = read_fpr(e, Format::S, i.fields.rd());
    write_fpr(e, Format::S, i.fields.sa(), value);
}

pub fn mov_d(e: &mut Emitter<'_>, i: &Instruction) {
    let value = read_fpr(e, Format::D, i.fields.rd());
    write_fpr(e, Format::D, i.fields.sa(), value);
}
