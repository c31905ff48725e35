//! Regions: the blocks that are translated into one function.

use super::site::{self, Expectation, Sites};
use crate::interp::block::{Meaning, Source};
use crate::isa::Unit;
use mirrorball_runtime::cpu::cp0::STATUS_FR;
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::vm::Vm;
use std::collections::VecDeque;

/// The most instructions of a function that becomes part of its caller.
const MOST_CALLED: usize = 16;
/// The most places that a return looks whether it goes to.
const MOST_RETURNS: usize = 4;

/// Blocks that are translated together. The first one is the entry.
#[derive(Clone)]
pub struct Region {
    /// The blocks.
    pub blocks: Vec<Source>,
    /// What its accesses are expected to find.
    pub expects: Expectation,
    /// The instructions of which something else is known.
    pub sites: Sites,
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
        let key = vm.cpu.space_key();
        Self {
            expects: Expectation::of(vm, key.mode.is_kernel(), source.pc),
            blocks: vec![source],
            sites: Sites::new(),
            big_endian: vm.ram.big_endian(),
            fr: key.status & STATUS_FR != 0,
            kernel: key.mode.is_kernel(),
            model: vm.cpu.model,
        }
    }

    /// Adds the blocks that control goes on to from those already in the region, nearest first,
    /// as far as `warm` knows them and until there are `most` instructions. Functions that are
    /// called come last, and whole or not at all.
    pub fn grow(&mut self, most: usize, mut warm: impl FnMut(u32) -> Option<Source>) {
        let mut warm = |pc| warm(pc).filter(Source::translatable);
        let start = self.blocks.iter().flat_map(Source::inside).collect();
        let room = most.saturating_sub(self.instructions());
        let (found, _) = self.explore(start, room, &mut warm);
        self.blocks.extend(found);
        let mut next = 0;
        while let Some(block) = self.blocks.get(next) {
            next += 1;
            let Some(callee) = block.callee() else {
                continue;
            };
            let room = most.saturating_sub(self.instructions()).min(MOST_CALLED);
            let (found, whole) = self.explore([callee].into(), room, &mut warm);
            if whole {
                self.blocks.extend(found);
            }
        }
    }

    /// The blocks that control goes on to from `queue` without calls, which are not in the region,
    /// and whether these are all that are warm: there is room for so many instructions.
    fn explore(
        &self,
        mut queue: VecDeque<u32>,
        room: usize,
        warm: &mut impl FnMut(u32) -> Option<Source>,
    ) -> (Vec<Source>, bool) {
        let mut found: Vec<Source> = Vec::new();
        let mut size = 0;
        while let Some(pc) = queue.pop_front() {
            if self.find(pc).is_some() || found.iter().any(|block| block.pc == pc) {
                continue;
            }
            let Some(source) = warm(pc) else {
                continue;
            };
            size += source.code.len();
            if size > room {
                return (found, false);
            }
            queue.extend(source.inside());
            found.push(source);
        }
        (found, true)
    }

    /// Feeds all that a translation is made from to `sink`.
    pub fn feed(&self, mut sink: impl FnMut(&[u8])) {
        // Named one by one, so that nothing new is forgotten here.
        let Self {
            blocks,
            expects,
            sites,
            big_endian,
            fr,
            kernel,
            model,
        } = self;
        sink(model.name.as_bytes());
        sink(&[*big_endian, *fr, *kernel].map(u8::from));
        sink(&[*expects as u8]);
        sink(&(blocks.len() as u64).to_le_bytes());
        for block in blocks {
            let Source {
                pc,
                // As the model has it.
                width: _,
                code,
                slot,
                split,
                // What a debugger may stop in is in no region.
                stops: _,
                jump,
            } = block;
            sink(&pc.to_le_bytes());
            // No address of an instruction is odd.
            sink(&jump.unwrap_or(1).to_le_bytes());
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
        known.unwrap_or(self.expects)
    }

    /// Takes over what is known of its instructions.
    pub fn learn(&mut self, sites: &Sites) {
        for block in &self.blocks {
            site::merge(&mut self.sites, sites.range(block.pc..block.end()));
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
        insns.any(Unit::is_fpu)
    }

    /// Where functions of the region return to in the region.
    #[must_use]
    pub fn return_sites(&self) -> Vec<u32> {
        let returns = self.blocks.iter().filter_map(|block| {
            let called = self.find(block.callee()?).is_some();
            let site = block.next();
            (called && self.find(site).is_some()).then_some(site)
        });
        returns.take(MOST_RETURNS).collect()
    }

    /// For each block the blocks of the region that it leads to, calls and returns included.
    #[must_use]
    pub fn successors(&self) -> Vec<Vec<usize>> {
        let sites = self.return_sites();
        let inside = |(index, block): (usize, &Source)| {
            let mut targets = block.successors();
            if block.returns() {
                targets.extend(&sites);
            }
            let onward = targets.into_iter().map(|pc| self.onward(index, pc));
            onward.flatten().collect()
        };
        self.blocks.iter().enumerate().map(inside).collect()
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
    use super::*;

    /// As many of these blocks as a region that starts with the first one takes.
    fn grown(blocks: &[(u32, &[u32], bool)], most: usize) -> Region {
        let find = |pc: u32| {
            let (_, words, slot) = *blocks.iter().find(|block| block.0 == pc)?;
            Some(testing::block(pc, words, slot))
        };
        let first = find(blocks[0].0).unwrap();
        let mut region = testing::region(vec![first]);
        region.grow(most, find);
        region
    }

    fn pcs(region: &Region) -> Vec<u32> {
        region.blocks.iter().map(|block| block.pc).collect()
    }

    /// Branches on to a call of something long and back to the start.
    const BRANCHING: [(u32, &[u32], bool); 4] = [
        // beq $0, $0, 0x80000020; nop
        (0x8000_0000, &[0x1000_0007, 0], true),
        // jal 0x80000040; nop
        (0x8000_0008, &[0x0c00_0010, 0], true),
        // j 0x80000000; nop
        (0x8000_0020, &[0x0800_0000, 0], true),
        (0x8000_0040, &[0; MOST_CALLED + 1], false),
    ];

    #[test]
    fn a_region_grows_along_branches_but_not_into_long_functions() {
        let region = grown(&BRANCHING, 100);
        assert_eq!(pcs(&region), [0x8000_0000, 0x8000_0020, 0x8000_0008]);
        assert!(region.return_sites().is_empty());
        let region = grown(&BRANCHING, 4);
        assert_eq!(pcs(&region).len(), 2, "no more than four instructions");
    }

    #[test]
    fn a_short_function_is_part_of_its_caller_and_returns_there() {
        let region = grown(
            &[
                // jal 0x80000040; nop
                (0x8000_0000, &[0x0c00_0010, 0], true),
                // j 0x80000000; nop
                (0x8000_0008, &[0x0800_0000, 0], true),
                // jr $31; nop
                (0x8000_0040, &[0x03e0_0008, 0], true),
            ],
            100,
        );
        assert_eq!(pcs(&region), [0x8000_0000, 0x8000_0008, 0x8000_0040]);
        assert_eq!(region.return_sites(), [0x8000_0008]);
        assert_eq!(region.successors(), [vec![2], vec![0], vec![1]]);
    }
}
