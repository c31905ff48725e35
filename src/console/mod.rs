//! The guest's serial console on the host's side: the person's terminal, sockets and files, and
//! scripted sessions.
//!
//! Nothing here knows the UART. What the guest prints goes to a writer and, a byte at a time, to a
//! [`ScriptRunner`]; what is typed comes from a [`Source`] or from the script. A [`Console`] is a
//! writer and, where there is a person to type, a source that belong together.

pub mod escape;
mod place;
mod raw;
pub mod script;
pub mod session;
mod shared;
mod socket;
mod source;
pub mod terminal;

pub use place::Console;
pub use script::{Script, ScriptError, ScriptRunner};
pub use session::Session;
pub use shared::SharedTerminal;
pub use source::{Input, Source, Waker};
