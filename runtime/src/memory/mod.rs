//! Memory: the host's frames, and each VM's map from physical pages to them.

pub mod machine;
pub mod pmap;
