//! What it costs to read guest code: to decode a word, to disassemble it, to find a block, and to
//! make it ready for the interpreter.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mirrorball::image::{TOUR, elf};
use mirrorball::interp::Block;
use mirrorball::interp::block::Source;
use mirrorball::isa::decode;
use mirrorball::isa::disasm::disassemble;
use mirrorball_runtime::addr::Va;
use std::hint::black_box;
use support::common::boot;
use support::group;

/// Words and blocks of a real program, one after the other from where it starts.
const WORDS: u32 = 4096;
const BLOCKS: usize = 200;

fn reading(criterion: &mut Criterion) {
    let vm = boot("tour", TOUR);
    let parsed = elf::parse("tour", TOUR).expect("an image");
    let start = parsed.segments[0].va;
    let words: Vec<u32> = (0..WORDS)
        .filter_map(|index| parsed.word(start.offset(index * 4)))
        .collect();
    let mut group = group(criterion, "decode");
    group.throughput(Throughput::Elements(words.len() as u64));
    group.bench_function("decode a word", |bencher| {
        bencher.iter(|| {
            words
                .iter()
                .filter_map(|&word| decode(black_box(word)))
                .count()
        });
    });
    group.bench_function("disassemble a word", |bencher| {
        bencher.iter(|| {
            words
                .iter()
                .map(|&word| disassemble(word, 0x8010_0000).len())
                .sum::<usize>()
        });
    });

    let find = |pc: u32| {
        let pc = Va(u64::from(pc));
        vm.cpu.peek(pc).map(|pa| Source::find(&vm, pc, pa))
    };
    let mut sources = Vec::new();
    let mut pc = start.0 as u32;
    while sources.len() < BLOCKS
        && let Some(source) = find(pc)
    {
        pc = source.next();
        sources.push(source);
    }
    let instructions: usize = sources.iter().map(|source| source.code.len()).sum();
    group.throughput(Throughput::Elements(instructions as u64));
    group.bench_function("find an instruction's block", |bencher| {
        bencher.iter(|| sources.iter().filter_map(|source| find(source.pc)).count());
    });
    group.bench_function("predecode an instruction", |bencher| {
        bencher.iter(|| {
            sources
                .iter()
                .map(|source| Block::predecode(source).ops.len())
                .sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
