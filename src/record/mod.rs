//! Records: what reached a machine from outside, and when, so that its run can be run again.
//!
//! A record begins with a snapshot of the machine. What follows are the arrivals, as they came, and
//! last how the run ended. A record that lacks its end, because the host crashed for example, is one
//! of the run until then.

mod format;
mod read;
mod write;

pub use format::{Ending, RecordError};
pub use read::Record;
pub use write::Recording;

#[cfg(any(test, fuzzing))]
mod made_up;
#[cfg(test)]
pub(crate) use made_up::samples;
#[cfg(any(test, fuzzing))]
pub(crate) use made_up::with_entries;
