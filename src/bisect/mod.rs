//! Where two runs part: the first instruction behind which two machines differ that were alike before
//! it.
//!
//! Both machines run side by side and are compared from time to time. When they differ, they return to
//! where they were last alike, which is kept as a checkpoint in the host's memory, and the search goes
//! on by halves. So each machine runs its whole way once, and then for as long as the last stretch takes.

mod pair;
mod render;
mod search;
mod side;
#[cfg(test)]
mod tests;
mod typist;

pub use pair::Pair;
pub use render::render;
pub use search::{Found, Parting, Plan, Probe, search};
pub use side::{BisectError, Side};
