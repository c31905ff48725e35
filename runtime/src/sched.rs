//! Which machine runs next: proportional shares by stride scheduling.
//!
//! Each machine has a pass, the host time that it has had, divided by its share; the one with the
//! least runs next. A machine that wakes up starts where the others are, or a little ahead of them,
//! so that it runs soon and yet does not catch up on the time that it did not want. This is policy
//! alone: it knows no machine, no thread and no clock.

use std::time::Duration;

/// The share that a machine has by default.
pub const DEFAULT_SHARE: u32 = 100;
/// The largest share.
pub const LARGEST_SHARE: u32 = 10_000;

/// Passes are counted in nanoseconds at a share of one.
const LEAD_NANOS: u64 = 1_000_000;
/// How far behind the least pass a machine may be to be chosen for having run on this thread.
const AFFINITY_NANOS: u64 = 2_000_000;

/// The thread of a machine that has not run.
const NOWHERE: usize = usize::MAX;

#[derive(Clone, Debug)]
struct Entry {
    share: u64,
    pass: u64,
    ready: bool,
    /// Where it ran last.
    thread: usize,
}

/// The queue. Machines have numbers, from 0 on.
#[derive(Clone, Debug, Default)]
pub struct RunQueue {
    entries: Vec<Entry>,
    /// The pass of the machine that was chosen last.
    now: u64,
}

impl RunQueue {
    /// Adds a machine that is not ready.
    pub fn add(&mut self, share: u32) {
        self.entries.push(Entry {
            share: u64::from(share.clamp(1, LARGEST_SHARE)),
            pass: self.now,
            ready: false,
            thread: NOWHERE,
        });
    }

    /// Gives a machine another share, from now on.
    pub fn set_share(&mut self, machine: usize, share: u32) {
        self.entries[machine].share = u64::from(share.clamp(1, LARGEST_SHARE));
    }

    /// The share of a machine.
    #[must_use]
    pub fn share(&self, machine: usize) -> u32 {
        self.entries[machine].share as u32
    }

    /// A machine that slept is to run again: it starts a little ahead of the others.
    pub fn catch_up(&mut self, machine: usize) {
        let now = self.now;
        let entry = &mut self.entries[machine];
        let lead = LEAD_NANOS * u64::from(LARGEST_SHARE) / entry.share;
        entry.pass = entry.pass.max(now.saturating_sub(lead));
    }

    /// A machine wants to run.
    pub fn enqueue(&mut self, machine: usize) {
        self.entries[machine].ready = true;
    }

    /// A machine wants to run no longer.
    pub fn remove(&mut self, machine: usize) {
        self.entries[machine].ready = false;
    }

    /// Charges a machine for time on a host's core.
    pub fn charge(&mut self, machine: usize, nanos: u64) {
        let entry = &mut self.entries[machine];
        let pass = nanos.saturating_mul(u64::from(LARGEST_SHARE)) / entry.share;
        entry.pass = entry.pass.saturating_add(pass);
    }

    /// Chooses what runs next on `thread`, and takes it out of the queue. There are `free` threads
    /// more, which have nothing to do.
    pub fn choose(&mut self, thread: usize, free: usize) -> Option<usize> {
        let entries = self.entries.iter().enumerate();
        let ready = entries.filter(|(_, entry)| entry.ready);
        // With a thread for each there is no need to wait for a turn, nor to change threads.
        let all_run = ready.clone().count() <= 1 + free;
        let (first, least) = ready
            .clone()
            .map(|(machine, entry)| (machine, entry.pass))
            .min_by_key(|&(_, pass)| pass)?;
        let near = |entry: &Entry| {
            let slack = AFFINITY_NANOS * u64::from(LARGEST_SHARE) / entry.share;
            entry.thread == thread && (all_run || entry.pass <= least.saturating_add(slack))
        };
        // What ran elsewhere last has its memory in the cache there.
        let elsewhere = ![NOWHERE, thread].contains(&self.entries[first].thread);
        let own = ready
            .filter(|(_, entry)| elsewhere && near(entry))
            .min_by_key(|(_, entry)| entry.pass);
        let chosen = own.map_or(first, |(machine, _)| machine);
        self.now = self.now.max(least);
        let entry = &mut self.entries[chosen];
        entry.ready = false;
        entry.thread = thread;
        Some(chosen)
    }

    /// How long a turn of this machine is, if those of the largest share that wants to run take
    /// `longest`: all have a turn in the same time.
    #[must_use]
    pub fn turn(&self, machine: usize, longest: Duration) -> Duration {
        let own = self.entries[machine].share;
        let ready = self.entries.iter().filter(|entry| entry.ready);
        let most = ready.map(|entry| entry.share).fold(own, u64::max);
        longest * own as u32 / most as u32
    }

    /// Whether a machine wants to run.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.entries.iter().any(|entry| entry.ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs machines of these shares, all busy, on one thread; slices take 1 to 3 ms.
    fn run(queue: &mut RunQueue, machines: usize, slices: u64) -> Vec<u64> {
        let mut had = vec![0; machines];
        for slice in 0..slices {
            let machine = queue.choose(0, 0).unwrap();
            let nanos = 1_000_000 * (1 + slice % 3);
            had[machine] += nanos;
            queue.charge(machine, nanos);
            queue.enqueue(machine);
        }
        had
    }

    fn queue(shares: &[u32]) -> RunQueue {
        let mut queue = RunQueue::default();
        for (machine, &share) in shares.iter().enumerate() {
            queue.add(share);
            queue.enqueue(machine);
        }
        queue
    }

    #[test]
    fn time_is_shared_in_proportion() {
        let had = run(&mut queue(&[100, 200, 400]), 3, 7000);
        let unit = had.iter().sum::<u64>() as f64 / 7.0;
        for (had, share) in had.iter().zip([1.0, 2.0, 4.0]) {
            let off = *had as f64 / unit / share;
            assert!((0.98..1.02).contains(&off), "{had} {share} {off}");
        }
    }

    #[test]
    fn a_machine_that_slept_runs_soon_and_does_not_catch_up() {
        let mut queue = queue(&[100, 100, 100]);
        queue.remove(2);
        run(&mut queue, 3, 1000);
        queue.catch_up(2);
        queue.enqueue(2);
        let first = (0..4).find(|_| {
            let machine = queue.choose(0, 0).unwrap();
            queue.charge(machine, 1_000_000);
            queue.enqueue(machine);
            machine == 2
        });
        assert!(first.is_some(), "it waits for no more than a few slices");
        let had = run(&mut queue, 3, 300);
        assert!(had[2] < had[0] + had[0] / 10, "{had:?}");
    }

    #[test]
    fn the_smallest_share_is_not_starved() {
        let had = run(&mut queue(&[1, 10_000]), 2, 100_000);
        assert!(had[0] > 0);
    }

    #[test]
    fn turns_are_as_long_as_shares_are_large() {
        let mut queue = queue(&[100, 400]);
        let turn = |queue: &RunQueue, machine| queue.turn(machine, Duration::from_millis(20));
        assert_eq!(turn(&queue, 0), Duration::from_millis(5));
        assert_eq!(turn(&queue, 1), Duration::from_millis(20));
        queue.remove(1);
        assert_eq!(turn(&queue, 0), Duration::from_millis(20));
    }

    #[test]
    fn a_machine_stays_on_its_thread_while_that_is_fair() {
        let mut queue = queue(&[100, 100]);
        let first = queue.choose(0, 0).unwrap();
        let second = queue.choose(1, 0).unwrap();
        for _ in 0..10 {
            for machine in [first, second] {
                queue.charge(machine, 1_000_000);
                queue.enqueue(machine);
            }
            assert_eq!(queue.choose(1, 0), Some(second));
            assert_eq!(queue.choose(0, 0), Some(first));
        }
        assert_eq!(queue.choose(0, 0), None);
    }

    #[test]
    fn a_busy_machine_stays_while_another_thread_is_free_for_one_that_wakes() {
        let mut queue = queue(&[100, 100]);
        let (busy, idle) = (queue.choose(0, 1).unwrap(), queue.choose(1, 0).unwrap());
        queue.charge(busy, 1_000_000_000);
        queue.enqueue(busy);
        queue.catch_up(idle);
        queue.enqueue(idle);
        assert_eq!(queue.clone().choose(0, 1), Some(busy));
        assert_eq!(queue.choose(0, 0), Some(idle), "if not, it is fair");
    }
}
