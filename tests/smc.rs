//! Code that changes: no engine ever runs what was there before, whether or not the guest says a
//! word about caches.

mod common;

use common::asm::*;
use common::{CODE, ENGINES, Kind, Recorder, place, program, run};
use mirrorball::engine::{Jit, JitConfig};
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::Vm;

/// A function of the tests, on a page of its own.
const FUNCTION: u32 = CODE + 0x1000;
/// Long enough for any of these programs.
const LIMIT: u64 = 10_000_000;

/// Has every engine run what `make` makes to its WAIT, and hands the machine to `check`.
fn in_every_engine(make: impl Fn() -> Box<Vm>, check: impl Fn(&Vm)) {
    let mut ends = Vec::new();
    for kind in ENGINES {
        let mut vm = make();
        let end = run(kind, &mut vm, LIMIT);
        assert_eq!(end.outcome, Outcome::Halted, "{kind}");
        check(&vm);
        ends.push((end.instructions, end.state));
    }
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{ends:x?}");
}

fn register(vm: &Vm, number: u32) -> u32 {
    vm.cpu.gpr[number as usize] as u32
}

/// `function: addiu v0, v0, <changes>; jr ra`, called in a loop that writes the first word anew
/// each time. `alias` is what the writer sees the page through.
fn rewritten_function(alias: u32) -> Box<Vm> {
    let [a, b] = li(T0, alias);
    let [c, d] = li(T1, addiu(V0, V0, 0));
    let mut vm = program(&[
        a,
        b,
        c,
        d,
        addiu(S0, ZERO, 1000),
        // loop: addiu v0, v0, s0
        addu(T2, T1, S0),
        sw(T2, 0, T0),
        jal(FUNCTION),
        NOP,
        addiu(S0, S0, -1),
        bne(S0, ZERO, -6),
        NOP,
        WAIT,
    ]);
    place(&mut vm, FUNCTION, &[NOP, jr(RA), NOP]);
    vm
}

#[test]
fn a_function_that_is_rewritten_before_each_call() {
    in_every_engine(
        || rewritten_function(FUNCTION),
        |vm| assert_eq!(register(vm, V0), 500_500),
    );
}

#[test]
fn the_same_through_the_uncached_window() {
    in_every_engine(
        || rewritten_function(FUNCTION | 0x2000_0000),
        |vm| assert_eq!(register(vm, V0), 500_500),
    );
}

#[test]
fn a_store_to_the_instruction_behind_it() {
    let [a, b] = li(T0, CODE + 7 * 4);
    let [c, d] = li(T1, addiu(V0, V0, 0));
    let code = [
        a,
        b,
        c,
        d,
        addiu(S0, ZERO, 1000),
        // loop: the store and what it writes are in one block.
        addu(T2, T1, S0),
        sw(T2, 0, T0),
        NOP,
        addiu(S0, S0, -1),
        bne(S0, ZERO, -5),
        NOP,
        WAIT,
    ];
    in_every_engine(
        || program(&code),
        |vm| assert_eq!(register(vm, V0), 500_500),
    );
}

#[test]
fn a_store_in_a_delay_slot_to_the_branch_target() {
    let [a, b] = li(T0, FUNCTION);
    let [c, d] = li(T1, addiu(V0, V0, 0));
    let code = [
        a,
        b,
        c,
        d,
        addiu(S0, ZERO, 1000),
        addu(T2, T1, S0),
        jal(FUNCTION),
        sw(T2, 0, T0),
        addiu(S0, S0, -1),
        bne(S0, ZERO, -5),
        NOP,
        WAIT,
    ];
    let make = || {
        let mut vm = program(&code);
        place(&mut vm, FUNCTION, &[NOP, jr(RA), NOP]);
        vm
    };
    in_every_engine(make, |vm| assert_eq!(register(vm, V0), 500_500));
}

#[test]
fn a_delay_slot_on_the_next_page() {
    // The branch ends one page, its slot starts the next and is rewritten.
    let branch = FUNCTION + 0xffc;
    let [a, b] = li(T0, branch + 4);
    let [c, d] = li(T1, addiu(V0, V0, 0));
    let code = [
        a,
        b,
        c,
        d,
        addiu(S0, ZERO, 1000),
        addu(T2, T1, S0),
        jal(branch),
        sw(T2, 0, T0),
        addiu(S0, S0, -1),
        bne(S0, ZERO, -5),
        NOP,
        WAIT,
    ];
    let make = || {
        let mut vm = program(&code);
        place(&mut vm, branch, &[jr(RA), NOP]);
        vm
    };
    in_every_engine(make, |vm| assert_eq!(register(vm, V0), 500_500));
}

/// Maps the page pair at `va` (in kuseg) to `frame`, for an even page of one address space.
fn map(va: u32, asid: u32, index: u32, frame: u32, bits: u32) -> Vec<u32> {
    let [a, b] = li(A0, va | asid);
    let [c, d] = li(A1, frame >> 6 | bits);
    vec![
        a,
        b,
        mtc0(A0, ENTRY_HI),
        c,
        d,
        mtc0(A1, ENTRY_LO0),
        mtc0(ZERO, ENTRY_LO1),
        addiu(A0, ZERO, index as i32),
        mtc0(A0, INDEX),
        TLBWI,
    ]
}

/// EntryLo: cacheable, valid.
const VALID: u32 = 3 << 3 | 2;
/// Two frames with a function each: one adds 1 to v0, the other 1000.
const FRAMES: [u32; 2] = [0x0030_0000, 0x0030_1000];
/// Where the CPU calls them.
const MAPPED: u32 = 0x0040_0000;

fn with_frames(code: &[u32]) -> Box<Vm> {
    let mut vm = program(code);
    for (frame, step) in FRAMES.into_iter().zip([1, 1000]) {
        place(&mut vm, frame, &[addiu(V0, V0, step), jr(RA), NOP]);
    }
    vm
}

/// A loop of 500 rounds around `body`.
fn repeat(body: &[u32]) -> Vec<u32> {
    let mut code = vec![addiu(S0, ZERO, 500)];
    code.extend(body);
    code.push(addiu(S0, S0, -1));
    code.push(bne(S0, ZERO, -(body.len() as i32 + 2)));
    code.extend([NOP, WAIT]);
    code
}

#[test]
fn a_page_that_is_mapped_elsewhere() {
    let [a, b] = li(T0, MAPPED);
    let mut body = vec![a, b];
    for frame in FRAMES {
        body.extend(map(MAPPED, 0, 0, frame, VALID));
        body.extend([jalr(T0), NOP]);
    }
    in_every_engine(
        || with_frames(&repeat(&body)),
        |vm| assert_eq!(register(vm, V0), 500 * 1001),
    );
}

#[test]
fn two_address_spaces_with_other_code_at_the_same_address() {
    let [a, b] = li(T0, MAPPED);
    let mut code = map(MAPPED, 1, 0, FRAMES[0], VALID);
    code.extend(map(MAPPED, 2, 1, FRAMES[1], VALID));
    let mut body = vec![a, b];
    for asid in [1, 2] {
        body.extend([addiu(T1, ZERO, asid), mtc0(T1, ENTRY_HI), jalr(T0), NOP]);
    }
    code.extend(repeat(&body));
    in_every_engine(
        || with_frames(&code),
        |vm| assert_eq!(register(vm, V0), 500 * 1001),
    );
}

#[test]
fn a_page_that_is_taken_away() {
    // A call that ran before takes an exception once its page is not valid: the handler counts
    // and returns to the caller.
    let [a, b] = li(T0, MAPPED);
    let mut body = vec![a, b];
    body.extend(map(MAPPED, 0, 0, FRAMES[0], VALID));
    body.extend([jalr(T0), NOP]);
    body.extend(map(MAPPED, 0, 0, FRAMES[0], 0));
    body.extend([jalr(T0), NOP]);
    let make = || {
        let mut vm = with_frames(&repeat(&body));
        let handler = [addiu(V1, V1, 1), mtc0(RA, EPC), ERET];
        place(&mut vm, 0x8000_0180, &handler);
        vm
    };
    in_every_engine(make, |vm| {
        assert_eq!((register(vm, V0), register(vm, V1)), (500, 500));
    });
}

#[test]
fn a_store_through_another_mapping_of_the_page() {
    const DIRTY: u32 = 1 << 2;
    let writer = 0x0080_0000;
    let mut code = map(MAPPED, 0, 0, FRAMES[0], VALID);
    code.extend(map(writer, 0, 1, FRAMES[0], VALID | DIRTY));
    let [a, b] = li(T0, MAPPED);
    let [c, d] = li(T1, addiu(V0, V0, 0));
    let mut body = vec![a, b, c, d, lui(S1, writer >> 16)];
    body.extend([addu(T2, T1, S0), sw(T2, 0, S1), jalr(T0), NOP]);
    code.extend(repeat(&body));
    in_every_engine(
        || with_frames(&code),
        |vm| assert_eq!(register(vm, V0), 500 * 501 / 2),
    );
}

/// Code that is there, is gone and is there again while it is being translated on another thread.
#[test]
fn code_that_comes_and_goes() {
    const ROUNDS: u32 = 3000;
    // A loop of two blocks, so that they become one region, in which the second block is patched
    // back and forth.
    let patched = FUNCTION + 5 * 4;
    let function = [
        addiu(T2, ZERO, 8),
        // loop:
        addiu(T2, T2, -1),
        beq(V1, RA, 3),
        NOP,
        NOP,
        addiu(V0, V0, 1),
        bne(T2, ZERO, -6),
        NOP,
        jr(RA),
        NOP,
    ];
    let [a, b] = li(T0, patched);
    let [c, d] = li(T1, addiu(V0, V0, 1));
    let [e, f] = li(A0, addiu(V0, V0, 0x100));
    let code = [
        a,
        b,
        c,
        d,
        e,
        f,
        addiu(S0, ZERO, ROUNDS as i32),
        // loop:
        sw(T1, 0, T0),
        jal(FUNCTION),
        NOP,
        sw(A0, 0, T0),
        sw(T1, 0, T0),
        jal(FUNCTION),
        NOP,
        jal(FUNCTION),
        sw(A0, 0, T0),
        addiu(S0, S0, -1),
        bne(S0, ZERO, -11),
        NOP,
        WAIT,
    ];
    let expected = ROUNDS * 8 * (1 + 1 + 0x100);
    for hot in [1, 3, 20, 200] {
        let config = JitConfig {
            hot: Some(hot),
            ..JitConfig::default()
        };
        let mut vm = program(&code);
        place(&mut vm, FUNCTION, &function);
        let mut jit = Jit::new(config).expect("the host has a JIT");
        let outcome = vm.run(&mut jit, &mut Recorder::default(), LIMIT);
        assert_eq!(outcome, Outcome::Halted);
        assert_eq!(register(&vm, V0), expected, "hot after {hot}");
    }
}

/// What a device writes into memory reaches code that is already translated and linked. (Lockstep
/// has no device that does this: its twin would not see it.)
#[test]
fn dma_into_code() {
    for kind in [Kind::Interpreter, Kind::Jit, Kind::EagerJit] {
        let mut vm = program(&[jal(FUNCTION), NOP, beq(ZERO, ZERO, -3), NOP]);
        place(&mut vm, FUNCTION, &[addiu(V0, ZERO, 0), jr(RA), NOP]);
        let mut engine = kind.engine();
        for round in 1..200 {
            place(&mut vm, FUNCTION, &[addiu(V0, ZERO, round)]);
            let limit = vm.cpu.retired() + 1000 + u64::from(round as u32 % 7);
            let outcome = vm.run(&mut engine, &mut Recorder::default(), limit);
            assert_eq!(outcome, Outcome::Limit);
            assert_eq!(register(&vm, V0), round as u32, "{kind}");
        }
    }
}

/// The whole function is replaced, by one of another length, while its caller is linked to it.
#[test]
fn dma_of_another_program() {
    for kind in [Kind::Interpreter, Kind::Jit, Kind::EagerJit] {
        let mut vm = program(&[jal(FUNCTION), NOP, beq(ZERO, ZERO, -3), NOP]);
        let mut engine = kind.engine();
        for round in 1..100_usize {
            let mut code = vec![xor(V0, V0, V0)];
            code.extend(vec![addiu(V0, V0, 1); round]);
            code.extend([sw(V0, 0x800, RA), jr(RA), NOP]);
            place(&mut vm, FUNCTION, &code);
            let limit = vm.cpu.retired() + 2000;
            vm.run(&mut engine, &mut Recorder::default(), limit);
            let mut bytes = [0; 4];
            let stored = u64::from(CODE & 0x1fff_ffff) + 8 + 0x800;
            vm.ram
                .read_physical(mirrorball_runtime::addr::Pa(stored), &mut bytes);
            assert_eq!(u32::from_le_bytes(bytes), round as u32, "{kind}");
        }
    }
}
