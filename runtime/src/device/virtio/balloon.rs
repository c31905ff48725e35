//! A balloon (chapter 5.5): the driver takes pages out of its guest's use, and the machine has their
//! frames until the guest wants them again.
//!
//! The machine says how many pages the balloon is to have; which ones the guest chooses. A page in the
//! balloon, or one that the guest reports to be free, has no frame and reads as zeros. The driver also
//! tells how the guest uses its memory, as often as the device asks.

use super::{Broken, Buffers, Chain, Order, Queues, VirtioDevice};
use crate::addr::{PAGE_BITS, PAGE_SIZE, Pa};
use crate::clock::Nanos;
use crate::device::{Backends, Fate};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

const F_STATISTICS: u32 = 1;
const F_DEFLATE_ON_OOM: u32 = 2;
const F_REPORTING: u32 = 5;

/// The queues: of pages for the balloon, of pages back from it, and of statistics.
const INFLATE: usize = 0;
const DEFLATE: usize = 1;
const STATISTICS: usize = 2;
/// Entries of the queues with pages, of the one for statistics, and of the one for reports.
const ENTRIES: u16 = 128;
const FEW: u16 = 32;
/// The most pages that a list holds, four times as many as Linux makes; more stay where they are.
const LISTED: u64 = 1024;
/// The most pages of a report that are looked at.
const REPORTED: usize = 1 << 15;
/// How often the driver is asked for statistics.
const INTERVAL: Nanos = Nanos::SECOND;
/// The bytes of a statistic: what it is, and its value.
const STATISTIC: usize = 10;

/// What a guest tells of its memory, by the number of the statistic.
pub const NAMES: [&str; 10] = [
    "swapped_in",
    "swapped_out",
    "major_faults",
    "minor_faults",
    "free",
    "total",
    "available",
    "caches",
    "huge_pages_allocated",
    "huge_pages_refused",
];

/// A balloon behind its queues.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Balloon {
    /// How many pages the driver is to put into it.
    asked: u32,
    /// Whether the driver is to be told of that.
    asks: bool,
    /// How many it says are in it.
    said: u32,
    /// What it told of its guest's memory last.
    statistics: [Option<u64>; NAMES.len()],
    /// The driver's buffer with these, which it fills anew when it has it back, and when that is.
    held: Option<(Chain, Nanos)>,
    /// What is due by this moment is to be done.
    reached: Nanos,
}

impl Balloon {
    /// Asks the driver to put so many pages into it, those that are there included.
    pub fn ask(&mut self, pages: u32) {
        (self.asked, self.asks) = (pages, true);
    }

    /// How many pages the driver was asked to put into it.
    #[must_use]
    pub fn asked(&self) -> u32 {
        self.asked
    }

    /// What the driver told of its guest's memory last: names and values.
    pub fn statistics(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let told = NAMES.into_iter().zip(self.statistics);
        told.filter_map(|(name, value)| Some((name, value?)))
    }

    /// Takes the lists of pages from a queue.
    fn take_lists(queue: usize, fate: Fate, queues: &mut Queues<'_>) -> Result<(), Broken> {
        for _ in 0..=ENTRIES {
            let Some(chain) = queues.pop(queue)? else {
                break;
            };
            let mut list = vec![0; 4 * (chain.readable.length() / 4).min(LISTED) as usize];
            chain.readable.read(queues.memory, 0, &mut list)?;
            for &number in list.as_chunks().0 {
                let page = Pa(u64::from(queues.order().get32(number)) << PAGE_BITS);
                // The machine has no use for what is not memory.
                let _ = queues.memory.decide(page, fate);
            }
            queues.push(queue, chain.head, 0)?;
        }
        Ok(())
    }

    /// Takes the pages that the guest reports to be free.
    fn take_reports(queues: &mut Queues<'_>) -> Result<(), Broken> {
        // A queue that is not agreed on has no number.
        let queue = STATISTICS + usize::from(queues.has(F_STATISTICS));
        for _ in 0..=FEW {
            let Some(chain) = queues.pop(queue)? else {
                break;
            };
            for page in pages(&chain.writable).take(REPORTED) {
                let _ = queues.memory.decide(page, Fate::Free);
            }
            queues.push(queue, chain.head, 0)?;
        }
        Ok(())
    }

    /// Gives the buffer for statistics back when that is due, and takes it when it is filled.
    fn exchange_statistics(&mut self, queues: &mut Queues<'_>, now: Nanos) -> Result<(), Broken> {
        let reached = self.reached;
        if let Some((chain, _)) = self.held.take_if(|(_, due)| *due <= reached) {
            queues.push(STATISTICS, chain.head, 0)?;
        }
        for _ in 0..=FEW {
            let Some(chain) = queues.pop(STATISTICS)? else {
                break;
            };
            self.read_statistics(&chain.readable, queues)?;
            let due = Nanos(now.0.saturating_add(INTERVAL.0));
            if let Some((former, _)) = self.held.replace((chain, due)) {
                queues.push(STATISTICS, former.head, 0)?;
            }
        }
        Ok(())
    }

    fn read_statistics(&mut self, from: &Buffers, queues: &mut Queues<'_>) -> Result<(), Broken> {
        let order = queues.order();
        for number in 0..NAMES.len() {
            let skip = (number * STATISTIC) as u64;
            let Some(bytes) = from.array::<STATISTIC>(queues.memory, skip)? else {
                break;
            };
            let [t0, t1, value @ ..] = bytes;
            let place = self.statistics.get_mut(usize::from(order.get16([t0, t1])));
            if let Some(place) = place {
                *place = Some(order.get64(value));
            }
        }
        Ok(())
    }
}

/// The whole pages in buffers.
fn pages(buffers: &Buffers) -> impl Iterator<Item = Pa> {
    buffers.ranges().flat_map(|(address, length)| {
        let first = address.checked_next_multiple_of(PAGE_SIZE);
        let end = address.saturating_add(length.into()) & !(PAGE_SIZE - 1);
        let range = first.unwrap_or(end)..end;
        range.step_by(PAGE_SIZE as usize).map(Pa)
    })
}

impl VirtioDevice for Balloon {
    const TYPE: u16 = 5;
    const LEGACY: Option<u16> = Some(0x1002);
    const CLASS: u32 = 0x00_ff00;
    const QUEUES: &'static [u16] = &[ENTRIES, ENTRIES, FEW, FEW];

    fn features(&self) -> u64 {
        1 << F_STATISTICS | 1 << F_DEFLATE_ON_OOM | 1 << F_REPORTING
    }

    /// Its numbers have their lowest bytes first, before version 1 as well.
    fn config(&self, _order: Order) -> Vec<u8> {
        [self.asked, self.said].map(u32::to_le_bytes).concat()
    }

    fn write_config(&mut self, at: u64, byte: u8) {
        if let 4..8 = at {
            let mut bytes = self.said.to_le_bytes();
            bytes[at as usize - 4] = byte;
            self.said = u32::from_le_bytes(bytes);
        }
    }

    fn reset(&mut self) {
        *self = Self {
            asked: self.asked,
            reached: self.reached,
            ..Self::default()
        };
    }

    fn deadline(&self) -> Option<Nanos> {
        let due = self.held.as_ref().map(|&(_, due)| due);
        due.filter(|&due| due > self.reached)
    }

    fn advance(&mut self, now: Nanos) {
        self.reached = self.reached.max(now);
    }

    fn is_due(&self) -> bool {
        (self.held.as_ref()).is_some_and(|&(_, due)| due <= self.reached)
    }

    fn take_config_change(&mut self) -> bool {
        std::mem::take(&mut self.asks)
    }

    fn process(
        &mut self,
        queues: &mut Queues<'_>,
        _backends: &mut Backends,
        now: Nanos,
    ) -> Result<(), Broken> {
        Self::take_lists(INFLATE, Fate::Given, queues)?;
        Self::take_lists(DEFLATE, Fate::Wanted, queues)?;
        if queues.has(F_STATISTICS) {
            self.exchange_statistics(queues, now)?;
        }
        if queues.has(F_REPORTING) {
            Self::take_reports(queues)?;
        }
        Ok(())
    }
}

impl Sound for Balloon {
    fn is_sound(&self) -> bool {
        let held = self.held.as_ref();
        self.reached.is_sound()
            && held.is_none_or(|(chain, due)| chain.is_sound() && due.is_sound())
    }
}
