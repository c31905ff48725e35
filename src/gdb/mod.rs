//! A debugger's way to a machine: GDB's remote protocol over a socket.
//!
//! `server` accepts one client after the other, `session` is what happens with one, `frames` are the
//! packets that it sends, and the crate `gdbstub` knows what they mean. `target` does it to the
//! machine, which runs elsewhere and is met at a [`Desk`]; `registers` describes the CPU, and
//! `monitor` are the commands behind GDB's own. Where a machine stops is decided in the runtime: see
//! [`mirrorball_runtime::vcpu::StopPoints`].

mod frames;
mod monitor;
mod place;
mod registers;
mod server;
pub(crate) mod session;
mod subject;
mod target;

pub use place::{GdbPlace, ListenError, Listener, PlaceError};
pub use registers::system as system_registers;
pub use server::{Server, converse};
pub use subject::{Desk, Ending, Subject};
