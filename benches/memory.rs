//! What a load takes by the way that it goes: unmapped, mapped, missing the software TLB, from a
//! device.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use support::common::CODE;
use support::common::asm::*;
use support::{AROUND, endless, group, measure_in_both, start_of_mapped, with_refill_handler};

/// How many loads there are in the loop.
const LOADS: i32 = 16;

fn ways(criterion: &mut Criterion) {
    let mut group = group(criterion, "memory");
    let loads = |base: u32| {
        let start = [&start_of_mapped()[..], &li(S1, base)].concat();
        let body: Vec<u32> = (0..LOADS).map(|index| lw(T0, index * 4, S1)).collect();
        with_refill_handler(endless(&start, &body))
    };
    let each = 1.0 + AROUND / f64::from(LOADS);
    for (name, base) in [
        ("unmapped (kseg0)", CODE + 0x1_0000),
        ("mapped (useg)", 0x0040_0000),
        ("a device (the board's switches)", 0xbf00_0200),
    ] {
        measure_in_both(&mut group, name, || loads(base), each);
    }
    // Through 16 MiB, which have more pages than the software TLB has entries.
    let [a, b] = li(S1, 0x8100_0000);
    let [c, d] = li(S0, 0x0fff);
    let walk = [
        a,
        b,
        c,
        d,
        // loop:
        lw(T0, 0, S1),
        addiu(S0, S0, -1),
        bne(S0, ZERO, -3),
        addiu(S1, S1, 4096),
        beq(ZERO, ZERO, -9),
        NOP,
    ];
    let walking = || support::common::program(&walk);
    measure_in_both(&mut group, "each on another page (kseg0)", walking, 4.0);
    group.finish();
}

criterion_group!(benches, ways);
criterion_main!(benches);
