//! How fast the engines are: guest instructions in a second, in a loop of arithmetic, loads,
//! stores and branches, and in guests of ours from their start, translation included.

mod support;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::fs;
use support::common::asm::*;
use support::common::{CODE, Kind, Recorder, boot, program, project};
use support::{group, measure_in_both};

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

fn a_loop(criterion: &mut Criterion) {
    let mut group = group(criterion, "loop");
    measure_in_both(&mut group, "mixing", || program(&mixing()), 1.0);
    group.finish();
}

/// How far a guest runs: the first benchmark ends later.
const SAMPLE: u64 = 10_000_000;

fn guests(criterion: &mut Criterion) {
    let mut group = group(criterion, "guest");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(SAMPLE));
    for name in [
        "bench-sort.u.el",
        "bench-sha256.k.el",
        "bench-dispatch.u.el",
        "bench-nbody.k.el",
        "bench-ctxswitch.u.el",
    ] {
        let image = fs::read(project(&format!("guests/prebuilt/{name}.elf"))).expect("an image");
        for kind in [Kind::Interpreter, Kind::Jit] {
            group.bench_function(format!("{name}, {kind}"), |bencher| {
                bencher.iter_batched_ref(
                    || (boot(name, &image), kind.engine()),
                    |(vm, engine)| vm.run(engine, &mut Recorder::default(), SAMPLE),
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, a_loop, guests);
criterion_main!(benches);
