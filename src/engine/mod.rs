//! The engines: what executes guest instructions, all behind the runtime's `Engine` trait.

pub mod interpreter;
pub mod jit;

pub use interpreter::Interpreter;
pub use jit::{Jit, JitConfig};
