//! One of the two machines that are compared.

use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::Vm;
use thiserror::Error;

use super::typist::Typist;
use crate::engine::AnyEngine;
use crate::machine::{ConsoleSpec, MachineSpec, StartError};

/// Why two machines cannot be compared.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum BisectError {
    #[error(
        "{what} is {} and {}: such machines are never alike; leave that out of --a and --b",
        values[0], values[1]
    )]
    Machines {
        what: &'static str,
        values: [String; 2],
    },
    #[error("machine {name} cannot go back: {why}")]
    Stays { name: &'static str, why: String },
    #[error("machine {name}: a person at a terminal types no two runs alike; give --script FILE")]
    Terminal { name: &'static str },
    #[error("machine {name}: {source}")]
    Start {
        name: &'static str,
        source: StartError,
    },
    #[error("machine {name} failed: {why}")]
    Failed { name: &'static str, why: String },
}

impl BisectError {
    /// Whether the user has to change something, as opposed to the host having failed.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Machines { .. } | Self::Stays { .. } | Self::Terminal { .. } => true,
            Self::Start { source, .. } => source.is_usage(),
            Self::Failed { .. } => false,
        }
    }
}

/// A machine, what runs it, and how far it has come.
pub struct Side {
    /// What it is called.
    pub name: &'static str,
    /// The machine.
    pub vm: Box<Vm>,
    /// Why it has ended, if it has.
    pub ended: Option<Outcome>,
    engine: AnyEngine,
    typist: Typist,
    /// After how many instructions its script quit, if it came to that.
    quit: Option<u64>,
}

impl Side {
    /// The machine that `spec` describes, before its first instruction. About `history` bytes are kept
    /// of its past.
    ///
    /// # Errors
    /// If it could not go back, or the host does not give what it needs.
    pub fn start(
        name: &'static str,
        spec: &MachineSpec,
        history: u64,
    ) -> Result<Self, BisectError> {
        if let Some(why) = spec.stays() {
            return Err(BisectError::Stays { name, why });
        }
        if matches!(spec.console, ConsoleSpec::Terminal | ConsoleSpec::Socket(_)) {
            return Err(BisectError::Terminal { name });
        }
        let failed = |source| BisectError::Start { name, source };
        let mut vm = spec.vm().map_err(failed)?;
        vm.keep_history(history);
        Ok(Self {
            name,
            vm,
            ended: None,
            engine: spec.engine().map_err(failed)?,
            typist: Typist::new(spec.session().map_err(failed)?),
            quit: None,
        })
    }

    /// How many instructions have run.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.vm.cpu.retired()
    }

    /// Runs on until `count` instructions have run, or one more if that would part a branch from its delay
    /// slot, or to its end.
    pub fn run_to(&mut self, count: u64) {
        if self.ended.is_some() || self.count() > count {
            return;
        }
        let most = self.quit.map_or(count, |quit| quit.min(count));
        let outcome = self.vm.run(&mut self.engine, &mut self.typist, most);
        let reached = outcome == Outcome::Limit && self.count() >= most;
        self.ended = match (reached, self.quit) {
            (true, Some(quit)) if quit <= count => Some(Outcome::Quit),
            (true, _) => None,
            (false, _) => Some(outcome),
        };
        if outcome == Outcome::Quit {
            self.quit = Some(self.count());
            self.typist.has_quit = true;
        }
    }

    /// Returns to where `count` instructions have run, or before. False if that is not kept any more.
    pub fn return_to(&mut self, count: u64) -> bool {
        let kept = self.vm.return_to(count).is_some();
        if kept {
            self.ended = None;
            self.run_to(count);
        }
        kept
    }

    /// What went wrong in running it, if something did.
    ///
    /// # Errors
    /// That.
    pub fn check(&self) -> Result<(), BisectError> {
        let failure = self.vm.ram.failure().map(ToString::to_string);
        let own = self.engine.difference().map(str::to_owned);
        let missed = self.vm.missed().map(|(at, now)| {
            let (at, now) = (at.0, now.0);
            format!("what arrived at cycle {at} of the record finds it at cycle {now}")
        });
        match failure.or(own).or(missed) {
            Some(why) => Err(BisectError::Failed {
                name: self.name,
                why,
            }),
            None => Ok(()),
        }
    }
}
