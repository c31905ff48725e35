//! From an instruction word to text, as the assembler writes it.

use super::{Fields, Operand, decode};
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
    for &operand in info.operands {
        let operand = written(operand, fields, pc);
        if !operand.is_empty() {
            let _ = write!(text, "{separator}{operand}");
            separator = ", ";
        }
    }
    text
}

/// Instructions as text, the first at `pc`, a line each.
#[must_use]
pub fn listing(words: impl IntoIterator<Item = u32>, pc: u32) -> String {
    let mut text = String::new();
    for (index, word) in words.into_iter().enumerate() {
        let pc = pc.wrapping_add(index as u32 * 4);
        let _ = writeln!(text, "  {pc:08x}: {word:08x}  {}", disassemble(word, pc));
    }
    text
}

/// The name of a general register.
///
/// # Panics
/// If there is no register of this number.
#[must_use]
pub fn gpr(number: u32) -> String {
    format!("${}", REGISTERS[number as usize])
}

fn unless_zero(number: u32, text: String) -> String {
    if number == 0 { String::new() } else { text }
}

fn code(number: u32) -> String {
    unless_zero(number, format!("{number:#x}"))
}

fn condition(number: u32) -> String {
    unless_zero(number, format!("$fcc{number}"))
}

/// An operand as the assembler writes it; nothing if it may be left out.
fn written(operand: Operand, f: Fields, pc: u32) -> String {
    match operand {
        Operand::Gpr(_, field) => gpr(field.of(f)),
        Operand::Fpr(_, field, _) => format!("$f{}", field.of(f)),
        Operand::Control | Operand::Hardware => format!("${}", f.rd()),
        Operand::Shift => f.sa().to_string(),
        Operand::Signed => (f.simm() as i32).to_string(),
        Operand::Unsigned => format!("{:#x}", f.uimm()),
        Operand::Offset => format!("{}({})", f.simm() as i32, gpr(f.rs())),
        Operand::Indexed => format!("{}({})", gpr(f.rt()), gpr(f.rs())),
        Operand::Branch => format!("{:#x}", f.branch_target(pc)),
        Operand::Jump => format!("{:#x}", f.jump_target(pc)),
        Operand::Extract => format!("{}, {}", f.sa(), f.rd() + 1),
        Operand::Insert => format!("{}, {}", f.sa(), (f.rd() + 1).saturating_sub(f.sa())),
        Operand::BranchCode => condition(f.cc()),
        Operand::MoveCode => format!("$fcc{}", f.cc()),
        Operand::CompareCode => condition(f.compare_cc()),
        Operand::Selected if f.select() == 0 => format!("${}", f.rd()),
        Operand::Selected => format!("${}, {}", f.rd(), f.select()),
        Operand::Hint => format!("{:#x}", f.rt()),
        Operand::IndexedHint => format!("{:#x}", f.rd()),
        Operand::SyncType => code(f.sa()),
        Operand::Code => code(f.0 >> 6 & 0xf_ffff),
        Operand::TrapCode => code(f.0 >> 6 & 0x3ff),
        Operand::Hypercode => code(f.hypercode()),
        Operand::WaitCode => code(f.0 >> 6 & 0x7_ffff),
        Operand::BreakCode => match (f.0 >> 16 & 0x3ff, f.0 >> 6 & 0x3ff) {
            // The first half is enough if the second is 0.
            (first, 0) => code(first),
            (first, second) => format!("{first:#x}, {second:#x}"),
        },
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
            (0x44c2_f800, "ctc1 $v0, $31"),
            (0x4c85_200f, "prefx 0x4, $a1($a0)"),
        ];
        for (word, text) in lines {
            assert_eq!(disassemble(word, 0x8000_1000), text, "{word:#010x}");
        }
    }

    #[test]
    fn a_listing_has_a_line_an_instruction() {
        let text = listing([0x0c00_0400, 0], 0x8000_1000);
        assert_eq!(
            text,
            "  80001000: 0c000400  jal 0x80001000\n  80001004: 00000000  nop\n"
        );
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
