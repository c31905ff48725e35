//! Where a debugger connects: an address of this host, or a Unix socket.

use std::borrow::Borrow;
use std::fmt;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::control::{Claimed, SocketError};

/// How long a client may take to read an answer. One that takes longer has left.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where to listen for a debugger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GdbPlace {
    /// At an address.
    Tcp(SocketAddr),
    /// At a Unix socket.
    Unix(PathBuf),
}

/// A text is no such place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a debugger's place is PORT, ADDRESS:PORT or socket:PATH, such as 127.0.0.1:1234")]
pub struct PlaceError;

impl GdbPlace {
    /// QEMU's, but for this host alone.
    pub const DEFAULT: &'static str = "127.0.0.1:1234";

    /// Whether other hosts can reach it.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        matches!(self, Self::Tcp(address) if !address.ip().is_loopback())
    }
}

impl Default for GdbPlace {
    fn default() -> Self {
        Self::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 1234)))
    }
}

impl FromStr for GdbPlace {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if let Some(path) = text.strip_prefix("socket:") {
            return match path {
                "" => Err(PlaceError),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let text = text.strip_prefix("localhost").unwrap_or(text);
        let port = text.strip_prefix(':').unwrap_or(text);
        let address = match port.parse() {
            Ok(port) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            Err(_) => text.parse(),
        };
        address.map(Self::Tcp).map_err(|_| PlaceError)
    }
}

/// As GDB's `target remote` takes it.
impl fmt::Display for GdbPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// Why a debugger cannot connect.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum ListenError {
    #[error("cannot wait for a debugger at {place}: {source}; give --gdb another port")]
    Tcp {
        place: SocketAddr,
        source: io::Error,
    },
    #[error(transparent)]
    Unix(#[from] SocketError),
}

impl ListenError {
    /// Whether another place would do, rather than another host.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Tcp { .. } => true,
            Self::Unix(error) => error.is_usage(),
        }
    }
}

/// Where debuggers are waited for.
#[derive(Debug)]
pub enum Listener {
    /// At an address.
    Tcp(TcpListener),
    /// At a Unix socket, which goes with this.
    Unix(Claimed),
}

impl Listener {
    /// Listens.
    ///
    /// # Errors
    /// When the place is taken, or the host refuses.
    pub fn new(place: &GdbPlace) -> Result<Self, ListenError> {
        match place {
            GdbPlace::Tcp(place) => {
                let listener = TcpListener::bind(place);
                let failed = |source| ListenError::Tcp {
                    place: *place,
                    source,
                };
                Ok(Self::Tcp(listener.map_err(failed)?))
            }
            GdbPlace::Unix(path) => Ok(Self::Unix(Claimed::new(path)?)),
        }
    }

    /// Where it is: with the port that the host has chosen, if it was to choose one.
    #[must_use]
    pub fn place(&self) -> Option<GdbPlace> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(GdbPlace::Tcp),
            Self::Unix(socket) => Some(GdbPlace::Unix(socket.path().to_owned())),
        }
    }

    /// The next client.
    ///
    /// # Errors
    /// When the host lets none in.
    pub fn accept(&self) -> io::Result<File> {
        let stream: OwnedFd = match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                // Packets are small, and each waits for the one before.
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.into()
            }
            Self::Unix(socket) => {
                let listener: &UnixListener = socket.borrow();
                let (stream, _) = listener.accept()?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.into()
            }
        };
        Ok(stream.into())
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(socket) => {
                let listener: &UnixListener = socket.borrow();
                listener.as_fd()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_of_this_host_unless_another_is_named() {
        let place = |text: &str| text.parse::<GdbPlace>().map(|place| place.to_string());
        for text in ["1234", ":1234", "localhost:1234", "127.0.0.1:1234"] {
            assert_eq!(place(text).unwrap(), GdbPlace::DEFAULT, "{text}");
            assert!(!text.parse::<GdbPlace>().unwrap().is_exposed());
        }
        assert!("0.0.0.0:1".parse::<GdbPlace>().unwrap().is_exposed());
        assert!(!"[::1]:1".parse::<GdbPlace>().unwrap().is_exposed());
        assert_eq!(GdbPlace::default().to_string(), GdbPlace::DEFAULT);
        assert_eq!(place("socket:a/b").unwrap(), "a/b");
        for text in ["", "x", "1234:", "socket:", "99999", "1.2.3.4"] {
            assert_eq!(place(text), Err(PlaceError), "{text}");
        }
    }
}
