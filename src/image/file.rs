//! Reading an input file whole, with one clear line for each way in which that fails.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use thiserror::Error;

/// The size beyond which a file cannot be anything that a guest is started from.
pub const SIZE_LIMIT: u64 = 1 << 30;

/// Why a file cannot be read.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum FileError {
    #[error("{0}: no such file; check the path")]
    Missing(String),
    #[error("{0}: is a directory; name a file in it")]
    Directory(String),
    #[error("{0}: is a device; copy what it holds to a file first")]
    Device(String),
    #[error("{0}: may not be read by this user; change its permissions")]
    Denied(String),
    #[error("{0}: is empty; is it the result of a failed build or download?")]
    Empty(String),
    #[error("{0}: is larger than {SIZE_LIMIT} bytes; strip it or name another file")]
    TooLarge(String),
    #[error("{path}: cannot be read: {source}")]
    Io { path: String, source: io::Error },
}

/// Reads the whole file at `path`, which may be a pipe.
///
/// # Errors
///
/// When it is not there, cannot be read, is empty, or is too large.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let name = path.display().to_string();
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FileError::Missing(name.clone()),
        ErrorKind::IsADirectory => FileError::Directory(name.clone()),
        ErrorKind::PermissionDenied => FileError::Denied(name.clone()),
        _ => FileError::Io {
            path: name.clone(),
            source,
        },
    };
    let kind = fs::metadata(path).map_err(failed)?.file_type();
    if kind.is_dir() {
        return Err(FileError::Directory(name));
    }
    if is_device(kind) {
        return Err(FileError::Device(name));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(SIZE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    match bytes.len() as u64 {
        0 => Err(FileError::Empty(name)),
        1..=SIZE_LIMIT => Ok(bytes),
        _ => Err(FileError::TooLarge(name)),
    }
}

/// The last part of `path`, as text.
#[must_use]
pub fn base_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

fn is_device(kind: fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_char_device() || kind.is_block_device()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(path: &str) -> String {
        read(Path::new(path)).unwrap_err().to_string()
    }

    #[test]
    fn each_bad_file_has_its_line() {
        assert_eq!(
            error("/no/such/kernel"),
            "/no/such/kernel: no such file; check the path"
        );
        assert_eq!(error("/"), "/: is a directory; name a file in it");
        assert_eq!(
            error("/dev/zero"),
            "/dev/zero: is a device; copy what it holds to a file first"
        );
        let empty = tempfile::NamedTempFile::new().unwrap();
        let path = empty.path().to_str().unwrap();
        assert_eq!(
            error(path),
            format!("{path}: is empty; is it the result of a failed build or download?")
        );
        assert_eq!(
            error(&format!("{path}/x")),
            format!("{path}/x: no such file; check the path"),
            "a file used as a folder"
        );
    }

    #[test]
    fn the_name_has_no_folders() {
        assert_eq!(base_name(Path::new("/a/b/vmlinux")), "vmlinux");
        assert_eq!(base_name(Path::new("..")), "..");
    }
}
