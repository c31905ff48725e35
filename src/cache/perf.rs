//! Names of host code for perf: the file `/tmp/perf-PID.map`, which it looks for.
//!
//! There is one such file for a process, so it is a matter of the program and of no machine. A line
//! says where code was placed; where code was placed later over other code, perf cannot tell the two
//! apart.

use super::key::BlockKey;
use std::fmt::{self, Display, Formatter};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The most bytes that are written.
const MOST: usize = 64 << 20;

/// The folder in which perf looks.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from("/tmp")
}

/// Why there are no names.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}; perf looks for names of translated code there: make room or leave --perf-map out", path = path.display())]
pub struct PerfMapError {
    path: PathBuf,
    source: std::io::Error,
}

/// What code was made from.
#[derive(Clone, Copy, Debug)]
pub enum Name {
    /// A function around translations, of this name.
    Glue(&'static str),
    /// A block that was translated by itself, by the baseline.
    Block(BlockKey),
    /// A region that starts there.
    Region(BlockKey),
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (kind, key) = match self {
            Self::Glue(name) => return write!(f, "glue:{name}"),
            Self::Block(key) => ("block", key),
            Self::Region(key) => ("region", key),
        };
        match key.fixed_va() {
            Some(va) => write!(f, "{kind}:{va}"),
            None => write!(f, "{kind}:physical:{}", key.pa()),
        }
    }
}

/// The file, and how much may still be written.
struct Map {
    file: File,
    left: usize,
}

static MAP: OnceLock<Mutex<Map>> = OnceLock::new();

/// Has all code named that is placed from now on.
///
/// # Errors
/// If the file cannot be made.
pub fn begin() -> Result<(), PerfMapError> {
    let path = folder().join(format!("perf-{}.map", std::process::id()));
    // One that is there is of a process that is gone.
    let _ = std::fs::remove_file(&path);
    let mut options = OpenOptions::new();
    let options = options.append(true).create_new(true).mode(0o600);
    let file = options
        .open(&path)
        .map_err(|source| PerfMapError { path, source })?;
    MAP.get_or_init(|| Mutex::new(Map { file, left: MOST }));
    Ok(())
}

/// Whether code is named, which perf looks for only in memory that is no file.
#[must_use]
pub fn wants_names() -> bool {
    MAP.get().is_some()
}

/// Names code that was placed, if names are wanted.
pub fn note(address: usize, bytes: usize, name: Name) {
    if let Some(map) = MAP.get() {
        let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
        map.write(&format!("{address:x} {bytes:x} {name}\n"));
    }
}

impl Map {
    fn write(&mut self, line: &str) {
        let fits = line.len() <= self.left;
        if fits && self.file.write_all(line.as_bytes()).is_ok() {
            self.left -= line.len();
        } else if self.left > 0 {
            self.left = 0;
            tracing::warn!(
                "perf gets no more names of translated code: its file is full, or the host refuses"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_is_full_gets_no_more_lines() {
        let mut map = Map {
            file: tempfile::tempfile().unwrap(),
            left: 10,
        };
        for line in ["12345\n", "67890\n", "1\n"] {
            map.write(line);
        }
        assert_eq!(map.file.metadata().unwrap().len(), 6);
    }
}
