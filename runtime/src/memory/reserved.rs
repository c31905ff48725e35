//! Memory that is reserved whole: it is zero, and the host backs what is touched.
//!
//! Miri, which looks for undefined behaviour, knows little of mappings: for it the memory is from
//! the heap.

#[cfg(miri)]
#[path = "reserved/heap.rs"]
mod way;
#[cfg(not(miri))]
#[path = "reserved/mapped.rs"]
mod way;

pub use way::{MOST_VIEWS, Private, Viewed, release, reserve, take_back};
