//! FPU registers as SSA values.
//!
//! A value is stored into the CPU as soon as it is computed, so that no exit has to write
//! anything back; but it is read from where it was computed, since a load would have to wait for
//! the store. Registers are 64-bit slots that may be used as a whole or as two halves. A part that
//! the region writes in one way only is an SSA value throughout the region. What is written in
//! both ways is known within a block.

use super::operands::{Part, Place, read, written};
use crate::interp::block::Meaning;
use crate::isa::Fields;
use crate::translate::region::Region;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable};

/// Something for each part of a slot.
type Parts<T> = [Option<T>; 3];

/// Where the FPU's registers are while code is generated.
pub struct FpuRegisters {
    /// SSA values that are current everywhere in the region.
    variables: [Parts<Variable>; 32],
    /// SSA values that are current here.
    known: [Parts<Value>; 32],
}

/// The type of a part.
fn number(part: Part) -> Type {
    match part {
        Part::Whole => types::F64,
        Part::Low | Part::High => types::F32,
    }
}

/// The same bits as another type.
pub fn cast(b: &mut FunctionBuilder<'_>, to: Type, value: Value) -> Value {
    if b.func.dfg.value_type(value) == to {
        return value;
    }
    b.ins().bitcast(to, MemFlagsData::new(), value)
}

/// How a region uses a slot.
#[derive(Clone, Copy, Default)]
struct Usage {
    read: [bool; 3],
    written: [bool; 3],
}

impl Usage {
    /// The parts that can be SSA values throughout the region.
    fn constant(self) -> [bool; 3] {
        let [whole, low, high] = self.written;
        let wants = |part: Part| self.read[part as usize] || self.written[part as usize];
        if low || high {
            return [
                false,
                !whole && wants(Part::Low),
                !whole && wants(Part::High),
            ];
        }
        if wants(Part::Whole) {
            return [true, false, false];
        }
        [false, wants(Part::Low), wants(Part::High)]
    }
}

fn usage(region: &Region) -> [Usage; 32] {
    let mut slots = [Usage::default(); 32];
    for &(word, meaning) in region.blocks.iter().flat_map(|block| &block.code) {
        let Meaning::Insn(insn) = meaning else {
            continue;
        };
        for place in read(insn, Fields(word), region.fr) {
            slots[place.slot].read[place.part as usize] = true;
        }
        if let Some(place) = written(insn, Fields(word), region.fr) {
            slots[place.slot].written[place.part as usize] = true;
        }
    }
    slots
}

const PARTS: [Part; 3] = [Part::Whole, Part::Low, Part::High];

impl FpuRegisters {
    pub fn new(b: &mut FunctionBuilder<'_>, region: &Region) -> Self {
        let variables = usage(region).map(|usage| {
            let constant = usage.constant();
            PARTS.map(|part| constant[part as usize].then(|| b.declare_var(number(part))))
        });
        Self {
            variables,
            known: [[None; 3]; 32],
        }
    }

    /// Loads what is an SSA value throughout, at the entry of the region. Loads that are for
    /// nothing disappear.
    pub fn preload(&mut self, b: &mut FunctionBuilder<'_>, vm: Value) {
        for slot in 0..32 {
            for part in PARTS {
                if let Some(variable) = self.variables[slot][part as usize] {
                    let value = load(b, vm, Place { slot, part });
                    b.def_var(variable, value);
                }
            }
        }
    }

    /// The state at the entry of a block.
    pub fn enter(&mut self) {
        self.known = [[None; 3]; 32];
    }

    /// The value of a register.
    pub fn read(&mut self, b: &mut FunctionBuilder<'_>, vm: Value, place: Place) -> Value {
        let value = self
            .current(b, place)
            .or_else(|| self.derived(b, place))
            .unwrap_or_else(|| load(b, vm, place));
        self.known[place.slot][place.part as usize] = Some(value);
        value
    }

    /// Its value, if there is one of this part.
    fn current(&mut self, b: &mut FunctionBuilder<'_>, place: Place) -> Option<Value> {
        let (slot, part) = (place.slot, place.part as usize);
        self.known[slot][part].or_else(|| Some(b.use_var(self.variables[slot][part]?)))
    }

    /// Its value, if the other parts tell it.
    fn derived(&mut self, b: &mut FunctionBuilder<'_>, place: Place) -> Option<Value> {
        if place.part == Part::Whole {
            let low = self.current(b, place.part(Part::Low))?;
            let high = self.current(b, place.part(Part::High))?;
            let [low, high] = [low, high].map(|half| {
                let half = cast(b, types::I32, half);
                b.ins().uextend(types::I64, half)
            });
            let high = b.ins().ishl_imm_s(high, 32);
            let whole = b.ins().bor(high, low);
            return Some(cast(b, types::F64, whole));
        }
        let whole = self.current(b, place.part(Part::Whole))?;
        let mut half = cast(b, types::I64, whole);
        if place.part == Part::High {
            half = b.ins().ushr_imm_s(half, 32);
        }
        let half = b.ins().ireduce(types::I32, half);
        Some(cast(b, types::F32, half))
    }

    /// Sets a register.
    pub fn write(&mut self, b: &mut FunctionBuilder<'_>, vm: Value, place: Place, value: Value) {
        let flags = MemFlagsData::trusted();
        b.ins().store(flags, value, vm, place.offset() as i32);
        self.set(b, place, value);
    }

    /// A register has been written in the CPU.
    pub fn reload(&mut self, b: &mut FunctionBuilder<'_>, vm: Value, place: Place) {
        let value = load(b, vm, place);
        self.set(b, place, value);
    }

    fn set(&mut self, b: &mut FunctionBuilder<'_>, place: Place, value: Value) {
        let known = &mut self.known[place.slot];
        if place.part == Part::Whole {
            *known = [None; 3];
        }
        known[Part::Whole as usize] = None;
        known[place.part as usize] = Some(value);
        if let Some(variable) = self.variables[place.slot][place.part as usize] {
            b.def_var(variable, value);
        }
    }
}

fn load(b: &mut FunctionBuilder<'_>, vm: Value, place: Place) -> Value {
    let flags = MemFlagsData::trusted();
    b.ins()
        .load(number(place.part), flags, vm, place.offset() as i32)
}
