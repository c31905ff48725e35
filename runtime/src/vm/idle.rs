//! Idle guests: when the engine looks whether its guest is idle in a loop, and how long the host
//! waits for one that is idle.
//!
//! A loop that comes back to the same instruction with the same registers and has changed nothing
//! goes on like that until something outside it changes: memory, which only the CPU and events
//! change, or a device that it reads. So whole rounds of it need not run; they count as run, and
//! what is left of the time until the change runs as ever.

use crate::clock::{Cycles, Nanos};
use std::time::Instant;

/// When the engine is next asked whether the guest spins: soon where it did of late, as it may
/// have been interrupted in it.
pub(super) struct IdleBackoff {
    span: u64,
    /// The instructions that have run by then.
    until: u64,
}

/// The shortest span between two looks.
const SHORT: u64 = 1 << 10;
/// The longest span: a look takes as long as hundreds of instructions.
const LONG: u64 = 1 << 22;

impl Default for IdleBackoff {
    fn default() -> Self {
        Self {
            span: SHORT,
            until: SHORT,
        }
    }
}

impl IdleBackoff {
    /// How many instructions run until then.
    pub fn left(&self, retired: u64) -> u64 {
        self.until.saturating_sub(retired).min(self.span)
    }

    /// A look was taken when so many instructions had run.
    pub fn learn(&mut self, spins: bool, retired: u64) {
        self.span = if spins {
            SHORT
        } else {
            (self.span * 2).min(LONG)
        };
        self.until = retired + self.span;
    }

    /// Instructions count as run that were skipped.
    pub fn skip(&mut self, instructions: u64) {
        self.until += instructions;
    }
}

/// How far a guest whose host keeps time has fallen behind the host's clock: waits take longer than
/// they should, and a busy guest may be slow. A guest that was ahead, as it ran fast, is not held
/// back for it.
#[derive(Default)]
pub(super) struct Lag {
    /// When it was last looked at, on the host's clock and the guest's.
    seen: Option<(Instant, Nanos)>,
    behind: Nanos,
}

/// The most that a guest catches up with: a machine that was paused does not race.
const MOST_BEHIND: Nanos = Nanos::SECOND;

impl Lag {
    /// The whole cycles by which the guest, whose time is `now`, is behind at `host`.
    pub fn at(&mut self, host: Instant, now: Nanos) -> Cycles {
        if let Some((since, then)) = self.seen.replace((host, now)) {
            let elapsed = host.saturating_duration_since(since).as_nanos();
            let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
            let passed = now.0.saturating_sub(then.0);
            let behind = self.behind.0.saturating_add(elapsed).saturating_sub(passed);
            self.behind = Nanos(behind.min(MOST_BEHIND.0));
        }
        self.behind.whole_cycles()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MS: u64 = 1_000_000;

    #[test]
    fn waits_that_take_too_long_are_made_up_for() {
        let (mut lag, start) = (Lag::default(), Instant::now());
        let mut at = |host, guest| {
            let host = start + Duration::from_millis(host);
            lag.at(host, Nanos(guest * MS)).to_nanos().0 / MS
        };
        assert_eq!(at(0, 50), 0);
        assert_eq!(at(5, 54), 1, "4 ms were asked for, 5 have passed");
        assert_eq!(at(10, 58), 2);
        assert_eq!(at(10, 60), 0, "what was owed has passed at once");
        assert_eq!(at(11, 99), 0, "ahead");
        assert_eq!(at(16, 103), 1, "which does not count later");
        assert_eq!(at(3_600_016, 103), 1000, "after an hour's pause");
    }
}
