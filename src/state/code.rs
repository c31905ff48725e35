//! What runs, and the code around the program counter.

use std::fmt::Write;

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::insight::Tasks;
use mirrorball_runtime::vm::{Vm, debug};

use crate::isa::disasm::disassemble;

/// The word of code at `va`, if that is mapped memory.
#[must_use]
pub fn word_at(vm: &Vm, va: Va) -> Option<u32> {
    let mut bytes = [0; 4];
    let whole = debug::read(vm, va, &mut bytes) == bytes.len();
    whole.then(|| match vm.ram.big_endian() {
        true => u32::from_be_bytes(bytes),
        false => u32::from_le_bytes(bytes),
    })
}

/// The instructions from `before` of them before the program counter to `behind` of them behind it, a
/// line each; the one at the program counter has a mark. What is not mapped is left out.
#[must_use]
pub fn around(vm: &Vm, before: u32, behind: u32) -> String {
    let pc = vm.cpu.pc as u32;
    let mut text = String::new();
    for index in 0..=before + behind {
        let at = pc.wrapping_sub(4 * before).wrapping_add(4 * index);
        let mark = if at == pc { "=>" } else { "  " };
        match word_at(vm, Va(at.into())) {
            Some(word) => {
                let instruction = disassemble(word, at);
                let _ = writeln!(text, "{mark} {at:#010x}  {word:08x}  {instruction}");
            }
            None if at == pc => {
                let _ = writeln!(text, "{mark} {at:#010x}  not in the TLB");
            }
            None => {}
        }
    }
    text
}

/// What runs: the mode, the address space, and the process if its name is known.
#[must_use]
pub fn task(vm: &Vm) -> String {
    let mode = match vm.cpu.mode().is_kernel() {
        true => "kernel",
        false => "user",
    };
    let name = Tasks::default().current(&vm.cpu, &vm.ram);
    let name = name.map(|name| format!(", process {:?}", name.text()));
    let asid = vm.cpu.cp0.asid();
    format!("{mode} mode, ASID {asid:#x}{}", name.unwrap_or_default())
}
