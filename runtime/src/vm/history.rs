//! The past of a machine, for its debugger to go back to: checkpoints, and what arrived since.
//!
//! A checkpoint is a saved machine with what its RAM held. When they get too many, those go that are
//! missed least: the gaps between them grow with their age.

use super::debug::{self, Edit};
use super::travel::Travel;
use super::{SavedVm, Vm};
use crate::device::Outside;
use crate::insight::Processes;
use crate::memory::{Kept, Tally};
use crate::vcpu::{Goal, StopCause};
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

/// The least number of instructions between two checkpoints that are not asked for.
const LEAST: u64 = 1 << 25;
/// How many times as long as a checkpoint takes the machine runs before the next: this bounds what
/// they cost.
const RARELY: u32 = 25;
/// The most checkpoints.
const MOST: usize = 40;

/// The machine as it was at one moment.
struct Checkpoint {
    /// The instructions that had run.
    count: u64,
    vm: SavedVm,
    memory: Kept,
    /// How much had arrived since the history began.
    arrived: usize,
    /// How many bytes the guest had printed since then.
    printed: u64,
    /// What was known of its processes.
    processes: Processes,
}

/// The past of a machine.
pub(super) struct History {
    checkpoints: Vec<Checkpoint>,
    /// The most bytes that pages of checkpoints may have.
    budget: u64,
    pages: Tally,
    /// No checkpoint is due before this count.
    next: u64,
    /// When the last one was made, and how long that took.
    last: (Instant, Duration),
    /// How many bytes the guest has printed, by now and at the most.
    printed: u64,
    shown: u64,
    /// Whether a debugger has changed something: what was before does not lead here.
    changed: bool,
    /// Whether it is kept no longer than until the machine is where it was before it went back.
    ends: bool,
    /// How the machine is going back, if it is.
    pub(super) travel: Option<Travel>,
    /// Why it stands where it went back to.
    pub(super) arrived: Option<StopCause>,
    /// The count of the access behind which it then stands, if it went back to one.
    pub(super) undone: Option<u64>,
}

impl History {
    fn new(budget: u64) -> Self {
        Self {
            checkpoints: Vec::new(),
            budget,
            pages: Tally::default(),
            next: 0,
            last: (Instant::now(), Duration::ZERO),
            printed: 0,
            shown: 0,
            changed: true,
            ends: false,
            travel: None,
            arrived: None,
            undone: None,
        }
    }

    /// The count of the last checkpoint before `count`.
    pub(super) fn before(&self, count: u64) -> Option<u64> {
        let at = self.checkpoints.partition_point(|it| it.count < count);
        Some(self.checkpoints.get(at.checked_sub(1)?)?.count)
    }

    /// Whether the machine has come so far that another checkpoint is worth its while.
    fn is_due(&self, count: u64) -> bool {
        let (when, took) = self.last;
        let far = |it: &Checkpoint| it.count.abs_diff(count) >= LEAST / 2;
        count >= self.next
            && self.travel.is_none()
            && when.elapsed() >= took * RARELY
            && self.checkpoints.iter().all(far)
    }

    /// Of `bytes` that the guest printed, how many are new.
    fn fresh(&mut self, bytes: u64) -> u64 {
        self.printed += bytes;
        let fresh = self.printed.saturating_sub(self.shown).min(bytes);
        self.shown = self.shown.max(self.printed);
        fresh
    }

    fn add(&mut self, checkpoint: Checkpoint) {
        let at = self
            .checkpoints
            .partition_point(|it| it.count < checkpoint.count);
        let now = checkpoint.count;
        match self.checkpoints.get_mut(at) {
            Some(other) if other.count == now => *other = checkpoint,
            _ => self.checkpoints.insert(at, checkpoint),
        }
        while self.checkpoints.len() > MOST || self.pages.bytes() > self.budget {
            let Some(least) = least_missed(&self.counts(), now) else {
                break;
            };
            self.checkpoints.remove(least);
        }
    }

    /// A debugger changes something: the past begins anew.
    pub(super) fn note_change(&mut self) {
        self.changed = true;
    }

    /// What is told of it.
    pub(super) fn facts(&self) -> PastFacts {
        PastFacts {
            checkpoints: self.counts(),
            bytes: self.pages.bytes(),
        }
    }

    fn counts(&self) -> Vec<u64> {
        self.checkpoints.iter().map(|it| it.count).collect()
    }
}

/// Which checkpoint is missed least by a machine that is at `now`: without it the gap is small for its
/// distance. The first and the last one stay.
fn least_missed(counts: &[u64], now: u64) -> Option<usize> {
    let gap = |at: usize| (counts[at + 1] - counts[at - 1]) as f64;
    let cost = |at: usize| gap(at) / (now.abs_diff(counts[at]) + LEAST) as f64;
    let inner = 1..counts.len().saturating_sub(1);
    inner.min_by(|&a, &b| cost(a).total_cmp(&cost(b)))
}

/// What is told of a machine's past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastFacts {
    /// The counts of the checkpoints.
    pub checkpoints: Vec<u64>,
    /// The bytes that their pages take.
    pub bytes: u64,
}

/// A machine and its past.
pub(super) struct Timeline<'a>(pub(super) &'a mut Vm);

impl Deref for Timeline<'_> {
    type Target = Vm;

    fn deref(&self) -> &Vm {
        self.0
    }
}

impl DerefMut for Timeline<'_> {
    fn deref_mut(&mut self) -> &mut Vm {
        self.0
    }
}

impl Timeline<'_> {
    /// Keeps the past from now on. A past that is still kept goes on.
    pub(super) fn begin(&mut self, budget: u64) {
        let new = || Box::new(History::new(budget));
        let history = self.history.get_or_insert_with(new);
        (history.budget, history.ends) = (budget, false);
    }

    /// Keeps the past no longer than it is needed: a machine that has gone back finds its way by it.
    pub(super) fn end(&mut self) {
        if let Some(history) = &mut self.history {
            history.ends = true;
        }
    }

    /// How many of `bytes` that the guest printed were not shown before.
    pub(super) fn fresh_output(&mut self, bytes: usize) -> usize {
        let fresh = |history: &mut Box<History>| history.fresh(bytes as u64) as usize;
        self.history.as_mut().map_or(bytes, fresh)
    }

    /// Makes a checkpoint if one is due. Called between two slices.
    pub(super) fn keep_up(&mut self) {
        let vm = &mut *self.0;
        let is_past = vm.is_past();
        let Some(history) = &mut vm.history else {
            return;
        };
        if history.ends && !is_past {
            vm.history = None;
            vm.arrivals.end_past();
        } else if history.changed || vm.arrivals.is_past_full() {
            let budget = history.budget;
            let (printed, travel) = (history.printed, history.travel.take());
            **history = History::new(budget);
            (history.changed, history.travel) = (false, travel);
            (history.printed, history.shown) = (printed, printed);
            vm.arrivals.begin_past();
            self.make_checkpoint();
        } else if history.is_due(vm.cpu.retired()) {
            self.make_checkpoint();
        }
    }

    /// Makes a checkpoint of the machine as it is.
    pub(super) fn make_checkpoint(&mut self) {
        let start = Instant::now();
        let Some(mut history) = self.history.take() else {
            return;
        };
        let count = self.cpu.retired();
        let at = history.checkpoints.partition_point(|it| it.count < count);
        let before = at.checked_sub(1).map(|at| &history.checkpoints[at].memory);
        let memory = self.view().keep(before, &history.pages);
        history.add(Checkpoint {
            count,
            vm: SavedVm::of(self.0),
            memory,
            arrived: self.arrivals.arrived(),
            printed: history.printed,
            processes: self.insight.processes.clone(),
        });
        history.next = count + LEAST;
        history.last = (Instant::now(), start.elapsed());
        self.history = Some(history);
    }

    /// Makes the machine what it was at the last checkpoint that is not behind `count`, and has it go
    /// on from there as far as `goal` says. Says at which count it is then.
    pub(super) fn return_to(&mut self, count: u64, goal: Goal) -> Option<u64> {
        let mut history = self.history.take()?;
        let at = history.checkpoints.partition_point(|it| it.count <= count);
        let found = at.checked_sub(1).map(|at| &history.checkpoints[at]);
        if let Some(checkpoint) = found {
            self.become_again(checkpoint);
            history.printed = checkpoint.printed;
            history.next = checkpoint.count + LEAST;
        }
        let count = found.map(|checkpoint| checkpoint.count);
        self.history = Some(history);
        self.cpu.stops.start_over(goal);
        count
    }

    fn become_again(&mut self, checkpoint: &Checkpoint) {
        let now = self.cpu.now(0);
        self.arrivals.go_back(now, checkpoint.arrived);
        let mut view = self.view();
        view.begin_epoch();
        view.go_back(&checkpoint.memory);
        checkpoint.vm.go_back(self.0);
        self.insight.processes = checkpoint.processes.clone();
        debug::note(self.0, Edit::Elsewhere);
        self.backends.disks.begin_era();
        for number in self.backends.disks.numbers() {
            let (board, mut memory, backends) = self.board_and_outside();
            let mut outside = Outside {
                memory: &mut memory,
                backends,
            };
            board.reconnect(number, &mut outside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_grow_with_age() {
        let mut counts = vec![0];
        for number in 1..=1000 {
            counts.push(number * LEAST);
            if counts.len() > MOST {
                let least = least_missed(&counts, number * LEAST).unwrap();
                counts.remove(least);
            }
        }
        assert_eq!((counts[0], counts.len()), (0, MOST));
        let gap = |at: usize| (counts[at + 1] - counts[at]) / LEAST;
        assert_eq!(gap(MOST - 2), 1, "the last ones are near: {counts:?}");
        let far = 1000 * LEAST - counts[1];
        assert!(far > 300 * LEAST && gap(1) > 10, "{counts:?}");
        for at in 1..MOST - 1 {
            let distance = (1000 * LEAST - counts[at]) / LEAST;
            assert!(gap(at) <= 2 + distance / 3, "{at}: {counts:?}");
        }
    }

    #[test]
    fn what_was_shown_is_not_new() {
        let mut history = History::new(0);
        assert_eq!(history.fresh(10), 10);
        history.printed = 4;
        assert_eq!((history.fresh(5), history.fresh(3)), (0, 2));
        assert_eq!(history.fresh(7), 7);
    }
}
