//! What machines to run: one description of a VM, however it was written.
//!
//! A VM is described by [`Settings`], which come from the program's switches, from `--vm`
//! ([`short`]) and from a machine file ([`mod@file`]); one table has an entry for each (`settings`,
//! of what `table` and `form` provide). What a VM does not say the switches say for all.
//! [`Settings::machines`] reads the files that are named and makes [`MachineSpec`]s of it, one a VM
//! (`resolve`), which build the VM, its engine and its console (`start`). [`MonitorSpec`] is the
//! same for what the VMs have in common. [`Uses`] keeps the files that are written apart from those
//! that are read.
//!
//! Nothing here runs a machine, and nothing here decides which runs when.

mod apart;
mod disk;
mod error;
pub mod file;
mod folder;
pub mod form;
mod kinds;
mod load;
pub mod monitor;
mod network;
mod place;
mod resolve;
mod settings;
pub mod short;
mod spec;
mod start;
pub mod table;
pub mod values;

pub use apart::{Role, Uses};
pub use disk::DiskSettings;
pub use error::{Problem, SpecError};
pub use folder::FolderSettings;
pub use kinds::{CodeCache, ConsoleSpec, EngineKind, OnReset, PolicyName};
pub use load::Files;
pub use monitor::{MonitorSpec, SwapSpec};
pub use network::NetSettings;
pub use place::{At, Place, said};
pub use settings::{MonitorSettings, Settings};
pub use spec::{Extras, MachineSpec, tell_apart};
pub use start::StartError;
pub use values::{RtcStart, ValueError};
