//! What a TLB refill takes: the exception, the guest's handler of two instructions, the way back
//! and the load that missed.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use mirrorball_runtime::vm::Vm;
use support::common::asm::*;
use support::common::program;
use support::{group, measure_in_both, start_of_mapped, with_refill_handler};

/// Loads from `pairs` pairs of pages in turn, for ever.
fn walk(pairs: u32) -> Box<Vm> {
    let start = start_of_mapped();
    let [a, b] = li(S1, 0x0040_0000);
    let [c, d] = li(S0, pairs);
    let walk = [
        a,
        b,
        c,
        d,
        // loop:
        lw(T0, 0, S1),
        addiu(S0, S0, -1),
        addiu(S1, S1, 0x4000),
        bne(S0, ZERO, -4),
        addiu(S1, S1, -0x2000),
        beq(ZERO, ZERO, -10),
        NOP,
    ];
    with_refill_handler(program(&[&start[..], &walk].concat()))
}

fn refills(criterion: &mut Criterion) {
    let mut group = group(criterion, "refill");
    // More than a TLB holds: nearly each load misses, is refused, and runs again.
    measure_in_both(&mut group, "misses", || walk(1024), 8.0);
    measure_in_both(&mut group, "hits", || walk(8), 5.0);
    group.finish();
}

criterion_group!(benches, refills);
criterion_main!(benches);
