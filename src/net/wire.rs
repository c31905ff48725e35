//! Frames on their way in one direction: a queue of bounded size between two threads, of which
//! neither ever waits for the other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mirrorball_runtime::account::Holding;
use mirrorball_runtime::device::network::Frame;

use crate::console::Waker;

/// The most bytes on the way, but for the frame that goes beyond.
pub(super) const MOST: usize = 1 << 20;
/// What a frame counts for beside its bytes.
const OVERHEAD: usize = 256;

/// A queue of frames.
#[derive(Debug)]
pub(super) struct Wire {
    queue: Mutex<Queue>,
    /// How many there are, for a look without the lock.
    count: AtomicUsize,
    /// Whether something waits for room.
    awaited: AtomicBool,
    /// Called when there is a frame and there was none.
    arrival: Mutex<Waker>,
    /// Called when there is room, and something waits for that.
    room: Mutex<Waker>,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    bytes: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind a lock here is whole after each step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cost(frame: &Frame) -> usize {
    frame.bytes.len() + OVERHEAD
}

impl Wire {
    /// One that is empty. `room` is called when there is room again, after it was full.
    pub fn new(arrival: Waker, room: Waker) -> Self {
        Self {
            queue: Mutex::default(),
            count: AtomicUsize::new(0),
            awaited: AtomicBool::new(false),
            arrival: Mutex::new(arrival),
            room: Mutex::new(room),
        }
    }

    /// Has `waker` called for what comes from now on.
    pub fn wake(&self, waker: Waker) {
        *lock(&self.arrival) = waker;
    }

    /// Puts a frame in, which is lost if there is no room. Says whether there was.
    pub fn put(&self, frame: Frame) -> bool {
        let mut queue = lock(&self.queue);
        if queue.bytes >= MOST {
            return false;
        }
        let first = queue.frames.is_empty();
        queue.bytes += cost(&frame);
        queue.frames.push_back(frame);
        self.count.store(queue.frames.len(), Ordering::Release);
        drop(queue);
        if first {
            let waker = lock(&self.arrival).clone();
            waker.wake();
        }
        true
    }

    /// The next frame.
    pub fn take(&self) -> Option<Frame> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut queue = lock(&self.queue);
        let frame = queue.frames.pop_front()?;
        queue.bytes -= cost(&frame);
        self.count.store(queue.frames.len(), Ordering::Release);
        let room = queue.bytes < MOST / 2;
        drop(queue);
        if room && self.awaited.swap(false, Ordering::AcqRel) {
            let waker = lock(&self.room).clone();
            waker.wake();
        }
        Some(frame)
    }

    /// Whether no frame can be put in. If so, a call will say when that has changed.
    pub fn is_full(&self) -> bool {
        let queue = lock(&self.queue);
        let full = queue.bytes >= MOST;
        if full {
            self.awaited.store(true, Ordering::Release);
        }
        full
    }

    /// Loses all frames.
    pub fn clear(&self) {
        while self.take().is_some() {}
    }

    /// How much is on the way.
    pub fn held(&self) -> Holding {
        Holding::new(lock(&self.queue).bytes, MOST)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn counter() -> (Arc<AtomicUsize>, Waker) {
        let count = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&count);
        let waker = Waker::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        (count, waker)
    }

    fn frame(length: usize) -> Frame {
        Frame {
            bytes: vec![0; length],
            checked: false,
        }
    }

    #[test]
    fn a_wire_holds_so_much_and_says_when_there_is_room() {
        let ((arrivals, arrival), (rooms, room)) = (counter(), counter());
        let wire = Wire::new(arrival, room);
        let mut put = 0;
        while wire.put(frame(60_000)) {
            put += 1;
        }
        assert_eq!(put, MOST.div_ceil(60_000 + OVERHEAD));
        assert!(wire.held().bytes < wire.held().limit + 61_000);
        assert_eq!(arrivals.load(Ordering::Relaxed), 1, "it was empty once");
        assert!(wire.take().is_some());
        assert_eq!(rooms.load(Ordering::Relaxed), 0, "nothing asked for it");
        assert!(wire.put(frame(60_000)) && wire.is_full());
        while wire.take().is_some() {}
        assert_eq!(rooms.load(Ordering::Relaxed), 1);
        assert!(!wire.is_full() && wire.held().bytes == 0);
        assert!(wire.put(frame(60)));
        assert_eq!(arrivals.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn empty_frames_are_bounded_as_well() {
        let wire = Wire::new(Waker::none(), Waker::none());
        let count = (0..).take_while(|_| wire.put(frame(0))).count();
        assert!(count <= MOST / OVERHEAD);
        wire.clear();
        assert!(wire.take().is_none());
    }
}
