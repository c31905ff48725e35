//! mirrorball: a binary-translating hypervisor for MIPS guest kernels.
//!
//! The monitor itself, with its CPUs, memory and devices, is the crate `mirrorball_runtime`. This
//! crate is the instruction set, the engines that execute it, and the program people start.

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!(
    "mirrorball runs on hosts with x86-64 and Linux: docs/architecture.md says under \"Another host architecture\" what another one needs"
);

#[macro_use]
pub mod isa;
pub mod cache;
pub mod cli;
pub mod console;
pub mod control;
pub mod engine;
pub mod fleet;
pub mod image;
pub mod interp;
pub mod machine;
pub mod measure;
pub mod report;
pub mod trace;
pub mod translate;
