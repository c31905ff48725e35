//! How the process ends: every exit code, in one table that `--help` shows.

use std::process::ExitCode;

use mirrorball_runtime::exit::Outcome;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The guest powered off, the user quit, or the run came to where it was to end; a command
    /// other than `run` did its work.
    Done = 0,
    /// Something failed in mirrorball or on the host.
    Host = 1,
    /// The command line or an input file is unusable.
    Usage = 2,
    /// The guest reset itself.
    Reset = 10,
    /// The instructions that `--limit` allows were used up.
    Limit = 11,
    /// The guest waits for an interrupt that cannot come.
    Stopped = 12,
    /// Runs that must end alike do not: the engines that `--engine lockstep` compares, or the
    /// settings that `bench`, `tune` and `bisect` do.
    Difference = 13,
    /// The machine stopped before the script was finished.
    Script = 14,
    /// A guest that was asked to shut down did not, and its machine was stopped.
    Forced = 15,
    /// SIGHUP ended the run.
    HungUp = 129,
    /// SIGINT did.
    Interrupted = 130,
    /// SIGTERM did.
    Terminated = 143,
}

impl Exit {
    /// Every way to end and what it means.
    pub const ALL: [(Self, &'static str); 12] = [
        (
            Self::Done,
            "the guest powered off, or Ctrl-A x, or --until is reached, or the machine has moved",
        ),
        (
            Self::Host,
            "an error inside mirrorball or on the host, such as a full disk",
        ),
        (Self::Usage, "bad usage or a bad input file"),
        (Self::Reset, "the guest reset itself"),
        (Self::Limit, "--limit reached"),
        (
            Self::Stopped,
            "the guest stopped forever: a WAIT that nothing can end",
        ),
        (
            Self::Difference,
            "lockstep found a difference, or bisect; in bench and tune: settings ended differently",
        ),
        (
            Self::Script,
            "the machine stopped before --script was finished",
        ),
        (
            Self::Forced,
            "ctl shutdown: the guest did not shut down in time, and was stopped",
        ),
        (Self::HungUp, "ended by SIGHUP, with all reports"),
        (Self::Interrupted, "ended by SIGINT, with all reports"),
        (Self::Terminated, "ended by SIGTERM, with all reports"),
    ];

    /// From the best news to the worst: how grave it is when one of several machines ends so.
    const BY_GRAVITY: [Self; 12] = [
        Self::Done,
        Self::HungUp,
        Self::Interrupted,
        Self::Terminated,
        Self::Reset,
        Self::Limit,
        Self::Stopped,
        Self::Script,
        Self::Forced,
        Self::Difference,
        Self::Usage,
        Self::Host,
    ];

    /// How a run of two machines ends of which one ends like this and the other like `other`.
    #[must_use]
    pub fn graver(self, other: Self) -> Self {
        let gravity = |exit| Self::BY_GRAVITY.iter().position(|&e| e == exit);
        if gravity(other) > gravity(self) {
            other
        } else {
            self
        }
    }

    /// How a run ends that a signal ended: 128 and its number, as shells say it.
    #[must_use]
    pub fn of_signal(signal: i32) -> Self {
        let of = [Self::HungUp, Self::Interrupted];
        let is = |exit: &Self| *exit as i32 == 128 + signal;
        of.into_iter().find(is).unwrap_or(Self::Terminated)
    }

    /// How a run ends that would end like this, had it not had a script that is unfinished.
    /// Errors and differences are the graver news and stay.
    #[must_use]
    pub const fn with_unfinished_script(self) -> Self {
        match self {
            Self::Done | Self::Reset | Self::Limit | Self::Stopped | Self::Script => Self::Script,
            Self::HungUp
            | Self::Interrupted
            | Self::Terminated
            | Self::Forced
            | Self::Host
            | Self::Usage
            | Self::Difference => self,
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::PowerOff | Outcome::Quit | Outcome::Reached | Outcome::Moved => Self::Done,
            Outcome::Reset => Self::Reset,
            Outcome::Limit => Self::Limit,
            Outcome::Halted => Self::Stopped,
            Outcome::Difference => Self::Difference,
            Outcome::Starved | Outcome::HostFailure => Self::Host,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_end_of_several_counts() {
        for (exit, _) in Exit::ALL {
            assert_eq!(exit.graver(exit), exit);
            assert_eq!(exit.graver(Exit::Done), exit);
            assert_eq!(exit.graver(Exit::Host), Exit::Host);
            assert_eq!(Exit::Done.graver(exit), exit);
        }
        assert_eq!(Exit::Script.graver(Exit::Difference), Exit::Difference);
        assert_eq!(Exit::Stopped.graver(Exit::Limit), Exit::Stopped);
    }

    #[test]
    fn the_codes_are_what_is_promised() {
        assert_eq!(
            Exit::ALL.map(|(exit, _)| exit as u8),
            [0, 1, 2, 10, 11, 12, 13, 14, 15, 129, 130, 143]
        );
    }

    #[test]
    fn an_unfinished_script_hides_no_error() {
        assert_eq!(Exit::Done.with_unfinished_script(), Exit::Script);
        assert_eq!(Exit::Limit.with_unfinished_script(), Exit::Script);
        assert_eq!(Exit::Difference.with_unfinished_script(), Exit::Difference);
        assert_eq!(Exit::Host.with_unfinished_script(), Exit::Host);
    }
}
