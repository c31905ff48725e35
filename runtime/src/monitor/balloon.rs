//! What a guest with a virtio balloon is asked to put into it.
//!
//! A target says how much memory the guest may have: all else goes into the balloon. While the
//! machines were promised more memory than there is, and it is nearly used up, guests are asked for
//! more, a part of what they have at a time; when much is free again, that goes back.

use super::reclaim::{ASKED_FOR, Keeper, LEAST_PAGES, SCARCE};
use super::{Fleet, lock};
use crate::addr::PAGE_SIZE;
use crate::vm::Vm;

/// There is room when at least this fraction of machine memory is left.
const ROOMY: u64 = 4;

impl<F: Fleet> Keeper<'_, F> {
    /// Asks a guest that has a balloon for as many pages as the monitor wants there now.
    pub(super) fn inflate(&self, vm: &mut Vm, target: Option<u64>) {
        let Some(asked) = vm.board.balloon().map(|it| it.device().asked()) else {
            return;
        };
        let wanted = self.wanted(vm, u64::from(asked), target) as u32;
        if wanted != asked {
            vm.ask_for_pages(wanted);
        }
    }

    fn wanted(&self, vm: &Vm, asked: u64, target: Option<u64>) -> u64 {
        let all = vm.config().memory / PAGE_SIZE;
        let beyond = target.map_or(0, |target| all.saturating_sub(target.max(LEAST_PAGES)));
        let limit = self.0.memory.limit();
        if !self.is_overcommitted() || self.0.memory.missing(limit / ROOMY) == 0 {
            return beyond;
        }
        let given = vm.ram.pages_given();
        let is_scarce = self.0.memory.missing(limit / SCARCE) > 0;
        // A guest that has not given what it was asked for is asked for no more.
        let more = if is_scarce && given >= asked {
            given + vm.ram.page_counts().resident() / ASKED_FOR
        } else {
            asked
        };
        more.max(beyond).min(all.saturating_sub(LEAST_PAGES))
    }

    /// Whether the machines were promised more memory than there is.
    fn is_overcommitted(&self) -> bool {
        let promised = self.0.slots.iter().map(|slot| lock(&slot.snapshot).memory);
        promised.sum::<u64>() > self.0.memory.limit() * PAGE_SIZE
    }
}
