//! The guest's serial console on the host's side: the person's terminal, sockets and files, and
//! scripted sessions.
//!
//! Nothing here knows the UART. What the guest prints goes to a [`Printer`] and, a byte at a time,
//! to a [`ScriptRunner`]; what is typed comes from a [`Source`] or from the script. A [`Console`] is
//! a printer and, where there is a person to type, a source that belong together.
//!
//! No guest's thread waits for a reader or a person. Streams are written by threads of their own
//! ([`Outlet`]), which hold so much; so much that was typed is kept, and the rest is left where it
//! comes from.

pub mod attach;
pub mod escape;
mod exchange;
mod frames;
mod gate;
mod hub;
mod outlet;
mod pace;
mod place;
mod raw;
pub mod script;
pub mod session;
mod shared;
mod socket;
mod source;
pub mod terminal;

pub use hub::Hub;
pub use outlet::{Lane, Outlet};
pub use pace::Pace;
pub use place::{Console, Printer};
pub use raw::{end_orderly, ended_by};
pub use script::{Script, ScriptError, ScriptRunner};
pub use session::Session;
pub use shared::SharedTerminal;
pub use source::{Keys, Source, Waker};
