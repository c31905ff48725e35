//! Loads and stores of FPU registers: see [`crate::translate::memory`]. MIPS32 Volume II,
//! "FPU Load, Store".

use super::Format;
use super::{load_fpr, number_of, pattern_of, read_fpr, write_fpr};
use crate::translate::emit::{Emitter, Instruction};
use crate::translate::memory::{
    Place, access, access_only, address, load_as_it_is, load_at, order, store_at,
};
use cranelift_codegen::ir::{InstBuilder, Value};

fn load(e: &mut Emitter<'_>, i: &Instruction, va: Value, format: Format, register: u32) {
    let hit = |e: &mut Emitter<'_>, place: Place| {
        Some(if e.region.big_endian {
            let pattern = load_at(e, place, format.pattern());
            number_of(e, format, pattern)
        } else {
            load_as_it_is(e, place, format.number())
        })
    };
    debug_assert_eq!(format.pattern().bytes(), i.memory().bytes());
    let value = access(e, i, va, Some(format.number()), hit, |e| {
        Some(load_fpr(e, format, register))
    });
    if let Some(value) = value {
        write_fpr(e, format, register, value);
    }
}

fn store(e: &mut Emitter<'_>, i: &Instruction, va: Value, format: Format, register: u32) {
    let mut value = read_fpr(e, format, register);
    if e.region.big_endian {
        let pattern = pattern_of(e, format, value);
        value = order(e, pattern, format.pattern());
    }
    debug_assert_eq!(format.pattern().bytes(), i.memory().bytes());
    access_only(e, i, va, |e, place| store_at(e, place, value));
}

fn indexed(e: &mut Emitter<'_>, i: &Instruction) -> Value {
    let (base, index) = (e.get(i.fields.rs()), e.get(i.fields.rt()));
    e.b.ins().iadd(base, index)
}

/// Where LUXC1 and SUXC1 go: the low address bits do not count.
fn indexed_unaligned(e: &mut Emitter<'_>, i: &Instruction) -> Value {
    let va = indexed(e, i);
    e.b.ins().band_imm_s(va, -8)
}

/// Loads and stores.
macro_rules! accesses {
    ($($name:ident $access:ident $address:ident $format:ident $register:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            let va = $address(e, i);
            $access(e, i, va, Format::$format, i.fields.$register());
        })*
    };
}

accesses! {
    lwc1 load address S rt;
    ldc1 load address D rt;
    swc1 store address S rt;
    sdc1 store address D rt;
    lwxc1 load indexed S sa;
    ldxc1 load indexed D sa;
    luxc1 load indexed_unaligned D sa;
    swxc1 store indexed S rd;
    sdxc1 store indexed D rd;
    suxc1 store indexed_unaligned D rd;
}
