//! A file that a report is written to: found to be writable before the work starts, so that
//! nothing is measured for minutes and then lost.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
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
        let probed = match File::options().append(true).open(&path) {
            // It is made when it is written; that there is room for it in the folder is found now.
            Err(error) if error.kind() == ErrorKind::NotFound => beside(&path).map(drop),
            opened => opened.map(drop),
        };
        match probed {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(Self(path).failed(source)),
        }
    }

    /// The folder in which the file at `path` is made anew when it is written. A device or a pipe
    /// stays what it is.
    #[must_use]
    pub fn folder(path: &Path) -> Option<PathBuf> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let replaced = fs::metadata(&path).map_or(true, |data| data.is_file());
        replaced.then(|| folder_of(&path).to_owned())
    }

    /// Makes `text` what the file holds: all of it or, if that fails, nothing of it.
    ///
    /// # Errors
    /// When the host refuses, because its disk is full for example.
    pub fn write(&self, text: &str) -> Result<(), OutFileError> {
        self.fill(|out| out.write_all(text.as_bytes()))
    }

    /// The same, with what `write` writes.
    ///
    /// # Errors
    /// When `write` fails, or the host refuses.
    pub fn fill(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), OutFileError> {
        self.replace(write).map_err(|source| self.failed(source))
    }

    fn replace(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        // A link stays, and leads to the new file.
        let path = fs::canonicalize(&self.0).unwrap_or_else(|_| self.0.clone());
        let before = fs::metadata(&path).ok();
        if before.as_ref().is_some_and(|before| !before.is_file()) {
            // A device or a pipe is no place to replace.
            return overwrite(&path, write);
        }
        let mut file = match beside(&path) {
            // A file that may be written in a folder that may not.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return overwrite(&path, write);
            }
            file => file?,
        };
        buffered(file.as_file_mut(), write)?;
        if let Some(before) = before {
            file.as_file().set_permissions(before.permissions())?;
        }
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    }

    /// The file, empty, for what is written while it happens.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn stream(&self) -> Result<File, OutFileError> {
        File::create(&self.0).map_err(|source| self.failed(source))
    }

    /// Its path, for people.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.display().to_string()
    }

    /// Why it cannot be written, as the host says.
    #[must_use]
    pub fn failed(&self, source: io::Error) -> OutFileError {
        let path = self.name();
        match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => OutFileError::NoFolder(path),
            ErrorKind::IsADirectory => OutFileError::Directory(path),
            ErrorKind::PermissionDenied => OutFileError::Denied(path),
            _ => OutFileError::Io { path, source },
        }
    }
}

/// A new file in the folder of `path`, which is gone with this value. Its permissions are those of
/// any new file.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let every = Permissions::from_mode(0o666);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".report-").permissions(every);
    builder.tempfile_in(folder_of(path))
}

fn overwrite(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    buffered(&mut File::create(path)?, write)
}

fn buffered(
    file: &mut File,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    write(&mut out)?;
    out.flush()
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new("."))
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
        let before = File::open(&path).unwrap();
        file.write("short").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "short");
        // What was there is what it was until the new file was whole.
        assert_eq!(io::read_to_string(before).unwrap(), "a longer text");
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 1, "nothing else is left");
    }

    #[test]
    fn a_file_that_is_not_there_is_not_made_before_there_is_a_report() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        let file = OutFile::open(path.clone()).unwrap();
        assert!(!path.exists());
        file.write("text").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("report", &link).unwrap();
        OutFile::open(link.clone()).unwrap().write("more").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "more");
    }
}
