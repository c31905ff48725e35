//! The registers of a machine by name.

use std::fmt::Write;

use mirrorball_runtime::cpu::cp0::STATUS_CU1;
use mirrorball_runtime::vm::Vm;
use mirrorball_runtime::vm::debug::{self, Register};

use crate::gdb::system_registers;
use crate::isa::disasm::gpr;

/// The names that stand in one line of a table.
const COLUMNS: usize = 4;

/// All registers but those of the FPU that a CPU without one lacks.
#[must_use]
pub fn named(vm: &Vm) -> Vec<(String, Register)> {
    let general = (1..32).map(|number: u8| (gpr(number.into()), Register::General(number)));
    let system = system_registers().map(|(name, register)| (name.to_owned(), register));
    let mut all: Vec<_> = system.collect();
    // The program counter first, then what code works with, then coprocessor 0.
    all.sort_by_key(|(_, register)| match register {
        Register::Pc => 0,
        Register::Hi | Register::Lo => 1,
        _ => 2,
    });
    let others = all.split_off(1);
    all.extend(general);
    all.extend(others);
    if vm.cpu.model.has_fpu() {
        all.extend((0..32).map(|number| (format!("$f{number}"), Register::Float(number))));
        all.push(("fcsr".to_owned(), Register::FloatControl));
    }
    all
}

/// What a register holds, in as many digits as the CPU's are long.
#[must_use]
pub fn held(vm: &Vm, register: Register) -> String {
    if vm.cpu.model.is_wide() {
        format!("{:016x}", debug::whole_register(vm, register))
    } else {
        format!("{:08x}", debug::register(vm, register))
    }
}

/// All registers with what they hold, several in a line; those of the FPU if software may use it now.
#[must_use]
pub fn table(vm: &Vm) -> String {
    let usable = vm.cpu.cp0.status & STATUS_CU1 != 0;
    let is_float = |register| matches!(register, Register::Float(_) | Register::FloatControl);
    let mut shown = named(vm);
    shown.retain(|&(_, register)| usable || !is_float(register));
    let mut text = String::new();
    for line in shown.chunks(COLUMNS) {
        let mut cells = String::new();
        for (name, register) in line {
            let _ = write!(cells, "{name:>10} {}", held(vm, *register));
        }
        let _ = writeln!(text, "{cells}");
    }
    text
}
