//! mirrorball: a binary-translating hypervisor for MIPS guest kernels.

pub mod cli;
pub mod console;
pub mod image;
