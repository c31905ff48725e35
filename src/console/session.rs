//! The console of a running machine: its output, the script and what is typed, as the monitor's
//! [`Host`] wants them.
//!
//! While a script runs, what a person types is dropped, except for the escapes, so that nothing but
//! the script decides what the guest sees. Whether an idle guest waits in the host's time says its
//! [`Pace`].

use std::fmt;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use mirrorball_runtime::account::Holding;
use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::device::virtio::WindowSize;
use mirrorball_runtime::vm::host::{Host, Input};

use super::frames::Said;
use super::outlet::ROOM;
use super::raw;
use super::script::Unfinished;
use super::{Lane, Pace, Printer, Script, ScriptRunner, Source, Waker};

/// How long output that is left when its guest was stopped waits for a reader that reads nothing.
const GRACE: Duration = Duration::from_secs(2);
/// How often to look whether the person wants to leave, while output waits.
const LOOK: Duration = Duration::from_millis(50);

/// A running machine's console.
pub struct Session {
    out: Box<dyn Printer>,
    script: Option<ScriptRunner>,
    source: Option<Source>,
    /// What the script types for the guest that it was not given yet.
    typed: Vec<Stroke>,
    quit: bool,
    pace: Pace,
    start: Instant,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A console that prints to `out`, is typed on by `script` and then by `source`, and has the
    /// machine's time go at this pace.
    pub fn new(
        out: Box<dyn Printer>,
        script: Option<Script>,
        source: Option<Source>,
        pace: Pace,
    ) -> Self {
        let (script, first) = script.map(ScriptRunner::start).unzip();
        Self {
            out,
            quit: script.as_ref().is_some_and(ScriptRunner::quits),
            script,
            source,
            typed: first.flatten().unwrap_or_default(),
            pace,
            start: Instant::now(),
        }
    }

    /// What ends the wait of an idle guest, from another thread.
    pub fn waker(&mut self) -> Waker {
        let source = self.source.get_or_insert_with(Source::silent);
        source.waker()
    }

    /// The script's wait that the guest has not ended.
    #[must_use]
    pub fn unfinished(&self) -> Option<Unfinished> {
        self.script.as_ref()?.unfinished()
    }

    /// Whether the script has come to its `quit`.
    #[must_use]
    pub fn is_scripted_out(&self) -> bool {
        self.script.as_ref().is_some_and(ScriptRunner::quits)
    }

    /// Takes what the guest printed; what the script types in answer. Never waits.
    pub fn print(&mut self, bytes: &[u8]) -> Vec<Stroke> {
        self.out.print(bytes);
        self.run_script(bytes)
    }

    /// Whether the guest is to wait until what it printed is read.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        self.out.lane().is_some_and(Lane::is_full) && !self.quits()
    }

    /// Waits until all that was printed is written: as long as it takes, or, if the machine was
    /// stopped or the person wants to leave, as long as something reads it.
    ///
    /// # Errors
    ///
    /// When the guest's output could not be written, unless no reader was left.
    pub fn finish(&self, stopped: bool) -> io::Result<()> {
        let Some(lane) = self.out.lane() else {
            return Ok(());
        };
        let mut left = lane.wait_for_less(Duration::ZERO);
        let mut since = Instant::now();
        while left > 0 {
            let less = lane.wait_for_less(LOOK);
            if less < left {
                (left, since) = (less, Instant::now());
            } else if (stopped || self.quits()) && since.elapsed() > GRACE {
                tracing::warn!("the last {left} bytes that the guest printed are not read");
                break;
            }
        }
        match lane.failure() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes what was typed and the guest was not given, as clients of consoles say it, and has no more be
    /// read from standard input. Says whether all that was read was given or is in it.
    pub fn hand_over(&mut self) -> (Vec<u8>, bool) {
        let mut strokes = std::mem::take(&mut self.typed);
        let mut whole = true;
        if let Some(source) = &mut self.source {
            whole = source.close_gate();
            strokes.extend(source.take(usize::MAX));
        }
        (Said::Typed(strokes).to_bytes(), whole)
    }

    /// Whether the machine is to end.
    fn quits(&self) -> bool {
        let failed = || self.out.lane().is_some_and(|lane| lane.failure().is_some());
        let ended = raw::ended_by().is_some();
        ended || self.quit || self.source.as_ref().is_some_and(Source::quits) || failed()
    }

    fn run_script(&mut self, bytes: &[u8]) -> Vec<Stroke> {
        let Some(script) = &mut self.script else {
            return Vec::new();
        };
        let answer = bytes
            .iter()
            .filter_map(|&byte| script.output(byte))
            .flatten()
            .collect();
        self.quit |= script.quits();
        answer
    }
}

/// For a guest that has a thread of the host for itself: it may wait in it.
impl Host for Session {
    fn output(&mut self, bytes: &[u8]) -> Vec<Stroke> {
        let answer = self.print(bytes);
        while self.holds_back() {
            self.out.lane().inspect(|lane| lane.wait_for_room(LOOK));
        }
        answer
    }

    fn held(&self) -> Holding {
        let mut held = self
            .out
            .lane()
            .map_or_else(Holding::default, |lane| Holding::new(lane.waiting(), ROOM));
        held += self.source.as_ref().map(Source::held).unwrap_or_default();
        held
    }

    fn input(&mut self, room: usize) -> Input {
        if self.quits() {
            return Input::Quit;
        }
        let mut strokes = std::mem::take(&mut self.typed);
        let scripted = self.unfinished().is_some();
        if let Some(source) = &mut self.source {
            if scripted {
                source.take(usize::MAX);
            } else {
                strokes.extend(source.take(room.saturating_sub(strokes.len())));
            }
        }
        Input::Typed(strokes)
    }

    fn window_size(&self) -> Option<WindowSize> {
        self.source.as_ref().and_then(Source::window_size)
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        if !self.keeps_time() {
            return span;
        }
        let (start, time) = (Instant::now(), Duration::from_nanos(span.0));
        match &self.source {
            Some(source) => source.wait(time),
            None => thread::sleep(time),
        }
        let waited = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        span.min(Nanos(waited))
    }

    fn clock(&self) -> Option<Duration> {
        (self.pace == Pace::Realtime).then(|| self.start.elapsed())
    }

    fn keeps_time(&self) -> bool {
        match self.pace {
            Pace::Forward => false,
            Pace::Scripted => self.may_type(),
            Pace::Waiting | Pace::Realtime => true,
        }
    }

    fn may_type(&self) -> bool {
        let listens = self.source.as_ref();
        listens.is_some_and(|source| !source.has_ended()) && self.unfinished().is_none()
    }
}

#[cfg(test)]
mod tests;
