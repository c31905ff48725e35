//! The loops of a region.

/// The blocks of each loop, by its head.
pub struct Loops(Vec<Option<Vec<bool>>>);

impl Loops {
    /// The loops that these edges close, from the last block of a round to the head.
    pub fn of(successors: &[Vec<usize>], back: &[(usize, usize)]) -> Self {
        let count = successors.len();
        let mut predecessors = vec![Vec::new(); count];
        for (block, next) in successors.iter().enumerate() {
            for &next in next {
                predecessors[next].push(block);
            }
        }
        let mut loops = vec![None; count];
        for &(last, head) in back {
            let inside = loops[head].get_or_insert_with(|| vec![false; count]);
            inside[head] = true;
            let mut found = vec![last];
            while let Some(block) = found.pop() {
                if !std::mem::replace(&mut inside[block], true) {
                    found.extend(&predecessors[block]);
                }
            }
        }
        Self(loops)
    }

    /// The blocks of the loop with this head, if there is one.
    pub fn with_head(&self, head: usize) -> Option<impl Iterator<Item = usize>> {
        let inside = self.0[head].as_ref()?;
        Some((0..inside.len()).filter(|&block| inside[block]))
    }

    /// Whether going on from one block to another enters a loop.
    pub fn enters(&self, from: usize, to: usize) -> bool {
        self.0[to].as_ref().is_some_and(|inside| !inside[from])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_in_a_loop() {
        // 0 leads to 1, the head of a loop of 1 to 4; 2 and 3 are a loop in it.
        let successors = [vec![1], vec![2], vec![3], vec![2, 4], vec![1, 5], vec![]];
        let loops = Loops::of(&successors, &[(3, 2), (4, 1)]);
        let blocks = |head| loops.with_head(head).map(Iterator::collect::<Vec<_>>);
        assert_eq!(blocks(1), Some(vec![1, 2, 3, 4]));
        assert_eq!(blocks(2), Some(vec![2, 3]));
        assert_eq!(blocks(0), None);
        assert!(loops.enters(0, 1) && loops.enters(1, 2));
        assert!(!loops.enters(3, 2) && !loops.enters(4, 1) && !loops.enters(4, 5));
    }
}
