//! The state of a machine that stands still between two instructions, for people: its registers by
//! name, the code around its program counter, what runs, and where another machine differs.
//!
//! To look changes nothing: no device is read and no TLB entry made.

mod code;
mod difference;
mod registers;

pub use code::{around, task, word_at};
pub use difference::{Difference, Row, Scope, differ};
pub use registers::{named, table};
