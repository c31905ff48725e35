//! Accesses near each other: where several lie a little way from the same register, as in a stack
//! frame or a structure, the page is asked for once, and the others find its place on the host in a
//! value. Zero means that it is not known: then an access asks for itself.
//!
//! What the monitor may take back, it takes back while the interpreter runs an instruction: behind
//! each call of it all these values are zero.

use super::emit::{Emitter, Instruction};
use super::memory::{self, Access, Place};
use super::site::Expectation;
use crate::interp::block::Source;
use crate::isa::{Insn, Memory, Operand};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable};
use mirrorball_runtime::addr::PAGE_BITS;

/// The least accesses that are worth a question of their own.
const LEAST: usize = 6;
/// The most bytes from the first to the last: the more there are the more often they are on two
/// pages.
const MOST_BYTES: i32 = 512;
/// How many places are known at the same time.
const PLACES: usize = 2;

/// What is known on the current path.
pub struct Nearby {
    places: [Variable; PLACES],
    /// What they are for, the latest last.
    groups: Vec<(Group, Variable)>,
}

/// Accesses near each other.
#[derive(Clone, Copy)]
struct Group {
    /// The register that they are near to.
    base: Value,
    /// What they expect to find.
    expectation: Expectation,
    /// Whether any of them writes.
    write: bool,
    /// The least that is added to the register.
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

impl Group {
    /// The accesses near that of an instruction, from it on to where its register is written.
    fn of(source: &Source, i: &Instruction, base: Value, expectation: Expectation) -> Option<Self> {
        let register = i.fields.rs();
        let first = (i.pc.wrapping_sub(source.pc) / 4) as usize;
        let offset = i.op.imm as i32;
        let (bytes, write) = shape(i.insn)?;
        let mut group = Self {
            base,
            expectation,
            write,
            from: offset,
            to: offset + bytes,
        };
        let mut count = 0;
        for index in first..source.code.len() {
            let Some(next) = Instruction::new(source, index) else {
                break;
            };
            if next.fields.rs() == register
                && let Some((bytes, write)) = shape(next.insn)
            {
                let offset = next.op.imm as i32;
                let (from, to) = (group.from.min(offset), group.to.max(offset + bytes));
                if to - from <= MOST_BYTES {
                    (group.from, group.to) = (from, to);
                    group.write |= write;
                    count += 1;
                }
            }
            if next.written() == register as usize {
                break;
            }
        }
        (count >= LEAST).then_some(group)
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
    let base = e.get(i.fields.rs());
    let base = e.b.func.dfg.resolve_aliases(base);
    let offset = i.op.imm as i32;
    let known = |(group, _): &&(Group, Variable)| group.has(base, expectation, offset, access);
    let (group, variable) = match e.nearby.groups.iter().find(known) {
        Some(&known) => known,
        None => {
            let group = Group::of(e.source, i, base, expectation)?;
            let variable = if e.nearby.groups.len() < PLACES {
                e.nearby.places[e.nearby.groups.len()]
            } else {
                e.nearby.groups.remove(0).1
            };
            ask(e, group, variable);
            e.nearby.groups.push((group, variable));
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
