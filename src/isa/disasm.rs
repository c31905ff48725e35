//! From an instruction word to text, as the assembler writes it.

use super::{Fields, decode};
use std::fmt::Write;

const REGISTERS: [&str; 32] = [
    "zero", "at", "v0", "v1", "a0", "a1", "a2", "a3", "t0", "t1", "t2", "t3", "t4", "t5", "t6",
    "t7", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "t8", "t9", "k0", "k1", "gp", "sp", "fp",
    "ra",
];

const CONDITIONS: [&str; 16] = [
    "f", "un", "eq", "ueq", "olt", "ult", "ole", "ule", "sf", "ngle", "seq", "ngl", "lt", "nge",
    "le", "ngt",
];

/// The text of the instruction `word` at address `pc`.
#[must_use]
pub fn disassemble(word: u32, pc: u32) -> String {
    let fields = Fields(word);
    match word {
        0 => return "nop".into(),
        0x40 => return "ssnop".into(),
        0xc0 => return "ehb".into(),
        _ => {}
    }
    let Some(insn) = decode(word) else {
        return format!(".word {word:#010x}");
    };
    let info = insn.info();
    let mut text = info
        .mnemonic
        .replace('~', CONDITIONS[fields.condition() as usize]);
    if matches!(text.as_str(), "jr" | "jalr") && fields.sa() & 0x10 != 0 {
        text.push_str(".hb");
    }
    let mut separator = " ";
    for letter in info.operands.chars().filter(|&letter| letter != ',') {
        let operand = operand(letter, fields, pc);
        if !operand.is_empty() {
            let _ = write!(text, "{separator}{operand}");
            separator = ", ";
        }
    }
    text
}

fn operand(letter: char, f: Fields, pc: u32) -> String {
    let gpr = |n: u32| format!("${}", REGISTERS[n as usize]);
    let fpr = |n: u32| format!("$f{n}");
    let unless_zero = |text: String, n: u32| if n == 0 { String::new() } else { text };
    let condition = |n: u32| unless_zero(format!("$fcc{n}"), n);
    let code = |n: u32| unless_zero(format!("{n:#x}"), n);
    match letter {
        's' => gpr(f.rs()),
        't' => gpr(f.rt()),
        'd' => gpr(f.rd()),
        'R' => fpr(f.rs()),
        'T' => fpr(f.rt()),
        'S' => fpr(f.rd()),
        'F' => fpr(f.sa()),
        'a' => f.sa().to_string(),
        'i' => (f.simm() as i32).to_string(),
        'u' => format!("{:#x}", f.uimm()),
        'o' => format!("{}({})", f.simm() as i32, gpr(f.rs())),
        'x' => format!("{}({})", gpr(f.rt()), gpr(f.rs())),
        'b' => format!("{:#x}", f.branch_target(pc)),
        'j' => format!("{:#x}", f.jump_target(pc)),
        'e' => format!("{}, {}", f.sa(), f.rd() + 1),
        'm' => format!("{}, {}", f.sa(), (f.rd() + 1).saturating_sub(f.sa())),
        'n' => condition(f.cc()),
        'C' => format!("$fcc{}", f.cc()),
        'N' => condition(f.compare_cc()),
        'p' if f.select() == 0 => format!("${}", f.rd()),
        'p' => format!("${}, {}", f.rd(), f.select()),
        'w' => format!("${}", f.rd()),
        'h' => format!("{:#x}", f.rt()),
        'k' => code(f.sa()),
        'c' => code(f.0 >> 6 & 0xf_ffff),
        'q' => code(f.0 >> 6 & 0x3ff),
        'g' => code(f.hypercode()),
        'v' => code(f.0 >> 6 & 0x7_ffff),
        // The first half is enough if the second is 0.
        'y' if f.0 >> 6 & 0x3ff == 0 => code(f.0 >> 16 & 0x3ff),
        'y' => format!("{:#x}, {:#x}", f.0 >> 16 & 0x3ff, f.0 >> 6 & 0x3ff),
        _ => unreachable!("the table has no operand {letter}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::TABLE;

    #[test]
    fn instructions_read_as_the_assembler_writes_them() {
        let lines = [
            (0x27bd_ffe0, "addiu $sp, $sp, -32"),
            (0x8fbf_001c, "lw $ra, 28($sp)"),
            (0x1040_0003, "beq $v0, $zero, 0x80001010"),
            (0x0c00_0400, "jal 0x80001000"),
            (0x4620_a032, "c.eq.d $f20, $f0"),
            (0x7c62_2984, "ins $v0, $v1, 6, 0"),
            (0x4002_8001, "mfc0 $v0, $16, 1"),
            (0x0000_0005, ".word 0x00000005"),
            (0x0007_000d, "break 0x7"),
            (0x0109_00f4, "teq $t0, $t1, 0x3"),
            (0x02e0_5801, "movf $t3, $s7, $fcc0"),
        ];
        for (word, text) in lines {
            assert_eq!(disassemble(word, 0x8000_1000), text, "{word:#010x}");
        }
    }

    #[test]
    fn every_line_of_the_table_has_operands_that_can_be_written() {
        for info in TABLE {
            for word in [info.value, info.value | !info.mask] {
                assert!(!disassemble(word, 0).is_empty());
            }
        }
    }
}
