//! Code at mapped addresses: pages that are mapped at several addresses and mapped anew, address
//! spaces that come back, code that one of them writes while others run it. What an engine knows of
//! the code of a page must hold at every address.

mod common;

use common::asm::*;
use common::{CODE, ENGINES, End, place, program_with, run};
use fastrand::Rng;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::Vm;

/// Where the pages with functions are, in kseg0.
const PAGES: u32 = 0x8040_0000;
const PAGE_COUNT: u32 = 4;
/// The addresses that pairs of them are mapped at: two that J and JAL tell apart, and one that
/// only differs in what these leave alone.
const PAIRS: [u32; 3] = [0x0040_0000, 0x0080_2000, 0x2040_0000];
const SPACES: u32 = 3;
/// A function begins at every so many bytes of a page.
const FUNCTION: u32 = 0x100;
/// Words of a function that may be written anew.
const BODY: std::ops::Range<u32> = 4..10;
/// What programs do.
const STEPS: usize = 300;

const fn j(target: u32) -> u32 {
    0x02 << 26 | target >> 2 & 0x03ff_ffff
}

const fn blez(rs: u32, skip: i32) -> u32 {
    0x06 << 26 | rs << 21 | skip as u16 as u32
}

/// Calls what is two words on.
const BAL: u32 = 0x01 << 26 | 0x11 << 16 | 1;

fn page(number: u32) -> u32 {
    PAGES + number * 0x1000
}

fn mapped(rng: &mut Rng) -> u32 {
    let pair = PAIRS[rng.usize(..PAIRS.len())];
    pair + rng.u32(..2) * 0x1000 + rng.u32(..16) * FUNCTION
}

/// An instruction that changes `v0`, by what it is or by where it is.
fn body(rng: &mut Rng) -> u32 {
    match rng.u32(..6) {
        0 => xor(V0, V0, RA),
        1 => addu(V0, V0, V0),
        2 => BAL,
        _ => addiu(V0, V0, rng.i32(..0x7fff)),
    }
}

/// A function that counts itself in `s1`, changes `v0`, and goes on in another function or returns
/// to `s0`.
fn function(rng: &mut Rng) -> Vec<u32> {
    let mut code = vec![addiu(S1, S1, -1), blez(S1, 60), NOP, addiu(T2, ZERO, 3)];
    for _ in BODY {
        code.push(body(rng));
    }
    match rng.u32(..4) {
        0 => code.extend([j(mapped(rng)), addiu(V0, V0, 1)]),
        1 => code.extend([jal(mapped(rng)), addiu(V0, V0, 3)]),
        // Once more around the last words.
        2 => code.extend([addiu(T2, T2, -1), bne(T2, ZERO, -4), addiu(V0, V0, 5)]),
        _ => {}
    }
    code.extend([jr(S0), addiu(V0, V0, 7)]);
    // Where those lead that have run too often.
    code.resize(62, NOP);
    code.extend([jr(S0), NOP]);
    code
}

/// A page of functions. The last one ends with a branch whose delay slot is on the next page.
fn functions(rng: &mut Rng) -> Vec<u32> {
    let mut code: Vec<u32> = (0..16).flat_map(|_| function(rng)).collect();
    code[1022] = addiu(V0, V0, 11);
    // To the end of the function before.
    code[1023] = beq(ZERO, ZERO, -66);
    let last = 15 * 64;
    code[last + 1] = blez(S1, 1021 - 1 - last as i32 - 1);
    code[1021] = NOP;
    code
}

/// A program that maps, calls and changes these pages.
fn driver(rng: &mut Rng) -> Vec<u32> {
    let mut code = Vec::new();
    for _ in 0..STEPS {
        match rng.u32(..10) {
            0..=2 => map(rng, &mut code),
            3 => {
                code.extend(li(T0, rng.u32(1..=SPACES)));
                code.push(mtc0(T0, ENTRY_HI));
            }
            4 => {
                let word = rng.u32(..16) * FUNCTION + rng.u32(BODY) * 4;
                code.extend(li(T0, page(rng.u32(..PAGE_COUNT)) + word));
                code.extend(li(T1, addiu(V0, V0, rng.i32(..0x7fff))));
                code.push(sw(T1, 0, T0));
            }
            _ => {
                let repeat = if rng.u32(..4) == 0 { 5 } else { 1 };
                let target = mapped(rng);
                (0..repeat).for_each(|_| call(target, &mut code));
            }
        }
    }
    code.push(WAIT);
    code
}

/// Maps a pair of addresses to pages in some space. Each pair has a place of its own in the TLB for
/// each space, so that no two entries are for the same address.
fn map(rng: &mut Rng, code: &mut Vec<u32>) {
    let (pair, asid) = (rng.u32(..PAIRS.len() as u32), rng.u32(1..=SPACES));
    code.extend(li(T0, PAIRS[pair as usize] | asid));
    code.push(mtc0(T0, ENTRY_HI));
    for register in [ENTRY_LO0, ENTRY_LO1] {
        let frame = (page(rng.u32(..PAGE_COUNT)) & 0x1fff_ffff) >> 12;
        let valid = u32::from(rng.u32(..8) > 0);
        code.extend(li(T0, frame << 6 | 4 | valid << 1));
        code.push(mtc0(T0, register));
    }
    code.push(addiu(T0, ZERO, (pair * SPACES + asid) as i32));
    code.extend([mtc0(T0, INDEX), TLBWI]);
}

fn call(target: u32, code: &mut Vec<u32>) {
    let back = CODE + (code.len() as u32 + 7) * 4;
    code.extend(li(T0, target));
    code.extend(li(S0, back));
    code.extend([addiu(S1, ZERO, 6), jr(T0), NOP]);
}

fn machine(seed: u64) -> Box<Vm> {
    let mut rng = Rng::with_seed(seed);
    let second = [0, 16, 1024][rng.usize(..3)];
    let mut vm = program_with(&driver(&mut rng), second);
    for number in 0..PAGE_COUNT {
        place(&mut vm, page(number), &functions(&mut rng));
    }
    // What is not mapped goes back to the driver, and counts where it was.
    let handler = [mfc0(K0, EPC), xor(V0, V0, K0), mtc0(S0, EPC), ERET];
    for vector in [0x8000_0000, 0x8000_0180] {
        place(&mut vm, vector, &handler);
    }
    vm
}

#[test]
fn code_means_the_same_wherever_it_is_mapped() {
    let programs: u64 =
        std::env::var("MAPPED_PROGRAMS").map_or(12, |n| n.parse().expect("a number"));
    let mut exceptions = 0;
    for seed in 0..programs {
        let ends: Vec<End> = ENGINES
            .iter()
            .map(|&kind| {
                let mut vm = machine(seed);
                let end = run(kind, &mut vm, 10_000_000);
                exceptions += vm.exceptions_taken();
                end
            })
            .collect();
        for (kind, end) in ENGINES.iter().zip(&ends) {
            assert_eq!(end.outcome, Outcome::Halted, "seed {seed} in {kind}");
            assert_eq!(end, &ends[0], "seed {seed} in {kind}");
        }
        assert!(ends[0].instructions > 3000, "seed {seed}: {ends:?}");
    }
    assert!(exceptions > 0, "some pages are not mapped");
}
