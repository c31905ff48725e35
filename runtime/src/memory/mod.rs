//! Memory: the host's frames, each VM's map from physical pages to them, and what pages can be
//! besides present: shared, swapped, given away.

mod backmap;
mod failure;
mod homes;
pub mod machine;
pub mod pmap;
mod reclaim;
pub mod share;
pub mod swap;

pub use backmap::{Frame, User, VmId};
pub use failure::HostFailure;
pub use homes::Home;
pub use reclaim::{Gain, Hands, Quota};
