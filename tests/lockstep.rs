//! Lockstep can fail: it notices what is changed behind its back, and says where.

mod common;

use common::asm::*;
use common::{CODE, Recorder, boot, eager_jit, place, program, project};
use mirrorball::engine::Lockstep;
use mirrorball_runtime::addr::Pa;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::Vm;
use std::fs;

/// Where the program's loop loads from, as the CPU sees it.
const DATA: u32 = CODE + 0x10_0000;

/// A loop that adds what lies at [`DATA`], and a second that leaves it alone.
fn adding() -> Box<Vm> {
    let [a, b] = li(T0, DATA);
    program(&[
        a,
        b,
        lw(T1, 0, T0),
        addu(V0, V0, T1),
        addiu(S0, S0, 1),
        beq(ZERO, ZERO, -4),
        NOP,
    ])
}

fn lockstep() -> Lockstep {
    Lockstep::new(eager_jit(), 0).expect("address space")
}

/// Runs `vm` for a while, in which there is no difference, lets `sabotage` change it, and returns
/// what lockstep says of what follows.
fn sabotaged(vm: &mut Vm, sabotage: impl FnOnce(&mut Vm), further: u64) -> String {
    let mut engine = lockstep();
    let outcome = vm.run(&mut engine, &mut Recorder::default(), 100_000);
    assert_eq!((outcome, engine.difference()), (Outcome::Limit, None));
    assert!(engine.jit().counters.translated > 50_000);
    sabotage(vm);
    let limit = vm.cpu.retired() + further;
    let outcome = vm.run(&mut engine, &mut Recorder::default(), limit);
    assert_eq!(outcome, Outcome::Difference);
    let again = vm.run(&mut engine, &mut Recorder::default(), u64::MAX);
    assert_eq!(again, Outcome::Difference, "it does not go on");
    engine.difference().expect("a report").to_owned()
}

#[test]
fn a_register_that_changes() {
    let report = sabotaged(&mut adding(), |vm| vm.cpu.gpr[16] ^= 4, 1000);
    assert!(report.contains("$16: "), "{report}");
}

#[test]
fn a_register_of_the_fpu_and_one_of_coprocessor_0() {
    let report = sabotaged(&mut adding(), |vm| vm.cpu.fpr[7] = 1, 1000);
    assert!(report.contains("$f7: "), "{report}");
    let report = sabotaged(&mut adding(), |vm| vm.cpu.cp0.epc ^= 4, 1000);
    assert!(report.contains("cp0: "), "{report}");
}

#[test]
fn a_byte_that_the_guest_loads() {
    let sabotage = |vm: &mut Vm| {
        vm.view()
            .write_physical(Pa(u64::from(DATA & 0x1fff_ffff)), &[1])
    };
    let report = sabotaged(&mut adding(), sabotage, 1000);
    for part in [
        "$9: 0x1 against 0x0",
        "guest code:",
        "lw $t1, 0($t0)",
        "host code:",
        "ret",
    ] {
        assert!(report.contains(part), "no {part} in:\n{report}");
    }
}

#[test]
fn an_instruction_that_is_translated_wrongly() {
    // The JIT gets other code than the interpreter: as if it had mistaken addu for xor.
    let sabotage = |vm: &mut Vm| {
        place(vm, DATA, &[3]);
        place(vm, CODE + 3 * 4, &[xor(V0, V0, T1)]);
    };
    let mut vm = adding();
    place(&mut vm, DATA, &[3]);
    let report = sabotaged(&mut vm, sabotage, 1000);
    for part in ["$2: ", "xor $v0, $v0, $t1", "host code:"] {
        assert!(report.contains(part), "no {part} in:\n{report}");
    }
}

#[test]
fn a_byte_that_is_never_looked_at() {
    // Only the comparison of all memory finds it, which comes every 2^26 instructions.
    let sabotage = |vm: &mut Vm| vm.view().write_physical(Pa(0x50_0123), &[0x5a]);
    let report = sabotaged(&mut adding(), sabotage, 70_000_000);
    assert!(
        report.contains("memory at 0x00500123: 5a against 00"),
        "{report}"
    );
}

#[test]
fn a_deadline_in_a_block_with_a_device() {
    // An event of the board in the middle of a block, or in the slot that ends it. A load from a
    // device stops an engine if an event is nearer than the horizon, so both need the same one.
    let [a, b] = li(T0, 0xb800_0040);
    let mut vm = program(&[
        a,
        b,
        addiu(T1, ZERO, 0x34), // counter 0 of the 8254: mode 2, and 64 ticks from edge to edge
        sb(T1, 3, T0),
        addiu(T1, ZERO, 64),
        sb(T1, 0, T0),
        sb(ZERO, 0, T0),
        lw(V0, 0, T0),
        beq(ZERO, ZERO, -2),
        NOP,
    ]);
    let mut engine = lockstep();
    let outcome = vm.run(&mut engine, &mut Recorder::default(), 1_000_000);
    assert_eq!((outcome, engine.difference()), (Outcome::Limit, None));
}

#[test]
fn a_guest_without_sabotage_is_compared_throughout() {
    let tour = fs::read(project("guests/prebuilt/tour.el.elf")).expect("an image");
    let mut vm = boot("tour", &tour);
    let mut engine = lockstep();
    let outcome = vm.run(&mut engine, &mut Recorder::default(), u64::MAX);
    assert_eq!((outcome, engine.difference()), (Outcome::PowerOff, None));
    assert!(engine.counters.comparisons > 200_000);
    assert!(engine.counters.stores > 100_000);
}
