//! What the monitor learns about a guest by watching it. Nothing here is part of the machine's
//! state: the guest cannot see it, nor does a state hash.

mod misses;
mod processes;
mod table;
mod tasks;

pub use misses::{SchemeMisses, Way};
pub use processes::{Process, Processes, page_table};
pub use tasks::{TaskName, Tasks, syscall_handler};

/// What is known about one guest.
#[derive(Default)]
pub struct Insight {
    /// What its processes did.
    pub processes: Processes,
    /// Accesses of translated code that missed the scheme it was made for.
    pub misses: SchemeMisses,
}
