//! Memory: the host's frames, each VM's map from physical pages to them, and what pages can be
//! besides present: shared, swapped, given away.

mod backmap;
mod failure;
mod homes;
pub mod machine;
pub mod pmap;
mod ram;
mod reclaim;
pub mod share;
pub mod swap;
mod window;

pub use backmap::{Frame, User, VmId};
pub use failure::HostFailure;
pub use homes::Home;
pub use ram::Ram;
pub use reclaim::{Gain, Quota};
pub use window::{GRANTS, TO_KSEG0, Window};
