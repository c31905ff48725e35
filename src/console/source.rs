//! What is typed, on its way to a guest: one end types, the other is heard by the guest.
//!
//! The way holds a bounded number of strokes. What types has to wait, or to keep what there is no
//! room for; that the person wants to leave is told beside the bytes, and is never kept back by
//! them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mirrorball_runtime::account::Holding;
use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::device::virtio::WindowSize;

use super::gate::Gate;
use super::raw::{self, RawMode};

/// Called when there is something new to look at, from whatever thread brings it: it has to come
/// back soon. What executes a VM that is idle learns by it that there is input.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// One that does `wake`.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// One that wakes nothing: what waits for input waits for it at the source.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|| {})
    }

    /// Does it.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// What is between the ends.
#[derive(Debug, Default)]
struct State {
    strokes: VecDeque<Stroke>,
    /// Whether the person wants to leave.
    quit: bool,
    /// Whether nothing more will be typed.
    ended: bool,
    /// The size of the window of what typed last, if it is not this process's terminal.
    size: Option<WindowSize>,
    /// Whether nothing listens any more.
    closed: bool,
    /// Grows with all that is new to the guest.
    news: u64,
}

#[derive(Debug)]
struct Way {
    room: usize,
    state: Mutex<State>,
    changed: Condvar,
}

impl Way {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where is typed.
#[derive(Clone, Debug)]
pub struct Keys {
    way: Arc<Way>,
    waker: Waker,
}

impl Keys {
    /// Types as many of these as there is room for; says how many.
    pub fn offer(&self, strokes: &[Stroke]) -> usize {
        let count = self.put(&mut self.way.lock(), strokes);
        if count > 0 {
            self.waker.wake();
        }
        count
    }

    /// Types all of these, and waits until there is room for them. Says whether anything listens.
    #[must_use]
    pub fn type_all(&self, mut strokes: &[Stroke]) -> bool {
        while !strokes.is_empty() {
            let full = |state: &mut State| state.strokes.len() >= self.way.room && !state.closed;
            let state = self.way.changed.wait_while(self.way.lock(), full);
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            if state.closed {
                return false;
            }
            let count = self.put(&mut state, strokes);
            drop(state);
            self.waker.wake();
            strokes = &strokes[count..];
        }
        true
    }

    fn put(&self, state: &mut State, strokes: &[Stroke]) -> usize {
        let count = strokes.len().min(self.way.room - state.strokes.len());
        state.strokes.extend(&strokes[..count]);
        state.news += 1;
        self.way.changed.notify_all();
        count
    }

    fn tell(&self, tell: impl FnOnce(&mut State)) {
        let mut state = self.way.lock();
        tell(&mut state);
        state.news += 1;
        drop(state);
        self.way.changed.notify_all();
        self.waker.wake();
    }

    /// The window in which is typed has another size.
    pub fn resize(&self, size: WindowSize) {
        self.tell(|state| state.size = Some(size));
    }

    /// The person wants to leave.
    pub fn quit(&self) {
        self.tell(|state| state.quit = true);
    }

    /// Nothing more will be typed. The machine runs on.
    pub fn end(&self) {
        self.tell(|state| state.ended = true);
    }
}

/// What a [`Session`](super::Session) is typed on by.
#[derive(Debug)]
pub struct Source {
    way: Arc<Way>,
    /// The news up to which it was listened to.
    heard: u64,
    /// The terminal is in raw mode for as long as this lives, if it is a terminal.
    raw: Option<RawMode>,
    /// Before what reads standard input for it, if anything does.
    gate: Option<Gate>,
}

impl Source {
    /// One with room for so many strokes, and where to type. `waker` is called for all that is new.
    #[must_use]
    pub fn new(room: usize, waker: Waker) -> (Keys, Self) {
        let way = Arc::new(Way {
            room,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let source = Self {
            way: Arc::clone(&way),
            heard: 0,
            raw: None,
            gate: None,
        };
        (Keys { way, waker }, source)
    }

    /// One on which nothing is typed.
    #[must_use]
    pub fn silent() -> Self {
        Self::unattended(0)
    }

    /// One on which nothing is typed for the time being, with room for so many strokes.
    #[must_use]
    pub fn unattended(room: usize) -> Self {
        let (keys, source) = Self::new(room, Waker::none());
        keys.end();
        source
    }

    /// What makes it new for what waits, although nothing was typed.
    #[must_use]
    pub fn waker(&self) -> Waker {
        let way = Arc::clone(&self.way);
        Waker::new(move || {
            way.lock().news += 1;
            way.changed.notify_all();
        })
    }

    /// One more place where is typed.
    #[must_use]
    pub fn keys(&self, waker: Waker) -> Keys {
        let way = Arc::clone(&self.way);
        Keys { way, waker }
    }

    pub(super) fn keeping(mut self, raw: Option<RawMode>) -> Self {
        self.raw = raw;
        self
    }

    pub(super) fn behind(mut self, gate: Gate) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Has no more be read for it from standard input. Says whether all that was read is here.
    pub(super) fn close_gate(&self) -> bool {
        self.gate.as_ref().is_none_or(Gate::close)
    }

    /// The size of the window in which was typed last, if it is known.
    #[must_use]
    pub fn window_size(&self) -> Option<WindowSize> {
        let attached = self.way.lock().size;
        attached.or_else(|| self.raw.as_ref().and_then(|_| raw::window_size()))
    }

    /// What was typed and not taken yet.
    #[must_use]
    pub fn held(&self) -> Holding {
        Holding::new(self.way.lock().strokes.len(), self.way.room)
    }

    /// What was typed next, `most` strokes at most.
    pub fn take(&mut self, most: usize) -> Vec<Stroke> {
        let mut state = self.way.lock();
        self.heard = state.news;
        let count = most.min(state.strokes.len());
        let strokes = state.strokes.drain(..count).collect();
        drop(state);
        if count > 0 {
            self.way.changed.notify_all();
        }
        strokes
    }

    /// Whether the person wants to leave.
    #[must_use]
    pub fn quits(&self) -> bool {
        self.way.lock().quit
    }

    /// Whether nothing more will be typed: what was typed may still be here.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.way.lock().ended
    }

    /// Waits until there is something new since the last [`Source::take`], for `time` at most.
    pub fn wait(&self, time: Duration) {
        let old = |state: &mut State| state.news == self.heard;
        let waited = self
            .way
            .changed
            .wait_timeout_while(self.way.lock(), time, old);
        drop(waited);
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.way.lock().closed = true;
        self.way.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    fn strokes(text: &[u8]) -> Vec<Stroke> {
        Stroke::typed(text).collect()
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn it_holds_no_more_than_there_is_room_for_and_loses_nothing() {
        let (keys, mut source) = Source::new(10, Waker::none());
        assert_eq!(keys.offer(&strokes(b"0123456")), 7);
        assert_eq!(keys.offer(&strokes(b"789abc")), 3);
        assert_eq!(keys.offer(&strokes(b"abc")), 0);
        let typist = thread::spawn(move || keys.type_all(&strokes(b"abcdefghijklmnopqrstuvwxyz")));
        let mut all = Vec::new();
        while all.len() < 36 {
            source.wait(Duration::from_millis(1));
            let bytes = source.take(4);
            assert!(bytes.len() <= 4);
            all.extend(bytes);
        }
        assert!(typist.join().unwrap());
        assert_eq!(all, strokes(b"0123456789abcdefghijklmnopqrstuvwxyz"));
    }

    #[test]
    fn leaving_is_not_kept_back_by_what_is_not_read() {
        let (keys, source) = Source::new(4, Waker::none());
        assert_eq!(keys.offer(&strokes(b"12345")), 4);
        assert!(!source.quits());
        keys.quit();
        assert!(source.quits());
    }

    #[test]
    fn waiting_ends_with_what_is_new_only() {
        let (keys, mut source) = Source::new(4, Waker::none());
        keys.offer(&strokes(b"1234"));
        assert_eq!(source.take(0), strokes(b""));
        let start = Instant::now();
        source.wait(Duration::from_millis(20));
        assert!(start.elapsed() >= Duration::from_millis(20), "it is known");
        keys.end();
        source.wait(LONG);
        assert!(start.elapsed() < LONG);
        assert!(source.has_ended());
        assert_eq!(source.take(9), strokes(b"1234"));
    }

    #[test]
    fn typing_ends_when_nothing_listens() {
        let (keys, source) = Source::new(4, Waker::none());
        let typist = thread::spawn(move || keys.type_all(&[Stroke::Break; 100]));
        drop(source);
        assert!(!typist.join().unwrap());
    }
}
