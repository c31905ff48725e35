//! Why a network cannot be had, one line each.

use std::io;

use thiserror::Error;

/// Why a network cannot be had.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum NetError {
    #[error(
        "cannot listen at {address} for hostfwd: {source}; name another port, or end what has it"
    )]
    Listen { address: String, source: io::Error },
    #[error(
        "there is no tap device {0}; root makes one with `ip tuntap add {0} mode tap user USER` and \
         `ip link set {0} up`"
    )]
    NoTap(String),
    #[error(
        "cannot use the tap device {name}: {source}; it has to belong to you, nothing else may use \
         it, and /dev/net/tun has to be open to you"
    )]
    Tap { name: String, source: io::Error },
    #[error("cannot write the packet capture to {path}: {source}; name a file elsewhere")]
    Capture { path: String, source: io::Error },
    #[error("the host has no thread for a network: {0}")]
    Thread(#[source] io::Error),
}

impl NetError {
    /// Whether the user has to change something, as opposed to the host having failed.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        !matches!(self, Self::Thread(_))
    }
}
