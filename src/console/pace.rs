//! How a guest's time goes on the host's clock.

/// How a guest's time goes on the host's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// An idle guest's time passes at once.
    Forward,
    /// Likewise, but not while something may be typed: until its end a script alone does that.
    Scripted,
    /// An idle guest waits until its time has passed on the host's clock.
    Waiting,
    /// Time is the host's, also while the guest runs.
    Realtime,
}
