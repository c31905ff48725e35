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
use mirrorball_runtime::hypercall::{BATCH_MOST, CallError, LIST_MOST, Number, WORK_MOST};
use mirrorball_runtime::vm::{Vm, VmConfig};
use std::fs;

const STATUS: u32 = 12;
const COMPARE: u32 = 11;

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

/// Makes one call, whose arguments are there, and then nothing.
fn once(number: Number) -> Vec<u32> {
    vec![
        addiu(V0, ZERO, number as i32),
        HYPCALL,
        addiu(S0, S0, 1),
        beq(ZERO, ZERO, -1),
        NOP,
    ]
}

#[test]
fn a_long_call_goes_on_at_its_instruction() {
    const PAGES: u32 = 2 * WORK_MOST + 7;
    let last = Pa((512 + u64::from(PAGES) - 1) * 4096);
    // The handler of a timer that goes off meanwhile notes where, and what `$v0` was.
    let handler = [mfc0(S1, EPC), addu(T0, ZERO, V0), mtc0(ZERO, COMPARE), ERET];
    for kind in ENGINES {
        let mut vm = program(&once(Number::PageZero));
        place(&mut vm, 0x8000_0180, &handler);
        (vm.cpu.gpr[4], vm.cpu.gpr[5], vm.cpu.gpr[3]) = (512, PAGES.into(), 0x77);
        vm.view().write_physical(last, &[1; 4]);
        vm.move_to_cp0(COMPARE, 0, 2, 0);
        vm.move_to_cp0(STATUS, 0, 0x8001, 0);
        run(kind, &mut vm, 2);
        let begun = Number::PageZero as u32 | WORK_MOST << 8;
        assert_eq!(
            (vm.cpu.gpr[2], vm.cpu.gpr[3]),
            (begun.into(), 0x77),
            "{kind}"
        );
        assert_eq!(vm.ram.word(last), 0x0101_0101);
        // Two runs more, the handler, and one instruction behind the call.
        run(kind, &mut vm, 2 + 4 + 1);
        let registers = [2, 3, 4, 5, 8, 16, 17].map(|register| vm.cpu.gpr[register] as u32);
        let expected = [0, 0, 512, PAGES, begun, 1, CODE + 4];
        assert_eq!(registers, expected, "{kind}");
        assert_eq!(vm.ram.word(last), 0);
        assert_eq!(vm.counters.hypercalls[Number::PageZero as usize], 1);
    }
}

#[test]
fn a_batch_of_long_calls_ends_as_if_it_were_one_piece() {
    const RECORDS: u32 = 0x8020_0000;
    const PAGES: u32 = WORK_MOST + 200;
    let take = |give| {
        if give {
            Number::BalloonGive
        } else {
            Number::BalloonTake
        }
    };
    // All but the last are given and taken by turns. The last zeroes the page of its record, too.
    let own = (RECORDS & 0x1fff_ffff) / 4096;
    let records = (0..BATCH_MOST).map(|index| match index {
        255 => [Number::PageZero as u32, own, PAGES, 0, 0, 9, 9],
        _ => [take(index % 2 == 0) as u32, 8192, PAGES, 0, 0, 9, 9],
    });
    let records: Vec<u32> = records.flatten().collect();
    for kind in ENGINES {
        let mut vm = program(&once(Number::Batch));
        place(&mut vm, RECORDS, &records);
        (vm.cpu.gpr[4], vm.cpu.gpr[5]) = (RECORDS.into(), BATCH_MOST.into());
        // Each run does as much as it may, and the next goes on in the same record.
        let work = BATCH_MOST * (PAGES + 1);
        let least = u64::from(work / WORK_MOST);
        run(kind, &mut vm, least);
        assert_eq!((vm.cpu.pc as u32, vm.cpu.gpr[16]), (CODE + 4, 0), "{kind}");
        run(kind, &mut vm, u64::from(BATCH_MOST));
        assert_eq!((vm.cpu.gpr[2], vm.cpu.gpr[3]), (0, 256), "{kind}");
        assert_eq!(vm.ram.pages_given(), u64::from(PAGES));
        assert_eq!(vm.counters.hypercalls[Number::BalloonGive as usize], 128);
        assert_eq!(vm.counters.hypercalls_refused, 0);
        let last = Pa(u64::from(RECORDS & 0x1fff_ffff) + 255 * 28);
        let word = |index: u64| vm.ram.word(Pa(last.0 + 4 * index));
        assert_eq!([word(0), word(1), word(2)], [4, own, PAGES]);
        assert_eq!([word(5), word(6)], [0, 0]);
    }
}

#[test]
fn a_list_has_an_end() {
    for (count, refused) in [(LIST_MOST, false), (LIST_MOST + 1, true)] {
        let mut vm = program(&once(Number::BalloonGiveList));
        let pages: Vec<u32> = (0..count).map(|page| 8192 + page).collect();
        place(&mut vm, 0x8020_0000, &pages);
        (vm.cpu.gpr[4], vm.cpu.gpr[5]) = (0x8020_0000, count.into());
        run(Kind::EagerJit, &mut vm, 5);
        let status = if refused {
            CallError::BadCount.code()
        } else {
            0
        };
        assert_eq!(vm.cpu.gpr[2] as u32 as i32, status);
        assert_eq!(vm.ram.pages_given() == 0, refused);
    }
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
