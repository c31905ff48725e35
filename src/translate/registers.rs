//! Guest registers as SSA values.
//!
//! What a region reads is loaded from the CPU at its entry, and what it has written is written
//! back at its exits: see [`super::flow`].

use super::flow::Entry;
use crate::isa::{HI, LO, RegisterSet};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use cranelift_frontend::{FunctionBuilder, Variable};
use mirrorball_runtime::cpu::Cpu;
use std::mem::offset_of;

/// The registers that are kept as SSA values: 0 to 31, then HI and LO.
const COUNT: usize = LO + 1;

/// Where the guest's registers are while code is generated.
#[derive(Clone)]
pub struct Registers {
    variables: [Variable; COUNT],
    /// The type of them all: as wide as the CPU's registers are.
    ty: Type,
    /// Registers whose SSA value is current.
    valid: RegisterSet,
    /// Registers whose SSA value is newer than the CPU's.
    dirty: RegisterSet,
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
    pub fn new(b: &mut FunctionBuilder, ty: Type) -> Self {
        Self {
            variables: std::array::from_fn(|_| b.declare_var(ty)),
            ty,
            valid: 0,
            dirty: 0,
        }
    }

    /// The value of a register.
    pub fn read(&mut self, b: &mut FunctionBuilder, vm: Value, register: usize) -> Value {
        if register == 0 {
            return b.ins().iconst(self.ty, 0);
        }
        let variable = self.variables[register];
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
        let variable = self.variables[register];
        b.def_var(variable, value);
        self.valid |= 1 << register;
        self.dirty |= 1 << register;
    }

    /// Loads a register from the CPU, whatever was known of it.
    pub fn reload(&mut self, b: &mut FunctionBuilder, vm: Value, register: usize) {
        if register == 0 {
            return;
        }
        let variable = self.variables[register];
        let value = b
            .ins()
            .load(self.ty, MemFlagsData::trusted(), vm, offset(register));
        b.def_var(variable, value);
        self.valid |= 1 << register;
        self.dirty &= !(1 << register);
    }

    /// Writes every register that is newer here back to the CPU. They stay newer: other paths
    /// have not written them.
    pub fn write_back(&self, b: &mut FunctionBuilder, vm: Value) {
        self.write_back_but(0, b, vm);
    }

    /// The same, but for the registers that are `kept`.
    pub fn write_back_but(&self, kept: RegisterSet, b: &mut FunctionBuilder, vm: Value) {
        let written = self.dirty & !kept;
        for register in (0..COUNT).filter(|register| written >> register & 1 != 0) {
            let value = b.use_var(self.variables[register]);
            b.ins()
                .store(MemFlagsData::trusted(), value, vm, offset(register));
        }
    }

    /// From here on the CPU has everything: [`Registers::write_back`] was on this path.
    pub fn clean(&mut self) {
        self.dirty = 0;
    }

    /// Loads `registers` at the entry of a function.
    pub fn preload(&mut self, b: &mut FunctionBuilder, vm: Value, registers: RegisterSet) {
        for register in (1..COUNT).filter(|register| registers >> register & 1 != 0) {
            self.reload(b, vm, register);
        }
    }

    /// The state at the entry of a block.
    pub fn enter(&mut self, entry: Entry) {
        self.valid = entry.valid;
        self.dirty = entry.dirty;
    }
}
