//! What is kept of guest code: predecoded blocks, and the translations made from them.

pub mod arena;
pub mod blocks;
pub mod code;
pub mod glue;
pub mod key;
pub mod perf;
pub mod persist;
mod slots;
pub mod units;
