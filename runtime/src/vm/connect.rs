//! Why what the host has cannot be put behind a device.

/// An image cannot be put behind a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the board has no place for disk {0} on this bus, of this size and with this serial number"
)]
pub struct ConnectError(pub usize);

/// A network cannot be put behind a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the board has no place for network port {0} with this address")]
pub struct NoPort(pub usize);

/// A folder cannot be put behind a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the board has no place for folder {0} with this tag")]
pub struct NoFolder(pub usize);
