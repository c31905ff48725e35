//! What tells whether an image has changed since a machine with it was saved.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::open::shown;
use super::{Access, DiskSpec};

/// An image as it was at some moment. A change that leaves size and time as they were is not found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where the image was.
    pub path: String,
    bytes: u64,
    /// When it was last written to: seconds since 1970, and nanoseconds.
    modified: (i64, i64),
}

/// Why there is no mark of a disk.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum MarkError {
    #[error(
        "what was written to {path} is dropped with the machine, as `snapshot` says; have it written to an image made with `mirrorball disk create FILE --backing {path}`"
    )]
    Dropped { path: String },
    #[error(
        "the machine goes on and writes to its disk {path}; give the disk readonly, or end the run with --snapshot"
    )]
    Written { path: String },
    #[error("cannot look at the disk {path}: {source}")]
    Io { path: String, source: io::Error },
    #[error("the machine was saved with the disk {path}; name it with --disk")]
    Missing { path: String },
    #[error("the disk {path} has changed since the machine was saved")]
    Changed { path: String },
}

impl DiskSpec {
    /// A mark of the image. The machine `goes_on` with it, or does not.
    ///
    /// # Errors
    ///
    /// If what is saved now would not fit what is on the disk later.
    pub fn mark(&self, goes_on: bool) -> Result<Mark, MarkError> {
        let path = shown(&self.path);
        match self.access {
            Access::Snapshot => Err(MarkError::Dropped { path }),
            Access::Write if goes_on => Err(MarkError::Written { path }),
            Access::Write | Access::Read => self.marked(),
        }
    }

    fn marked(&self) -> Result<Mark, MarkError> {
        let path = shown(&self.path);
        match fs::metadata(&self.path) {
            Ok(data) => Ok(Mark {
                path,
                bytes: data.len(),
                modified: (data.mtime(), data.mtime_nsec()),
            }),
            Err(source) => Err(MarkError::Io { path, source }),
        }
    }
}

impl Mark {
    /// Whether `disk` is still as it was, wherever it is now.
    ///
    /// # Errors
    ///
    /// If it is not, or there is none.
    pub fn fits(&self, disk: Option<&DiskSpec>) -> Result<(), MarkError> {
        let path = self.path.clone();
        let now = disk.ok_or(MarkError::Missing { path })?.marked()?;
        if (now.bytes, now.modified) == (self.bytes, self.modified) {
            return Ok(());
        }
        Err(MarkError::Changed { path: now.path })
    }
}
