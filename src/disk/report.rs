//! What the operator is told of a disk that fails: a line, and not one for each of a thousand
//! failures.

use std::io;
use std::time::{Duration, Instant};

/// How much time there is between two lines.
const PAUSE: Duration = Duration::from_secs(5);

/// Tells of the failures of one image.
pub(super) struct Report {
    /// The image, as the user calls it.
    name: String,
    /// When the last line was.
    last: Option<Instant>,
    /// How many failures there were since that had no line.
    hidden: u64,
}

impl Report {
    pub(super) fn of(name: String) -> Self {
        Self {
            name,
            last: None,
            hidden: 0,
        }
    }

    /// Tells that the host could not do `what` with the image.
    pub(super) fn failed(&mut self, what: &str, error: &io::Error) {
        if let Some(line) = self.line(what, error, Instant::now()) {
            tracing::warn!("{line}");
        }
    }

    /// The line for a failure `now`, if it is to have one.
    fn line(&mut self, what: &str, error: &io::Error, now: Instant) -> Option<String> {
        if self.last.is_some_and(|last| now - last < PAUSE) {
            self.hidden += 1;
            return None;
        }
        self.last = Some(now);
        let more = match std::mem::take(&mut self.hidden) {
            0 => String::new(),
            hidden => format!("; so it was {hidden} times more before"),
        };
        let way_out = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "; make room on the host's disk"
            }
            io::ErrorKind::UnexpectedEof => "; the file has become too short",
            _ => "",
        };
        let name = &self.name;
        Some(format!(
            "{name}: cannot {what}: {error}{way_out}; the guest sees an I/O error{more}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_a_line_now_and_then() {
        let mut report = Report::of("a.img".to_owned());
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let start = Instant::now();
        assert_eq!(
            report.line("write sector 8", &full, start).unwrap(),
            "a.img: cannot write sector 8: no storage space; make room on the host's disk; the \
             guest sees an I/O error"
        );
        for _ in 0..1000 {
            assert_eq!(report.line("write sector 9", &full, start), None);
        }
        let later = report.line("flush it", &full, start + PAUSE).unwrap();
        assert!(
            later.ends_with("; so it was 1000 times more before"),
            "{later}"
        );
    }
}
