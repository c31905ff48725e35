//! The table of the ISA, held against the interpreter: each instruction runs on random states, once
//! as they are and once for each thing that it might read with that changed. What differs is what it
//! writes and reads, and the table has to say that, no less and no more.

#[path = "../common/mod.rs"]
mod common;
mod judge;
mod machine;
mod observe;
mod wrong;

use common::{USUAL, WIDE};
use mirrorball::isa::{Format, Info, Insn, Operand, Since, TABLE, Unit};
use observe::{Observation, Observer};

/// What the monitor does for a guest is nothing that an instruction says.
fn lines(only: bool) -> impl Iterator<Item = &'static Info> {
    let lines = TABLE.iter().filter(|info| info.insn != Insn::Hypcall);
    lines.filter(move |info| (info.since == Since::M64) == only)
}

/// The CPU models, with the lines that are looked at there: those that only a 64-bit one has, and all
/// others.
fn observed() -> impl Iterator<Item = (&'static Info, Vec<Observation>)> {
    let models = [(USUAL, false), (WIDE, true)].into_iter();
    models.flat_map(|(model, only)| {
        let mut observer = Observer::new(model);
        lines(only).map(move |info| (info, observer.observe(info)))
    })
}

#[test]
fn each_line_says_what_the_interpreter_does() {
    let mut complaints = Vec::new();
    for (info, observations) in observed() {
        complaints.extend(judge::complaints(info, &observations));
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn a_line_that_says_something_else_is_noticed() {
    let mut unnoticed = Vec::new();
    for (info, observations) in observed() {
        let wrong = wrong::lines(info).into_iter();
        let wrong = wrong.filter(|wrong| judge::complaints(wrong, &observations).is_empty());
        unnoticed.extend(wrong.map(|wrong| format!("{wrong:?}")));
    }
    assert!(unnoticed.is_empty(), "\n{}", unnoticed.join("\n"));
}

/// The manual groups opcodes by the unit that executes them.
#[test]
fn units_follow_from_opcodes() {
    const LOADS_AND_STORES: [Insn; 4] = [Insn::Ldc1, Insn::Sdc1, Insn::Ldxc1, Insn::Sdxc1];
    for info in TABLE {
        let moves = info.takes(Operand::MoveCode) && info.value >> 26 == 0;
        let long = info.operands.iter().any(|operand| match operand {
            Operand::Fpr(_, _, format) => *format == Format::L,
            _ => false,
        });
        let unit = match info.value >> 26 {
            0x10 | 0x2f => Unit::Cop0,
            0x11 | 0x13 | 0x31 | 0x35 | 0x39 | 0x3d if !long => Unit::Fpu,
            _ if LOADS_AND_STORES.contains(&info.insn) || moves => Unit::Fpu,
            0x11 | 0x13 => Unit::Fpu64,
            _ => Unit::Cpu,
        };
        assert_eq!(info.unit, unit, "{:?}", info.insn);
    }
}
