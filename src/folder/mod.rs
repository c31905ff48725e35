//! Folders of the host that guests share.
//!
//! A [`FolderSpec`] says which one. [`FolderSpec::start`] starts a thread that answers what guests ask of
//! it, once for all machines that have it one after the other; [`FolderSpec::open`] gives a machine its
//! end. Files are served by the crate `p9`; `guard` looks at each message before, and lets none by that
//! would lead out of the folder or change what is not to be changed. The thread confines itself to the
//! folder beside.

pub(crate) mod guard;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use mirrorball_runtime::account::Holding;
use mirrorball_runtime::device::folder::{Folder, Job};
use rustix::io::Errno;
use thiserror::Error;

use crate::console::Waker;
use crate::sandbox::{self, Duty};
use guard::Guard;

/// A folder cannot be shared.
#[derive(Debug, Error)]
#[error("cannot share the folder {path}: {source}")]
pub struct FolderError {
    path: String,
    source: io::Error,
}

/// The most messages that wait for the thread. A machine's queue holds half as many; what a driver asks
/// beyond, after resets, fails.
const AHEAD: usize = 256;
/// The most bytes of a message and its answer.
const LONGEST: usize = (1 << 17) + (1 << 16);

/// What is on its way between a machine and the thread.
#[derive(Default)]
struct Way {
    /// The bytes of the messages that are not answered.
    asked: usize,
    /// The answers that the machine has not fetched.
    answers: VecDeque<(Job, Vec<u8>)>,
}

/// A message, and where its answer goes.
struct Request {
    job: Job,
    message: Vec<u8>,
    to: Arc<Mutex<Way>>,
}

/// A folder whose thread runs.
struct Started {
    requests: SyncSender<Request>,
    waker: Arc<Mutex<Option<Waker>>>,
}

/// A folder of the host.
#[derive(Clone)]
pub struct FolderSpec {
    /// Where it is.
    pub path: PathBuf,
    /// What the guest knows it by.
    pub tag: String,
    /// Whether the guest can change nothing in it.
    pub readonly: bool,
    started: Arc<Mutex<Option<Started>>>,
}

impl fmt::Debug for FolderSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FolderSpec")
            .field("path", &self.path)
            .field("tag", &self.tag)
            .field("readonly", &self.readonly)
            .finish_non_exhaustive()
    }
}

impl FolderSpec {
    /// The folder at `path`.
    #[must_use]
    pub fn new(path: PathBuf, tag: String, readonly: bool) -> Self {
        Self {
            path,
            tag,
            readonly,
            started: Arc::default(),
        }
    }

    /// Starts its thread, unless that was done. If it is to be `confined`, it leaves itself what it needs
    /// and no more.
    ///
    /// # Errors
    ///
    /// When the folder cannot be opened, or the host has no thread for it.
    pub fn start(&self, confined: bool) -> Result<(), FolderError> {
        self.started(confined, |_| ())
    }

    /// A machine's end of it.
    ///
    /// # Errors
    ///
    /// As for [`FolderSpec::start`].
    pub fn open(&self) -> Result<Box<dyn Folder>, FolderError> {
        self.started(false, |started| {
            Box::new(End {
                tag: self.tag.clone(),
                requests: started.requests.clone(),
                way: Arc::default(),
            }) as Box<dyn Folder>
        })
    }

    /// Has `waker` called when there is an answer for the machine.
    ///
    /// # Errors
    ///
    /// As for [`FolderSpec::start`].
    pub fn wake(&self, waker: Waker) -> Result<(), FolderError> {
        self.started(false, |started| *lock(&started.waker) = Some(waker))
    }

    fn started<T>(
        &self,
        confined: bool,
        use_it: impl FnOnce(&Started) -> T,
    ) -> Result<T, FolderError> {
        let mut place = lock(&self.started);
        let started = match place.take() {
            Some(started) => started,
            None => self.make(confined).map_err(|source| FolderError {
                path: self.path.display().to_string(),
                source,
            })?,
        };
        Ok(use_it(place.insert(started)))
    }

    fn make(&self, confined: bool) -> io::Result<Started> {
        // Whatever becomes of the working folder, and of links on the way.
        let path = self.path.canonicalize()?;
        let readonly = self.readonly;
        let guard = Guard::new(&path, readonly)?;
        let (requests, asked) = sync_channel(AHEAD);
        let waker = Arc::default();
        let wakes = Arc::clone(&waker);
        thread::Builder::new()
            .name("folder".to_owned())
            .spawn(move || {
                if confined {
                    let (read, written) = if readonly {
                        (vec![path], Vec::new())
                    } else {
                        (Vec::new(), vec![path])
                    };
                    sandbox::confine_thread_to(Duty::Files, &read, &written);
                }
                serve(guard, &asked, &wakes);
            })?;
        Ok(Started { requests, waker })
    }
}

/// Answers until no machine can ask any more.
fn serve(mut guard: Guard, asked: &Receiver<Request>, waker: &Mutex<Option<Waker>>) {
    for Request { job, message, to } in asked {
        let answer = guard.answer(&message);
        let mut way = lock(&to);
        way.asked -= message.len();
        way.answers.push_back((job, answer));
        drop(way);
        lock(waker).iter().for_each(Waker::wake);
    }
}

/// A machine's end of a folder.
struct End {
    tag: String,
    requests: SyncSender<Request>,
    way: Arc<Mutex<Way>>,
}

impl Folder for End {
    fn tag(&self) -> &str {
        &self.tag
    }

    fn start(&mut self, job: Job, message: Vec<u8>) {
        let bytes = message.len();
        let to = Arc::clone(&self.way);
        lock(&self.way).asked += bytes;
        let sent = self.requests.try_send(Request { job, message, to });
        if let Err(TrySendError::Full(request) | TrySendError::Disconnected(request)) = sent {
            let mut way = lock(&self.way);
            way.asked -= bytes;
            let refused = guard::refusal(&request.message, Errno::IO);
            way.answers.push_back((job, refused));
        }
    }

    fn answer(&mut self) -> Option<(Job, Vec<u8>)> {
        lock(&self.way).answers.pop_front()
    }

    fn held(&self) -> Holding {
        let way = lock(&self.way);
        let answers = way.answers.iter().map(|(_, answer)| answer.len());
        Holding::new(way.asked + answers.sum::<usize>(), AHEAD * LONGEST)
    }
}

/// What is behind a lock here is whole after each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
