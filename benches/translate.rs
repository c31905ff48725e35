//! What a translation costs: the time to decode, to predecode and to translate a block, and the
//! bytes of host code for one guest instruction.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{boot, project};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mirrorball::image::elf;
use mirrorball::interp::Block;
use mirrorball::interp::block::Source;
use mirrorball::isa::decode;
use mirrorball::translate::{Region, Translator};
use mirrorball_runtime::addr::Va;
use std::fs;
use std::hint::black_box;

/// Blocks of a real program, one after the other from where it starts.
const BLOCKS: usize = 200;

fn costs(criterion: &mut Criterion) {
    let image = fs::read(project("guests/prebuilt/tour.el.elf")).expect("an image");
    let vm = boot("tour", &image);
    let parsed = elf::parse("tour", &image).expect("an image");
    let segment = &parsed.segments[0];
    let find = |pc: u32| {
        let pc = Va(u64::from(pc));
        vm.peek(pc).map(|pa| Source::find(&vm, pc, pa))
    };
    let mut pc = segment.va.0 as u32;
    let mut pcs = Vec::new();
    while pcs.len() < BLOCKS
        && let Some(source) = find(pc)
    {
        if source.translatable() {
            pcs.push(pc);
        }
        pc = source.next();
    }
    let words: Vec<u32> = (0..4096)
        .filter_map(|index| parsed.word(Va(segment.va.0 + index * 4)))
        .collect();

    let mut group = criterion.benchmark_group("translate");
    group.throughput(Throughput::Elements(words.len() as u64));
    group.bench_function("decode a word", |bencher| {
        bencher.iter(|| {
            words
                .iter()
                .filter_map(|&word| decode(black_box(word)))
                .count()
        });
    });

    let sources = || pcs.iter().filter_map(|&pc| find(pc));
    let instructions: usize = sources().map(|source| source.code.len()).sum();
    group
        .throughput(Throughput::Elements(instructions as u64))
        .sample_size(20);
    group.bench_function("predecode an instruction", |bencher| {
        bencher.iter(|| {
            sources()
                .map(|source| Block::predecode(&source).ops.len())
                .sum::<usize>()
        });
    });
    let mut translator = Translator::new().expect("the host has a JIT");
    let mut bytes = 0;
    group.bench_function("translate an instruction", |bencher| {
        bencher.iter(|| {
            bytes = sources()
                .map(|source| translator.translate(&Region::of_block(&vm, source)))
                .map(|translation| translation.map_or(0, |translation| translation.bytes.len()))
                .sum::<usize>();
        });
    });
    group.finish();
    println!(
        "{instructions} instructions in {} blocks: {:.1} bytes of host code each",
        pcs.len(),
        bytes as f64 / instructions as f64
    );
}

criterion_group!(benches, costs);
criterion_main!(benches);
