//! Guests that are wild in one way each.

use crate::common::asm::*;
use crate::common::{CODE, place, program};
use crate::compare::{End, Manner, both, run};
use mirrorball::engine::Interpreter;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::Vm;

const K0: u32 = 26;
const STATUS: u32 = 12;
const COMPARE: u32 = 11;

const fn sll(rd: u32, rt: u32, by: u32) -> u32 {
    rt << 16 | rd << 11 | by << 6
}

const fn srl(rd: u32, rt: u32, by: u32) -> u32 {
    sll(rd, rt, by) | 2
}

const fn sb(rt: u32, offset: i32, base: u32) -> u32 {
    sw(rt, offset, base) & !(0x3f << 26) | 0x28 << 26
}

const fn lb(rt: u32, offset: i32, base: u32) -> u32 {
    sw(rt, offset, base) & !(0x3f << 26) | 0x20 << 26
}

const fn sh(rt: u32, offset: i32, base: u32) -> u32 {
    sw(rt, offset, base) & !(0x3f << 26) | 0x29 << 26
}

/// Goes on behind the instruction that was refused.
fn skip_what_is_refused(vm: &mut Vm) {
    let handler = [mfc0(K0, EPC), addiu(K0, K0, 4), mtc0(K0, EPC), ERET];
    for vector in [0x8000_0000, 0x8000_0180] {
        place(vm, vector, &handler);
    }
}

/// Runs a program in both engines, which must agree.
fn agree(code: &[u32], limit: u64) -> End {
    let make = || {
        let mut vm = program(code);
        skip_what_is_refused(&mut vm);
        vm
    };
    both(make, Manner::of(2), limit)
        .unwrap_or_else(|difference| panic!("{difference}"))
        .0
}

#[test]
fn a_jump_to_nowhere_ends_with_the_limit() {
    let nowhere = [
        0x0000_0000, // not mapped
        0x0000_0001, // where an empty table must not be thought to know something
        0x7fff_fffc,
        0xa800_0000, // behind the end of memory
        0xb800_03f8, // a device
        0xbbe0_0000,
        0xbf00_0000,
        0xbfc0_0000, // ROM, where nothing lies
        0xc000_0000,
        0xffff_fffc,
        0x8010_0001, // unaligned
        0x8010_0002,
    ];
    for target in nowhere {
        let [high, low] = li(T0, target);
        let end = agree(&[high, low, jr(T0), NOP], 20_000);
        assert_eq!(end.outcome, Outcome::Limit, "{target:#x}");
        assert!((20_000..20_010).contains(&end.instructions), "{target:#x}");
    }
}

#[test]
fn a_jump_to_nowhere_without_handlers_ends_with_the_limit() {
    for target in [0x0000_0004, 0xbfc0_0380, 0xffff_ffff] {
        let make = || {
            let [high, low] = li(T0, target);
            let mut vm = program(&[high, low, jr(T0), NOP]);
            // Back to the vectors in ROM, where nothing lies either.
            vm.move_to_cp0(STATUS, 0, 1 << 22, 0);
            vm
        };
        let (end, _) =
            both(make, Manner::of(2), 20_000).unwrap_or_else(|difference| panic!("{difference}"));
        assert_eq!(end.outcome, Outcome::Limit, "{target:#x}");
    }
}

#[test]
fn a_loop_without_interrupts_ends_with_the_limit() {
    for body in [
        [NOP, beq(ZERO, ZERO, -2), NOP],
        [beq(ZERO, ZERO, -1), NOP, NOP],
    ] {
        let end = agree(&body, 3_000_000);
        assert_eq!(
            (end.outcome, end.instructions / 10),
            (Outcome::Limit, 300_000)
        );
    }
}

/// Programs counter 0 of the interval timer to its fastest, and the clock to 8 kHz.
fn storm() -> Vec<u32> {
    let ports = [
        (0x43, 0x34),
        (0x40, 2),
        (0x40, 0),
        (0x70, 0x0a),
        (0x71, 0x23),
        (0x70, 0x0b),
        (0x71, 0x42),
    ];
    let mut code = Vec::from(li(T0, 0xb800_0000));
    for (port, value) in ports {
        code.extend([addiu(T1, ZERO, value), sb(T1, port, T0)]);
    }
    code
}

#[test]
fn a_wait_that_nothing_ends_stops_the_machine_soon() {
    let asleep = [WAIT, beq(ZERO, ZERO, -2), NOP];
    let mut stormy = storm();
    stormy.extend(asleep);
    let mut armed = vec![addiu(T0, ZERO, 1000), mtc0(T0, COMPARE)];
    armed.extend(asleep);
    for code in [&asleep[..], &stormy, &armed] {
        let end = agree(code, 1_000_000);
        assert_eq!(end.outcome, Outcome::Halted);
        assert!(end.instructions < 100);
    }
}

#[test]
fn stores_all_over_the_address_space_do_no_harm() {
    // Every store is some odd number of words from the one before, and so are the loads.
    for (start, step) in [
        (0, 0x0123_4564),
        (0xb800_0000, 0x0001_0044),
        (0xa000_0000, 0x00fe_dcb8),
    ] {
        let [[a, b], [c, d]] = [li(T0, start), li(T1, step)];
        let code = [
            a,
            b,
            c,
            d,
            // The code itself is spared, so that it goes on.
            srl(T2, T0, 12),
            sll(T2, T2, 15),
            beq(T2, ZERO, 4),
            NOP,
            sw(T0, 0, T0),
            lw(V0, 0, T0),
            sb(T0, 3, T0),
            addu(T0, T0, T1),
            beq(ZERO, ZERO, -9),
            xor(V1, V1, V0),
        ];
        let end = agree(&code, 300_000);
        assert!(matches!(
            end.outcome,
            Outcome::Limit | Outcome::Reset | Outcome::PowerOff
        ));
    }
}

/// A program that accesses random registers of everything between `base` and `base + size` with
/// random values, in all widths.
fn nonsense(base: u32, size: u32, seed: u32) -> Vec<u32> {
    let mut code = Vec::new();
    for (register, value) in [(S0, base), (S1, size - 1), (T0, seed)] {
        code.extend(li(register, value));
    }
    let step = [
        // T0 is the random number: xorshift.
        sll(T1, T0, 13),
        xor(T0, T0, T1),
        srl(T1, T0, 17),
        xor(T0, T0, T1),
        sll(T1, T0, 5),
        xor(T0, T0, T1),
        // T1 is the address, not aligned to more than the access needs.
        srl(T1, T0, 3),
        0x24 | T1 << 21 | S1 << 16 | T1 << 11,
        addu(T1, T1, S0),
        sb(T0, 0, T1),
        sh(T0, 0, T1),
        sw(T0, 0, T1),
        lb(T2, 0, T1),
        lw(T2, 0, T1),
        beq(ZERO, ZERO, -15),
        NOP,
    ];
    code.extend(step);
    code
}

#[test]
fn devices_take_any_nonsense() {
    let windows = [
        (0xb800_0000, 0x1000),
        (0xb800_0000, 0x0020_0000),
        (0xb000_0000, 0x0800_0000),
        (0xbbe0_0000, 0x1000),
        (0xbe00_0000, 0x0100_0000),
        (0xbf00_0000, 0x1000),
        (0xbf00_0000, 0x0010_0000),
        (0xbfc0_0000, 0x0040_0000),
        (0xa000_0000, 0x2000_0000),
    ];
    for (base, size) in windows {
        for seed in [1, 0x1234_5678, 0xdead_beef] {
            let code = nonsense(base, size, seed);
            let end = agree(&code, 100_000);
            assert_ne!(end.outcome, Outcome::Halted, "{base:#x} {seed:#x}");
        }
    }
}

#[test]
fn a_block_grows_when_the_word_that_ends_it_changes() {
    // The function at `f` is hot and ends before a word that is reserved, which the handler skips.
    // Then that word becomes an instruction.
    let f = CODE + 0x200;
    let make = || {
        let mut code = Vec::from(li(S0, f));
        code.extend(li(T0, addiu(V0, V0, 16)));
        code.extend([addiu(S1, ZERO, 40), addiu(T1, ZERO, 20)]);
        code.extend([
            jalr(S0),
            addiu(S1, S1, -1),
            bne(S1, T1, 2),
            NOP,
            sw(T0, 8, S0),
            bne(S1, ZERO, -6),
            NOP,
            beq(ZERO, ZERO, -1),
            NOP,
        ]);
        let mut vm = program(&code);
        skip_what_is_refused(&mut vm);
        let reserved = 0x7c00_003f;
        place(&mut vm, f, &[addiu(V0, V0, 1), NOP, reserved, jr(RA), NOP]);
        vm
    };
    for hot in 1..8 {
        let (end, jit) =
            both(make, Manner::of(hot), 2_000).unwrap_or_else(|difference| panic!("{difference}"));
        assert_eq!(end.outcome, Outcome::Limit);
        assert!(jit.translations > 0);
    }
    let mut vm = make();
    run(&mut vm, &mut Manner::of(2).jit(), 2_000);
    // 40 calls, of which the last 20 add 16 more.
    assert_eq!(vm.cpu.gpr[V0 as usize], 40 + 20 * 16);
}

#[test]
fn an_instruction_that_ends_blocks_may_stand_in_a_delay_slot() {
    const SYSCALL: u32 = 0x0c;
    const DI: u32 = 0x4160_6000;
    for slot in [SYSCALL, DI, mtc0(ZERO, COMPARE), ERET, beq(ZERO, ZERO, 1)] {
        // Behind the branch: an exception in the slot is taken again and again until the handler
        // has skipped the branch.
        let code = [
            beq(ZERO, ZERO, 1),
            slot,
            addiu(V0, V0, 1),
            beq(ZERO, ZERO, -4),
            NOP,
        ];
        let end = agree(&code, 5_000);
        assert_eq!(end.outcome, Outcome::Limit, "{slot:#x}");
    }
}

#[test]
fn an_unaligned_access_near_zero_is_refused() {
    // With all of user space mapped by nothing, and in the software TLB nothing either.
    let code = [
        addiu(T0, ZERO, 0x801),
        lw(T1, 0, T0),
        sh(T1, 0, T0),
        lb(T1, 0, T0),
        addiu(T0, ZERO, 1),
        lw(T1, 0, T0),
        sw(T1, 0, T0),
        beq(ZERO, ZERO, -8),
        NOP,
    ];
    let end = agree(&code, 5_000);
    assert!(end.exceptions[4] > 100 && end.exceptions[5] > 100 && end.exceptions[2] > 100);
    let mut vm = program(&code);
    assert_eq!(
        run(
            &mut vm,
            &mut Interpreter::new().expect("address space"),
            100
        )
        .outcome,
        Outcome::Limit
    );
}

#[test]
fn hypercalls_with_nonsense_are_done_or_refused() {
    for seed in 1..6 {
        let [[a, b], [c, _]] = [li(T0, 0x1234_5677 * seed), li(S1, 0x8020_0000)];
        let body = [
            // T0 is the random number: xorshift.
            sll(T1, T0, 13),
            xor(T0, T0, T1),
            srl(T1, T0, 17),
            xor(T0, T0, T1),
            sll(T1, T0, 5),
            xor(T0, T0, T1),
            // Something is stored to one of the pages that calls are about.
            srl(T1, T0, 12),
            sll(T1, T1, 2),
            addu(T1, T1, S1),
            sw(T0, 0, T1),
            // A few of 32768 pages, any of 16 calls.
            srl(A0, T0, 17),
            sll(A1, T0, 20),
            srl(A1, A1, 29),
            srl(V0, T0, 28),
            HYPCALL,
            addu(S0, S0, V0),
            xor(S0, S0, V1),
            // As much at a word of 128 MiB, in kseg0 and kseg1 as well.
            sll(A0, T0, 5),
            srl(A0, A0, 5),
            sll(A0, A0, 2),
            srl(V0, T0, 28),
            HYPCALL,
            addu(S0, S0, V0),
            xor(S0, S0, V1),
            lw(V0, 0, T1),
            addu(S0, S0, V0),
        ];
        let back = -(body.len() as i32) - 1;
        let code = [&[a, b, c], &body[..], &[beq(ZERO, ZERO, back), NOP]].concat();
        let end = agree(&code, 200_000);
        assert_eq!(end.outcome, Outcome::Limit);
        assert!(end.hypercalls > 10_000, "{}", end.hypercalls);
    }
}
