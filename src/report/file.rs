//! A file that a report is written to: found to be writable before the work starts, so that
//! nothing is measured for minutes and then lost.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use thiserror::Error;

/// Why a report cannot be written.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum OutFileError {
    #[error("{0}: its folder does not exist; make it or name another one")]
    NoFolder(String),
    #[error("{0}: is a directory; name a file in it")]
    Directory(String),
    #[error("{0}: may not be written by this user; name a file elsewhere")]
    Denied(String),
    #[error("{path}: cannot be written: {source}")]
    Io { path: String, source: io::Error },
}

/// A file to write a report to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutFile(PathBuf);

impl OutFile {
    /// The file at `path`, which is made if it is not there. What it holds stays until
    /// [`OutFile::write`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: PathBuf) -> Result<Self, OutFileError> {
        match File::options().append(true).create(true).open(&path) {
            Ok(_) => Ok(Self(path)),
            Err(source) => Err(Self(path).failed(source)),
        }
    }

    /// Makes `text` what the file holds.
    ///
    /// # Errors
    /// When the host refuses, because its disk is full for example.
    pub fn write(&self, text: &str) -> Result<(), OutFileError> {
        fs::write(&self.0, text).map_err(|source| self.failed(source))
    }

    /// Its path, for people.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn failed(&self, source: io::Error) -> OutFileError {
        let path = self.name();
        match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => OutFileError::NoFolder(path),
            ErrorKind::IsADirectory => OutFileError::Directory(path),
            ErrorKind::PermissionDenied => OutFileError::Denied(path),
            _ => OutFileError::Io { path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_found_early() {
        let error = |path: &str| OutFile::open(path.into()).unwrap_err().to_string();
        assert_eq!(error("/"), "/: is a directory; name a file in it");
        assert_eq!(
            error("/no/report.json"),
            "/no/report.json: its folder does not exist; make it or name another one"
        );
    }

    #[test]
    fn a_file_keeps_what_it_holds_until_there_is_something_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        fs::write(&path, "a longer text").unwrap();
        let file = OutFile::open(path.clone()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a longer text");
        file.write("short").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "short");
    }
}
