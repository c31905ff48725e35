//! Guest registers as SSA values.
//!
//! A register is loaded from the CPU at its first use and written back at exits if it was
//! written. Where control can come back inside a function, everything that the region touches is
//! loaded at its entry instead, and counts as written from then on.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable};
use mirrorball_runtime::cpu::Cpu;
use std::mem::offset_of;

/// A register that is kept as an SSA value: 0 to 31, then HI and LO.
pub const HI: usize = 32;
/// LO, as a number for [`Registers`].
pub const LO: usize = 33;
const COUNT: usize = 34;

/// A set of registers.
pub type Set = u64;

/// Where the guest's registers are while code is generated.
#[derive(Clone)]
pub struct Registers {
    variables: [Option<Variable>; COUNT],
    /// Registers whose SSA value is current.
    valid: Set,
    /// Registers whose SSA value is newer than the CPU's.
    dirty: Set,
}

/// The offset of a register in the CPU.
pub fn offset(register: usize) -> i32 {
    (match register {
        HI => offset_of!(Cpu, hi),
        LO => offset_of!(Cpu, lo),
        n => offset_of!(Cpu, gpr) + n * 8,
    }) as i32
}

impl Registers {
    pub fn new() -> Self {
        Self {
            variables: [None; COUNT],
            valid: 0,
            dirty: 0,
        }
    }

    fn variable(&mut self, b: &mut FunctionBuilder, register: usize) -> Variable {
        *self.variables[register].get_or_insert_with(|| b.declare_var(types::I32))
    }

    /// The value of a register.
    pub fn read(&mut self, b: &mut FunctionBuilder, vm: Value, register: usize) -> Value {
        if register == 0 {
            return b.ins().iconst(types::I32, 0);
        }
        let variable = self.variable(b, register);
        if self.valid >> register & 1 == 0 {
            self.reload(b, vm, register);
        }
        b.use_var(variable)
    }

    /// Sets a register.
    pub fn write(&mut self, b: &mut FunctionBuilder, register: usize, value: Value) {
        if register == 0 {
            return;
        }
        let variable = self.variable(b, register);
        b.def_var(variable, value);
        self.valid |= 1 << register;
        self.dirty |= 1 << register;
    }

    /// Loads a register from the CPU, whatever was known of it.
    pub fn reload(&mut self, b: &mut FunctionBuilder, vm: Value, register: usize) {
        if register == 0 {
            return;
        }
        let variable = self.variable(b, register);
        let value = b
            .ins()
            .load(types::I32, MemFlagsData::trusted(), vm, offset(register));
        b.def_var(variable, value);
        self.valid |= 1 << register;
        self.dirty &= !(1 << register);
    }

    /// Writes every register that is newer here back to the CPU. They stay newer: other paths
    /// have not written them.
    pub fn write_back(&self, b: &mut FunctionBuilder, vm: Value) {
        for register in (0..COUNT).filter(|register| self.dirty >> register & 1 != 0) {
            if let Some(variable) = self.variables[register] {
                let value = b.use_var(variable);
                b.ins()
                    .store(MemFlagsData::trusted(), value, vm, offset(register));
            }
        }
    }

    /// From here on the CPU has everything: [`Registers::write_back`] was on this path.
    pub fn clean(&mut self) {
        self.dirty = 0;
    }

    /// Loads `touched` at the entry of a function with loops.
    pub fn preload(&mut self, b: &mut FunctionBuilder, vm: Value, touched: Set) {
        for register in (1..COUNT).filter(|register| touched >> register & 1 != 0) {
            self.reload(b, vm, register);
        }
    }

    /// The state at the start of a block that several paths reach.
    pub fn join(&mut self, touched: Set, written: Set) {
        self.valid = touched;
        self.dirty = written;
    }
}
