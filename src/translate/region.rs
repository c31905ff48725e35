//! Regions: the blocks that are translated into one function.

use crate::interp::block::Source;
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::cp0::STATUS_FR;
use mirrorball_runtime::vm::Vm;

/// Blocks that are translated together. The first one is the entry.
pub struct Region {
    /// The blocks.
    pub blocks: Vec<Source>,
    /// Whether memory is big-endian.
    pub big_endian: bool,
    /// Whether FPU registers are 64 bits wide.
    pub fr: bool,
}

impl Region {
    /// The region that consists of one block, as the CPU now is.
    #[must_use]
    pub fn of_block(vm: &Vm, source: Source) -> Self {
        Self {
            blocks: vec![source],
            big_endian: vm.big_endian(),
            fr: vm.space_key().status & STATUS_FR != 0,
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

    /// Whether control can come back to a block of the region without leaving it.
    #[must_use]
    pub fn has_loop(&self) -> bool {
        self.blocks.len() > 1 || self.blocks.iter().any(|block| block.targets(block.pc))
    }

    /// Whether a translation of code at `from` may jump to `to` without looking: the two are on
    /// one page, or on one that is not mapped by the TLB.
    #[must_use]
    pub fn linkable(from: u32, to: u32) -> bool {
        to & 3 == 0
            && (Va(u64::from(from)).page() == Va(u64::from(to)).page()
                || from >> 30 == 2 && to >> 30 == 2 && from >> 29 == to >> 29)
    }
}
