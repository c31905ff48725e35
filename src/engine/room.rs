//! How much of a host core the threads get that translate: whether translating takes time from guests.

use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The time of work over which the share is averaged.
const WINDOW: Duration = Duration::from_millis(50);

/// What a thread gets of a core that it has to itself, but for what the host does now and then.
const WHOLE: f32 = 0.85;

/// What the threads that translate get of a host core while they have something to do: 1 is all of it.
pub(super) struct Room(AtomicU32);

impl Room {
    /// What is taken for granted until they have worked.
    pub fn new(spare: bool) -> Self {
        Self(AtomicU32::new(if spare { 1.0_f32 } else { 0.0 }.to_bits()))
    }

    /// Whether the host has a core for them beside those that run guests.
    pub fn is_spare(&self) -> bool {
        self.share() >= WHOLE
    }

    fn share(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// A thread has worked for a time `took`, in which it `ran` so much.
    fn note(&self, took: Duration, ran: Duration) {
        let (took, window) = (took.as_secs_f32(), WINDOW.as_secs_f32());
        if took > 0.0 {
            let new = (ran.as_secs_f32() / took).min(1.0);
            let weight = took / (took + window);
            let share = self.share() * (1.0 - weight) + new * weight;
            // If another thread notes something just now, one of the two is lost.
            self.0.store(share.to_bits(), Ordering::Relaxed);
        }
    }
}

/// A thread begins to work.
pub(super) struct Work {
    start: Instant,
    ran: Duration,
}

impl Work {
    pub fn begin() -> Self {
        Self {
            start: Instant::now(),
            ran: thread_time(),
        }
    }

    /// It has worked.
    pub fn end(self, room: &Room) {
        let ran = thread_time().saturating_sub(self.ran);
        room.note(self.start.elapsed(), ran);
    }
}

/// The time for which this thread has run.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: Duration = Duration::from_millis(5);

    #[test]
    fn a_share_is_known_after_a_while() {
        let room = Room::new(true);
        room.note(JOB, JOB / 2);
        assert!(room.is_spare(), "the host did something else once");
        for _ in 0..30 {
            room.note(JOB, JOB / 2);
        }
        assert!(!room.is_spare());
        for _ in 0..30 {
            room.note(JOB, JOB);
        }
        assert!(room.is_spare());
    }

    #[test]
    fn one_long_wait_counts_as_many_short_ones() {
        let room = Room::new(true);
        room.note(100 * JOB, JOB);
        assert!(!room.is_spare());
        room.note(100 * JOB, 100 * JOB);
        assert!(room.is_spare());
    }

    #[test]
    fn a_thread_that_sleeps_does_not_run() {
        let room = Room::new(true);
        let work = Work::begin();
        std::thread::sleep(20 * JOB);
        work.end(&room);
        assert!(room.share() < 0.7);
    }
}
