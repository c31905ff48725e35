//! Loops that change nothing: their rounds are skipped, and the guest cannot tell. Each guest ends
//! at the same instruction in the same state as where every round runs.

mod common;

use common::asm::*;
use common::{CODE, ENGINES, Kind, Recorder, place, program};
use mirrorball::engine::Interpreter;
use mirrorball_runtime::exit::{Exit, Outcome};
use mirrorball_runtime::vm::state;
use mirrorball_runtime::vm::{Engine, Vm};

/// Instructions that each guest runs: not a multiple of anything.
const LIMIT: u64 = 5_000_017;
/// What is left of them where nearly all rounds are skipped.
const FEW: u64 = 1_000_000;

/// Where the guests keep their data, as the CPU sees it.
const DATA: u32 = CODE + 0x10_0000;
/// ISA port 0x70, the index of the real-time clock. Its data is in the port behind it.
const RTC: u32 = 0xb800_0070;

/// CP0 registers that only these guests use.
const COMPARE: u32 = 11;
const STATUS: u32 = 12;
/// Status with the timer's interrupt let through, kernel mode and vectors in RAM.
const TIMER_ON: u32 = 0x8001;

fn lbu(rt: u32, offset: i32, base: u32) -> u32 {
    0x24 << 26 | base << 21 | rt << 16 | offset as u32 & 0xffff
}

fn sb(rt: u32, offset: i32, base: u32) -> u32 {
    0x28 << 26 | base << 21 | rt << 16 | offset as u32 & 0xffff
}

fn andi(rt: u32, rs: u32, value: u32) -> u32 {
    0x0c << 26 | rs << 21 | rt << 16 | value
}

/// An interpreter that runs every round.
struct EveryRound(Interpreter);

impl Engine for EveryRound {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        self.0.run(vm)
    }
}

/// A guest of straight code and loops, with a timer handler that comes every 100,003 cycles,
/// counts in $k1 and at [`DATA`], and returns.
fn guest(code: &[u32]) -> Box<Vm> {
    let [status_high, status] = li(T0, TIMER_ON);
    let [data_high, data] = li(S0, DATA);
    let [rtc_high, rtc] = li(S1, RTC);
    let mut all = vec![data_high, data, rtc_high, rtc, status_high, status];
    all.extend(li(T1, 100_003));
    all.extend([mtc0(T1, COMPARE), mtc0(T0, STATUS)]);
    all.extend(code);
    let mut vm = program(&all);
    let k1 = 27;
    let [step_high, step] = li(K0, 100_003);
    let handler = [
        addiu(k1, k1, 1),
        sw(k1, 0, S0),
        step_high,
        step,
        mfc0(T2, COMPARE),
        addu(K0, K0, T2),
        mtc0(K0, COMPARE),
        ERET,
    ];
    place(&mut vm, 0x8000_0180, &handler);
    place(&mut vm, DATA, &[0]);
    vm
}

/// Runs `code` with every round, and then in every engine. Returns the most instructions that an
/// engine ran itself.
fn ran(code: &[u32]) -> u64 {
    ran_in(&ENGINES, code, LIMIT)
}

fn ran_in(engines: &[Kind], code: &[u32], limit: u64) -> u64 {
    let mut vm = guest(code);
    let mut reference = EveryRound(Interpreter::new().expect("address space"));
    let outcome = vm.run(&mut reference, &mut Recorder::default(), limit);
    assert_eq!((outcome, vm.counters.spun), (Outcome::Limit, 0));
    let accesses = |vm: &Vm| vm.board.accesses().collect::<Vec<_>>();
    let end = (vm.cpu.retired(), state::hash(&vm));
    let expected = (end, vm.counters.exceptions, accesses(&vm));
    assert!(
        vm.counters.exceptions[0] >= limit / 110_000,
        "interrupts came"
    );
    let run = |&kind: &Kind| {
        let mut vm = guest(code);
        let end = common::run(kind, &mut vm, limit);
        let end = (end.instructions, end.state);
        let got = (end, vm.counters.exceptions, accesses(&vm));
        assert_eq!(got, expected, "{kind}");
        limit - vm.counters.spun
    };
    engines.iter().map(run).max().unwrap_or(0)
}

#[test]
fn a_branch_to_itself() {
    assert!(ran(&[beq(ZERO, ZERO, -1), NOP]) < FEW);
}

#[test]
fn a_flag_that_an_interrupt_sets() {
    // Waits for 100 ticks, one by one, then for good.
    let code = [
        lw(V0, 0, S0),
        beq(V0, V1, -2),
        NOP,
        addiu(V1, V1, 1),
        addiu(T0, V1, -100),
        bne(T0, ZERO, -6),
        NOP,
        beq(ZERO, ZERO, -1),
        NOP,
    ];
    assert!(ran(&code) < FEW);
}

#[test]
fn a_register_that_toggles() {
    assert!(ran(&[beq(ZERO, ZERO, -1), xor(V0, V0, S0)]) < FEW);
}

#[test]
fn calls_that_save_on_the_stack_what_is_there() {
    let spin = CODE + 10 * 4;
    let code = [
        // Again and again: a function that keeps a register on the stack.
        jal(spin + 4 * 4),
        NOP,
        beq(ZERO, ZERO, -3),
        NOP,
        sw(RA, 0x40, S0),
        lw(V0, 0, S0),
        lw(RA, 0x40, S0),
        jr(RA),
        NOP,
    ];
    assert!(ran(&code) < FEW);
}

/// Waits for the next update of the clock to begin, then for it to end, for ever; counts.
fn clock() -> Vec<u32> {
    vec![
        ori(V0, ZERO, 0x0a),
        sb(V0, 0, S1),
        lbu(V1, 1, S1),
        andi(V1, V1, 0x80),
        beq(V1, ZERO, -5),
        NOP,
        ori(V0, ZERO, 0x0a),
        sb(V0, 0, S1),
        lbu(V1, 1, S1),
        andi(V1, V1, 0x80),
        bne(V1, ZERO, -5),
        NOP,
        beq(ZERO, ZERO, -13),
        addiu(A0, A0, 1),
    ]
}

#[test]
fn the_clock_s_update() {
    assert!(ran(&clock()) < FEW);
    // Two updates, a second apart.
    let second = 100_000_000;
    let engines = [Kind::Interpreter, Kind::Jit];
    assert!(ran_in(&engines, &clock(), second + LIMIT) < second / 4);
}

#[test]
fn an_endless_loop_costs_little_however_long_it_runs() {
    let mut vm = program(&[beq(ZERO, ZERO, -1), NOP]);
    let end = common::run(Kind::Interpreter, &mut vm, 1 << 40);
    assert_eq!((end.outcome, end.instructions), (Outcome::Limit, 1 << 40));
}

/// Loops that look as if they waited, and do not.
#[test]
fn loops_that_do_something_run() {
    let loops: [(&str, &[u32]); 7] = [
        ("counts", &[beq(ZERO, ZERO, -1), addiu(V0, V0, 1)]),
        ("reads Count", &[mfc0(V0, COUNT), beq(ZERO, ZERO, -2), NOP]),
        (
            "stores what changes",
            &[
                lw(V0, 4, S0),
                addiu(V0, V0, 1),
                sw(V0, 4, S0),
                ori(V0, ZERO, 0),
                beq(ZERO, ZERO, -5),
                NOP,
            ],
        ),
        (
            "reads a register of the clock that reading clears",
            &[
                ori(V0, ZERO, 0x0c),
                sb(V0, 0, S1),
                lbu(V1, 1, S1),
                beq(ZERO, ZERO, -4),
                NOP,
            ],
        ),
        (
            "goes from one register of the clock to another",
            &[
                ori(V0, ZERO, 0x0a),
                sb(V0, 0, S1),
                ori(V0, ZERO, 0x0b),
                sb(V0, 0, S1),
                beq(ZERO, ZERO, -5),
                NOP,
            ],
        ),
        (
            "reads the serial port",
            &[lbu(V0, 0x3fd - 0x70, S1), beq(ZERO, ZERO, -2), NOP],
        ),
        ("writes CP0", &[mtc0(V0, 14), beq(ZERO, ZERO, -2), NOP]),
    ];
    for (name, code) in loops {
        assert_eq!(ran(code), LIMIT, "a loop that {name}");
    }
}
