//! Where a region looks whether its budget lasts.
//!
//! A block takes its cycles off the budget when it starts, but not every block asks whether there
//! are enough: only the entry and the head of each loop do, for the longest way to the next that
//! asks. So whatever starts inside a region ends inside its budget, and the interpreter walks the
//! last instructions of a slice.

use super::Region;

/// Where a region looks at its budget.
pub struct Checkpoints {
    /// For each block that looks: the cycles of the longest way to the next one that does.
    needs: Vec<Option<u32>>,
    /// The edges that close loops.
    back: Vec<(usize, usize)>,
}

/// The depth-first walk that finds the heads of loops, and the longest ways between them.
struct Walk<'a> {
    region: &'a Region,
    successors: &'a [Vec<usize>],
    states: Vec<State>,
    heads: Vec<bool>,
    back: Vec<(usize, usize)>,
    /// The blocks in the order in which the walk left them: successors first, but for back edges.
    left: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unseen,
    Open,
    Done,
}

impl Walk<'_> {
    fn visit(&mut self, start: usize) {
        // The blocks being walked, with the number of the successor that is next.
        let mut stack = vec![(start, 0)];
        self.states[start] = State::Open;
        while let Some((block, next)) = stack.last_mut() {
            let Some(&to) = self.successors[*block].get(*next) else {
                self.states[*block] = State::Done;
                self.left.push(*block);
                stack.pop();
                continue;
            };
            *next += 1;
            match self.states[to] {
                State::Unseen => {
                    self.states[to] = State::Open;
                    stack.push((to, 0));
                }
                State::Open => {
                    self.heads[to] = true;
                    self.back.push((*block, to));
                }
                State::Done => {}
            }
        }
    }

    fn needs(&self) -> Vec<Option<u32>> {
        let mut longest = vec![0; self.successors.len()];
        for &block in &self.left {
            let onward = self.successors[block].iter().filter(|&&to| !self.heads[to]);
            let onward = onward.map(|&to| longest[to]).max().unwrap_or(0);
            longest[block] = self.region.blocks[block].cycles() as u32 + onward;
        }
        let need = |(longest, head): (u32, &bool)| head.then_some(longest);
        longest.into_iter().zip(&self.heads).map(need).collect()
    }
}

impl Checkpoints {
    /// Finds the checkpoints of a region whose blocks lead to these `successors`.
    pub fn of(region: &Region, successors: &[Vec<usize>]) -> Self {
        let count = region.blocks.len();
        let mut walk = Walk {
            region,
            successors,
            states: vec![State::Unseen; count],
            heads: vec![false; count],
            back: Vec::new(),
            left: Vec::with_capacity(count),
        };
        walk.heads[0] = true;
        for block in 0..count {
            if walk.states[block] == State::Unseen {
                walk.visit(block);
            }
        }
        Self {
            needs: walk.needs(),
            back: walk.back,
        }
    }

    /// The cycles that there must be when block `index` starts, if it looks.
    pub fn need(&self, index: usize) -> Option<u32> {
        self.needs[index]
    }

    /// Whether the region has loops.
    pub fn any_loop(&self) -> bool {
        !self.back.is_empty()
    }

    /// The edges that close loops, from the last block of a round to the head.
    pub fn back(&self) -> &[(usize, usize)] {
        &self.back
    }

    /// The cycles that there must be to enter the region.
    pub fn entry(&self) -> u32 {
        self.needs[0].unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{block, region};
    use super::*;

    #[test]
    fn entry_and_loop_heads_look_for_the_longest_way() {
        // 0: three instructions, on to 1 or 2; 1: five, on to 2; 2: two, back to itself or on to
        // 3; 3: four.
        let region = region(vec![
            block(0x100, &[0; 3], false),
            block(0x200, &[0; 5], false),
            block(0x300, &[0; 2], false),
            block(0x400, &[0; 4], false),
        ]);
        let successors = [vec![1, 2], vec![2], vec![2, 3], vec![]];
        let checkpoints = Checkpoints::of(&region, &successors);
        assert_eq!(checkpoints.entry(), 8);
        assert_eq!(checkpoints.need(1), None);
        assert_eq!(checkpoints.need(2), Some(6));
        assert_eq!(checkpoints.need(3), None);
        assert!(checkpoints.any_loop());
        let straight = [vec![1, 2], vec![2], vec![3], vec![]];
        assert!(!Checkpoints::of(&region, &straight).any_loop());
    }

    #[test]
    fn a_loop_through_the_entry_looks_there() {
        let region = region(vec![
            block(0x100, &[0; 3], false),
            block(0x200, &[0; 5], false),
        ]);
        let checkpoints = Checkpoints::of(&region, &[vec![1], vec![0]]);
        assert_eq!(
            (checkpoints.entry(), checkpoints.need(1)),
            (8, None),
            "one look covers the whole round"
        );
    }
}
