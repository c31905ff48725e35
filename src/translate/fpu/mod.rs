//! The FPU on the host's floating-point arithmetic.
//!
//! What the host computes is right for a guest that rounds to nearest, traps nothing, and has a
//! normal number for result. All else goes to the interpreter, instruction by instruction. What
//! remains to be known of an operation is whether it was inexact, and mostly that is not asked:
//! Flags collect Inexact, so that once it is there nothing changes it, and Cause is only that of
//! the last operation. So the common path checks FCSR once a block (modes as above, Inexact among
//! the Flags) and each result for its exponent, and leaves Cause to
//! [`mirrorball_runtime::cpu::fpu::Deferred`]. A second, less common path takes what is certainly
//! exact. See [`cause`] and [`checks`].
//!
//! Registers are written to the CPU at once, and read as SSA values: see [`registers`].

mod arith;
mod cause;
mod checks;
mod compare;
mod convert;
mod memory;
mod moves;
mod operands;
mod registers;

pub use arith::*;
pub use cause::{materialize_cause, store_cause};
pub use compare::*;
pub use convert::*;
pub use memory::*;
pub use moves::*;

use super::emit::{Emitter, Instruction};
use super::region::Region;
use crate::isa::{self, State};
use cause::Cause;
use cranelift_codegen::ir::{Type, Value, types};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilder;
use operands::{Part, Place};
use registers::FpuRegisters;

/// The two formats of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    S,
    D,
}

impl Format {
    /// The format that is as wide as what an operand holds.
    fn of(operand: isa::Format) -> Self {
        match operand {
            isa::Format::S | isa::Format::W => Self::S,
            isa::Format::D | isa::Format::L | isa::Format::H => Self::D,
        }
    }

    /// Cranelift's type of numbers.
    fn number(self) -> Type {
        match self {
            Self::S => types::F32,
            Self::D => types::F64,
        }
    }

    /// Cranelift's type of their patterns.
    fn pattern(self) -> Type {
        match self {
            Self::S => types::I32,
            Self::D => types::I64,
        }
    }
}

/// What the host's floating-point unit can do beyond the basic operations.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// Multiply and add with one rounding.
    fused: bool,
    /// Round to an integer in any mode.
    rounds: bool,
}

impl Abilities {
    /// Those of the host that `isa` makes code for.
    pub fn of(isa: &dyn TargetIsa) -> Self {
        let flags = isa.isa_flags();
        let has = |name| {
            let flag = flags.iter().find(|flag| flag.name == name);
            flag.and_then(|flag| flag.as_bool()).unwrap_or(false)
        };
        let arm = isa.name() == "aarch64";
        Self {
            fused: arm || has("has_fma"),
            rounds: arm || has("has_sse41"),
        }
    }
}

/// The state of the FPU while code is generated.
pub struct Fpu {
    registers: FpuRegisters,
    cause: Cause,
    /// The condition codes as far as this block has computed them: booleans.
    conditions: [Option<Value>; 8],
    abilities: Abilities,
}

impl Fpu {
    pub fn new(b: &mut FunctionBuilder<'_>, region: &Region, abilities: Abilities) -> Self {
        Self {
            registers: FpuRegisters::new(b, region),
            cause: Cause::default(),
            conditions: [None; 8],
            abilities,
        }
    }
}

/// Loads what the region keeps as SSA values throughout.
pub fn enter(e: &mut Emitter<'_>) {
    e.fpu.registers.preload(&mut e.b, e.vm);
}

/// The state at the entry of a block.
pub fn enter_block(e: &mut Emitter<'_>) {
    e.fpu.registers.enter();
    e.fpu.cause = Cause::default();
    e.fpu.conditions = [None; 8];
}

/// The state behind an instruction that the interpreter has executed.
pub fn interpreted(e: &mut Emitter<'_>, i: &Instruction) {
    e.fpu.cause = Cause::default();
    if i.insn.info().access(State::Fcsr).is_some() {
        e.fpu.conditions = [None; 8];
    }
    if let Some(place) = operands::written(i.insn, i.fields, e.region.fr) {
        e.fpu.registers.reload(&mut e.b, e.vm, place);
    }
}

/// Reads a part of the FPU's registers.
fn read_place(e: &mut Emitter<'_>, place: Place) -> Value {
    let fr = e.region.fr;
    debug_assert!(e.may(|i| operands::read(i.insn, i.fields, fr).any(|read| read == place)));
    e.fpu.registers.read(&mut e.b, e.vm, place)
}

/// Writes a part of the FPU's registers.
fn write_place(e: &mut Emitter<'_>, place: Place, value: Value) {
    let fr = e.region.fr;
    debug_assert!(e.may(|i| operands::written(i.insn, i.fields, fr) == Some(place)));
    e.fpu.registers.write(&mut e.b, e.vm, place, value);
}

/// Reads an FPU register as a number.
fn read_fpr(e: &mut Emitter<'_>, format: Format, n: u32) -> Value {
    read_place(e, operands::place(e.region.fr, format, n))
}

/// Reads an FPU register as a pattern.
fn read_fpr_pattern(e: &mut Emitter<'_>, format: Format, n: u32) -> Value {
    let value = read_fpr(e, format, n);
    pattern_of(e, format, value)
}

/// Writes a number into an FPU register.
fn write_fpr(e: &mut Emitter<'_>, format: Format, n: u32, value: Value) {
    write_place(e, operands::place(e.region.fr, format, n), value);
}

/// Writes a pattern into an FPU register.
fn write_fpr_pattern(e: &mut Emitter<'_>, format: Format, n: u32, value: Value) {
    let value = number_of(e, format, value);
    write_fpr(e, format, n, value);
}

/// Loads an FPU register from the CPU, past what is known of it.
fn load_fpr(e: &mut Emitter<'_>, format: Format, n: u32) -> Value {
    let place = operands::place(e.region.fr, format, n);
    e.load_cpu(format.number(), place.offset())
}

/// A number's pattern.
fn pattern_of(e: &mut Emitter<'_>, format: Format, value: Value) -> Value {
    registers::cast(&mut e.b, format.pattern(), value)
}

/// The number that has a pattern.
fn number_of(e: &mut Emitter<'_>, format: Format, value: Value) -> Value {
    registers::cast(&mut e.b, format.number(), value)
}

/// Reads the upper half of a 64-bit register as a pattern.
fn read_fpr_upper(e: &mut Emitter<'_>, n: u32) -> Value {
    let place = operands::place(e.region.fr, Format::D, n).part(Part::High);
    let value = read_place(e, place);
    pattern_of(e, Format::S, value)
}

/// Writes the upper half of a 64-bit register.
fn write_fpr_upper(e: &mut Emitter<'_>, n: u32, value: Value) {
    let place = operands::place(e.region.fr, Format::D, n).part(Part::High);
    let value = number_of(e, Format::S, value);
    write_place(e, place, value);
}
