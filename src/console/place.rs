//! Where a VM's console is, as two ends: what the guest prints goes into one, what is typed comes
//! out of the other.

use std::borrow::Borrow;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::{Script, Session, Source, Waker, socket};

/// The two ends of a VM's console.
pub struct Console {
    /// What the guest prints goes here.
    pub out: Box<dyn Write + Send>,
    /// What is typed comes from here, if there is a person to type.
    pub source: Option<Source>,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = &self.source;
        f.debug_struct("Console")
            .field("source", source)
            .finish_non_exhaustive()
    }
}

impl Console {
    /// A file that holds what the guest prints, and nothing else; nothing is typed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn file(path: &Path) -> io::Result<Self> {
        Ok(Self {
            out: Box::new(File::create(path)?),
            source: None,
        })
    }

    /// A Unix socket: all clients see what the guest printed of late and prints, and what they
    /// send is typed. The socket goes when the writer does.
    ///
    /// # Errors
    /// When the host has no thread for it.
    pub fn socket<S>(socket: S, waker: Waker) -> io::Result<Self>
    where
        S: Borrow<UnixListener> + Send + 'static,
    {
        let (sink, source) = socket::listen(socket, waker)?;
        Ok(Self {
            out: Box::new(sink),
            source: Some(source),
        })
    }

    /// A session at it.
    #[must_use]
    pub fn session(self, script: Option<Script>, realtime: bool) -> Session<Box<dyn Write + Send>> {
        Session::new(self.out, script, self.source, realtime)
    }
}

#[cfg(test)]
mod tests {
    use mirrorball_runtime::vm::host::Host;

    use super::*;

    #[test]
    fn a_file_holds_what_the_guest_printed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "of the last run").unwrap();
        let mut session = Console::file(&path).unwrap().session(None, false);
        session.output(b"boot\n");
        assert!(!session.may_type(), "a file types nothing");
        assert_eq!(std::fs::read(&path).unwrap(), b"boot\n");
        assert!(Console::file(folder.path()).is_err());
    }
}
