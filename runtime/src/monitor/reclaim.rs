//! Machine memory among machines: what is shared in the background, and who gives pages up when
//! there are too few.
//!
//! Memory is taken from the machine that holds most for its share, with a tax on pages that it
//! does not use (Waldspurger, "Memory Resource Management in VMware ESX Server", section 5).

use super::{Fleet, Monitor, lock};
use crate::vm::Vm;
use std::sync::TryLockError;
use std::sync::atomic::Ordering;

/// Frames that are reclaimed beyond those that are missing, so that it is not done for each.
const SPARE: u64 = 256;
/// The least slices between two epochs of the clock for sharing.
const EPOCH_SLICES: u64 = 64;
/// What an idle page costs, in pages that are used: a tax of three quarters.
const IDLE_COST: u64 = 4;
/// Pages that no machine is asked to go below.
const LEAST_PAGES: u64 = 64;

impl<F: Fleet> Monitor<F> {
    /// After a slice: shares pages, and heeds the machine's target.
    pub(super) fn tend(&self, number: usize, vm: &mut Vm, target: Option<u64>) {
        let slot = &self.slots[number];
        let slices = slot.slices.fetch_add(1, Ordering::Relaxed);
        if self.config.share_pages > 0 {
            let gain = vm.share_some(self.config.share_pages, false);
            if gain.round && slices >= EPOCH_SLICES {
                self.begin_epoch(number, vm);
            }
        }
        if let Some(target) = target {
            let surplus = resident(vm).saturating_sub(target.max(LEAST_PAGES));
            if surplus > 0 {
                self.take(number, vm, surplus);
            }
        }
    }

    /// Whether nobody has to be asked for memory for now.
    pub(super) fn has_room(&self) -> bool {
        self.memory.missing(SPARE) == 0
    }

    fn begin_epoch(&self, number: usize, vm: &mut Vm) {
        let used = vm.begin_epoch();
        self.set_active(number, used, vm.pages_touched());
        self.slots[number].slices.store(0, Ordering::Relaxed);
    }

    /// Takes up to `frames` from a machine that is held. Says how many it was.
    fn take(&self, number: usize, vm: &mut Vm, frames: u64) -> u64 {
        let mut freed = vm.swap_some(frames, false).freed;
        if freed < frames {
            self.begin_epoch(number, vm);
            freed += vm.swap_some(frames - freed, false).freed;
        }
        if freed < frames {
            freed += vm.swap_some(frames - freed, true).freed;
        }
        freed
    }

    /// The lower, the rather pages are taken from the machine: its share for each page that it
    /// holds, idle ones counted several times.
    fn claim(&self, number: usize, pages: u64) -> u64 {
        let share = u64::from(lock(&self.state).queue.share(number));
        let active = self.slots[number].active.load(Ordering::Relaxed);
        let cost = pages * (active + IDLE_COST * (1000 - active)) / 1000;
        (share << 32) / cost.max(1)
    }

    /// Makes room in machine memory, on behalf of machine `number`, which is held. Takes from
    /// those that do not run now.
    ///
    /// # Errors
    /// Says why memory is still short.
    pub(super) fn reclaim(&self, number: usize, vm: &mut Vm) -> Result<(), String> {
        let mut victims: Vec<(u64, usize)> = (0..self.slots.len())
            .filter(|&other| other != number)
            .map(|other| {
                let pages = lock(&self.slots[other].snapshot).pages;
                (self.claim(other, pages.private + pages.shared), other)
            })
            .collect();
        victims.push((self.claim(number, resident(vm)), number));
        victims.sort_unstable();
        for (_, victim) in victims {
            let missing = self.memory.missing(SPARE);
            if missing == 0 {
                break;
            }
            if victim == number {
                self.take(number, vm, missing);
                continue;
            }
            let held = self.slots[victim].machine.try_lock();
            let mut held = match held {
                Ok(held) => held,
                Err(TryLockError::Poisoned(held)) => held.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            if let Some(machine) = held.as_mut() {
                self.take(victim, &mut machine.vm, missing);
                lock(&self.slots[victim].snapshot).pages = machine.vm.page_counts();
            }
        }
        if !self.memory.is_short() {
            return Ok(());
        }
        let swap = self.memory.swap().counters();
        Err(match swap.refused {
            Some(why) => format!("the swap file cannot be written: {why}"),
            None if swap.limit == 0 => "there is no swap file (--swap)".into(),
            None => format!("the swap file is full ({} pages)", swap.limit),
        })
    }
}

/// The pages of a machine that are in frames.
fn resident(vm: &Vm) -> u64 {
    let pages = vm.page_counts();
    pages.private + pages.shared
}
