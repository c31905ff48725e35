//! What the benches share: endless guest programs, measured a slice at a time.
#![allow(dead_code, reason = "each bench uses a part of it")]

#[path = "../../tests/common/mod.rs"]
pub mod common;

use common::asm::*;
use common::{Kind, Recorder, place, program};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use mirrorball_runtime::vm::{Engine, Vm};
use std::time::Duration;

/// Instructions in one measured run.
const INSTRUCTIONS: u64 = 1_000_000;

/// A group of benches that take a few seconds together.
pub fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1));
    group
}

/// Measures an endless program. `each` of its instructions, on the average, are one of what is
/// counted.
pub fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    vm: &mut Vm,
    engine: &mut dyn Engine,
    each: f64,
) {
    group.throughput(Throughput::Elements((INSTRUCTIONS as f64 / each) as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let limit = vm.cpu.retired() + INSTRUCTIONS;
            vm.run(engine, &mut Recorder::default(), limit)
        });
    });
}

/// Measures it in the interpreter and in the JIT.
pub fn measure_in_both(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    make: impl Fn() -> Box<Vm>,
    each: f64,
) {
    for kind in [Kind::Interpreter, Kind::Jit] {
        let name = format!("{name}, {kind}");
        measure(group, &name, &mut make(), &mut kind.engine(), each);
    }
}

/// A program that runs `start` once and then `body` for ever, `body` being short and without
/// branches to outside.
pub fn endless(start: &[u32], body: &[u32]) -> Box<Vm> {
    let back = -(body.len() as i32) - 1;
    program(&[start, body, &[beq(ZERO, ZERO, back), NOP]].concat())
}

/// Instructions of [`endless`] beside its body.
pub const AROUND: f64 = 2.0;

/// Puts a handler at the TLB refill vector that maps whatever missed to the same two pages of
/// memory, and has the program's start prepare for it.
pub fn start_of_mapped() -> Vec<u32> {
    /// Cacheable, writable, valid, global.
    const FLAGS: u32 = 0x1f;
    let [a, b] = li(T0, 0x200 << 6 | FLAGS);
    let [c, d] = li(T1, 0x201 << 6 | FLAGS);
    vec![a, b, c, d, mtc0(T0, ENTRY_LO0), mtc0(T1, ENTRY_LO1)]
}

/// The handler that [`start_of_mapped`] prepares for.
pub fn with_refill_handler(mut vm: Box<Vm>) -> Box<Vm> {
    place(&mut vm, 0x8000_0000, &[TLBWR, ERET]);
    vm
}
