//! Regions for tests.

use super::Region;
use super::site::{Expectation, Sites};
use crate::interp::block::{Meaning, Source};
use crate::isa::decode;
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::model::{MODELS, Width};

/// A block of these instruction words.
pub fn block(pc: u32, words: &[u32], slot: bool) -> Source {
    let meaning = |&word: &u32| (word, decode(word).map_or(Meaning::Reserved, Meaning::Insn));
    let mut source = Source {
        pc,
        width: Width::W32,
        code: words.iter().map(meaning).collect(),
        slot,
        split: false,
        stops: false,
        jump: None,
    };
    source.jump = source.find_jump(Va(u64::from(pc)));
    source
}

/// A region of these blocks.
pub fn region(blocks: Vec<Source>) -> Region {
    Region {
        blocks,
        expects: Expectation::Window,
        sites: Sites::new(),
        big_endian: false,
        fr: false,
        kernel: true,
        model: &MODELS[0],
    }
}
