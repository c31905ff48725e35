//! Regions: the blocks that are translated into one function.

use super::site::{self, Expectation};
use crate::interp::block::{Meaning, Source};
use crate::isa::Unit;
use mirrorball_runtime::cpu::cp0::STATUS_FR;
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::vm::Vm;
use std::collections::{BTreeMap, VecDeque};

/// Blocks that are translated together. The first one is the entry.
pub struct Region {
    /// The blocks.
    pub blocks: Vec<Source>,
    /// What is known of instructions that access memory, by their address, where it is not what is
    /// expected of all code.
    pub sites: BTreeMap<u32, Expectation>,
    /// Whether memory is big-endian.
    pub big_endian: bool,
    /// Whether FPU registers are 64 bits wide.
    pub fr: bool,
    /// Whether the code runs in kernel mode.
    pub kernel: bool,
    /// The CPU that it runs on.
    pub model: &'static Model,
}

impl Region {
    /// The region that consists of one block, as the CPU now is.
    #[must_use]
    pub fn of_block(vm: &Vm, source: Source) -> Self {
        let key = vm.space_key();
        Self {
            blocks: vec![source],
            sites: BTreeMap::new(),
            big_endian: vm.big_endian(),
            fr: key.status & STATUS_FR != 0,
            kernel: key.mode.is_kernel(),
            model: vm.cpu.model,
        }
    }

    /// Adds the blocks that control goes on to from those already in the region, nearest first,
    /// as far as `warm` knows them and until there are `most` instructions.
    pub fn grow(&mut self, most: usize, mut warm: impl FnMut(u32) -> Option<Source>) {
        let mut size: usize = self.blocks.iter().map(|block| block.code.len()).sum();
        let mut queue: VecDeque<u32> = self.blocks.iter().flat_map(Source::inside).collect();
        while let Some(pc) = queue.pop_front() {
            if self.find(pc).is_some() {
                continue;
            }
            let Some(source) = warm(pc).filter(|source| source.translatable()) else {
                continue;
            };
            size += source.code.len();
            if size > most {
                break;
            }
            queue.extend(source.inside());
            self.blocks.push(source);
        }
    }

    /// Feeds all that a translation is made from to `sink`.
    pub fn feed(&self, mut sink: impl FnMut(&[u8])) {
        // Named one by one, so that nothing new is forgotten here.
        let Self {
            blocks,
            sites,
            big_endian,
            fr,
            kernel,
            model,
        } = self;
        sink(model.name.as_bytes());
        sink(&[*big_endian, *fr, *kernel].map(u8::from));
        sink(&(blocks.len() as u64).to_le_bytes());
        for block in blocks {
            let Source {
                pc,
                code,
                slot,
                split,
            } = block;
            sink(&pc.to_le_bytes());
            sink(&[*slot, *split].map(u8::from));
            sink(&(code.len() as u64).to_le_bytes());
            // What a word means follows from the CPU model and the mode.
            for (word, _) in code {
                sink(&word.to_le_bytes());
            }
        }
        for (&pc, &expectation) in sites {
            sink(&site::pack((pc, expectation)).to_le_bytes());
        }
    }

    /// What the access of the instruction at `pc` is expected to find.
    #[must_use]
    pub fn expectation(&self, pc: u32) -> Expectation {
        let known = self.sites.get(&pc).copied();
        known.unwrap_or_else(|| Expectation::of_mode(self.kernel))
    }

    /// Takes over what is known of its instructions.
    pub fn learn(&mut self, sites: &BTreeMap<u32, Expectation>) {
        for block in &self.blocks {
            self.sites.extend(sites.range(block.pc..block.end()));
        }
    }

    /// The guest address of its entry.
    #[must_use]
    pub fn pc(&self) -> u32 {
        self.blocks[0].pc
    }

    /// The number of the block at `pc`, if it is part of the region.
    #[must_use]
    pub fn find(&self, pc: u32) -> Option<usize> {
        self.blocks.iter().position(|block| block.pc == pc)
    }

    /// Whether any instruction needs the FPU.
    #[must_use]
    pub fn has_floats(&self) -> bool {
        let code = self.blocks.iter().flat_map(|block| &block.code);
        let mut insns = code.filter_map(|&(_, meaning)| match meaning {
            Meaning::Insn(insn) => Some(insn.info().unit),
            _ => None,
        });
        insns.any(|unit| matches!(unit, Unit::Fpu | Unit::FpuD | Unit::Fpu64))
    }

    /// For each block the blocks of the region that it leads to, calls included.
    #[must_use]
    pub fn successors(&self) -> Vec<Vec<usize>> {
        let inside = |block: &Source| {
            let targets = block.successors().into_iter();
            targets.filter_map(|pc| self.find(pc)).collect()
        };
        self.blocks.iter().map(inside).collect()
    }

    /// The number of guest instructions.
    #[must_use]
    pub fn instructions(&self) -> usize {
        self.blocks.iter().map(|block| block.code.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;

    #[test]
    fn a_region_grows_along_branches_but_not_into_calls() {
        let blocks = [
            // beq $0, $0, 0x80000020; nop
            testing::block(0x8000_0000, &[0x1000_0007, 0], true),
            // jal 0x80000040; nop
            testing::block(0x8000_0008, &[0x0c00_0010, 0], true),
            // j 0x80000000; nop
            testing::block(0x8000_0020, &[0x0800_0000, 0], true),
            testing::block(0x8000_0040, &[0x0800_0000, 0], true),
        ];
        let find = |pc: u32| {
            let block = blocks.iter().find(|block| block.pc == pc)?;
            Some(testing::block(
                block.pc,
                &block.code.iter().map(|c| c.0).collect::<Vec<_>>(),
                block.slot,
            ))
        };
        let mut region = testing::region(vec![find(0x8000_0000).unwrap()]);
        region.grow(100, find);
        let pcs: Vec<u32> = region.blocks.iter().map(|block| block.pc).collect();
        assert_eq!(pcs, [0x8000_0000, 0x8000_0020, 0x8000_0008]);
        region.blocks.truncate(1);
        region.grow(4, find);
        assert_eq!(region.blocks.len(), 2, "no more than four instructions");
    }
}
