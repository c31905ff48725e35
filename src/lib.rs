//! mirrorball: a binary-translating hypervisor for MIPS guest kernels.
//!
//! The monitor itself, with its CPUs, memory and devices, is the crate `mirrorball_runtime`. This
//! crate is the instruction set, the engines that execute it, and the program people start. Without
//! the feature `program` it is a library with few dependencies:
//!
//! ```
//! use mirrorball::engine::{Jit, JitConfig};
//! use mirrorball_runtime::addr::Pa;
//! use mirrorball_runtime::cpu::model::Model;
//! use mirrorball_runtime::exit::Outcome;
//! use mirrorball_runtime::vm::host::Nowhere;
//! use mirrorball_runtime::vm::{Vm, VmConfig};
//!
//! let mut vm = Vm::new(VmConfig {
//!     model: Model::find("24Kf").expect("a CPU model"),
//!     memory: 16 << 20,
//!     big_endian: false,
//!     second_tlb: 0,
//!     hypercalls: false,
//!     rtc_base: 0,
//! })?;
//! // addiu $v0, $zero, 6; addiu $v1, $zero, 7; mul $a0, $v0, $v1; b . with its delay slot
//! let code = [0x2402_0006_u32, 0x2403_0007, 0x7043_2002, 0x1000_ffff, 0];
//! for (place, word) in (0x1000..).step_by(4).zip(code) {
//!     vm.view().write_physical(Pa(place), &word.to_le_bytes());
//! }
//! vm.cpu.pc = 0x8000_1000;
//! let mut jit = Jit::new(JitConfig::default())?;
//! assert_eq!(vm.run(&mut jit, &mut Nowhere, 1_000), Outcome::Limit);
//! assert_eq!(vm.cpu.gpr[4], 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!(
    "mirrorball runs on hosts with x86-64 and Linux: docs/architecture.md says under \"Another host architecture\" what another one needs"
);

#[macro_use]
pub mod isa;
pub mod cache;
pub mod engine;
pub mod image;
pub mod interp;
pub mod translate;

#[cfg(feature = "program")]
pub mod bisect;
#[cfg(feature = "program")]
pub mod cli;
#[cfg(feature = "program")]
pub mod console;
#[cfg(feature = "program")]
pub mod control;
#[cfg(feature = "program")]
pub mod disk;
#[cfg(feature = "program")]
pub mod fleet;
#[cfg(feature = "program")]
pub mod folder;
#[cfg(all(feature = "program", any(test, fuzzing)))]
pub mod fuzz;
#[cfg(feature = "program")]
pub mod gdb;
#[cfg(feature = "program")]
pub mod machine;
#[cfg(feature = "program")]
pub mod measure;
#[cfg(feature = "program")]
pub mod migration;
#[cfg(feature = "program")]
pub mod net;
#[cfg(feature = "program")]
pub mod profile;
#[cfg(feature = "program")]
pub mod record;
#[cfg(feature = "program")]
pub mod report;
#[cfg(feature = "program")]
pub mod sandbox;
#[cfg(feature = "program")]
pub mod snapshot;
#[cfg(feature = "program")]
pub mod state;
#[cfg(feature = "program")]
pub mod timeline;
#[cfg(feature = "program")]
pub mod trace;
