//! How fast the engines are: guest instructions in a second, in a loop of arithmetic, loads,
//! stores and branches.

#[path = "../tests/common/mod.rs"]
mod common;

use common::asm::*;
use common::{CODE, Kind, Recorder, program};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Instructions in one measured run.
const INSTRUCTIONS: u64 = 10_000_000;

/// Goes for ever through 64 words, and adds and mixes them.
fn mixing() -> Vec<u32> {
    let [a, b] = li(T0, CODE + 0x1_0000);
    vec![
        a,
        b,
        addiu(S0, ZERO, 64),
        addu(S1, T0, ZERO),
        // loop:
        lw(T1, 0, S1),
        addu(V0, V0, T1),
        xor(V1, V1, V0),
        addiu(T1, T1, 3),
        sw(T1, 0, S1),
        addiu(S0, S0, -1),
        bne(S0, ZERO, -7),
        addiu(S1, S1, 4),
        beq(ZERO, ZERO, -11),
        NOP,
    ]
}

fn engines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("run");
    group
        .throughput(Throughput::Elements(INSTRUCTIONS))
        .sample_size(20);
    for kind in [Kind::Interpreter, Kind::Jit] {
        let mut vm = program(&mixing());
        let mut engine = kind.engine();
        group.bench_function(kind.to_string(), |bencher| {
            bencher.iter(|| {
                let limit = vm.cpu.retired() + INSTRUCTIONS;
                vm.run(&mut engine, &mut Recorder::default(), limit)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, engines);
criterion_main!(benches);
