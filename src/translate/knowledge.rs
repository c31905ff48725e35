//! What is known of addresses and pages at the start of a block: what the block before it has
//! learnt, if control comes from there only, and else nothing.

use super::alignment::Alignments;
use super::nearby::Nearby;

/// What is known on the current path.
#[derive(Clone)]
pub struct Knowledge {
    /// Which addresses are aligned.
    pub alignments: Alignments,
    /// Where pages are.
    pub nearby: Nearby,
}

/// The ways into the blocks of a region that were emitted so far.
pub struct Ways {
    /// What is known on the only way into each block, if there is one.
    arrived: Vec<Arrived>,
    /// The last block that leads to each.
    last: Vec<usize>,
    /// For each block a successor that no other block leads to, if it has one.
    onward: Vec<Option<usize>>,
}

/// What came to a block.
#[derive(Clone)]
enum Arrived {
    Nothing,
    Once(Knowledge),
    Often,
}

impl Ways {
    /// Those of a region whose blocks lead to these `successors`.
    pub fn of(successors: &[Vec<usize>]) -> Self {
        let count = successors.len();
        let (mut last, mut ways) = (vec![0; count], vec![0; count]);
        for (from, to) in successors.iter().enumerate() {
            for &to in to {
                last[to] = last[to].max(from);
                ways[to] += 1;
            }
        }
        let onward = successors.iter().enumerate().map(|(from, to)| {
            let mut to = to.iter().copied();
            to.find(|&to| to > from && ways[to] == 1)
        });
        Self {
            onward: onward.collect(),
            arrived: vec![Arrived::Nothing; count],
            last,
        }
    }

    /// Notes that control goes on to block `to`.
    pub fn arrive(&mut self, to: usize, knowledge: &Knowledge) {
        let arrived = &mut self.arrived[to];
        *arrived = match arrived {
            Arrived::Nothing => Arrived::Once(knowledge.clone()),
            _ => Arrived::Often,
        };
    }

    /// Whether nothing more will lead to a block when all before it were emitted.
    pub fn complete(&self, block: usize) -> bool {
        block > 0 && self.last[block] < block
    }

    /// What is known at the start of a block to which nothing more will lead.
    pub fn take(&mut self, block: usize) -> Option<Knowledge> {
        match std::mem::replace(&mut self.arrived[block], Arrived::Nothing) {
            Arrived::Once(knowledge) => Some(knowledge),
            _ => None,
        }
    }

    /// A successor of the block that no other leads to, and which so knows what this one has learnt.
    pub fn onward(&self, block: usize) -> Option<usize> {
        self.onward[block]
    }
}
