//! Loads and stores: the inline probe of the software TLB. A miss is interpreted.

use super::emit::{Emitter, Instruction, register_offset};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Type, Value, types};
use mirrorball_runtime::addr::{PAGE_BITS, PAGE_SIZE};
use mirrorball_runtime::mmu::soft::{DATA_ENTRIES, DataEntry, Space};
use std::mem::{offset_of, size_of};

/// A probe whose hit is the current path.
pub struct Probe {
    /// Where the bytes are.
    pub host: Value,
    /// The path of the miss, still empty.
    pub miss: Block,
    /// Where both paths meet, still empty.
    pub done: Block,
}

/// Probes the software TLB for `size` aligned bytes at `va`. Goes on where the probe hit.
pub fn probe(e: &mut Emitter<'_>, va: Value, size: u32, write: bool) -> Probe {
    let trusted = MemFlagsData::trusted();
    let shift = PAGE_BITS - size_of::<DataEntry>().ilog2();
    let mask = (DATA_ENTRIES - 1) * size_of::<DataEntry>();
    let index = e.b.ins().ushr_imm_s(va, i64::from(shift));
    let index = e.b.ins().band_imm_s(index, mask as i64);
    let index = e.b.ins().uextend(types::I64, index);
    let entry = e.b.ins().iadd(e.space, index);
    let field = if write {
        offset_of!(DataEntry, write)
    } else {
        offset_of!(DataEntry, read)
    };
    let base = offset_of!(Space, data);
    let tag =
        e.b.ins()
            .load(types::I32, trusted, entry, (base + field) as i32);
    let wanted = !(PAGE_SIZE as u32 - 1) | (size - 1);
    let wanted = e.b.ins().band_imm_s(va, i64::from(wanted as i32));
    let hit = e.b.ins().icmp(IntCC::Equal, tag, wanted);
    let (found, miss, done) = (e.b.create_block(), e.cold_block(), e.b.create_block());
    e.b.ins().brif(hit, found, &[], miss, &[]);
    e.b.switch_to_block(found);
    let addend = e.b.ins().load(
        types::I64,
        trusted,
        entry,
        (base + offset_of!(DataEntry, addend)) as i32,
    );
    let va = e.b.ins().uextend(types::I64, va);
    let host = e.b.ins().iadd(addend, va);
    Probe { host, miss, done }
}

pub fn address(e: &mut Emitter<'_>, i: &Instruction) -> Value {
    let base = e.get(i.fields.rs());
    if i.op.imm == 0 {
        base
    } else {
        e.b.ins().iadd_imm_s(base, i64::from(i.op.imm as i32))
    }
}

/// Guest memory may hold anything anywhere: it is read and written as it comes.
pub fn guest() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// Swaps bytes if the guest's order is not the host's.
pub fn order(e: &mut Emitter<'_>, value: Value, ty: Type) -> Value {
    if e.region.big_endian && ty != types::I8 {
        e.b.ins().bswap(value)
    } else {
        value
    }
}

pub fn load_host(e: &mut Emitter<'_>, host: Value, ty: Type) -> Value {
    let value = e.b.ins().load(ty, guest(), host, 0);
    order(e, value, ty)
}

/// The hit is through: goes to where the paths meet with `value`; the miss is interpreted, and
/// reads the register that the interpreter wrote. Sets the register.
fn finish_load(e: &mut Emitter<'_>, i: &Instruction, probe: &Probe, value: Value) {
    e.b.append_block_param(probe.done, types::I32);
    e.b.ins().jump(probe.done, &[BlockArg::Value(value)]);
    e.b.switch_to_block(probe.miss);
    e.interpret(i);
    let slow = e.b.ins().load(
        types::I32,
        MemFlagsData::trusted(),
        e.vm,
        register_offset(i.written()),
    );
    e.b.ins().jump(probe.done, &[BlockArg::Value(slow)]);
    e.b.switch_to_block(probe.done);
    let value = e.b.block_params(probe.done)[0];
    e.set(i.written(), value);
}

/// The hit is through; the miss is interpreted.
pub fn finish(e: &mut Emitter<'_>, i: &Instruction, probe: &Probe) {
    e.b.ins().jump(probe.done, &[]);
    e.b.switch_to_block(probe.miss);
    e.interpret(i);
    e.b.ins().jump(probe.done, &[]);
    e.b.switch_to_block(probe.done);
}

fn load(e: &mut Emitter<'_>, i: &Instruction, ty: Type, signed: bool) {
    let va = address(e, i);
    let probe = probe(e, va, ty.bytes(), false);
    let value = load_host(e, probe.host, ty);
    let value = match (ty == types::I32, signed) {
        (true, _) => value,
        (false, true) => e.b.ins().sextend(types::I32, value),
        (false, false) => e.b.ins().uextend(types::I32, value),
    };
    finish_load(e, i, &probe, value);
}

/// Loads.
macro_rules! loads {
    ($($name:ident $ty:ident $signed:literal;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            load(e, i, types::$ty, $signed);
        })*
    };
}

loads! {
    lb I8 true;
    lbu I8 false;
    lh I16 true;
    lhu I16 false;
    lw I32 false;
}

fn store(e: &mut Emitter<'_>, i: &Instruction, ty: Type) {
    let va = address(e, i);
    let value = e.get(i.fields.rt());
    let probe = probe(e, va, ty.bytes(), true);
    let value = if ty == types::I32 {
        value
    } else {
        e.b.ins().ireduce(ty, value)
    };
    let value = order(e, value, ty);
    e.b.ins().store(guest(), value, probe.host, 0);
    finish(e, i, &probe);
}

/// Stores.
macro_rules! stores {
    ($($name:ident $ty:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            store(e, i, types::$ty);
        })*
    };
}

stores! {
    sb I8;
    sh I16;
    sw I32;
}

/// LWL and LWR: the word around the address is loaded and shifted into the register.
fn load_part(e: &mut Emitter<'_>, i: &Instruction, left: bool) {
    let va = address(e, i);
    let old = e.get(i.fields.rt());
    let word = e.b.ins().band_imm_s(va, -4);
    let probe = probe(e, word, 4, false);
    let value = load_host(e, probe.host, types::I32);
    let byte = e.b.ins().band_imm_s(va, 3);
    // LWL shifts by the bytes that lie before the address, most significant first; LWR by those
    // behind it.
    let bytes = if left == e.region.big_endian {
        byte
    } else {
        e.b.ins().bxor_imm_s(byte, 3)
    };
    let shift = e.b.ins().ishl_imm_s(bytes, 3);
    let ones = e.constant(u32::MAX);
    let (new, mask) = if left {
        (e.b.ins().ishl(value, shift), e.b.ins().ishl(ones, shift))
    } else {
        (e.b.ins().ushr(value, shift), e.b.ins().ushr(ones, shift))
    };
    let kept = e.b.ins().band_not(old, mask);
    let value = e.b.ins().bor(new, kept);
    finish_load(e, i, &probe, value);
}

pub fn lwl(e: &mut Emitter<'_>, i: &Instruction) {
    load_part(e, i, true);
}

pub fn lwr(e: &mut Emitter<'_>, i: &Instruction) {
    load_part(e, i, false);
}
