//! What the monitor does with the pages of a VM: shares them, sends them to the swap file, takes
//! them back. All of it without the guest's knowledge, but for the balloon.
//!
//! Only pages that were not used in this epoch are touched ([`Pmap::begin_epoch`]): no space leads
//! to them, so that there is nothing to be taken back. The hands of two clocks, one for sharing
//! and one for swapping, go round over the pages.

use super::backmap::Frame;
use super::machine::MachineMemory;
use super::pmap::{Page, Pmap};
use super::share::{Content, Offer, hash, is_zero};
use crate::addr::Pa;

/// What a look at some pages brought.
#[derive(Clone, Copy, Default, Debug)]
pub struct Gain {
    /// Pages that were looked at.
    pub seen: u64,
    /// Frames that are free now.
    pub freed: u64,
    /// Pages that are in no frame any more.
    pub moved: u64,
    /// Whether the hand came round to its start.
    pub round: bool,
}

/// How much is wanted of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quota {
    /// So many free frames.
    Frames(u64),
    /// So many of its pages in no frame, whether or not others share the frames that they were in.
    Pages(u64),
}

impl Quota {
    /// What is left of it after this gain.
    #[must_use]
    pub fn left(self, gain: &Gain) -> u64 {
        match self {
            Self::Frames(frames) => frames.saturating_sub(gain.freed),
            Self::Pages(pages) => pages.saturating_sub(gain.moved),
        }
    }

    /// The quota that is left after this gain.
    #[must_use]
    pub fn after(self, gain: &Gain) -> Self {
        match self {
            Self::Frames(_) => Self::Frames(self.left(gain)),
            Self::Pages(_) => Self::Pages(self.left(gain)),
        }
    }
}

/// The hands of the clocks.
#[derive(Default, Debug)]
pub struct Hands {
    share: usize,
    swap: usize,
}

impl Pmap {
    /// Looks at some pages: those of zeros lose their frames, those that have their like are
    /// shared, or all if `eager`.
    pub fn share_some(
        &mut self,
        hands: &mut Hands,
        machine: &MachineMemory,
        pages: usize,
        eager: bool,
    ) -> Gain {
        let mut gain = Gain::default();
        // Pages that cannot be shared cost next to nothing.
        for _ in 0..64 * pages.min(1 << 20) {
            if gain.seen >= pages as u64 || gain.round {
                break;
            }
            let index = hands.share;
            hands.share = (index + 1) % self.len();
            gain.round = hands.share == 0;
            let Some(Page::Private(frame)) = self.page_at(index) else {
                continue;
            };
            if self.is_used(index) {
                continue;
            }
            gain.seen += 1;
            let content = machine.frame(frame);
            if is_zero(content) {
                self.set(index, Page::Zero);
                machine.free(frame);
                gain.freed += 1;
                continue;
            }
            gain.freed += u64::from(self.offer(index, machine, hash(content), eager));
        }
        gain
    }

    /// Looks at pages that have met their like elsewhere. Says how many frames are free now.
    pub fn share_met(&mut self, machine: &MachineMemory, pages: &[Pa]) -> u64 {
        let mut freed = 0;
        for &pa in pages {
            if let Some(index) = self.index(pa)
                && let Some(Page::Private(frame)) = self.page_at(index)
                && !self.is_used(index)
            {
                let hash = hash(machine.frame(frame));
                freed += u64::from(self.offer(index, machine, hash, false));
            }
        }
        freed
    }

    /// Offers a private page. Says whether its frame is free now.
    fn offer(&mut self, index: usize, machine: &MachineMemory, hash: u64, eager: bool) -> bool {
        let Some(Page::Private(frame)) = self.page_at(index) else {
            return false;
        };
        let user = self.user(index);
        match machine.shares().offer(machine, user, frame, hash, eager) {
            Offer::Alone => false,
            Offer::Published => {
                self.set(index, Page::Shared(frame));
                false
            }
            Offer::Same(same) => {
                self.set(index, Page::Shared(same));
                machine.free(frame);
                true
            }
        }
    }

    /// Sends pages to the swap file until the quota is reached, or the hand has come round. Shared
    /// pages only if `shared`: the frame is free when its last user has gone.
    pub fn swap_some(
        &mut self,
        hands: &mut Hands,
        machine: &MachineMemory,
        quota: Quota,
        shared: bool,
    ) -> Gain {
        let mut gain = Gain::default();
        let mut full = false;
        for _ in 0..self.len() {
            if quota.left(&gain) == 0 {
                return gain;
            }
            let index = hands.swap;
            hands.swap = (index + 1) % self.len();
            gain.seen += 1;
            if self.is_used(index) {
                continue;
            }
            let frame = match self.page_at(index) {
                Some(Page::Private(frame)) => frame,
                Some(Page::Shared(frame)) if shared => frame,
                _ => continue,
            };
            let content = machine.frame(frame);
            if is_zero(content) {
                gain.freed += u64::from(self.give_back(index, machine));
                gain.moved += 1;
                self.set(index, Page::Zero);
                continue;
            }
            // Even if the file is full, pages of zeros have frames to give.
            if full {
                continue;
            }
            let Some(slot) = machine.swap().store(content) else {
                full = true;
                continue;
            };
            gain.freed += u64::from(self.give_back(index, machine));
            gain.moved += 1;
            self.set(index, Page::Swapped(slot));
        }
        gain.round = true;
        gain
    }

    /// Gives back what holds the content of a page, which the caller makes something else. Says
    /// whether a frame is free now.
    fn give_back(&mut self, index: usize, machine: &MachineMemory) -> bool {
        match self.page_at(index) {
            Some(Page::Private(frame)) => machine.free(frame),
            Some(Page::Shared(frame)) => {
                if !machine.shares().leave(self.user(index), frame) {
                    return false;
                }
                machine.free(frame);
            }
            Some(Page::Swapped(slot)) => {
                machine.swap().free(slot);
                return false;
            }
            _ => return false,
        }
        true
    }

    /// Gives back what holds the content of the page of `pa`, which is another from now on. No
    /// space may lead to it.
    pub fn replace(&mut self, pa: Pa, machine: &MachineMemory, page: Page) {
        if let Some(index) = self.index(pa) {
            self.give_back(index, machine);
            self.set(index, page);
        }
    }

    /// A shared frame with this content, which has this hash, for the page of `pa`: the caller makes
    /// the page that.
    pub fn find_alike(
        &self,
        pa: Pa,
        content: &Content,
        hash: u64,
        machine: &MachineMemory,
    ) -> Option<Frame> {
        let user = self.user(self.index(pa)?);
        machine.shares().find(machine, user, content, hash)
    }

    /// Has others share the page of `pa` when they write the same, whose content has this hash. No
    /// space may lead to it.
    pub fn publish(&mut self, pa: Pa, hash: u64, machine: &MachineMemory) {
        if let Some(index) = self.index(pa) {
            self.offer(index, machine, hash, true);
        }
    }

    /// Gives everything back, its home as well: no space leads there any more.
    pub fn clear(&mut self, machine: &MachineMemory) {
        for index in 0..self.len() {
            self.give_back(index, machine);
            self.set(index, Page::Absent);
        }
        self.set_store(None);
        if let Some(home) = self.take_home() {
            machine.give_home(home);
        }
    }
}
