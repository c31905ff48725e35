//! What it costs to leave translated code: for an exception and back, for an instruction that the
//! interpreter runs, for a hypercall, and for the monitor.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mirrorball_runtime::clock::Cycles;
use mirrorball_runtime::vm::{Engine, Vm};
use support::common::asm::*;
use support::common::{Kind, place};
use support::{AROUND, endless, group, measure_in_both};

/// Instructions between two visits to the monitor.
const SLICE: u64 = 64;
const VISITS: u64 = 1000;

/// A system call that does nothing but come back.
fn syscalls() -> Box<Vm> {
    let mut vm = endless(&[], &[SYSCALL]);
    let handler = [mfc0(K0, EPC), addiu(K0, K0, 4), mtc0(K0, EPC), ERET];
    place(&mut vm, 0x8000_0180, &handler);
    vm
}

fn exits(criterion: &mut Criterion) {
    let mut group = group(criterion, "exits");
    measure_in_both(&mut group, "a system call", syscalls, 5.0 + AROUND);
    let counts = || endless(&[], &[mfc0(T0, COUNT); 8]);
    measure_in_both(&mut group, "reading Count", counts, 1.25);
    let version = || endless(&[], &[addiu(V0, ZERO, 0), HYPCALL]);
    measure_in_both(&mut group, "a hypercall", version, 2.0 + AROUND);
    // Of a page that holds something each time.
    let start = [li(T0, 0x8020_0000), li(A0, 0x200)].concat();
    let zero = || {
        let page = [
            sw(T0, 0, T0),
            addiu(A1, ZERO, 1),
            addiu(V0, ZERO, 4),
            HYPCALL,
        ];
        endless(&start, &page)
    };
    measure_in_both(&mut group, "a page made zero", zero, 4.0 + AROUND);
    group.throughput(Throughput::Elements(VISITS));
    for kind in [Kind::Interpreter, Kind::Jit] {
        let mut vm = endless(&[], &[addiu(V0, V0, 1); 6]);
        let mut engine = kind.engine();
        group.bench_function(format!("a visit to the monitor, {kind}"), |bencher| {
            bencher.iter(|| {
                for _ in 0..VISITS {
                    let now = vm.cpu.now(0).0;
                    vm.cpu.set_horizon(Cycles(now + SLICE));
                    engine.run(&mut vm);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, exits);
criterion_main!(benches);
