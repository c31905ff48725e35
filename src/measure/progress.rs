//! How far a long measurement has come, on standard error: a line that is written over if that is
//! a terminal, else a line from time to time.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// A measurement that is done sooner than this leaves no line behind.
const PATIENCE: Duration = Duration::from_secs(2);
/// The time between two lines where they cannot be written over.
const PAUSE: Duration = Duration::from_secs(10);

/// How far a measurement has come.
#[derive(Debug)]
pub struct Progress<W: Write> {
    to: W,
    rewrites: bool,
    start: Instant,
    /// When the last line was written.
    last: Option<Instant>,
    /// What is counted.
    unit: &'static str,
    runs: usize,
    done: usize,
}

impl Progress<io::Stderr> {
    /// Progress on standard error, of `runs` runs.
    #[must_use]
    pub fn new(runs: usize) -> Self {
        Self::counting("run", runs)
    }

    /// Progress on standard error of other long work, of `count` times the `unit`.
    #[must_use]
    pub fn counting(unit: &'static str, count: usize) -> Self {
        Self::on(io::stderr(), io::stderr().is_terminal(), unit, count)
    }
}

impl<W: Write> Progress<W> {
    fn on(to: W, rewrites: bool, unit: &'static str, runs: usize) -> Self {
        Self {
            to,
            rewrites,
            start: Instant::now(),
            last: None,
            unit,
            runs,
            done: 0,
        }
    }

    /// The runs of a guest are over before their time: of `all` runs, what is left is not done.
    pub fn skip(&mut self, all: usize) {
        self.done = self.done.next_multiple_of(all);
    }

    /// The next run is `what`.
    pub fn next(&mut self, what: &str) {
        self.next_after(what, self.start.elapsed());
    }

    fn next_after(&mut self, what: &str, elapsed: Duration) {
        let paused = self.last.is_none_or(|last| last.elapsed() >= PAUSE);
        if self.rewrites || elapsed >= PATIENCE && paused {
            let line = format!(
                "{} {} of {}{}: {what}",
                self.unit,
                self.done + 1,
                self.runs,
                self.left(elapsed)
            );
            // Progress that cannot be shown is not needed.
            let _ = if self.rewrites {
                write!(self.to, "\r\x1b[K{line}").and_then(|()| self.to.flush())
            } else {
                writeln!(self.to, "{line}")
            };
            self.last = Some(Instant::now());
        }
        self.done += 1;
    }

    /// What is left, if that can be told yet.
    fn left(&self, elapsed: Duration) -> String {
        if self.done == 0 {
            return String::new();
        }
        let left = elapsed.as_secs_f64() / self.done as f64 * (self.runs - self.done) as f64;
        match left {
            0.0..90.0 => format!(", {left:.0} s left"),
            _ => format!(", {:.0} min left", left / 60.0),
        }
    }
}

impl<W: Write> Drop for Progress<W> {
    fn drop(&mut self) {
        if self.rewrites && self.last.is_some() {
            let _ = write!(self.to, "\r\x1b[K").and_then(|()| self.to.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rewrites: bool, seconds: &[u64]) -> String {
        let mut text = Vec::new();
        let mut progress = Progress::on(&mut text, rewrites, "run", 4);
        for &second in seconds {
            progress.next_after("x", Duration::from_secs(second));
        }
        drop(progress);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn what_is_short_leaves_nothing_behind() {
        let lines_over = lines(true, &[0, 1]);
        assert_eq!(
            lines_over,
            "\r\x1b[Krun 1 of 4: x\r\x1b[Krun 2 of 4, 3 s left: x\r\x1b[K"
        );
        assert_eq!(lines(false, &[0, 1, 1]), "");
    }

    #[test]
    fn a_terminal_shows_one_line_and_a_file_gets_few() {
        assert_eq!(
            lines(true, &[0, 5, 10]),
            "\r\x1b[Krun 1 of 4: x\r\x1b[Krun 2 of 4, 15 s left: x\r\x1b[Krun 3 of 4, 10 s left: x\r\x1b[K"
        );
        assert_eq!(lines(false, &[0, 5, 10]), "run 2 of 4, 15 s left: x\n");
        assert_eq!(lines(false, &[0, 600]), "run 2 of 4, 30 min left: x\n");
    }
}
