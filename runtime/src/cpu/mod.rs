//! The virtual CPU.

pub mod fpu;
