//! The engines: what executes guest instructions, all behind the runtime's `Engine` trait.

pub mod interpreter;

pub use interpreter::Interpreter;
