//! Hypercalls as the monitor sees them. What the guest sees of each call, and of each way of being
//! refused, is the guest `isa-hypercall`'s to test, in both byte orders and in every engine.

mod common;

use common::asm::*;
use common::program::mirrorball;
use common::{CODE, ENGINES, Kind, Recorder, place, program, project};
use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::cpu::cp0::{STATUS_BEV, STATUS_ERL};
use mirrorball_runtime::cpu::model::{MODELS, Model};
use mirrorball_runtime::exit::{Exit, Outcome};
use mirrorball_runtime::hypercall::{CallError, Number};
use mirrorball_runtime::vm::{Vm, VmConfig};
use std::fs;

const STATUS: u32 = 12;

/// A machine of `model` in kernel mode that is about to run `code` at [`CODE`].
fn machine(model: &'static Model, hypercalls: bool, code: &[u32]) -> Box<Vm> {
    let mut vm = Vm::new(VmConfig {
        model,
        memory: 4 << 20,
        big_endian: false,
        second_tlb: 0,
        hypercalls,
        rtc_base: 0,
    })
    .expect("the host has 4 MiB");
    place(&mut vm, CODE, code);
    vm.cpu.pc = Va(CODE.into()).0;
    vm.cpu.cp0.status &= !(STATUS_ERL | STATUS_BEV);
    vm.select_space();
    vm
}

/// Makes call `number` for ever, and counts in `$s0`.
fn asking(number: Number) -> Vec<u32> {
    vec![
        addiu(V0, ZERO, number as i32),
        HYPCALL,
        addiu(S0, S0, 1),
        beq(ZERO, ZERO, -4),
        NOP,
    ]
}

fn run(kind: Kind, vm: &mut Vm, instructions: u64) -> Outcome {
    let limit = vm.cpu.retired() + instructions;
    common::run(kind, vm, limit).outcome
}

#[test]
fn without_the_interface_the_instruction_is_reserved_on_every_cpu() {
    // The handler steps over it.
    let handler = [mfc0(K0, EPC), addiu(K0, K0, 4), mtc0(K0, EPC), ERET];
    for model in &MODELS {
        for (hypercalls, refused) in [(false, 2000), (true, 0)] {
            for kind in ENGINES {
                let mut vm = machine(model, hypercalls, &asking(Number::Version));
                place(&mut vm, 0x8000_0180, &handler);
                run(kind, &mut vm, 10_000 + 4 * refused);
                assert_eq!(vm.counters.exceptions[10], refused, "{} {kind}", model.name);
                assert_eq!(vm.counters.hypercalls[0], 2000 - refused);
                assert_eq!(vm.cpu.gpr[3], if hypercalls { 0x1_0000 } else { 0 });
            }
        }
    }
}

#[test]
fn user_mode_has_no_coprocessor_0() {
    for kind in ENGINES {
        let mut vm = program(&asking(Number::Version));
        // Entry 0 maps the code at 0x400000.
        for (register, value) in [(10, 0x40_0000), (2, 0x0010_0000 >> 6 | 7), (3, 7), (0, 0)] {
            vm.move_to_cp0(register, 0, value, 0);
        }
        assert_eq!(vm.tlb_write_indexed(), Ok(()));
        vm.move_to_cp0(STATUS, 0, 0x10, 0);
        vm.cpu.pc = 0x40_0000;
        run(kind, &mut vm, 100);
        assert_eq!(vm.counters.exceptions[11], 1, "{kind}");
        assert_eq!(vm.counters.hypercalls, [0; Number::ALL.len()]);
    }
}

#[test]
fn a_guest_that_yields_leaves_the_engine() {
    for kind in ENGINES {
        let mut vm = program(&asking(Number::Yield));
        run(kind, &mut vm, 500);
        assert_eq!(vm.counters.hypercalls[Number::Yield as usize], 100);
        assert_eq!(vm.counters.exits[Exit::Stop as usize], 100, "{kind}");
    }
}

#[test]
fn the_monitor_says_how_many_pages_it_wants() {
    // Ask, give that many from page 512 on, and ask again.
    let code = [
        addiu(V0, ZERO, Number::BalloonQuery as i32),
        HYPCALL,
        addiu(A0, ZERO, 512),
        addu(A1, ZERO, V1),
        addiu(V0, ZERO, Number::BalloonGive as i32),
        HYPCALL,
        addu(S0, ZERO, V0),
        addiu(V0, ZERO, Number::BalloonQuery as i32),
        HYPCALL,
        beq(ZERO, ZERO, -3),
        NOP,
    ];
    for kind in ENGINES {
        let mut vm = program(&code);
        vm.view().write_physical(Pa(512 * 4096), &[1; 8192]);
        vm.ram.balloon_target = 300;
        run(kind, &mut vm, 1000);
        assert_eq!((vm.cpu.gpr[16], vm.cpu.gpr[3]), (0, 0), "{kind}");
        assert_eq!(vm.ram.pages_given(), 300);
        let mut page = [1; 8192];
        vm.ram.read_physical(Pa(512 * 4096), &mut page);
        assert_eq!(page, [0; 8192]);
        // What was given is part of a machine's state.
        let mut twin = vm.twin().expect("the host has memory");
        twin.ram.balloon_target = 250;
        place(&mut twin, CODE, &asking(Number::BalloonQuery));
        twin.cpu.pc = CODE.into();
        run(kind, &mut twin, 1000);
        assert_eq!(twin.cpu.gpr[3], u64::from((-50_i32) as u32), "{kind}");
    }
}

#[test]
fn a_target_may_change_while_an_engine_lives() {
    for kind in ENGINES {
        let mut vm = program(&asking(Number::BalloonQuery));
        let mut engine = kind.engine();
        for target in [0, 7, 3] {
            vm.ram.balloon_target = target;
            let limit = vm.cpu.retired() + 1000;
            let outcome = vm.run(&mut engine, &mut Recorder::default(), limit);
            assert_eq!((outcome, engine.difference()), (Outcome::Limit, None));
            assert_eq!(vm.cpu.gpr[3], u64::from(target), "{kind}");
        }
    }
}

#[test]
fn sleep_takes_the_time_that_it_takes_and_no_instructions() {
    let mut code = Vec::from(li(A0, 1_000_000));
    code.extend(asking(Number::Sleep));
    for kind in ENGINES {
        let mut vm = program(&code);
        run(kind, &mut vm, 2 + 5 * 1000);
        assert_eq!(vm.counters.hypercalls[Number::Sleep as usize], 1000);
        assert_eq!(vm.cpu.skipped, 1000 * 100_000, "{kind}");
    }
}

#[test]
fn refusals_are_counted_and_typed() {
    let mut vm = program(&asking(Number::Batch));
    vm.cpu.gpr[4] = 2;
    run(Kind::EagerJit, &mut vm, 5);
    assert_eq!(vm.counters.hypercalls_refused, 1);
    assert_eq!(vm.cpu.gpr[2] as u32 as i32, CallError::BadAddress.code());
}

#[test]
fn the_tour_prints_the_same_with_and_without() {
    let cache = tempfile::tempdir().expect("a folder");
    let cache = cache.path().to_str().expect("its name is text");
    for order in ["el", "eb"] {
        let image = format!("guests/prebuilt/tour.{order}.elf");
        let expected = fs::read(project(&format!("guests/expected/tour.{order}.txt")));
        let expected = expected.expect("the expected output");
        // The second finds what the first has translated, although it means something else.
        for used in [true, false] {
            let mut switches = vec![
                "run",
                &image,
                "--code-cache",
                cache,
                "--hot",
                "10",
                "--stats",
            ];
            if !used {
                switches.push("--no-hypercalls");
            }
            let output = mirrorball(&switches);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{said}");
            assert_eq!(output.stdout, expected);
            assert_eq!(said.contains("Hypercalls"), used, "{said}");
        }
    }
}
