//! The control socket from the other side: the same questions and answers as [`Machines`], asked
//! of another process.
//!
//! [`Machines`]: super::Machines

use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::api::{
    Action, DebugRequest, Failure, MemoryTargetRequest, MonitorStatus, PressRequest, Process,
    ShareRequest, ShutDownRequest, StateAction, StateRequest, VmStatus,
};
use super::http::{Connection, HttpError, Request, reason};
use super::routes::{CONSOLE, GDB, MIGRATION};

/// How long an answer may take.
const TIME: Duration = Duration::from_secs(10);

/// What a name's characters are encoded as in a path: everything but what is always plain.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Why a monitor could not be asked, or did not do what it was asked.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum ClientError {
    #[error(
        "{0}: there is no such socket; is a monitor running, and is --socket its control socket?"
    )]
    NoSocket(String),
    #[error("{0}: no monitor listens there any more; start the monitor again")]
    Gone(String),
    #[error("{0}: may not be used by this user; ask as the user who started the monitor")]
    Denied(String),
    #[error("{socket}: {message}")]
    Refused {
        socket: String,
        status: u16,
        message: String,
    },
    #[error("{socket}: the answer {problem}; is --socket a control socket of this version?")]
    Answer { socket: String, problem: String },
    #[error("{socket}: cannot be asked: {source}")]
    Io { socket: String, source: io::Error },
}

impl ClientError {
    /// Whether to ask otherwise would help, rather than another host.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::NoSocket(_) | Self::Gone(_) | Self::Denied(_) => true,
            Self::Refused { status, .. } => *status < 500 || *status == 501,
            Self::Answer { .. } | Self::Io { .. } => false,
        }
    }
}

/// A client of a monitor.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// Asks at the control socket `socket`. Nothing is connected yet; each question is on its own.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// The monitor and all its VMs.
    ///
    /// # Errors
    /// When no monitor answers.
    pub fn status(&self) -> Result<MonitorStatus, ClientError> {
        self.get("/")
    }

    /// All VMs.
    ///
    /// # Errors
    /// When no monitor answers.
    pub fn vms(&self) -> Result<Vec<VmStatus>, ClientError> {
        self.get("/vms")
    }

    /// The VM of that name.
    ///
    /// # Errors
    /// When no monitor answers, or there is no such VM.
    pub fn vm(&self, name: &str) -> Result<VmStatus, ClientError> {
        self.get(&path(name, ""))
    }

    /// The address spaces that a VM's guest uses.
    ///
    /// # Errors
    /// When no monitor answers, or the monitor refuses.
    pub fn processes(&self, name: &str) -> Result<Vec<Process>, ClientError> {
        self.get(&path(name, "/processes"))
    }

    /// Has something done with a VM; answers with the VM afterwards.
    ///
    /// # Errors
    /// When no monitor answers, or the monitor refuses.
    pub fn act(&self, name: &str, action: Action) -> Result<VmStatus, ClientError> {
        let state = |action| self.put(&path(name, "/state"), &StateRequest { action });
        match action {
            Action::Start => state(StateAction::Start),
            Action::Pause => state(StateAction::Pause),
            Action::Resume => state(StateAction::Resume),
            Action::Reset => state(StateAction::Reset),
            Action::Stop => state(StateAction::Stop),
            Action::Share(share) => self.put(&path(name, "/share"), &ShareRequest { share }),
            Action::MemoryTarget(bytes) => self.put(
                &path(name, "/memory-target"),
                &MemoryTargetRequest { bytes },
            ),
            Action::ShutDown(key) => self.put(&path(name, "/shutdown"), &ShutDownRequest { key }),
            Action::Press(press) => self.put(&path(name, "/press"), &PressRequest { press }),
        }
    }

    /// All counters, as Prometheus collects them.
    ///
    /// # Errors
    /// When no monitor answers.
    pub fn metrics(&self) -> Result<String, ClientError> {
        let text = self.ask("GET", "/metrics", Vec::new())?;
        String::from_utf8(text).map_err(|_| self.strange("is no text"))
    }

    /// Has a VM written to `out` as it is now.
    ///
    /// # Errors
    /// When no monitor answers, the monitor refuses, or `out` takes no more.
    pub fn save(&self, name: &str, out: &mut dyn Write) -> Result<(), ClientError> {
        let stream = UnixStream::connect(&self.socket).map_err(|error| self.failed(error))?;
        let mut connection = Connection::new(&stream, TIME);
        let request = Request {
            method: "GET".to_owned(),
            target: path(name, "/snapshot"),
            upgrade: None,
            body: Vec::new(),
        };
        let sent = connection.write(&request.to_bytes());
        sent.map_err(|error| self.failed(error))?;
        match connection.save(out, TIME) {
            Ok(Ok(())) => Ok(()),
            Ok(Err((status, body))) => Err(self.refused(status, &body)),
            Err(error) => Err(self.broken(error)),
        }
    }

    /// The console of a VM, at the other end of a connection: see
    /// [`attach`](crate::console::attach::attach).
    ///
    /// # Errors
    /// When no monitor answers, or the monitor refuses.
    pub fn attach(&self, name: &str) -> Result<UnixStream, ClientError> {
        self.talk(&Request {
            method: "GET".to_owned(),
            target: path(name, "/console"),
            upgrade: Some(CONSOLE.to_owned()),
            body: Vec::new(),
        })
    }

    /// A connection by which a VM leaves: see [`carry`](crate::migration::carry).
    ///
    /// # Errors
    /// When no monitor answers, or the monitor refuses.
    pub fn leave(&self, name: &str) -> Result<UnixStream, ClientError> {
        self.talk(&Request {
            method: "POST".to_owned(),
            target: path(name, "/migration"),
            upgrade: Some(MIGRATION.to_owned()),
            body: Vec::new(),
        })
    }

    /// A connection that speaks GDB's remote protocol with a VM, about `history` bytes of whose past are
    /// kept meanwhile.
    ///
    /// # Errors
    /// When no monitor answers, or the monitor refuses.
    pub fn debug(&self, name: &str, history: u64) -> Result<UnixStream, ClientError> {
        let body = serde_json::to_vec(&DebugRequest { history });
        self.talk(&Request {
            method: "POST".to_owned(),
            target: path(name, "/gdb"),
            upgrade: Some(GDB.to_owned()),
            body: body.map_err(|error| self.failed(error.into()))?,
        })
    }

    /// A connection that speaks the protocol that the request asks for.
    fn talk(&self, request: &Request) -> Result<UnixStream, ClientError> {
        let stream = UnixStream::connect(&self.socket).map_err(|error| self.failed(error))?;
        let mut connection = Connection::new(&stream, TIME);
        let sent = connection.write(&request.to_bytes());
        sent.map_err(|error| self.failed(error))?;
        match connection.upgraded() {
            Ok(Ok(())) => Ok(stream),
            Ok(Err((status, body))) => Err(self.refused(status, &body)),
            Err(error) => Err(self.broken(error)),
        }
    }

    fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, ClientError> {
        self.read(&self.ask("GET", target, Vec::new())?)
    }

    fn put<T: DeserializeOwned>(
        &self,
        target: &str,
        request: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(request).map_err(|error| self.failed(error.into()))?;
        self.read(&self.ask("PUT", target, body)?)
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(body)
            .map_err(|error| self.strange(&format!("is not what it must be ({error})")))
    }

    /// The body of the answer to one request.
    fn ask(&self, method: &str, target: &str, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        let stream = UnixStream::connect(&self.socket).map_err(|error| self.failed(error))?;
        let mut connection = Connection::new(&stream, TIME);
        let request = Request {
            method: method.to_owned(),
            target: target.to_owned(),
            upgrade: None,
            body,
        };
        // A server that refuses early does not take the rest, and still answers.
        let sent = connection.write(&request.to_bytes());
        let (status, body) = match (connection.answer(), sent) {
            (Ok(answer), _) => answer,
            (Err(_), Err(error)) => return Err(self.failed(error)),
            (Err(error), _) => return Err(self.broken(error)),
        };
        if status == 200 {
            return Ok(body);
        }
        Err(self.refused(status, &body))
    }

    fn broken(&self, error: HttpError) -> ClientError {
        match error {
            HttpError::Io(error) => self.failed(error),
            HttpError::Late => self.failed(ErrorKind::TimedOut.into()),
            error => self.strange(&error.to_string()),
        }
    }

    fn refused(&self, status: u16, body: &[u8]) -> ClientError {
        ClientError::Refused {
            socket: self.name(),
            status,
            message: match serde_json::from_slice::<Failure>(body) {
                Ok(failure) => failure.error,
                Err(_) => format!("{status} {}", reason(status)),
            },
        }
    }

    fn name(&self) -> String {
        self.socket.display().to_string()
    }

    fn strange(&self, problem: &str) -> ClientError {
        ClientError::Answer {
            socket: self.name(),
            problem: problem.to_owned(),
        }
    }

    fn failed(&self, source: io::Error) -> ClientError {
        let socket = self.name();
        match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidInput => {
                ClientError::NoSocket(socket)
            }
            ErrorKind::ConnectionRefused => ClientError::Gone(socket),
            ErrorKind::PermissionDenied => ClientError::Denied(socket),
            _ => ClientError::Io { socket, source },
        }
    }
}

/// The path of what a VM has.
fn path(name: &str, of: &str) -> String {
    format!("/vms/{}{of}", utf8_percent_encode(name, ENCODED))
}

#[cfg(test)]
mod tests;
