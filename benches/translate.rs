//! What a translation costs, by the size of the region: time, and bytes of host code, for one
//! guest instruction.

mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mirrorball::image::elf;
use mirrorball::interp::block::Source;
use mirrorball::translate::{Region, Translator};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::vm::Vm;
use std::fs;
use support::common::{boot, project};
use support::group;

/// Guests whose code is translated, all of it.
const GUESTS: [&str; 2] = ["tour.el", "bench-sha256.k.el"];
/// The most instructions in a region; 1 translates block by block.
const SIZES: [usize; 5] = [1, 25, 100, 200, 400];
/// The most instructions that are translated in a measured run.
const MOST: usize = 2000;

fn source(vm: &Vm, pc: u32) -> Option<Source> {
    let pc = Va(u64::from(pc));
    vm.cpu.peek(pc).map(|pa| Source::find(vm, pc, pa))
}

/// The blocks of an image's first segment that can be translated.
fn starts(vm: &Vm, image: &[u8]) -> Vec<u32> {
    let parsed = elf::parse("guest", image).expect("an image");
    let segment = &parsed.segments[0];
    let end = segment.va.0 as u32 + segment.bytes.len() as u32;
    let mut pc = segment.va.0 as u32;
    let mut starts = Vec::new();
    while pc < end
        && let Some(source) = source(vm, pc)
    {
        if source.translatable() {
            starts.push(pc);
        }
        pc = source.next();
    }
    starts
}

/// Regions of at most `size` instructions that have every block once, as far as possible.
fn regions(vm: &Vm, starts: &[u32], size: usize) -> Vec<Region> {
    let mut taken = Vec::new();
    let mut regions: Vec<Region> = Vec::new();
    for &start in starts {
        let so_far: usize = regions.iter().map(Region::instructions).sum();
        let Some(source) = source(vm, start).filter(|_| !taken.contains(&start)) else {
            continue;
        };
        if so_far >= MOST {
            break;
        }
        let mut region = Region::of_block(vm, source);
        region.grow(size, |pc| {
            starts.contains(&pc).then(|| self::source(vm, pc)).flatten()
        });
        taken.extend(region.blocks.iter().map(|block| block.pc));
        regions.push(region);
    }
    regions
}

fn costs(criterion: &mut Criterion) {
    let mut translator = Translator::new().expect("the host has a JIT");
    let mut sizes = Vec::new();
    let mut group = group(criterion, "translate");
    group.sample_size(10);
    for guest in GUESTS {
        let image = fs::read(project(&format!("guests/prebuilt/{guest}.elf"))).expect("an image");
        let vm = boot(guest, &image);
        let starts = starts(&vm, &image);
        for size in SIZES {
            let regions = regions(&vm, &starts, size);
            let instructions: usize = regions.iter().map(Region::instructions).sum();
            let mut bytes = 0;
            group.throughput(Throughput::Elements(instructions as u64));
            group.bench_function(BenchmarkId::new(guest, size), |bencher| {
                bencher.iter(|| {
                    let translated = regions.iter().map(|region| {
                        let translation = translator.translate(region);
                        translation.map_or(0, |translation| translation.bytes.len())
                    });
                    bytes = translated.sum();
                });
            });
            sizes.push((guest, size, regions.len(), instructions, bytes));
        }
    }
    group.finish();
    for (guest, size, regions, instructions, bytes) in sizes {
        println!(
            "{guest}, regions of at most {size}: {regions} with {instructions} instructions, \
             {:.1} bytes of host code each",
            bytes as f64 / instructions as f64
        );
    }
}

criterion_group!(benches, costs);
criterion_main!(benches);
