//! The regions that wait to be translated, hottest first.

use super::compiler::CompileJob;
use crate::cache::code::TranslationId;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Whose translation it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct JobId {
    /// The engine's number.
    pub engine: u64,
    /// The engine's number for the translation.
    pub id: TranslationId,
}

/// A job and how often its first block has run.
struct Waiting {
    heat: u32,
    id: JobId,
    job: CompileJob,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    closed: bool,
}

/// A queue between engines and the threads that translate.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// How many wait, for a look without the lock.
    waiting: AtomicUsize,
}

impl Queue {
    /// What a thread that panicked left is as good as before: every change is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job.
    pub fn push(&self, id: JobId, job: CompileJob, heat: u32) {
        let waiting = Waiting { heat, id, job };
        {
            let mut state = self.lock();
            state.waiting.push(waiting);
            self.waiting.store(state.waiting.len(), Ordering::Relaxed);
        }
        self.changed.notify_one();
    }

    /// Says that a region, if it still waits, has become so hot.
    pub fn raise(&self, id: JobId, heat: u32) {
        let mut state = self.lock();
        if let Some(waiting) = state.waiting.iter_mut().find(|at| at.id == id) {
            waiting.heat = heat;
        }
    }

    /// About how many jobs wait.
    pub fn len(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Drops what waits for an engine.
    pub fn forget(&self, engine: u64) {
        let mut state = self.lock();
        state.waiting.retain(|at| at.id.engine != engine);
        self.waiting.store(state.waiting.len(), Ordering::Relaxed);
    }

    /// The hottest job; of several that which came first. Waits for one; `None` once the queue is
    /// closed.
    pub fn pop(&self) -> Option<CompileJob> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let places = state.waiting.iter().enumerate();
            let hottest = places.rev().max_by_key(|(_, waiting)| waiting.heat);
            if let Some((place, _)) = hottest {
                let job = state.waiting.remove(place).job;
                self.waiting.store(state.waiting.len(), Ordering::Relaxed);
                return Some(job);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops what waits, and sends the threads away.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        self.changed.notify_all();
    }
}
