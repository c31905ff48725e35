//! Accesses near each other: where several lie a little way from the same register, as in a stack
//! frame or a structure, or in what the rounds of an unrolled loop go through, the page is asked for
//! once, and the others find its place on the host in a value. Zero means that it is not known: then
//! an access asks for itself.
//!
//! What the monitor may take back, it takes back while the interpreter runs an instruction: behind
//! each call of it all these values are zero.

use super::alignment::apart;
use super::emit::{Emitter, Instruction};
use super::memory::{self, Access, Place};
use super::site::Expectation;
use crate::isa::{Insn, Memory, Operand};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable};
use mirrorball_runtime::addr::PAGE_BITS;

/// The least accesses that are worth a question of their own.
const LEAST: usize = 4;
/// The most instructions that are looked at for them.
const MOST_AHEAD: usize = 100;
/// The most bytes from the first to the last: the more there are the more often they are on two
/// pages.
const MOST_BYTES: i32 = 512;
/// How many places are known at the same time.
const PLACES: usize = 4;

/// What is known on the current path.
#[derive(Clone)]
pub struct Nearby {
    places: [Variable; PLACES],
    /// What they are for, the latest last.
    groups: Vec<(Group, Variable)>,
}

/// Accesses near each other.
#[derive(Clone, Copy)]
struct Group {
    /// What they are near to: a register, or what it was before constants were added.
    base: Value,
    /// What they expect to find.
    expectation: Expectation,
    /// Whether any of them writes.
    write: bool,
    /// The least that is added to it.
    from: i32,
    /// Behind the last byte, likewise.
    to: i32,
}

/// The bytes that an instruction accesses at its register plus its immediate, and whether it writes.
fn shape(insn: Insn) -> Option<(i32, bool)> {
    let info = insn.info();
    let memory = info.memory().filter(|_| info.takes(Operand::Offset))?;
    let plain = matches!(memory, Memory::Load(_) | Memory::Store(_));
    plain.then(|| (memory.bytes() as i32, memory.writes()))
}

impl Nearby {
    pub fn new(b: &mut FunctionBuilder<'_>) -> Self {
        Self {
            places: std::array::from_fn(|_| b.declare_var(types::I64)),
            groups: Vec::new(),
        }
    }

    /// Forgets all: another block begins.
    pub fn forget(&mut self) {
        self.groups.clear();
    }

    /// Has all places be unknown from here on.
    pub fn lose(&self, b: &mut FunctionBuilder<'_>) {
        for &(_, place) in &self.groups {
            let none = b.ins().iconst(types::I64, 0);
            b.def_var(place, none);
        }
    }
}

/// The bytes that an instruction adds to a register, if that is all that it does.
fn step(i: &Instruction, register: u32) -> Option<i32> {
    let adds = i.insn == Insn::Addiu && i.fields.rs() == register;
    adds.then_some(i.op.imm as i32)
}

/// The instructions from one of the current block on, as far as it is known what is learnt here.
fn following<'a>(e: &'a Emitter<'_>, first: usize) -> impl Iterator<Item = Instruction> + 'a {
    let blocks = std::iter::successors(Some(e.index), |&block| e.ways.onward(block));
    let all = blocks.flat_map(move |block| {
        let source = &e.region.blocks[block];
        let first = if block == e.index { first } else { 0 };
        (first..source.code.len()).map_while(|index| Instruction::new(source, index))
    });
    all.take(MOST_AHEAD)
}

impl Group {
    /// The accesses near that of an instruction, whose register is `base` plus `added`, from it on
    /// to where the register becomes another.
    fn of(e: &Emitter<'_>, i: &Instruction, base: Value, added: i32) -> Option<Self> {
        let register = i.fields.rs();
        let first = (i.pc.wrapping_sub(e.source.pc) / 4) as usize;
        let offset = added + i.op.imm as i32;
        let (bytes, write) = shape(i.insn)?;
        let mut group = Self {
            base,
            expectation: e.region.expectation(i.pc),
            write,
            from: offset,
            to: offset + bytes,
        };
        let (mut added, mut count) = (added, 0);
        for next in following(e, first) {
            if next.fields.rs() == register
                && let Some((bytes, write)) = shape(next.insn)
            {
                count += usize::from(group.take(added + next.op.imm as i32, bytes, write));
            }
            if next.written() == register as usize {
                let Some(more) = step(&next, register) else {
                    break;
                };
                added += more;
            }
        }
        (count >= LEAST).then_some(group)
    }

    /// Takes in an access of so many bytes if it is near enough to the others.
    fn take(&mut self, offset: i32, bytes: i32, write: bool) -> bool {
        let (from, to) = (self.from.min(offset), self.to.max(offset + bytes));
        let near = to - from <= MOST_BYTES;
        if near {
            (self.from, self.to) = (from, to);
            self.write |= write;
        }
        near
    }

    fn has(&self, base: Value, expectation: Expectation, offset: i32, access: Access) -> bool {
        self.base == base
            && self.expectation == expectation
            && self.write >= access.write
            && self.from <= offset
            && offset + access.size as i32 <= self.to
    }
}

/// The place of an access on the host if it is near others, and whether it is one: not zero.
pub fn place(e: &mut Emitter<'_>, i: &Instruction, access: Access) -> Option<(Place, Value)> {
    shape(i.insn).filter(|_| i.fields.rs() != 0)?;
    let expectation = e.region.expectation(i.pc);
    // On a 64-bit CPU each access has to see by itself whether its address is one of 32 bits.
    if e.is_wide() || !matches!(expectation, Expectation::Window | Expectation::Space) {
        return None;
    }
    let register = e.get(i.fields.rs());
    let (base, added) = apart(&e.b.func.dfg, register);
    let added = i32::try_from(added).ok()?;
    if added.abs() >= 1 << PAGE_BITS {
        return None;
    }
    let offset = added + i.op.imm as i32;
    let known = |(group, _): &&(Group, Variable)| group.has(base, expectation, offset, access);
    let (group, variable) = match e.known.nearby.groups.iter().find(known) {
        Some(&known) => known,
        None => {
            let group = Group::of(e, i, base, added)?;
            let variable = if e.known.nearby.groups.len() < PLACES {
                e.known.nearby.places[e.known.nearby.groups.len()]
            } else {
                e.known.nearby.groups.remove(0).1
            };
            ask(e, group, variable);
            e.known.nearby.groups.push((group, variable));
            (group, variable)
        }
    };
    let pointer = e.b.use_var(variable);
    Some((Place::new(pointer, offset - group.from), pointer))
}

/// Asks where the page of a group is, if it is all on one.
fn ask(e: &mut Emitter<'_>, group: Group, variable: Variable) {
    let (none, joined) = (e.cold_block(), e.b.create_block());
    let first = e.b.ins().iadd_imm_s(group.base, i64::from(group.from));
    let page = 1 << PAGE_BITS;
    let in_page = e.b.ins().band_imm_s(first, page - 1);
    let last = page - i64::from(group.to - group.from);
    let beyond =
        e.b.ins()
            .icmp_imm_u(IntCC::UnsignedGreaterThan, in_page, last);
    memory::go_unless(e, beyond, none);
    let access = Access {
        va: first,
        size: 1,
        write: group.write,
    };
    let place = match group.expectation {
        Expectation::Window => memory::ask_window(e, access, none),
        _ => memory::ask_space(e, access, none),
    };
    let pointer = place.pointer(&mut e.b);
    e.b.def_var(variable, pointer);
    e.b.ins().jump(joined, &[]);
    e.begin(none);
    let zero = e.b.ins().iconst(types::I64, 0);
    e.b.def_var(variable, zero);
    e.b.ins().jump(joined, &[]);
    e.begin(joined);
}
