//! A Unix socket to listen on, at a path: the only place where one is made and removed.
//!
//! A process that was killed leaves its socket behind. So a monitor that finds a socket at the path
//! asks whether another answers: if not, it is swept away; if so, it is left alone, like any file
//! that is no socket.

use std::borrow::Borrow;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use thiserror::Error;

/// How long another process may take to claim a socket in the same folder.
const PATIENCE: Duration = Duration::from_secs(2);

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 64;

/// Why there is no socket at a path.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum SocketError {
    #[error("{0}: another program listens there already; name another path or end that process")]
    Taken(String),
    #[error("{0}: is there and no socket; name another path")]
    NotASocket(String),
    #[error("{0}: its folder does not exist; make it or name another one")]
    NoFolder(String),
    #[error("{0}: is too long for a socket's path; name one of at most 107 bytes")]
    TooLong(String),
    #[error("{0}: may not be made by this user; name a path elsewhere")]
    Denied(String),
    #[error("{path}: cannot be listened on: {source}")]
    Io { path: String, source: io::Error },
}

impl SocketError {
    /// Whether another path would do, rather than another host.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        !matches!(self, Self::Io { .. })
    }
}

/// A Unix socket that this process listens on; its file goes when this does.
#[derive(Debug)]
pub struct Claimed {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the socket's file: what to remove at the end, and nothing else.
    file: (u64, u64),
}

impl Claimed {
    /// Listens at `path`, for this user alone.
    ///
    /// # Errors
    /// When another program listens there, something other than a socket is there, or the host
    /// refuses.
    pub fn new(path: &Path) -> Result<Self, SocketError> {
        let (_lock, address) = Self::swept(path)?;
        listen(path, &address).map_err(|error| failure(path, error))
    }

    /// Removes a socket at `path` that no program listens on any more, so that
    /// [`new`](Self::new) will not have to connect to it to find that out.
    ///
    /// # Errors
    /// As for [`new`](Self::new), which then fails likewise.
    pub fn make_way(path: &Path) -> Result<(), SocketError> {
        Self::swept(path).map(drop)
    }

    /// The address of `path`, where no socket is any more, and the lock that keeps it so.
    fn swept(path: &Path) -> Result<(File, SocketAddrUnix), SocketError> {
        let address = SocketAddrUnix::new(path).map_err(|error| failure(path, error.into()))?;
        let lock = lock_folder(path)?;
        sweep(path, &address)?;
        Ok((lock, address))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Borrow<UnixListener> for Claimed {
    fn borrow(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            // If that fails, the next monitor sweeps.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Which file is at `path`: its device and inode.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let meta = fs::symlink_metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

/// Keeps two processes that claim a path at the same moment apart, for as long as the file lives.
fn lock_folder(path: &Path) -> Result<File, SocketError> {
    let failed = |error| failure(path, error);
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let file = File::open(folder).map_err(failed)?;
    let start = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(failed(error.into())),
        }
    }
}

/// Removes the socket at `path` if no program listens on it any more.
fn sweep(path: &Path, address: &SocketAddrUnix) -> Result<(), SocketError> {
    let failed = |error| failure(path, error);
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(SocketError::NotASocket(path.display().to_string()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    let asker = socket(SocketFlags::NONBLOCK).map_err(|error| failed(error.into()))?;
    match net::connect(&asker, address) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path).map_err(failed),
        Err(Errno::NOENT) => Ok(()),
        Err(Errno::ACCESS) => Err(failed(Errno::ACCESS.into())),
        // Any other answer comes from a program that listens, if busy or for something else.
        _ => Err(SocketError::Taken(path.display().to_string())),
    }
}

fn socket(flags: SocketFlags) -> Result<OwnedFd, Errno> {
    net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        flags | SocketFlags::CLOEXEC,
        None,
    )
}

/// No client can connect before `listen`: by then the socket is closed to other users.
fn listen(path: &Path, address: &SocketAddrUnix) -> io::Result<Claimed> {
    let socket = socket(SocketFlags::empty())?;
    net::bind(socket.as_fd(), address)?;
    let claimed = Claimed {
        listener: socket.into(),
        path: path.to_owned(),
        file: identity(path)?,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    net::listen(&claimed.listener, BACKLOG)?;
    Ok(claimed)
}

fn failure(path: &Path, source: io::Error) -> SocketError {
    let path = path.display().to_string();
    match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => SocketError::NoFolder(path),
        ErrorKind::PermissionDenied => SocketError::Denied(path),
        ErrorKind::InvalidFilename => SocketError::TooLong(path),
        _ => SocketError::Io { path, source },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        (folder, path)
    }

    #[test]
    fn a_socket_is_there_while_it_is_claimed() {
        let (_folder, path) = folder();
        let claimed = Claimed::new(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(UnixStream::connect(&path).is_ok());
        drop(claimed);
        assert!(!path.exists());
    }

    #[test]
    fn one_that_a_program_listens_on_is_left_alone() {
        let (_folder, path) = folder();
        let _claimed = Claimed::new(&path).unwrap();
        let error = Claimed::new(&path).unwrap_err();
        assert!(matches!(error, SocketError::Taken(_)), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()));
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[test]
    fn one_that_a_killed_process_left_is_swept() {
        let (_folder, path) = folder();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "it was not removed");
        let _claimed = Claimed::new(&path).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[test]
    fn another_kind_of_file_stays() {
        let (folder, path) = folder();
        let target = folder.path().join("target");
        drop(UnixListener::bind(&target).unwrap());
        std::os::unix::fs::symlink(&target, folder.path().join("link")).unwrap();
        fs::write(&path, "precious").unwrap();
        fs::create_dir(folder.path().join("d")).unwrap();
        for name in ["s", "d", "link"] {
            let error = Claimed::new(&folder.path().join(name)).unwrap_err();
            assert!(matches!(error, SocketError::NotASocket(_)), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        assert!(target.exists());
    }

    #[test]
    fn what_came_to_its_place_is_not_removed() {
        let (_folder, path) = folder();
        let claimed = Claimed::new(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(claimed);
        assert!(path.exists());
    }

    #[test]
    fn a_path_that_cannot_be_is_told() {
        let (_folder, path) = folder();
        let long = path.with_file_name("x".repeat(120));
        assert!(matches!(Claimed::new(&long), Err(SocketError::TooLong(_))));
        assert!(matches!(
            Claimed::new(&path.join("x/y")),
            Err(SocketError::NoFolder(_))
        ));
    }

    #[test]
    fn of_many_at_once_one_gets_it() {
        let (_folder, path) = folder();
        drop(UnixListener::bind(&path).unwrap());
        let claims: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Claimed::new(&path)))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 1);
    }

    #[test]
    fn a_console_may_be_on_one() {
        use crate::console::{Console, Waker};
        let (_folder, path) = folder();
        let console = Console::socket(Claimed::new(&path).unwrap(), Waker::none()).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        drop(console);
        assert!(!path.exists());
    }
}
