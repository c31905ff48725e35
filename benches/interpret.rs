//! What the interpreter takes for an instruction, by kind.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use support::common::asm::*;
use support::common::{CODE, Kind, program};
use support::{endless, group, measure};

/// How often the instructions in question stand in the loop.
const REPEATS: usize = 16;

fn kinds(criterion: &mut Criterion) {
    let [a, b] = li(S1, CODE + 0x1_0000);
    let mut group = group(criterion, "interpret");
    for (name, body) in [
        ("arithmetic", vec![addu(V0, V0, V1), xor(V1, V1, V0)]),
        ("loads", vec![lw(T0, 0, S1), lw(T1, 4, S1)]),
        ("stores", vec![sw(T0, 0, S1), sw(T1, 4, S1)]),
        ("reads of CP0", vec![mfc0(T0, EPC), mfc0(T1, ENTRY_HI)]),
    ] {
        let mut vm = endless(&[a, b], &body.repeat(REPEATS));
        measure(
            &mut group,
            name,
            &mut vm,
            &mut Kind::Interpreter.engine(),
            1.0,
        );
    }
    // Each block is a branch and its delay slot.
    let branches = [beq(ZERO, ZERO, 1), NOP].repeat(REPEATS);
    let mut vm = program(&[&branches[..], &[beq(ZERO, ZERO, -33), NOP]].concat());
    measure(
        &mut group,
        "branches",
        &mut vm,
        &mut Kind::Interpreter.engine(),
        1.0,
    );
    group.finish();
}

criterion_group!(benches, kinds);
criterion_main!(benches);
