//! Loads and stores of FPU registers: see [`crate::translate::memory`]. MIPS32 Volume II,
//! "FPU Load, Store".

use super::Format;
use crate::translate::emit::{Emitter, Instruction};
use crate::translate::memory::{address, finish, guest, load_host, order, probe};
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value};

fn load(e: &mut Emitter<'_>, i: &Instruction, va: Value, format: Format, register: u32) {
    let probe = probe(e, va, format.pattern().bytes(), false);
    let value = if e.region.big_endian {
        let pattern = load_host(e, probe.host, format.pattern());
        e.number_of(format, pattern)
    } else {
        load_host(e, probe.host, format.number())
    };
    e.b.append_block_param(probe.done, format.number());
    e.b.ins().jump(probe.done, &[BlockArg::Value(value)]);
    e.begin(probe.miss);
    e.interpret(i);
    let slow = e.load_fpr(format, register);
    e.b.ins().jump(probe.done, &[BlockArg::Value(slow)]);
    e.begin(probe.done);
    let value = e.b.block_params(probe.done)[0];
    e.write_fpr(format, register, value);
}

fn store(e: &mut Emitter<'_>, i: &Instruction, va: Value, format: Format, register: u32) {
    let mut value = e.read_fpr(format, register);
    let probe = probe(e, va, format.pattern().bytes(), true);
    if e.region.big_endian {
        let pattern = e.pattern_of(format, value);
        value = order(e, pattern, format.pattern());
    }
    e.b.ins().store(guest(), value, probe.host, 0);
    finish(e, i, &probe);
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
