//! What the monitor costs: to turn from one machine to another, and to share a page, break that
//! up again, swap it out and in.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mirrorball_runtime::addr::{PAGE_SIZE, Pa};
use mirrorball_runtime::cpu::cp0::STATUS_ERL;
use mirrorball_runtime::cpu::model::MODELS;
use mirrorball_runtime::exit::{Exit, Outcome};
use mirrorball_runtime::memory::Quota;
use mirrorball_runtime::memory::machine::MachineMemory;
use mirrorball_runtime::memory::swap::SwapFile;
use mirrorball_runtime::monitor::{EngineFacts, Fleet, Machine, Monitor, MonitorConfig};
use mirrorball_runtime::vm::host::Nowhere;
use mirrorball_runtime::vm::{Engine, Vm, VmConfig};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::group;

/// Pages that are looked at in one go.
const PAGES: u64 = 1024;
const SWITCHES: u64 = 1000;

/// Lets time pass and does nothing.
struct Lazy;

impl Engine for Lazy {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        vm.cpu.left = 0;
        Exit::Horizon
    }
}

/// Machines that do nothing.
struct Idlers;

fn vm(memory: &Arc<MachineMemory>) -> Box<Vm> {
    let config = VmConfig {
        model: &MODELS[0],
        memory: 2 * PAGES * PAGE_SIZE,
        big_endian: false,
        second_tlb: 0,
        rtc_base: 0,
        hypercalls: true,
    };
    let mut vm = Vm::in_memory(config, Arc::clone(memory)).expect("the host has memory");
    vm.cpu.cp0.status &= !STATUS_ERL;
    vm.select_space();
    vm
}

impl Fleet for Idlers {
    type Engine = Lazy;
    type Host = Nowhere;

    fn make(
        &self,
        _: usize,
        memory: &Arc<MachineMemory>,
    ) -> Result<Machine<Lazy, Nowhere>, String> {
        Ok(Machine {
            vm: vm(memory),
            engine: Lazy,
            host: Nowhere,
            limit: u64::MAX,
        })
    }

    fn engine_facts(&self, _: &Lazy) -> EngineFacts {
        EngineFacts::default()
    }

    fn ended(&self, _: usize, _: Machine<Lazy, Nowhere>, _: Option<Outcome>, _: Duration) {}

    fn restarts(&self, _: usize, _: &Vm) -> bool {
        false
    }

    fn notice(&self, _: usize, _: &str) {}
}

fn memory() -> Arc<MachineMemory> {
    let bytes = 8 * PAGES * PAGE_SIZE;
    let swap = SwapFile::create(&std::env::temp_dir(), bytes).expect("a swap file");
    Arc::new(MachineMemory::with_swap(bytes, &[bytes; 2], swap).expect("the host has memory"))
}

/// Pages of a machine, each with a content of its own, and not used since.
fn fill(vm: &mut Vm) {
    for page in 1..=PAGES {
        let bytes: Vec<u8> = page.to_le_bytes().repeat(PAGE_SIZE as usize / 8);
        vm.view().write_physical(Pa(page * PAGE_SIZE), &bytes);
    }
    vm.view().begin_epoch();
}

/// Writes to all of them.
fn touch(vm: &mut Vm) {
    for page in 1..=PAGES {
        vm.view().write_physical(Pa(page * PAGE_SIZE), &[1]);
    }
}

/// A machine whose pages have all their like in the memory, which the second machine keeps there.
fn with_a_twin() -> (Box<Vm>, Box<Vm>) {
    let memory = memory();
    let (mut one, mut other) = (vm(&memory), vm(&memory));
    // What is written once more would be shared at once.
    fill(&mut one);
    fill(&mut other);
    other.ram.share_some(usize::MAX, true);
    (one, other)
}

/// The time that `measured` takes on what `make` makes, so many times.
fn timed<T>(times: u64, mut make: impl FnMut() -> T, mut measured: impl FnMut(&mut T)) -> Duration {
    let one = |_| {
        let mut made = make();
        let start = Instant::now();
        measured(&mut made);
        start.elapsed()
    };
    (0..times).map(one).sum()
}

fn monitor(criterion: &mut Criterion) {
    let mut group = group(criterion, "monitor");
    group.throughput(Throughput::Elements(SWITCHES));
    for share_pages in [0, 32] {
        let config = MonitorConfig {
            turn: Duration::ZERO,
            threads: 1,
            slice: 100,
            share_pages,
            ..MonitorConfig::default()
        };
        let monitor = Monitor::new(config, Idlers, memory(), &[100, 100]);
        group.bench_function(
            format!("a switch, {share_pages} pages to share"),
            |bencher| {
                bencher.iter(|| {
                    for _ in 0..SWITCHES {
                        assert!(monitor.step(0), "both are ready");
                    }
                });
            },
        );
    }
    group.throughput(Throughput::Elements(PAGES));
    group.bench_function("sharing a page", |bencher| {
        bencher.iter_custom(|times| {
            timed(times, with_a_twin, |(one, _)| {
                let gain = one.ram.share_some(usize::MAX, true);
                assert_eq!(gain.freed, PAGES);
            })
        });
    });
    let shared = || {
        let (mut one, other) = with_a_twin();
        one.ram.share_some(usize::MAX, true);
        (one, other)
    };
    group.bench_function("a copy on write", |bencher| {
        bencher.iter_custom(|times| timed(times, shared, |(one, _)| touch(one)));
    });
    let alone = || {
        let mut vm = vm(&memory());
        fill(&mut vm);
        vm
    };
    group.bench_function("swapping a page out", |bencher| {
        bencher.iter_custom(|times| {
            timed(times, alone, |vm| {
                assert_eq!(vm.ram.swap_some(Quota::Frames(PAGES), false).freed, PAGES);
            })
        });
    });
    let swapped = || {
        let mut vm = alone();
        vm.ram.swap_some(Quota::Frames(PAGES), false);
        vm
    };
    group.bench_function("swapping a page in", |bencher| {
        bencher.iter_custom(|times| timed(times, swapped, |vm| touch(vm)));
    });
    group.finish();
}

criterion_group!(benches, monitor);
criterion_main!(benches);
