//! The consoles of a fleet. Each is made once: a machine that is reset finds its own again.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::vm::host::{Host, Input};
use thiserror::Error;

use super::{FleetMonitor, lock};
use crate::console::script::Unfinished;
use crate::console::{Console, Session, SharedTerminal, Waker, terminal};
use crate::control::{Claimed, SocketError};
use crate::machine::{ConsoleSpec, MachineSpec};

type ConsoleSession = Session<Box<dyn Write + Send>>;

/// Why a machine has no console.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum ConsoleError {
    #[error("the console of {name}: {source}; name a file elsewhere")]
    File { name: String, source: io::Error },
    #[error("the console of {name}: {source}")]
    Socket { name: String, source: SocketError },
    #[error("the host has no thread for the console of {name}: {source}")]
    Thread { name: String, source: io::Error },
    #[error("cannot use the terminal: {0}; give --script FILE or a pipe instead")]
    Terminal(#[source] io::Error),
}

impl ConsoleError {
    /// Whether the user has to change something, as opposed to the host having failed.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Socket { source, .. } => source.is_usage(),
            _ => false,
        }
    }
}

/// A console that machines have one after the other.
#[derive(Clone)]
pub struct SharedSession(Arc<Mutex<ConsoleSession>>);

impl SharedSession {
    /// The script's wait that the guest has not ended.
    #[must_use]
    pub fn unfinished(&self) -> Option<Unfinished> {
        lock(&self.0).unfinished()
    }
}

impl Host for SharedSession {
    fn output(&mut self, bytes: &[u8]) -> Vec<u8> {
        lock(&self.0).output(bytes)
    }

    fn input(&mut self) -> Input {
        lock(&self.0).input()
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        lock(&self.0).idle(span)
    }

    fn clock(&self) -> Option<Duration> {
        lock(&self.0).clock()
    }

    fn may_type(&self) -> bool {
        lock(&self.0).may_type()
    }
}

/// Whom wakers wake, once it is there.
type Later = Arc<OnceLock<Weak<FleetMonitor>>>;

/// The consoles of all machines.
pub struct Consoles {
    sessions: Vec<SharedSession>,
    monitor: Later,
    /// The terminal is restored when this goes.
    terminal: Mutex<Option<SharedTerminal>>,
}

fn waker(later: &Later, number: usize) -> Waker {
    let later = Arc::clone(later);
    Waker::new(move || {
        if let Some(monitor) = later.get().and_then(Weak::upgrade) {
            monitor.wake(number);
        }
    })
}

fn quitter(later: &Later) -> Waker {
    let later = Arc::clone(later);
    Waker::new(move || {
        if let Some(monitor) = later.get().and_then(Weak::upgrade) {
            monitor.quit();
        }
    })
}

impl Consoles {
    /// Opens the consoles of these machines.
    ///
    /// # Errors
    /// When a file or socket cannot be made, or the terminal cannot be used.
    pub fn open(specs: &[MachineSpec]) -> Result<Self, ConsoleError> {
        let monitor = Later::default();
        let at_terminal = |spec: &&MachineSpec| spec.console == ConsoleSpec::Terminal;
        let listens = |spec: &MachineSpec| spec.script.is_none() || io::stdin().is_terminal();
        let terminals = specs.iter().filter(at_terminal).count();
        let shared = (terminals > 1)
            .then(|| SharedTerminal::open(quitter(&monitor)).map_err(ConsoleError::Terminal))
            .transpose()?;
        let mut sessions = Vec::new();
        for (number, spec) in specs.iter().enumerate() {
            let waker = waker(&monitor, number);
            let mut console = match (&spec.console, &shared) {
                (ConsoleSpec::Terminal, Some(shared)) => shared.console(&spec.name, waker),
                (ConsoleSpec::Terminal, None) => Console {
                    out: Box::new(io::stdout()),
                    source: listens(spec)
                        .then(|| terminal::open(waker))
                        .transpose()
                        .map_err(ConsoleError::Terminal)?,
                },
                (ConsoleSpec::File(path), _) => file(&spec.name, path)?,
                (ConsoleSpec::Socket(path), _) => socket(&spec.name, path, waker)?,
                (ConsoleSpec::None, _) => Console {
                    out: Box::new(io::sink()),
                    source: None,
                },
            };
            // With a script, a pipe is not read: nothing but the script is to type.
            if spec.console == ConsoleSpec::Terminal && !listens(spec) {
                console.source = None;
            }
            let session = console.session(spec.script.clone(), spec.realtime);
            sessions.push(SharedSession(Arc::new(Mutex::new(session))));
        }
        Ok(Self {
            sessions,
            monitor,
            terminal: Mutex::new(shared),
        })
    }

    /// Says whom typing wakes.
    pub fn connect(&self, monitor: &Arc<FleetMonitor>) {
        // Nothing else sets it.
        let _ = self.monitor.set(Arc::downgrade(monitor));
    }

    /// The console of machine `number`.
    #[must_use]
    pub fn session(&self, number: usize) -> SharedSession {
        self.sessions[number].clone()
    }

    /// Makes the terminal what it was.
    pub fn close(&self) {
        lock(&self.terminal).take();
    }
}

fn file(name: &str, path: &Path) -> Result<Console, ConsoleError> {
    Console::file(path).map_err(|source| ConsoleError::File {
        name: name.to_owned(),
        source,
    })
}

fn socket(name: &str, path: &Path, waker: Waker) -> Result<Console, ConsoleError> {
    let claimed = Claimed::new(path).map_err(|source| ConsoleError::Socket {
        name: name.to_owned(),
        source,
    })?;
    Console::socket(claimed, waker).map_err(|source| ConsoleError::Thread {
        name: name.to_owned(),
        source,
    })
}
