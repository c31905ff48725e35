//! Loops of one block, unrolled: the block stands in the region several times, one copy behind the
//! other, and the last leads back to the first.
//!
//! A round looks at the budget once for all copies, and what one copy has learnt of addresses and
//! pages, the next ones know. Each may leave the loop, and each pays for itself.

use super::Region;

/// The most copies of a block.
const COPIES: usize = 4;
/// The most instructions that they have together.
const MOST: usize = 48;

/// How many copies pay for a loop of so many instructions.
fn copies(instructions: usize) -> usize {
    (MOST / instructions.max(1)).clamp(1, COPIES)
}

impl Region {
    /// The region with its loops of one block unrolled.
    #[must_use]
    pub fn unrolled(&self) -> Self {
        let mut unrolled = self.clone();
        unrolled.blocks.clear();
        for block in &self.blocks {
            let count = if block.repeats() {
                copies(block.code.len())
            } else {
                1
            };
            let blocks = std::iter::repeat_n(block, count);
            unrolled.blocks.extend(blocks.cloned());
        }
        unrolled
    }

    /// The block at `pc` that control goes on to from block `from`: the next copy of that, if there
    /// is one.
    #[must_use]
    pub fn onward(&self, from: usize, pc: u32) -> Option<usize> {
        let next = from + 1;
        let again = self.blocks[from].pc == pc && self.is_copy(next);
        if again { Some(next) } else { self.find(pc) }
    }

    /// Whether the block is a copy of the one before it.
    #[must_use]
    pub fn is_copy(&self, index: usize) -> bool {
        let at = |index: usize| self.blocks.get(index).map(|block| block.pc);
        index > 0 && at(index).is_some_and(|pc| at(index - 1) == Some(pc))
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::Checkpoints;
    use super::super::testing::{block, region};

    #[test]
    fn a_loop_of_one_block_is_there_several_times() {
        // addiu $2, $2, 1, then addiu $2, $2, 1; bne $2, $4, back to that; nop, then the same from $3.
        let region = region(vec![
            block(0x100, &[0x2442_0001], false),
            block(0x104, &[0x2442_0001, 0x1444_fffe, 0], true),
            block(0x110, &[0x2443_0001], false),
        ])
        .unrolled();
        let pcs: Vec<u32> = region.blocks.iter().map(|block| block.pc).collect();
        assert_eq!(pcs, [0x100, 0x104, 0x104, 0x104, 0x104, 0x110]);
        let successors = region.successors();
        assert_eq!(successors[1], [2, 5]);
        assert_eq!(successors[4], [1, 5]);
        let checkpoints = Checkpoints::of(&region, &successors);
        assert_eq!(checkpoints.need(1), Some(4 * 3 + 1));
        assert_eq!(checkpoints.need(2), None);
    }

    #[test]
    fn a_long_loop_is_not_unrolled() {
        let mut words = vec![0x2442_0001; 30];
        words.extend([0x1444_0000 | 0xffff & -31_i32 as u32, 0]);
        let region = region(vec![block(0x100, &words, true)]).unrolled();
        assert_eq!(region.blocks.len(), 1);
        assert_eq!(region.successors(), [vec![0]]);
    }
}
