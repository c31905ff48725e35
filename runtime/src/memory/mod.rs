//! Memory: the host's frames, each VM's map from physical pages to them, and what pages can be
//! besides present: shared, swapped, in a snapshot, given away.

mod backmap;
mod differing;
mod failure;
mod frozen;
mod homes;
mod kept;
pub mod machine;
pub mod pmap;
mod ram;
mod reclaim;
pub(crate) mod reserved;
pub mod share;
mod store;
pub mod swap;
mod window;

pub use backmap::{Frame, User, VmId};
pub use differing::differing;
pub use failure::HostFailure;
pub use frozen::{Busy, Changed, Frozen};
pub use homes::Home;
pub use kept::{Kept, Tally};
pub use ram::Ram;
pub use reclaim::{Gain, Quota};
pub use store::{PageStore, Stored, StoredPage};
pub use window::{GRANTS, TO_KSEG0, Window};
