//! The regions that wait for the compile thread, hottest first.

use super::compiler::Job;
use crate::cache::code::TranslationId;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A job and how often its first block has run.
struct Waiting {
    heat: u32,
    job: Job,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    closed: bool,
}

/// A queue between the engine and the thread that translates.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    /// What a thread that panicked left is as good as before: every change is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job.
    pub fn push(&self, job: Job, heat: u32) {
        self.lock().waiting.push(Waiting { heat, job });
        self.changed.notify_one();
    }

    /// Says that the region of translation `id`, if it still waits, has become so hot.
    pub fn raise(&self, id: TranslationId, heat: u32) {
        let mut state = self.lock();
        if let Some(waiting) = state.waiting.iter_mut().find(|at| at.job.id == id) {
            waiting.heat = heat;
        }
    }

    /// The hottest job; of several that which came first. Waits for one; `None` once the queue is
    /// closed.
    pub fn pop(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let places = state.waiting.iter().enumerate();
            let hottest = places.rev().max_by_key(|(_, waiting)| waiting.heat);
            if let Some((place, _)) = hottest {
                return Some(state.waiting.remove(place).job);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops what waits, and sends the thread away.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        self.changed.notify_all();
    }
}
