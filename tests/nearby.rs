//! Accesses a little way from the same register: translated code asks for their page once. What
//! they find is what each would find that asks for itself, also where the page ends, where only
//! one of two pages is there, and where stores meet code.

mod common;

use common::asm::*;
use common::{CODE, Kind, place, program, run};
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::Vm;

/// Rounds of the loop, each four bytes further.
const ROUNDS: u32 = 80;
/// Where the accesses begin that cross a page's end.
const BEFORE_END: u32 = 0xf60;

/// Accesses as of a structure: many around A0.
fn structure() -> Vec<u32> {
    let mut code = Vec::new();
    for (register, offset) in [(T0, 0), (T1, 12), (T2, -8)] {
        code.push(lw(register, offset, A0));
        code.push(xor(V0, V0, register));
    }
    code.extend([
        addiu(T0, V0, 77),
        sw(T0, 4, A0),
        sb(T1, 9, A0),
        lw(T2, 4, A0),
        addu(V0, V0, T2),
        sw(V0, 36, A0),
        lw(T0, 36, A0),
        addu(V0, V0, T0),
        lw(T1, 40, A0),
        xor(V0, V0, T1),
    ]);
    code
}

/// Few accesses, so that the loop is unrolled: what a round stores the next one loads.
fn array() -> Vec<u32> {
    vec![lw(T0, 0, A0), addiu(V0, T0, 77), sw(V0, 4, A0)]
}

/// Accesses on both sides of a branch, and behind where its ways meet.
fn branched() -> Vec<u32> {
    vec![
        lw(T0, 0, A0),
        sw(S0, 8, A0),
        andi(T1, S0, 4),
        bne(T1, ZERO, 6),
        lw(T2, 12, A0),
        addu(V0, V0, T0),
        sw(V0, 4, A0),
        lw(T0, 8, A0),
        beq(ZERO, ZERO, 2),
        xor(V0, V0, T0),
        sw(V0, 16, A0),
        lw(T1, 4, A0),
        addu(V0, V0, T1),
    ]
}

/// A loop of accesses around A0, which goes from `from` on; at each fault the instruction is
/// skipped and counted in V1.
fn accesses(body: Vec<u32>, from: u32) -> Box<Vm> {
    let mut code = Vec::new();
    code.extend(li(A0, from));
    code.extend(li(S0, ROUNDS));
    let start = code.len();
    code.extend(body);
    code.extend([addiu(A0, A0, 4), addiu(S0, S0, -1)]);
    let back = start as i32 - code.len() as i32 - 1;
    code.extend([bne(S0, ZERO, back), NOP, WAIT]);
    let mut vm = program(&code);
    let handler = [
        addiu(V1, V1, 1),
        mfc0(K0, EPC),
        addiu(K0, K0, 4),
        mtc0(K0, EPC),
        ERET,
    ];
    for vector in [0x8000_0000, 0x8000_0180] {
        place(&mut vm, vector, &handler);
    }
    vm
}

/// The two pages from 0x0040_0000 on, the second present and writable as is said.
fn mapped(body: Vec<u32>, second: u32) -> Box<Vm> {
    let mut vm = accesses(body, 0x0040_0000 + BEFORE_END);
    for (register, value) in [
        (INDEX, 0),
        (ENTRY_HI, 0x0040_0000),
        (ENTRY_LO0, 0x300 << 6 | 0x1f),
        (ENTRY_LO1, 0x500 << 6 | second),
    ] {
        vm.move_to_cp0(register, 0, value, 0);
    }
    vm.tlb_write_indexed().expect("no entry like it");
    vm
}

/// Runs it in all engines; returns how many faults there were.
fn agree(what: &str, machine: impl Fn() -> Box<Vm>) -> u32 {
    let mut reference = machine();
    let expected = run(Kind::Interpreter, &mut reference, u64::MAX);
    assert_eq!(expected.outcome, Outcome::Halted, "{what}");
    for kind in [
        Kind::EagerJit,
        Kind::Lockstep,
        Kind::Strides(7),
        Kind::Strides(211),
        Kind::Baseline(211),
    ] {
        assert_eq!(
            run(kind, &mut machine(), u64::MAX),
            expected,
            "{what} in {kind}"
        );
    }
    reference.cpu.gpr[V1 as usize] as u32
}

/// The bodies of the loop.
const BODIES: [fn() -> Vec<u32>; 3] = [structure, array, branched];

#[test]
fn across_a_page_of_kseg0() {
    for body in BODIES {
        let from = |from: u32| move || accesses(body(), from + BEFORE_END);
        assert_eq!(agree("RAM", from(0x8020_0000)), 0);
        // Beyond the end of memory there is nothing, and then devices.
        assert_eq!(agree("the end", from(0x87ff_f000)), 0);
    }
}

#[test]
fn across_a_mapped_page() {
    for body in BODIES {
        let second = |second: u32| move || mapped(body(), second);
        assert_eq!(agree("both", second(0x1f)), 0);
        let absent = agree("no second page", second(0x1d));
        let clean = agree("a second page for reading", second(0x1b));
        assert!(absent > clean && clean > 25, "{absent} {clean}");
    }
}

#[test]
fn beside_code() {
    // The loop's own page: each store is seen to hit code, or not to.
    for body in BODIES {
        agree("code", || accesses(body(), CODE + 0x200));
        agree("code from before", || accesses(body(), CODE + 0x60));
    }
}

#[test]
fn around_the_end_of_addresses() {
    // The last bytes of kseg3 and the first of kuseg are no neighbours.
    for body in BODIES {
        let faults = agree("the end", || accesses(body(), 0xffff_ffd0));
        assert!(faults > 0);
    }
}
