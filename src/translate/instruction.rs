//! An instruction of a region, with what the table says of it.

use crate::interp::Op;
use crate::interp::block::{Meaning, Source, predecode};
use crate::isa::{Fields, Insn, Memory, RegisterSet};

/// An instruction as the translator sees it.
#[derive(Clone, Copy)]
pub struct Instruction {
    /// Which.
    pub insn: Insn,
    /// Its word.
    pub fields: Fields,
    /// Its [`code_address`](crate::interp::block::code_address), as all addresses of code here.
    pub pc: u32,
    /// As the interpreter would run it.
    pub op: Op,
    /// Whether it is in a delay slot.
    pub slot: bool,
}

impl Instruction {
    pub fn new(source: &Source, index: usize) -> Option<Self> {
        let (word, meaning) = source.code[index];
        let Meaning::Insn(insn) = meaning else {
            return None;
        };
        let pc = source.pc.wrapping_add(index as u32 * 4);
        let owed = (source.cycles() - index) as u8;
        let op = predecode(word, meaning, source.width, owed);
        let slot = source.slot && index + 1 == source.code.len();
        Some(Self {
            insn,
            fields: Fields(word),
            pc,
            op,
            slot,
        })
    }

    /// The registers that it reads.
    pub fn reads(&self) -> RegisterSet {
        self.insn.info().reads(self.fields)
    }

    /// The registers that it writes.
    pub fn writes(&self) -> RegisterSet {
        self.insn.info().writes(self.fields)
    }

    /// What it does to memory: no more than a look at the address if nothing.
    pub fn memory(&self) -> Memory {
        self.insn.info().memory().unwrap_or(Memory::Probe)
    }

    /// The general register that is written, or 0.
    pub fn written(&self) -> usize {
        let destination = self.insn.info().destination();
        destination.map_or(0, |named| named.number(self.fields) as usize)
    }
}
