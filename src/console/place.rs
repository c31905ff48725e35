//! Where a VM's console is, as two ends: what the guest prints goes into one, what is typed comes
//! out of the other.

use std::borrow::Borrow;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::hub::{ROOM, Shown};
use super::{Hub, Lane, Outlet, Pace, Script, Session, Source, Waker, socket};

/// Where a guest's output goes. Printing never waits.
pub trait Printer: Send {
    /// Takes what the guest printed.
    fn print(&mut self, bytes: &[u8]);

    /// The stream that it waits for in the end, if it does.
    fn lane(&self) -> Option<&Lane> {
        None
    }
}

/// Output that goes nowhere.
#[derive(Debug)]
pub(super) struct Nowhere;

impl Printer for Nowhere {
    fn print(&mut self, _: &[u8]) {}
}

impl Printer for Box<dyn Printer> {
    fn print(&mut self, bytes: &[u8]) {
        (**self).print(bytes);
    }

    fn lane(&self) -> Option<&Lane> {
        (**self).lane()
    }
}

impl Printer for Lane {
    fn print(&mut self, bytes: &[u8]) {
        Lane::print(self, bytes);
    }

    fn lane(&self) -> Option<&Lane> {
        Some(self)
    }
}

/// The two ends of a VM's console.
pub struct Console {
    /// What the guest prints goes here.
    pub out: Box<dyn Printer>,
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

/// Standard output, without the lock that the process has for it: a thread that waits in it would
/// keep all others from printing.
pub(super) fn stdout() -> io::Result<File> {
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

impl Console {
    /// No console.
    #[must_use]
    pub fn none() -> Self {
        Self {
            out: Box::new(Nowhere),
            source: None,
        }
    }

    /// Standard output, and what is typed comes from `source`. `waker` is called when there is room
    /// again for what is printed.
    ///
    /// # Errors
    /// When the host has no thread or no descriptor for it.
    pub fn terminal(source: Option<Source>, waker: Waker) -> io::Result<Self> {
        Ok(Self {
            out: Box::new(Outlet::new(stdout()?)?.lane(waker)),
            source,
        })
    }

    /// A file that holds what the guest prints, and nothing else; nothing is typed. The file may be
    /// a pipe, which is to be read: `waker` is called when there is room in it again.
    ///
    /// # Errors
    /// When it cannot be made, or the host has no thread for it.
    pub fn file(path: &Path, waker: Waker) -> io::Result<Self> {
        Ok(Self {
            out: Box::new(Outlet::new(File::create(path)?)?.lane(waker)),
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

    /// The same, for clients that are handed over as well: they see what the guest prints, and type.
    ///
    /// # Errors
    /// When the host has no descriptors for it.
    pub fn attachable(mut self, waker: Waker) -> io::Result<(Self, Hub)> {
        let source = self.source.get_or_insert_with(|| Source::unattended(ROOM));
        let hub = Hub::new(source.keys(waker))?;
        self.out = Box::new(Shown {
            out: self.out,
            hub: hub.clone(),
        });
        Ok((self, hub))
    }

    /// A session at it.
    #[must_use]
    pub fn session(self, script: Option<Script>, pace: Pace) -> Session {
        Session::new(self.out, script, self.source, pace)
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
        let console = Console::file(&path, Waker::none()).unwrap();
        let mut session = console.session(None, Pace::Waiting);
        session.output(b"boot\n");
        assert!(!session.may_type(), "a file types nothing");
        session.finish(false).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"boot\n");
        assert!(Console::file(folder.path(), Waker::none()).is_err());
    }
}
