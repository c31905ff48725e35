//! Machine memory among machines: what is shared in the background, and which one gives pages up
//! when there are too few.
//!
//! Memory is taken from the machine that holds most for its share, with a tax on pages that it
//! does not use (Waldspurger, "Memory Resource Management in VMware ESX Server", section 5).

use super::task::State;
use super::{Fleet, Monitor, Phase, lock};
use crate::device::virtio::VirtioPci;
use crate::hypercall::Number;
use crate::memory::{Gain, Quota};
use crate::vm::Vm;
use std::sync::TryLockError;
use std::sync::atomic::Ordering;

/// Frames that are reclaimed beyond those that are missing, so that it is not done for each.
const SPARE: u64 = 256;
/// The least slices between two epochs of the clock for sharing.
const EPOCH_SLICES: u64 = 64;
/// What an idle page costs, in pages that are used: a tax of three quarters.
const IDLE_COST: u64 = 4;
/// Slices that a guest has to give pages to the balloon before they are swapped.
const BALLOON_SLICES: u64 = 256;
/// How often in a row pages are to be taken and none can be, before a machine keeps them.
const ATTEMPTS: u64 = 8;
/// Memory is nearly used up when less than this fraction of it is left.
pub(super) const SCARCE: u64 = 16;
/// The fraction of its pages that each guest is then asked for.
pub(super) const ASKED_FOR: u64 = 8;
/// Pages that no machine is asked to go below.
pub(super) const LEAST_PAGES: u64 = 64;

/// What looks after the memory of a monitor's machines.
pub(super) struct Keeper<'a, F: Fleet>(pub &'a Monitor<F>);

impl<F: Fleet> Keeper<'_, F> {
    /// After a slice of so many instructions: shares pages, and heeds the machine's target.
    pub(super) fn tend(&self, number: usize, vm: &mut Vm, ran: u64, target: Option<u64>) {
        let slot = &self.0.slots[number];
        let slices = slot.slices.fetch_add(1, Ordering::Relaxed);
        if self.0.config.share_pages > 0 {
            // A machine that is idle nearly all the time is looked at as slowly.
            let most = self.0.config.share_pages as u64;
            let pages = (most * ran / self.0.config.slice).clamp(1, most);
            let gain = vm.ram.share_some(pages as usize, false);
            if gain.round && slices >= EPOCH_SLICES {
                self.begin_epoch(number, vm);
            }
        }
        self.inflate(vm, target);
        let surplus = self.surplus(vm, target);
        vm.ram.balloon_target = (vm.ram.pages_given() + surplus) as u32;
        if surplus == 0 {
            slot.asked.store(0, Ordering::Relaxed);
            slot.in_vain.store(0, Ordering::Relaxed);
        } else if target.is_some() {
            // A guest that knows the balloon has some time to give pages of its choice.
            let listens = vm.counters.hypercalls[Number::BalloonQuery as usize] > 0
                || vm.board.balloon().is_some_and(VirtioPci::is_served);
            let asked = slot.asked.fetch_add(1, Ordering::Relaxed);
            if !listens || asked >= BALLOON_SLICES {
                self.take_surplus(number, vm, surplus);
            }
        }
    }

    /// Takes the pages beyond a machine's target, unless that was in vain often enough: looking for
    /// them costs the guest its translations of addresses.
    fn take_surplus(&self, number: usize, vm: &mut Vm, surplus: u64) {
        let in_vain = &self.0.slots[number].in_vain;
        if in_vain.load(Ordering::Relaxed) >= ATTEMPTS {
            return;
        }
        let before = vm.ram.page_counts().resident();
        self.take(number, vm, Quota::Pages(surplus));
        if vm.ram.page_counts().resident() < before {
            in_vain.store(0, Ordering::Relaxed);
        } else if in_vain.fetch_add(1, Ordering::Relaxed) + 1 == ATTEMPTS {
            let text = format!(
                "keeps {surplus} pages more than its target: the guest gives none, and {}; it is \
                 asked no more until the target changes",
                self.why_none()
            );
            self.0.fleet.notice(number, &text);
        }
    }

    /// A machine has another target, or is another machine.
    pub(super) fn ask_anew(&self, number: usize) {
        let slot = &self.0.slots[number];
        slot.asked.store(0, Ordering::Relaxed);
        slot.in_vain.store(0, Ordering::Relaxed);
    }

    /// The pages that a machine is asked to give up: those beyond its target, and some of them
    /// while machine memory is nearly used up.
    fn surplus(&self, vm: &Vm, target: Option<u64>) -> u64 {
        let resident = vm.ram.page_counts().resident();
        let beyond = target.map_or(0, |target| resident.saturating_sub(target.max(LEAST_PAGES)));
        if self.0.memory.missing(self.0.memory.limit() / SCARCE) > 0 {
            beyond.max(resident / ASKED_FOR)
        } else {
            beyond
        }
    }

    /// Whether no machine has to be asked for memory for now.
    pub(super) fn has_room(&self) -> bool {
        self.0.memory.missing(SPARE) == 0
    }

    fn begin_epoch(&self, number: usize, vm: &mut Vm) {
        let used = vm.view().begin_epoch();
        let active = used * 1000 / vm.ram.pages_touched().max(1);
        self.0.slots[number]
            .active
            .store(active.min(1000), Ordering::Relaxed);
        self.0.slots[number].slices.store(0, Ordering::Relaxed);
    }

    /// Takes what it can of a quota from a machine that is held.
    fn take(&self, number: usize, vm: &mut Vm, quota: Quota) {
        let quota = quota.after(&vm.ram.swap_some(quota, false));
        if quota.left(&Gain::default()) == 0 {
            return;
        }
        self.begin_epoch(number, vm);
        let quota = quota.after(&vm.ram.swap_some(quota, false));
        vm.ram.swap_some(quota, true);
    }

    /// The lower, the rather pages are taken from the machine: its share for each page that it
    /// holds, idle ones counted several times.
    pub(super) fn claim(&self, share: u32, number: usize, pages: u64) -> u64 {
        let active = self.0.slots[number].active.load(Ordering::Relaxed);
        let cost = pages * (active + IDLE_COST * (1000 - active)) / 1000;
        (u64::from(share) << 32) / cost.max(1)
    }

    /// The same for all that a machine holds, in memory and in the swap file.
    pub(super) fn claim_to_all(&self, state: &State, number: usize) -> u64 {
        let pages = lock(&self.0.slots[number].snapshot).pages;
        let pages = pages.resident() + pages.swapped;
        self.claim(state.queue.share(number), number, pages)
    }

    /// The machine that holds most for its share, of those whose share is smaller than this one's
    /// and that hold more.
    pub(super) fn greediest_below(&self, number: usize) -> Option<usize> {
        let state = lock(&self.0.state);
        let share = |number| state.queue.share(number);
        let held = |number: usize| lock(&self.0.slots[number].snapshot).pages.resident();
        let gives_way = |&other: &usize| {
            let ended = matches!(state.tasks[other].phase, Phase::Ended(_));
            !ended && share(other) < share(number) && held(other) > held(number)
        };
        let others = (0..self.0.slots.len()).filter(gives_way);
        others.min_by_key(|&other| self.claim_to_all(&state, other))
    }

    /// Makes room in machine memory, on behalf of machine `number`, which is held. Takes from
    /// those that do not run now.
    ///
    /// # Errors
    /// Says why memory is still short.
    pub(super) fn reclaim(&self, number: usize, vm: &mut Vm) -> Result<(), String> {
        let share = |number| lock(&self.0.state).queue.share(number);
        let mut victims: Vec<(u64, usize)> = (0..self.0.slots.len())
            .filter(|&other| other != number)
            .map(|other| {
                let pages = lock(&self.0.slots[other].snapshot).pages.resident();
                (self.claim(share(other), other, pages), other)
            })
            .collect();
        let pages = vm.ram.page_counts().resident();
        victims.push((self.claim(share(number), number, pages), number));
        victims.sort_unstable();
        for (_, victim) in victims {
            let missing = self.0.memory.missing(SPARE);
            if missing == 0 {
                break;
            }
            if victim == number {
                self.take(number, vm, Quota::Frames(missing));
                continue;
            }
            let held = self.0.slots[victim].machine.try_lock();
            let mut held = match held {
                Ok(held) => held,
                Err(TryLockError::Poisoned(held)) => held.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            if let Some(machine) = held.as_mut() {
                self.take(victim, &mut machine.vm, Quota::Frames(missing));
                lock(&self.0.slots[victim].snapshot).pages = machine.vm.ram.page_counts();
            }
        }
        if !self.0.memory.is_short() {
            return Ok(());
        }
        Err(self.why_none())
    }

    /// Why no pages can be swapped out.
    fn why_none(&self) -> String {
        let swap = self.0.memory.swap().counters();
        match swap.refused {
            Some(why) => format!("the swap file cannot be written: {why}"),
            None if swap.limit == 0 => "there is no swap file (--swap)".into(),
            None => format!("the swap file is full ({} pages)", swap.limit),
        }
    }
}
