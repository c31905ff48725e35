//! Why a disk image cannot be used, one line each.

use std::io;

use thiserror::Error;

/// Why a disk image cannot be used.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum OpenError {
    #[error("{path}: {source}{}", way_out(.source))]
    Io { path: String, source: io::Error },
    #[error("{path}: is no file and no block device; name a disk image")]
    Kind { path: String },
    #[error(
        "{path}: is in use by another machine or program; end it, or use a copy; several can read \
         it, with readonly or snapshot"
    )]
    InUse { path: String },
    #[error(
        "{path}: begins like a qcow2 image, but is not called .qcow2; a guest could have written \
         that into a raw one: say format=raw if it is one, and format=qcow2 if you made it so"
    )]
    Ambiguous { path: String },
    #[error("{path}: is no qcow2 image: {why}")]
    NotQcow2 { path: String, why: String },
    #[error(
        "{path}: has {bytes} bytes, which are no whole sectors of 512; if nothing is missing, fill \
         it up with truncate --size=%512"
    )]
    Torn { path: String, bytes: u64 },
    #[error("{path}: is empty; 'mirrorball disk create' makes a disk image")]
    Empty { path: String },
    #[error(
        "{path}: is based on {base}, which is not in its folder; an image from elsewhere could \
         have any file of yours read that way. If it is right, say backing={base}"
    )]
    Elsewhere { path: String, base: String },
    #[error("{path}: is based on no other image; leave out backing={base}")]
    NoBase { path: String, base: String },
    #[error(
        "{path}: does not say which format {base} has, on which it is based; write it there with \
         qemu-img rebase -u -F FORMAT -b {base}"
    )]
    BaseFormat { path: String, base: String },
    #[error("{path}: is based on an image of format {format}; there are raw and qcow2")]
    UnknownFormat { path: String, format: String },
    #[error("{path}: is based on an image, which is based on an image, and so on, {most} times")]
    Deep { path: String, most: usize },
}

fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; 'mirrorball disk create' makes a disk image",
        io::ErrorKind::PermissionDenied => "; readonly and snapshot need no right to write it",
        io::ErrorKind::AlreadyExists => "; name a file that is not there yet",
        _ => "",
    }
}

impl OpenError {
    /// Whether the user has to change something, as opposed to the host having failed.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        !matches!(self, Self::Io { .. })
    }
}
