//! Loads and stores: the inline probe. A miss is interpreted.
//!
//! What a site asks is what it is expected to find (see [`super::site`]). In the window it does not
//! ask where the page is, only whether it is in its place: then the access need not wait for the
//! answer.

use super::emit::{Emitter, Instruction, register_offset};
use super::nearby;
use super::site::Expectation;
use crate::isa::Operand;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;
use mirrorball_runtime::addr::PAGE_BITS;
use mirrorball_runtime::cpu::Cpu;
use mirrorball_runtime::memory::{GRANTS, TO_KSEG0};
use mirrorball_runtime::mmu::soft::Space;
use std::mem::offset_of;

/// What is accessed: `size` aligned bytes at `va`.
#[derive(Clone, Copy)]
pub struct Access {
    pub va: Value,
    pub size: u32,
    pub write: bool,
}

impl Access {
    /// What an instruction accesses at `va`.
    fn of(i: &Instruction, va: Value) -> Self {
        let memory = i.memory();
        Self {
            va,
            size: memory.bytes(),
            write: memory.writes(),
        }
    }
}

/// Where the bytes are on the host.
#[derive(Clone, Copy)]
pub struct Place {
    base: Value,
    offset: i32,
}

impl Place {
    pub fn new(base: Value, offset: i32) -> Self {
        Self { base, offset }
    }

    /// The host's address.
    pub fn pointer(self, b: &mut FunctionBuilder<'_>) -> Value {
        match self.offset {
            0 => self.base,
            offset => b.ins().iadd_imm_s(self.base, i64::from(offset)),
        }
    }
}

/// Translates the access of an instruction to `va`: `hit` is what is done where the bytes are, once for each way there; on a
/// miss the interpreter executes the instruction, and then there is `missed` to do. What either
/// results in is the result, of type `result`.
pub fn access(
    e: &mut Emitter<'_>,
    i: &Instruction,
    va: Value,
    result: Option<Type>,
    hit: impl Fn(&mut Emitter<'_>, Place) -> Option<Value>,
    missed: impl FnOnce(&mut Emitter<'_>) -> Option<Value>,
) -> Option<Value> {
    e.write_back_early();
    let (done, miss) = (e.b.create_block(), e.cold_block());
    if let Some(ty) = result {
        e.b.append_block_param(done, ty);
    }
    if e.is_wide() {
        let far = is_far(e, i);
        go_unless(e, far, miss);
    }
    let expectation = e.region.expectation(i.pc);
    let asks_window = matches!(expectation, Expectation::Window | Expectation::Either);
    let asks_space = matches!(expectation, Expectation::Either | Expectation::Space);
    let reach = |e: &mut Emitter<'_>, place| {
        let value = hit(e, place);
        join(e, done, value);
    };
    let mut access = Access::of(i, va);
    if let Some((place, known)) = nearby::place(e, i, access) {
        let alone = e.cold_block();
        if let Some(low) = low_bits(e, access) {
            go_unless(e, low, alone);
        }
        let here = e.b.create_block();
        e.b.ins().brif(known, here, &[], alone, &[]);
        e.begin(here);
        reach(e, place);
        e.begin(alone);
        e.cold = true;
        // It is wanted here only, so it is computed here.
        access.va = address(e, i);
    }
    if asks_window {
        let elsewhere = if asks_space { e.cold_block() } else { miss };
        let place = ask_window(e, access, elsewhere);
        reach(e, place);
        if asks_space {
            e.begin(elsewhere);
            e.cold = true;
        }
    }
    if asks_space {
        let place = ask_space(e, access, miss);
        reach(e, place);
    }
    if expectation == Expectation::Device {
        e.b.ins().jump(miss, &[]);
    }
    e.begin(miss);
    e.interpret_access(i, expectation);
    let value = missed(e);
    join(e, done, value);
    e.cold = false;
    e.begin(done);
    let alignments = &mut e.known.alignments;
    alignments.learn(&e.b.func.dfg, access.va, access.size);
    e.b.block_params(done).first().copied()
}

fn join(e: &mut Emitter<'_>, done: Block, value: Option<Value>) {
    let arguments: Vec<BlockArg> = value.into_iter().map(BlockArg::Value).collect();
    e.b.ins().jump(done, &arguments);
}

/// Goes on where the window has the page, and to `miss` where it has not.
pub fn ask_window(e: &mut Emitter<'_>, access: Access, miss: Block) -> Place {
    let trusted = MemFlagsData::trusted();
    let low = if is_aligned(e, access) {
        0
    } else {
        access.size.ilog2()
    };
    let rotated = match low {
        0 => access.va,
        _ => e.b.ins().rotr_imm_s(access.va, i64::from(low)),
    };
    let index = e.b.ins().ushr_imm_s(rotated, i64::from(PAGE_BITS - low));
    let index = e.b.ins().uextend(types::I64, index);
    let window = e.window();
    let grant = e.b.ins().iadd(window, index);
    let grant = e.b.ins().load(types::I8, trusted, grant, GRANTS as i32);
    // A window begins with a page: that is a zero that needs no register.
    let zero = e.b.ins().ireduce(types::I8, window);
    let refused = if access.write {
        IntCC::SignedLessThanOrEqual
    } else {
        IntCC::Equal
    };
    let refused = e.b.ins().icmp(refused, zero, grant);
    go_unless(e, refused, miss);
    let wide = e.b.ins().uextend(types::I64, access.va);
    let base = e.b.ins().iadd(window, wide);
    let offset = TO_KSEG0 as i32;
    Place { base, offset }
}

/// Goes on where the software TLB has the page, and to `miss` where it has not.
///
/// All is computed before the branches: what is cheap to compute would be computed again behind
/// each of them.
pub fn ask_space(e: &mut Emitter<'_>, access: Access, miss: Block) -> Place {
    let page = e.b.ins().ushr_imm_s(access.va, i64::from(PAGE_BITS));
    let page = e.b.ins().uextend(types::I64, page);
    let offset = e.b.ins().ishl_imm_s(page, 3);
    let space = e.space();
    let entry = e.b.ins().iadd(space, offset);
    let table = if access.write {
        offset_of!(Space, write)
    } else {
        offset_of!(Space, read)
    };
    let trusted = MemFlagsData::trusted();
    let addend = e.b.ins().load(types::I64, trusted, entry, table as i32);
    let wide = e.b.ins().uextend(types::I64, access.va);
    let base = e.b.ins().iadd(addend, wide);
    if let Some(low) = low_bits(e, access) {
        go_unless(e, low, miss);
    }
    let found = e.block_here();
    e.b.ins().brif(addend, found, &[], miss, &[]);
    e.begin(found);
    Place { base, offset: 0 }
}

/// Whether the address is known to be a multiple of the size.
fn is_aligned(e: &Emitter<'_>, access: Access) -> bool {
    let alignments = &e.known.alignments;
    alignments.knows(&e.b.func.dfg, access.va, access.size)
}

/// The bits of the address that must be zero, unless they are known to be.
fn low_bits(e: &mut Emitter<'_>, access: Access) -> Option<Value> {
    (!is_aligned(e, access)).then(|| e.b.ins().band_imm_s(access.va, i64::from(access.size - 1)))
}

/// Goes to `off` if the condition is not zero.
pub fn go_unless(e: &mut Emitter<'_>, condition: Value, off: Block) {
    let on = e.block_here();
    e.b.ins().brif(condition, off, &[], on, &[]);
    e.begin(on);
}

pub fn address(e: &mut Emitter<'_>, i: &Instruction) -> Value {
    let base = e.get(i.fields.rs());
    if i.op.imm == 0 {
        base
    } else {
        e.b.ins().iadd_imm_s(base, i64::from(i.op.imm as i32))
    }
}

/// Whether the address of an instruction on a 64-bit CPU is not the sign extension of its lower half.
/// Where such addresses lead the interpreter finds out.
fn is_far(e: &mut Emitter<'_>, i: &Instruction) -> Value {
    let base = e.get_whole(i.fields.rs());
    let offset = if i.insn.info().takes(Operand::Indexed) {
        e.get_whole(i.fields.rt())
    } else {
        e.whole_constant(i.op.imm)
    };
    let address = e.b.ins().iadd(base, offset);
    let low = e.b.ins().ireduce(types::I32, address);
    let extended = e.b.ins().sextend(types::I64, low);
    e.b.ins().icmp(IntCC::NotEqual, address, extended)
}

/// Swaps bytes if the guest's order is not the host's.
pub fn order(e: &mut Emitter<'_>, value: Value, ty: Type) -> Value {
    if e.region.big_endian && ty != types::I8 {
        e.b.ins().bswap(value)
    } else {
        value
    }
}

/// Loads in the host's order.
pub fn load_as_it_is(e: &mut Emitter<'_>, place: Place, ty: Type) -> Value {
    let guest = MemFlagsData::trusted();
    e.b.ins().load(ty, guest, place.base, place.offset)
}

/// Loads in the guest's order.
pub fn load_at(e: &mut Emitter<'_>, place: Place, ty: Type) -> Value {
    let value = load_as_it_is(e, place, ty);
    order(e, value, ty)
}

/// Stores what [`order`] made.
pub fn store_at(e: &mut Emitter<'_>, place: Place, value: Value) {
    let guest = MemFlagsData::trusted();
    e.b.ins().store(guest, value, place.base, place.offset);
}

/// An access that sets the general register of the instruction; if it misses, the interpreter has
/// set it.
fn access_to_register(
    e: &mut Emitter<'_>,
    i: &Instruction,
    va: Value,
    hit: impl Fn(&mut Emitter<'_>, Place) -> Value,
) {
    if let Some(value) = access_for(e, i, va, types::I32, hit) {
        e.set(i.written(), value);
    }
}

/// What such an access finds, which is of type `ty` and what the register's lower bits will be.
fn access_for(
    e: &mut Emitter<'_>,
    i: &Instruction,
    va: Value,
    ty: Type,
    hit: impl Fn(&mut Emitter<'_>, Place) -> Value,
) -> Option<Value> {
    let trusted = MemFlagsData::trusted();
    let register = register_offset(i.written());
    access(
        e,
        i,
        va,
        Some(ty),
        |e, place| Some(hit(e, place)),
        |e| Some(e.b.ins().load(ty, trusted, e.vm, register)),
    )
}

/// An access that sets no register.
pub fn access_only(
    e: &mut Emitter<'_>,
    i: &Instruction,
    va: Value,
    hit: impl Fn(&mut Emitter<'_>, Place),
) {
    let hit = |e: &mut Emitter<'_>, place| {
        hit(e, place);
        None
    };
    access(e, i, va, None, hit, |_| None);
}

/// Cranelift's type of what an instruction finds in memory, or leaves there.
fn type_in_memory(i: &Instruction) -> Type {
    match i.memory().bytes() {
        1 => types::I8,
        2 => types::I16,
        8 => types::I64,
        _ => types::I32,
    }
}

fn load(e: &mut Emitter<'_>, i: &Instruction) {
    let (va, ty) = (address(e, i), type_in_memory(i));
    access_to_register(e, i, va, |e, place| {
        let value = load_at(e, place, ty);
        match (ty == types::I32, i.memory().is_signed()) {
            (true, _) => value,
            (false, true) => e.b.ins().sextend(types::I32, value),
            (false, false) => e.b.ins().uextend(types::I32, value),
        }
    });
}

fn store(e: &mut Emitter<'_>, i: &Instruction) {
    let (va, ty) = (address(e, i), type_in_memory(i));
    let value = if ty == types::I64 {
        e.get_whole(i.fields.rt())
    } else {
        e.get(i.fields.rt())
    };
    access_only(e, i, va, |e, place| {
        let value = if ty.bits() >= types::I32.bits() {
            value
        } else {
            e.b.ins().ireduce(ty, value)
        };
        let value = order(e, value, ty);
        store_at(e, place, value);
    });
}

/// Loads and stores; the table says what each finds in memory.
macro_rules! aligned {
    ($access:ident: $($name:ident)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            $access(e, i);
        })*
    };
}

aligned!(load: lb lbu lh lhu lw);
aligned!(store: sb sh sw sd);

/// LD: a load of a whole register.
pub fn ld(e: &mut Emitter<'_>, i: &Instruction) {
    let va = address(e, i);
    let hit = |e: &mut Emitter<'_>, place: Place| load_at(e, place, types::I64);
    if let Some(value) = access_for(e, i, va, types::I64, hit) {
        e.set_whole(i.written(), value);
    }
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
    access_to_register(e, i, word, |e, place| {
        let value = load_at(e, place, types::I32);
        let shift = part(e, va, left);
        let ones = e.constant(u32::MAX);
        let (new, mask) = if left {
            (e.b.ins().ishl(value, shift), e.b.ins().ishl(ones, shift))
        } else {
            (e.b.ins().ushr(value, shift), e.b.ins().ushr(ones, shift))
        };
        let kept = e.b.ins().band_not(old, mask);
        e.b.ins().bor(new, kept)
    });
}

/// SWL and SWR: the register is shifted into the word around the address.
fn store_part(e: &mut Emitter<'_>, i: &Instruction, left: bool) {
    let va = address(e, i);
    let value = e.get(i.fields.rt());
    let word = e.b.ins().band_imm_s(va, -4);
    access_only(e, i, word, |e, place| {
        let old = load_at(e, place, types::I32);
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
        store_at(e, place, value);
    });
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
    access_to_register(e, i, va, |e, place| {
        let value = load_at(e, place, types::I32);
        let one = e.constant(1);
        e.store_cpu(one, offset_of!(Cpu, ll_bit));
        e.store_cpu(value, offset_of!(Cpu, ll_value));
        let va = e.b.ins().uextend(types::I64, va);
        e.store_cpu(va, offset_of!(Cpu, ll_address));
        value
    });
}

/// SC: a store if LL's word is still what it was, and nothing broke the link.
pub fn sc(e: &mut Emitter<'_>, i: &Instruction) {
    let va = address(e, i);
    let new = e.get(i.fields.rt());
    access_to_register(e, i, va, |e, place| {
        let bit = e.load_cpu(types::I32, offset_of!(Cpu, ll_bit));
        let zero = e.constant(0);
        e.store_cpu(zero, offset_of!(Cpu, ll_bit));
        let wide = e.b.ins().uextend(types::I64, va);
        let linked = e.load_cpu(types::I64, offset_of!(Cpu, ll_address));
        let here = e.b.ins().icmp(IntCC::Equal, wide, linked);
        let here = e.b.ins().uextend(types::I32, here);
        let value = e.load_cpu(types::I32, offset_of!(Cpu, ll_value));
        let old = load_at(e, place, types::I32);
        let same = e.b.ins().icmp(IntCC::Equal, old, value);
        let same = e.b.ins().uextend(types::I32, same);
        let holds = e.b.ins().band(here, same);
        let holds = e.b.ins().band(holds, bit);
        let stored = e.b.ins().select(holds, new, old);
        let stored = order(e, stored, types::I32);
        store_at(e, place, stored);
        holds
    });
}

pub fn lwl(e: &mut Emitter<'_>, i: &Instruction) {
    load_part(e, i, true);
}

pub fn lwr(e: &mut Emitter<'_>, i: &Instruction) {
    load_part(e, i, false);
}
