//! Loads and stores: the inline probe of the software TLB. A miss is interpreted.

use super::emit::{Emitter, Instruction, register_offset};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Type, Value, types};
use mirrorball_runtime::addr::PAGE_BITS;
use mirrorball_runtime::cpu::Cpu;
use mirrorball_runtime::mmu::soft::Space;
use std::mem::offset_of;

/// A probe whose hit is the current path.
struct Probe {
    /// Where the bytes are.
    host: Value,
    /// The path of the miss, still empty.
    miss: Block,
    /// Where both paths meet, still empty.
    done: Block,
}

/// Probes the software TLB for `size` aligned bytes at `va`. Goes on where the probe hit.
///
/// All is computed before the branches: what is cheap to compute would be computed again behind
/// each of them.
fn probe(e: &mut Emitter<'_>, va: Value, size: u32, write: bool) -> Probe {
    let (miss, done) = (e.cold_block(), e.b.create_block());
    let page = e.b.ins().ushr_imm_s(va, i64::from(PAGE_BITS));
    let page = e.b.ins().uextend(types::I64, page);
    let offset = e.b.ins().ishl_imm_s(page, 3);
    let entry = e.b.ins().iadd(e.space, offset);
    let table = if write {
        offset_of!(Space, write)
    } else {
        offset_of!(Space, read)
    };
    let trusted = MemFlagsData::trusted();
    let addend = e.b.ins().load(types::I64, trusted, entry, table as i32);
    let wide = e.b.ins().uextend(types::I64, va);
    let host = e.b.ins().iadd(addend, wide);
    if !e.alignments.knows(&e.b.func.dfg, va, size) {
        let low = e.b.ins().band_imm_s(va, i64::from(size - 1));
        let aligned = e.b.create_block();
        e.b.ins().brif(low, miss, &[], aligned, &[]);
        e.begin(aligned);
        e.alignments.learn(&e.b.func.dfg, va, size);
    }
    let found = e.b.create_block();
    e.b.ins().brif(addend, found, &[], miss, &[]);
    e.begin(found);
    Probe { host, miss, done }
}

fn address(e: &mut Emitter<'_>, i: &Instruction) -> Value {
    let base = e.get(i.fields.rs());
    if i.op.imm == 0 {
        base
    } else {
        e.b.ins().iadd_imm_s(base, i64::from(i.op.imm as i32))
    }
}

/// Guest memory may hold anything anywhere: it is read and written as it comes.
fn guest() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// Swaps bytes if the guest's order is not the host's.
fn order(e: &mut Emitter<'_>, value: Value, ty: Type) -> Value {
    if e.region.big_endian && ty != types::I8 {
        e.b.ins().bswap(value)
    } else {
        value
    }
}

fn load_host(e: &mut Emitter<'_>, host: Value, ty: Type) -> Value {
    let value = e.b.ins().load(ty, guest(), host, 0);
    order(e, value, ty)
}

/// The hit is through: goes to where the paths meet with `value`; the miss is interpreted, and
/// reads the register that the interpreter wrote. Sets the register.
fn finish_load(e: &mut Emitter<'_>, i: &Instruction, probe: &Probe, value: Value) {
    e.b.append_block_param(probe.done, types::I32);
    e.b.ins().jump(probe.done, &[BlockArg::Value(value)]);
    e.begin(probe.miss);
    e.interpret(i);
    let slow = e.b.ins().load(
        types::I32,
        MemFlagsData::trusted(),
        e.vm,
        register_offset(i.written()),
    );
    e.b.ins().jump(probe.done, &[BlockArg::Value(slow)]);
    e.begin(probe.done);
    let value = e.b.block_params(probe.done)[0];
    e.set(i.written(), value);
}

/// The hit is through; the miss is interpreted.
fn finish(e: &mut Emitter<'_>, i: &Instruction, probe: &Probe) {
    e.b.ins().jump(probe.done, &[]);
    e.begin(probe.miss);
    e.interpret(i);
    e.b.ins().jump(probe.done, &[]);
    e.begin(probe.done);
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

/// By how many bits an unaligned access moves its register against the word around its address.
fn part(e: &mut Emitter<'_>, va: Value, left: bool) -> Value {
    let byte = e.b.ins().band_imm_s(va, 3);
    // LWL and SWL move by the bytes that lie before the address, most significant first; LWR and
    // SWR by those behind it.
    let bytes = if left == e.region.big_endian {
        byte
    } else {
        e.b.ins().bxor_imm_s(byte, 3)
    };
    e.b.ins().ishl_imm_s(bytes, 3)
}

/// LWL and LWR: the word around the address is loaded and shifted into the register.
fn load_part(e: &mut Emitter<'_>, i: &Instruction, left: bool) {
    let va = address(e, i);
    let old = e.get(i.fields.rt());
    let word = e.b.ins().band_imm_s(va, -4);
    let probe = probe(e, word, 4, false);
    let value = load_host(e, probe.host, types::I32);
    let shift = part(e, va, left);
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

/// SWL and SWR: the register is shifted into the word around the address.
fn store_part(e: &mut Emitter<'_>, i: &Instruction, left: bool) {
    let va = address(e, i);
    let value = e.get(i.fields.rt());
    let word = e.b.ins().band_imm_s(va, -4);
    let probe = probe(e, word, 4, true);
    let old = load_host(e, probe.host, types::I32);
    let shift = part(e, va, left);
    let ones = e.constant(u32::MAX);
    let (new, mask) = if left {
        (e.b.ins().ushr(value, shift), e.b.ins().ushr(ones, shift))
    } else {
        (e.b.ins().ishl(value, shift), e.b.ins().ishl(ones, shift))
    };
    let kept = e.b.ins().band_not(old, mask);
    let value = e.b.ins().bor(new, kept);
    let value = order(e, value, types::I32);
    e.b.ins().store(guest(), value, probe.host, 0);
    finish(e, i, &probe);
}

pub fn swl(e: &mut Emitter<'_>, i: &Instruction) {
    store_part(e, i, true);
}

pub fn swr(e: &mut Emitter<'_>, i: &Instruction) {
    store_part(e, i, false);
}

/// LL: a load that is remembered.
pub fn ll(e: &mut Emitter<'_>, i: &Instruction) {
    let va = address(e, i);
    let probe = probe(e, va, 4, false);
    let value = load_host(e, probe.host, types::I32);
    let one = e.constant(1);
    e.store_cpu(one, offset_of!(Cpu, ll_bit));
    e.store_cpu(value, offset_of!(Cpu, ll_value));
    let va = e.b.ins().uextend(types::I64, va);
    e.store_cpu(va, offset_of!(Cpu, ll_address));
    finish_load(e, i, &probe, value);
}

/// SC: a store if LL's word is still what it was, and nothing broke the link.
pub fn sc(e: &mut Emitter<'_>, i: &Instruction) {
    let va = address(e, i);
    let new = e.get(i.fields.rt());
    let probe = probe(e, va, 4, true);
    let bit = e.load_cpu(types::I32, offset_of!(Cpu, ll_bit));
    let zero = e.constant(0);
    e.store_cpu(zero, offset_of!(Cpu, ll_bit));
    let wide = e.b.ins().uextend(types::I64, va);
    let linked = e.load_cpu(types::I64, offset_of!(Cpu, ll_address));
    let here = e.b.ins().icmp(IntCC::Equal, wide, linked);
    let here = e.b.ins().uextend(types::I32, here);
    let value = e.load_cpu(types::I32, offset_of!(Cpu, ll_value));
    let old = load_host(e, probe.host, types::I32);
    let same = e.b.ins().icmp(IntCC::Equal, old, value);
    let same = e.b.ins().uextend(types::I32, same);
    let holds = e.b.ins().band(here, same);
    let holds = e.b.ins().band(holds, bit);
    let stored = e.b.ins().select(holds, new, old);
    let stored = order(e, stored, types::I32);
    e.b.ins().store(guest(), stored, probe.host, 0);
    finish_load(e, i, &probe, holds);
}

pub fn lwl(e: &mut Emitter<'_>, i: &Instruction) {
    load_part(e, i, true);
}

pub fn lwr(e: &mut Emitter<'_>, i: &Instruction) {
    load_part(e, i, false);
}

/// The offset of a single-precision FPU register in the CPU.
pub fn fpr32(e: &Emitter<'_>, n: u32) -> i32 {
    let n = n as usize;
    let within = if e.region.fr {
        n * 8
    } else {
        (n & !1) * 8 + (n & 1) * 4
    };
    (offset_of!(Cpu, fpr) + within) as i32
}

/// The offset of a double-precision FPU register in the CPU.
pub fn fpr64(e: &Emitter<'_>, n: u32) -> i32 {
    let n = if e.region.fr { n } else { n & !1 };
    (offset_of!(Cpu, fpr) + n as usize * 8) as i32
}

fn load_fpr(e: &mut Emitter<'_>, i: &Instruction, ty: Type, register: i32) {
    let va = address(e, i);
    let probe = probe(e, va, ty.bytes(), false);
    let value = load_host(e, probe.host, ty);
    e.b.ins()
        .store(MemFlagsData::trusted(), value, e.vm, register);
    finish(e, i, &probe);
}

fn store_fpr(e: &mut Emitter<'_>, i: &Instruction, ty: Type, register: i32) {
    let va = address(e, i);
    let probe = probe(e, va, ty.bytes(), true);
    let value = e.b.ins().load(ty, MemFlagsData::trusted(), e.vm, register);
    let value = order(e, value, ty);
    e.b.ins().store(guest(), value, probe.host, 0);
    finish(e, i, &probe);
}

pub fn lwc1(e: &mut Emitter<'_>, i: &Instruction) {
    let register = fpr32(e, i.fields.rt());
    load_fpr(e, i, types::I32, register);
}

pub fn ldc1(e: &mut Emitter<'_>, i: &Instruction) {
    let register = fpr64(e, i.fields.rt());
    load_fpr(e, i, types::I64, register);
}

pub fn swc1(e: &mut Emitter<'_>, i: &Instruction) {
    let register = fpr32(e, i.fields.rt());
    store_fpr(e, i, types::I32, register);
}

pub fn sdc1(e: &mut Emitter<'_>, i: &Instruction) {
    let register = fpr64(e, i.fields.rt());
    store_fpr(e, i, types::I64, register);
}
