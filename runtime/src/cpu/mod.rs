//! The virtual CPU.
