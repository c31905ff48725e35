//! mirrorball: a binary-translating hypervisor for MIPS guest kernels.

pub mod console;
pub mod image;
