//! What it costs to get from one block to the next: within a region, through a link, through the
//! code table, and by way of the dispatcher.

mod support;

use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use mirrorball::engine::{Jit, JitConfig};
use mirrorball_runtime::vm::Vm;
use support::common::asm::*;
use support::common::{CODE, Kind, place, program};
use support::{group, measure};

fn in_jit(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    vm: &mut Vm,
    region: usize,
    each: f64,
) {
    let config = JitConfig {
        region,
        ..JitConfig::default()
    };
    let mut jit = Jit::new(config).expect("the host has a JIT");
    measure(group, name, vm, &mut jit, each);
}

/// Sixteen blocks of a branch and its delay slot, one after the other and again.
fn chain() -> Box<Vm> {
    let blocks = [beq(ZERO, ZERO, 1), addiu(V0, V0, 1)].repeat(15);
    program(&[&blocks[..], &[beq(ZERO, ZERO, -31), NOP]].concat())
}

/// A call through a register and the return from it, for ever.
fn calls(function: u32) -> Box<Vm> {
    let [a, b] = li(T0, function);
    let mut vm = program(&[a, b, jalr(T0), NOP, beq(ZERO, ZERO, -3), NOP]);
    place(&mut vm, function, &[jr(RA), addiu(V0, V0, 1)]);
    vm
}

fn transitions(criterion: &mut Criterion) {
    let mut group = group(criterion, "dispatch");
    in_jit(&mut group, "a branch in a region", &mut chain(), 200, 2.0);
    in_jit(&mut group, "a branch through a link", &mut chain(), 1, 2.0);
    in_jit(
        &mut group,
        "a call and its return",
        &mut calls(CODE + 0x100),
        200,
        6.0,
    );
    let mut vm = chain();
    let mut interpreter = Kind::Interpreter.engine();
    measure(
        &mut group,
        "a branch in the interpreter",
        &mut vm,
        &mut interpreter,
        2.0,
    );
    // Never hot: each block comes from the dispatcher, and is interpreted.
    let mut cold = Jit::new(JitConfig {
        hot: Some(u32::MAX),
        baseline: 0,
        ..JitConfig::default()
    })
    .expect("the host has a JIT");
    measure(
        &mut group,
        "a branch by way of the dispatcher, interpreted",
        &mut chain(),
        &mut cold,
        2.0,
    );
    group.finish();
}

criterion_group!(benches, transitions);
criterion_main!(benches);
