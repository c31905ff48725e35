//! Control and observation of running VMs, from other processes: HTTP with JSON over a Unix
//! socket.
//!
//! What runs VMs implements [`Machines`]; a [`Server`] answers for it on a [`Claimed`] socket,
//! and a [`Client`] asks. What they exchange are the types of [`api`], and every way to ask is a
//! line of the table in [`routes`]; `docs/openapi.yaml` is made from both.
//!
//! No VM is run here, and nothing here decides what a VM may do.

pub mod api;
pub mod client;
pub(crate) mod http;
pub mod metrics;
#[cfg(test)]
mod openapi;
pub mod routes;
pub mod server;
pub mod socket;
#[cfg(any(test, fuzzing))]
pub(crate) mod testing;

pub use api::{
    Action, ControlError, Machines, MonitorStatus, Process, Saves, Talks, VmState, VmStatus,
};
pub use client::{Client, ClientError};
pub use server::Server;
pub use socket::{Claimed, SocketError};
