//! What registers a region's blocks read and write, and so which of them must be loaded at its
//! entry and written back at its exits.

use super::Region;
use super::loops::Loops;
use crate::interp::block::{Meaning, Source};
use crate::isa::{Fields, Flow, RegisterSet};

/// The registers of one block.
#[derive(Clone, Copy, Default)]
struct Usage {
    /// Read before they are written.
    reads: RegisterSet,
    /// Written on every path through the block.
    must_write: RegisterSet,
    /// Written on some path.
    may_write: RegisterSet,
}

/// What is known of registers when a block is entered.
#[derive(Clone, Copy, Default)]
pub struct Entry {
    /// Registers whose SSA value is current.
    pub valid: RegisterSet,
    /// Registers whose SSA value may be newer than the CPU's.
    pub dirty: RegisterSet,
}

/// The registers of a region.
pub struct RegisterFlow {
    /// Those to load at the region's entry.
    pub preload: RegisterSet,
    /// What is known at each block's entry.
    pub entries: Vec<Entry>,
    loops: Loops,
    /// The registers that are written in the loop with this head.
    in_loop: Vec<RegisterSet>,
    /// For each block where the host is short of registers those that are read before they are
    /// written from there on; elsewhere all.
    wanted: Vec<RegisterSet>,
}

/// More guest registers than these at once are more than the host has room for.
const ROOM: u32 = 9;

fn usage(source: &Source) -> Usage {
    let mut usage = Usage::default();
    let last = source.code.len() - 1;
    let likely = source.slot
        && matches!(source.code[last - 1].1, Meaning::Insn(insn) if insn.info().flow == Flow::Likely);
    for (index, &(word, meaning)) in source.code.iter().enumerate() {
        let Meaning::Insn(insn) = meaning else {
            continue;
        };
        let (info, fields) = (insn.info(), Fields(word));
        usage.reads |= info.reads(fields) & !usage.must_write;
        let written = info.writes(fields);
        usage.may_write |= written;
        if !(likely && index == last) {
            usage.must_write |= written;
        }
    }
    usage
}

/// Applies `step` to every block until nothing changes any more.
fn to_fixpoint(blocks: usize, mut step: impl FnMut(usize) -> bool) {
    while (0..blocks).fold(false, |changed, block| step(block) | changed) {}
}

impl RegisterFlow {
    /// Works out the flow of a region whose blocks lead to these `successors`. An `eager` one has
    /// written everything back when a block ends.
    pub fn of(region: &Region, successors: &[Vec<usize>], loops: Loops, eager: bool) -> Self {
        let count = region.blocks.len();
        let mut flow = Self {
            preload: 0,
            entries: vec![Entry::default(); count],
            loops,
            in_loop: vec![0; count],
            wanted: vec![!0; count],
        };
        if !eager {
            flow.work_out(region, successors);
        }
        flow
    }

    /// The registers that need no writing back when control goes on from one block to another. Where
    /// it enters a loop these are the ones that are written there: others would be written back by
    /// each way out of the loop, and keep registers of the host for that. So would what is not read
    /// any more: where these are short it is written back at once.
    pub fn keeps(&self, from: usize, to: usize) -> RegisterSet {
        let written = if self.loops.enters(from, to) {
            self.in_loop[to]
        } else {
            !0
        };
        written & self.wanted[to]
    }

    fn work_out(&mut self, region: &Region, successors: &[Vec<usize>]) {
        let count = region.blocks.len();
        let usages: Vec<Usage> = region.blocks.iter().map(usage).collect();
        for head in 0..count {
            let blocks = self.loops.with_head(head).into_iter().flatten();
            self.in_loop[head] = blocks.fold(0, |set, block| set | usages[block].may_write);
        }
        let mut live = vec![0; count];
        to_fixpoint(count, |block| {
            let after = successors[block]
                .iter()
                .fold(0, |set: RegisterSet, &next| set | live[next]);
            let before = usages[block].reads | after & !usages[block].must_write;
            std::mem::replace(&mut live[block], before) != before
        });

        for (wanted, &live) in self.wanted.iter_mut().zip(&live) {
            let written = usages.iter().fold(0, |set, usage| set | usage.may_write);
            if (live | written).count_ones() > ROOM {
                *wanted = live;
            }
        }

        // What may have been written, may be newer, and was written on every path, at each block's
        // entry.
        let mut may: Vec<RegisterSet> = vec![0; count];
        let mut newer: Vec<RegisterSet> = vec![0; count];
        let mut must: Vec<RegisterSet> = vec![!0; count];
        must[0] = 0;
        to_fixpoint(count, |block| {
            let mut changed = false;
            let written = usages[block].may_write;
            for &next in &successors[block] {
                let may_next = may[next] | may[block] | written;
                let kept = (newer[block] | written) & self.keeps(block, next);
                let newer_next = newer[next] | kept;
                let must_next = must[next] & (must[block] | usages[block].must_write);
                let before = (may[next], newer[next], must[next]);
                changed |= before != (may_next, newer_next, must_next);
                (may[next], newer[next], must[next]) = (may_next, newer_next, must_next);
            }
            changed
        });

        let unsure = (0..count).fold(0, |set, block| set | may[block] & !must[block]);
        self.preload = (live[0] | unsure) & !1;
        let entry = |block: usize| Entry {
            valid: self.preload | may[block] & must[block],
            dirty: newer[block],
        };
        self.entries = (0..count).map(entry).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::Checkpoints;
    use super::super::testing::{block, region};
    use super::*;

    fn flow(blocks: Vec<Source>) -> RegisterFlow {
        let region = region(blocks);
        let successors = region.successors();
        let checkpoints = Checkpoints::of(&region, &successors);
        let loops = Loops::of(&successors, checkpoints.back());
        RegisterFlow::of(&region, &successors, loops, false)
    }

    #[test]
    fn a_block_alone_loads_what_it_reads() {
        // addu $2, $4, $5; addu $3, $2, $4
        let flow = flow(vec![block(0, &[0x0085_1021, 0x0044_1821], false)]);
        assert_eq!(flow.preload, 1 << 4 | 1 << 5);
        assert_eq!(flow.entries[0].dirty, 0);
    }

    #[test]
    fn what_a_loop_writes_is_loaded_and_newer_at_its_head() {
        // addiu $2, $2, 1; bne $2, $4, back to the start; addiu $3, $0, 1
        let words = [0x2442_0001, 0x1444_fffe, 0x2403_0001];
        let flow = flow(vec![block(0x100, &words, true)]);
        assert_eq!(flow.preload, 1 << 2 | 1 << 3 | 1 << 4);
        assert_eq!(flow.entries[0].dirty, 1 << 2 | 1 << 3);
    }

    #[test]
    fn what_a_loop_does_not_write_is_written_back_before_it() {
        // addiu $5, $0, 1; addiu $2, $0, 0, and on to the loop that adds $5 to $2.
        let first = block(0x100, &[0x2405_0001, 0x2402_0000], false);
        let words = [0x0045_1021, 0x1444_fffe, 0];
        let flow = flow(vec![first, block(0x108, &words, true)]);
        assert_eq!(flow.keeps(0, 1), 1 << 2);
        assert_eq!(flow.keeps(1, 1), !0);
        assert_eq!(flow.entries[1].dirty, 1 << 2);
        assert_eq!(flow.entries[1].valid & (1 << 2 | 1 << 5), 1 << 2 | 1 << 5);
    }

    #[test]
    fn where_registers_are_short_what_is_not_read_any_more_is_written_back() {
        // addiu of each register to itself and, at last, of one from $0; then the loop goes on.
        let sums = |count: u32| (8..8 + count).map(|n| 0x2400_0001 | n << 21 | n << 16);
        let words = |count| {
            let mut words: Vec<u32> = sums(count).collect();
            words.extend([0x2402_0001, 0x1448_0000 | (0xffff - count - 1), 0]);
            words
        };
        let few = flow(vec![block(0x100, &words(4), true)]);
        assert_eq!(few.keeps(0, 0), !0);
        assert_eq!(few.entries[0].dirty, 0xf << 8 | 1 << 2);
        let many = flow(vec![block(0x100, &words(12), true)]);
        assert_eq!(many.keeps(0, 0), 0xfff << 8);
        assert_eq!(many.entries[0].dirty, 0xfff << 8);
    }

    #[test]
    fn what_every_path_has_written_needs_no_load() {
        // addiu $2, $0, 1; b +8; nop, then addu $3, $2, $2
        let first = block(0x100, &[0x2402_0001, 0x1000_0002, 0], true);
        let flow = flow(vec![first, block(0x110, &[0x0042_1821], false)]);
        assert_eq!(flow.preload, 0);
        assert_eq!(flow.entries[1].valid, 1 << 2);
        assert_eq!(flow.entries[1].dirty, 1 << 2);
    }
}
