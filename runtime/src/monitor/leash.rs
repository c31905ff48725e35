//! The bound on a slice in host time. A slice ends after so many instructions, but instructions may
//! be dear: a thread of its own calls machines back that have run for too long. Where a slice ends
//! is nothing that a guest can know of.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

/// How often the machines are looked at while any of them runs.
const PERIOD: Duration = Duration::from_millis(5);

/// What a machine is called back by.
#[derive(Default)]
pub(super) struct Leash {
    /// When its slice began, in nanoseconds since the monitor's start; 0 outside of slices.
    since: AtomicU64,
    called: Arc<AtomicBool>,
}

impl Leash {
    /// What is set when the machine is to come back.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.called)
    }

    /// A slice begins now.
    pub fn begin(&self, now: Duration, watcher: &Watcher) {
        self.called.store(false, Ordering::Relaxed);
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.since.store(now.max(1), Ordering::SeqCst);
        watcher.wake();
    }

    /// The slice is over.
    pub fn end(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    fn is_running(&self) -> bool {
        self.since.load(Ordering::SeqCst) != 0
    }

    fn call_back(&self, now: Duration, longest: Duration) {
        let since = self.since.load(Ordering::Relaxed);
        if since != 0 && now.saturating_sub(Duration::from_nanos(since)) > longest {
            self.called.store(true, Ordering::Relaxed);
        }
    }
}

/// The thread that calls machines back. It sleeps while none runs.
#[derive(Default)]
pub(super) struct Watcher {
    thread: OnceLock<Thread>,
    asleep: AtomicBool,
    over: AtomicBool,
}

/// Machines are watched over as long as this lives.
pub(super) struct Watched<'a>(&'a Watcher);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
        self.0.asleep.store(true, Ordering::SeqCst);
        self.0.wake();
    }
}

impl Watcher {
    fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// What ends [`Watcher::watch`] when it is dropped, also by a panic.
    pub fn end_with(&self) -> Watched<'_> {
        Watched(self)
    }

    /// Calls machines back that run for longer than `longest`, until [`Watched`] is dropped. `now` is the
    /// time since the monitor's start.
    pub fn watch<'a>(
        &self,
        leashes: impl Iterator<Item = &'a Leash> + Clone,
        longest: Duration,
        now: impl Fn() -> Duration,
    ) {
        let _ = self.thread.set(thread::current());
        while !self.over.load(Ordering::SeqCst) {
            self.asleep.store(true, Ordering::SeqCst);
            if leashes.clone().any(Leash::is_running) {
                self.asleep.store(false, Ordering::SeqCst);
                thread::sleep(PERIOD);
            } else if !self.over.load(Ordering::SeqCst) {
                thread::park();
            }
            leashes
                .clone()
                .for_each(|leash| leash.call_back(now(), longest));
        }
    }
}
