//! A source of random bytes (chapter 5.4). What it gives follows from its seed, so that runs are
//! alike; a seed that the host drew makes it a source of entropy.

use super::{Broken, Order, Queues, VirtioDevice};
use crate::clock::Nanos;
use crate::device::Backends;
use crate::sound::{Sound, is_count};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Entries of the queue.
const ENTRIES: u16 = 8;
/// The most bytes for a request. The driver sees that there were no more.
const LONGEST: u64 = 4096;

/// A source of random bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entropy {
    seed: u64,
    /// How many words were given.
    given: u64,
}

impl Entropy {
    /// A source that gives what follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, given: 0 }
    }

    fn word(&mut self) -> [u8; 8] {
        self.given += 1;
        xxh3_64_with_seed(&self.given.to_le_bytes(), self.seed).to_le_bytes()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.word());
        words.flatten().take(count).collect()
    }
}

impl VirtioDevice for Entropy {
    const TYPE: u16 = 4;
    const LEGACY: Option<u16> = Some(0x1005);
    const CLASS: u32 = 0x00_ff00;
    const QUEUES: &'static [u16] = &[ENTRIES];

    fn features(&self) -> u64 {
        0
    }

    fn config(&self, _order: Order) -> Vec<u8> {
        Vec::new()
    }

    fn reset(&mut self) {}

    fn process(
        &mut self,
        queues: &mut Queues<'_>,
        _backends: &mut Backends,
        _now: Nanos,
    ) -> Result<(), Broken> {
        // What is given may change the queue itself, if the driver wants it there.
        for _ in 0..=ENTRIES {
            let Some(chain) = queues.pop(0)? else { break };
            let bytes = self.bytes(chain.writable.length().min(LONGEST) as usize);
            chain.writable.write(queues.memory, 0, &bytes)?;
            queues.push(0, chain.head, bytes.len() as u32)?;
        }
        Ok(())
    }
}

impl Sound for Entropy {
    fn is_sound(&self) -> bool {
        is_count(self.given)
    }
}
