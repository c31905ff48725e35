//! The engines: what executes guest instructions, all behind the runtime's `Engine` trait.

pub mod compiler;
mod heat;
pub mod interpreter;
pub mod jit;
pub mod lockstep;
mod queue;
mod room;
mod spin;
mod sweep;
mod translations;

pub use interpreter::Interpreter;
pub use jit::{Jit, JitConfig};
pub use lockstep::{Lockstep, LockstepCounters};

use mirrorball_runtime::account::Account;
use mirrorball_runtime::exit::Exit;
use mirrorball_runtime::vm::{Engine, Spin, Vm};

/// One of the engines, chosen at run time.
pub enum AnyEngine {
    /// The interpreter.
    Interpreter(Interpreter),
    /// The JIT.
    Jit(Box<Jit>),
    /// The JIT, checked against the interpreter.
    Lockstep(Box<Lockstep>),
}

impl AnyEngine {
    /// The JIT, if there is one.
    #[must_use]
    pub fn jit(&self) -> Option<&Jit> {
        match self {
            Self::Interpreter(_) => None,
            Self::Jit(jit) => Some(jit),
            Self::Lockstep(lockstep) => Some(lockstep.jit()),
        }
    }

    /// The number of blocks that were predecoded.
    #[must_use]
    pub fn predecoded(&self) -> u64 {
        match self {
            Self::Interpreter(interpreter) => interpreter.predecoded(),
            Self::Jit(jit) => jit.predecoded(),
            Self::Lockstep(lockstep) => lockstep.jit().predecoded(),
        }
    }

    /// What the engine takes of the host's memory, but for a twin to compare with.
    #[must_use]
    pub fn account(&self) -> Account {
        match self {
            Self::Interpreter(interpreter) => interpreter.account(),
            Self::Jit(jit) => jit.account(),
            Self::Lockstep(lockstep) => lockstep.jit().account(),
        }
    }

    /// What lockstep execution compared.
    #[must_use]
    pub fn lockstep(&self) -> Option<&LockstepCounters> {
        match self {
            Self::Lockstep(lockstep) => Some(&lockstep.counters),
            _ => None,
        }
    }

    /// The difference that lockstep execution found.
    #[must_use]
    pub fn difference(&self) -> Option<&str> {
        match self {
            Self::Lockstep(lockstep) => lockstep.difference(),
            _ => None,
        }
    }
}

impl Engine for AnyEngine {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        match self {
            Self::Interpreter(engine) => engine.run(vm),
            Self::Jit(engine) => engine.run(vm),
            Self::Lockstep(engine) => engine.run(vm),
        }
    }

    fn spin(&mut self, vm: &mut Vm) -> Option<Spin> {
        spin::find(vm)
    }
}
