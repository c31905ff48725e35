//! Snapshots: a whole machine in a file, to go on from.
//!
//! A file has pages first, in chunks that are compressed together, then an index with the state of
//! CPU and devices, and last a trailer that says where the index is: it is written from front to
//! back, also into a socket. A page that occurs more than once is there once, and pages of zeros are
//! not there. A machine starts from the index alone; pages are read when the machine touches them.

mod format;
mod read;
mod write;

pub use format::{Index, MOST_INDEX, SnapshotError};
pub use read::Snapshot;
pub use write::{Saved, Writer};

#[cfg(any(test, fuzzing))]
mod made_up;
#[cfg(test)]
pub(crate) use made_up::index_of;
#[cfg(any(test, fuzzing))]
pub(crate) use made_up::with_index;

#[cfg(test)]
mod tests;
