//! The consoles of a fleet. Each is made once: a machine that is reset finds its own again.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use mirrorball_runtime::account::Holding;
use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::device::virtio::WindowSize;
use mirrorball_runtime::vm::host::{Host, Input};
use thiserror::Error;

use super::{FleetMonitor, lock};
use crate::console::script::Unfinished;
use crate::console::{Console, Hub, Session, SharedTerminal, Waker, terminal};
use crate::control::{Claimed, SocketError};
use crate::machine::{ConsoleSpec, MachineSpec};

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

/// A console that machines have one after the other. No machine waits in it: one that prints more
/// than is read is held back by its monitor.
#[derive(Clone)]
pub struct SharedSession(Arc<Shared>);

struct Shared {
    session: Mutex<Session>,
    /// Whether its last machine was stopped, as opposed to having come to its end.
    stopped: AtomicBool,
}

impl SharedSession {
    fn new(session: Session) -> Self {
        Self(Arc::new(Shared {
            session: Mutex::new(session),
            stopped: AtomicBool::new(false),
        }))
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        lock(&self.0.session)
    }

    /// Its machine has ended, or was `stopped`.
    pub(super) fn ended(&self, stopped: bool) {
        self.0.stopped.store(stopped, Ordering::Relaxed);
    }

    /// Takes what was typed for a machine that has left, and says whether that is all.
    pub(super) fn hand_over(&self) -> (Vec<u8>, bool) {
        self.session().hand_over()
    }

    /// The script's wait that the guest has not ended.
    #[must_use]
    pub fn unfinished(&self) -> Option<Unfinished> {
        self.session().unfinished()
    }
}

impl Host for SharedSession {
    fn output(&mut self, bytes: &[u8]) -> Vec<Stroke> {
        self.session().print(bytes)
    }

    fn is_full(&self) -> bool {
        self.session().holds_back()
    }

    fn held(&self) -> Holding {
        self.session().held()
    }

    fn input(&mut self, room: usize) -> Input {
        self.session().input(room)
    }

    fn window_size(&self) -> Option<WindowSize> {
        self.session().window_size()
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        self.session().idle(span)
    }

    fn clock(&self) -> Option<Duration> {
        self.session().clock()
    }

    fn keeps_time(&self) -> bool {
        self.session().keeps_time()
    }

    fn may_type(&self) -> bool {
        self.session().may_type()
    }
}

/// Whom wakers wake, once it is there.
type Later = Arc<OnceLock<Weak<FleetMonitor>>>;

/// The consoles of all machines.
pub struct Consoles {
    sessions: Vec<SharedSession>,
    /// By which clients are handed to the machines' consoles, if there is a control socket.
    hubs: Vec<Hub>,
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
    /// Opens the consoles of these machines, for clients that are handed over if they are `attachable`.
    ///
    /// # Errors
    /// When a file or socket cannot be made, or the terminal cannot be used.
    pub fn open(specs: &[MachineSpec], attachable: bool) -> Result<Self, ConsoleError> {
        let monitor = Later::default();
        let at_terminal = |spec: &&MachineSpec| spec.console == ConsoleSpec::Terminal;
        let terminals = specs.iter().filter(at_terminal).count();
        let shared = (terminals > 1)
            .then(|| SharedTerminal::open(quitter(&monitor)).map_err(ConsoleError::Terminal))
            .transpose()?;
        let (mut sessions, mut hubs) = (Vec::new(), Vec::new());
        for (number, spec) in specs.iter().enumerate() {
            let mut console = console(spec, shared.as_ref(), waker(&monitor, number))?;
            if attachable {
                let made = console.attachable(waker(&monitor, number));
                let (shown, hub) = made.map_err(|source| no_thread(&spec.name, source))?;
                console = shown;
                hubs.push(hub);
            }
            let session = console.session(spec.script.clone(), spec.pace);
            sessions.push(SharedSession::new(session));
        }
        Ok(Self {
            sessions,
            hubs,
            monitor,
            terminal: Mutex::new(shared),
        })
    }

    /// By which clients are handed to the console of machine `number`, if they can be.
    #[must_use]
    pub fn hub(&self, number: usize) -> Option<&Hub> {
        self.hubs.get(number)
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

    /// Makes the terminal what it was, and waits until what was printed is written; not for ever
    /// for what machines printed that were stopped. Says, by machine, what the host refused to write.
    pub fn close(&self) -> Vec<io::Result<()>> {
        lock(&self.terminal).take();
        let finish = |session: &SharedSession| {
            let stopped = session.0.stopped.load(Ordering::Relaxed);
            session.session().finish(stopped)
        };
        self.sessions.iter().map(finish).collect()
    }
}

/// The console of a machine. `waker` is for typing and for room for what is printed.
fn console(
    spec: &MachineSpec,
    shared: Option<&SharedTerminal>,
    waker: Waker,
) -> Result<Console, ConsoleError> {
    Ok(match (&spec.console, shared) {
        (ConsoleSpec::Terminal, Some(shared)) => {
            let mut console = shared.console(&spec.name, waker);
            console.source = console.source.filter(|_| listens(spec));
            console
        }
        (ConsoleSpec::Terminal, None) => {
            let source = listens(spec).then(|| terminal::open(waker.clone()));
            let source = source.transpose();
            source
                .and_then(|source| Console::terminal(source, waker))
                .map_err(ConsoleError::Terminal)?
        }
        (ConsoleSpec::File(path), _) => file(&spec.name, path, waker)?,
        (ConsoleSpec::Socket(path), _) => socket(&spec.name, path, waker)?,
        (ConsoleSpec::None, _) => Console::none(),
    })
}

/// Whether a machine at the terminal is typed on. With a script, a pipe is not read: nothing but
/// the script is to type.
fn listens(spec: &MachineSpec) -> bool {
    spec.script.is_none() || io::stdin().is_terminal()
}

fn file(name: &str, path: &Path, waker: Waker) -> Result<Console, ConsoleError> {
    Console::file(path, waker).map_err(|source| ConsoleError::File {
        name: name.to_owned(),
        source,
    })
}

fn socket(name: &str, path: &Path, waker: Waker) -> Result<Console, ConsoleError> {
    let claimed = Claimed::new(path).map_err(|source| ConsoleError::Socket {
        name: name.to_owned(),
        source,
    })?;
    Console::socket(claimed, waker).map_err(|source| no_thread(name, source))
}

fn no_thread(name: &str, source: io::Error) -> ConsoleError {
    ConsoleError::Thread {
        name: name.to_owned(),
        source,
    }
}
