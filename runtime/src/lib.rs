//! The mirrorball monitor: virtual CPUs, memory, devices and boards of MIPS virtual machines.
//!
//! This crate is everything a virtual machine monitor is, except how guest instructions get
//! executed: it knows no decoder, no Cranelift and no command line. An execution engine
//! implements [`vm::Engine`]; the monitor tells it how far to run and is told why it came back.

pub mod account;
pub mod addr;
pub mod board;
pub mod clock;
pub mod cpu;
pub mod device;
pub mod exit;
pub mod hypercall;
pub mod insight;
pub mod memory;
pub mod mmu;
pub mod monitor;
pub mod sched;
pub mod sound;
pub mod vcpu;
pub mod vm;
