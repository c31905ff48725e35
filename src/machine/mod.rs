//! What machines to run: one description of a VM, however it was written.
//!
//! A VM is described by [`Settings`], which come from the program's switches, from `--vm`
//! ([`short`]) and from a machine file ([`mod@file`]); all of them know the same keys (`keys`).
//! What a VM does not say the switches say for all. [`Settings::machines`] reads the files that are
//! named and makes [`MachineSpec`]s of it, one a VM, which build the VM, its engine and its console
//! (`start`). [`MonitorSpec`] is the same for what the VMs have in common.
//!
//! Nothing here runs a machine, and nothing here decides which runs when.

mod error;
pub mod file;
mod keys;
mod kinds;
mod load;
pub mod monitor;
mod place;
mod settings;
pub mod short;
mod spec;
mod start;
pub mod values;

pub use error::{Problem, SpecError};
pub use kinds::{CodeCache, ConsoleSpec, EngineKind, PolicyName};
pub use load::Files;
pub use monitor::{MonitorSettings, MonitorSpec, SwapSpec};
pub use place::{At, Place};
pub use settings::Settings;
pub use spec::{MachineSpec, tell_apart};
pub use start::StartError;
pub use values::{RtcStart, ValueError};
