//! The guest's serial console on the host's side: the person's terminal and scripted sessions.
//!
//! Nothing here knows the UART. What the guest prints goes to standard output and, a byte at a
//! time, to a [`ScriptRunner`]; what is typed comes from a [`Terminal`] or from the script.

pub mod escape;
mod raw;
pub mod script;
pub mod session;
pub mod terminal;

pub use script::{Script, ScriptError, ScriptRunner};
pub use session::Session;
pub use terminal::{Input, Terminal};
