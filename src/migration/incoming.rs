//! The side to which a machine comes.

use std::borrow::Borrow;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::frame::Frame;
use super::{MOST_TIMES, PATIENCE};
use crate::control::{Claimed, SocketError};
use crate::snapshot::{MOST_INDEX, Snapshot, SnapshotError};

/// Why a machine has not come.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum IncomingError {
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("{path}: no machine has come: {source}; wait once more, and move it again")]
    Io { path: String, source: io::Error },
    #[error("{path}: the machine stays where it is: {why}")]
    Stays { path: String, why: String },
    #[error("{path}: more comes than a machine has; move it again")]
    Long { path: String },
    #[error("{path}: the machine is not the one that was announced; move it again")]
    Other { path: String },
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("{path}: the machine cannot go on here: {why}")]
    Unfit { path: String, why: String },
}

impl IncomingError {
    /// Whether the user has to change something, as opposed to the host having failed.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Socket(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// A machine that comes.
#[derive(Debug)]
pub struct Incoming {
    path: PathBuf,
    stream: UnixStream,
    /// The machine as it was announced, without its memory.
    head: Arc<Snapshot>,
    /// For what comes.
    file: File,
}

impl Incoming {
    /// Waits at a socket until a machine comes, and hears what it is made of.
    ///
    /// # Errors
    /// When there can be no such socket, or what comes is no machine.
    pub fn wait(path: &Path) -> Result<Self, IncomingError> {
        let claimed = Claimed::new(path)?;
        let listener: &UnixListener = claimed.borrow();
        let failed = |source| io_error(path, source);
        let (stream, _) = listener.accept().map_err(failed)?;
        let timed = stream.set_read_timeout(Some(PATIENCE));
        let timed = timed.and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        timed.map_err(failed)?;
        // The process can make no files later.
        let files = tempfile::tempfile().and_then(|head| Ok((head, tempfile::tempfile()?)));
        let (head, file) = files.map_err(failed)?;
        let received = receive(path, &stream, head, MOST_INDEX);
        let head = Arc::new(received.inspect_err(|error| refuse(&stream, error))?);
        Ok(Self {
            path: path.to_owned(),
            stream,
            head,
            file,
        })
    }

    /// The machine as it was announced, without its memory.
    #[must_use]
    pub const fn head(&self) -> &Arc<Snapshot> {
        &self.head
    }

    /// Waits for all of the machine, has it `made`, and then for that it leaves where it was: from then
    /// on it is to run here. `control` is where it can be reached. What comes by the connection that is
    /// returned is typed.
    ///
    /// # Errors
    /// When it does not come, or cannot be made.
    pub fn arrive(
        self,
        control: Option<&Path>,
        made: impl FnOnce(Snapshot) -> Result<(), String>,
    ) -> Result<UnixStream, IncomingError> {
        let came = self.come(control, made);
        came.inspect_err(|error| refuse(&self.stream, error))?;
        Ok(self.stream)
    }

    fn come(
        &self,
        control: Option<&Path>,
        made: impl FnOnce(Snapshot) -> Result<(), String>,
    ) -> Result<(), IncomingError> {
        let failed = |source| io_error(&self.path, source);
        let most = MOST_TIMES * self.head.memory().bytes() + MOST_INDEX;
        let file = self.file.try_clone().map_err(failed)?;
        let snapshot = receive(&self.path, &self.stream, file, most)?;
        if !snapshot.is_of(&self.head) {
            let path = shown(&self.path);
            return Err(IncomingError::Other { path });
        }
        made(snapshot).map_err(|why| IncomingError::Unfit {
            path: shown(&self.path),
            why,
        })?;
        let control = control.map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
        let ready = Frame::Ready(control.as_deref().map(shown));
        ready.write(&mut &self.stream).map_err(failed)?;
        match Frame::read(&mut &self.stream).map_err(failed)? {
            Frame::Go => Frame::Goes.write(&mut &self.stream).map_err(failed),
            other => Err(refused(&self.path, other)),
        }
    }
}

/// Receives a snapshot of at most so many bytes.
pub(crate) fn receive(
    path: &Path,
    mut stream: &UnixStream,
    mut file: File,
    most: u64,
) -> Result<Snapshot, IncomingError> {
    let failed = |source| io_error(path, source);
    let mut bytes = 0;
    loop {
        match Frame::read(&mut stream).map_err(failed)? {
            Frame::Part(part) if part.len() as u64 > most - bytes => {
                let path = shown(path);
                return Err(IncomingError::Long { path });
            }
            Frame::Part(part) => {
                bytes += part.len() as u64;
                file.write_all(&part).map_err(failed)?;
            }
            Frame::Whole => return Ok(Snapshot::within(file, 0..bytes, &shown(path))?),
            other => return Err(refused(path, other)),
        }
    }
}

/// Says that the machine cannot come, as far as that is heard.
fn refuse(mut stream: &UnixStream, error: &IncomingError) {
    let _ = Frame::Failed(error.to_string()).write(&mut stream);
}

/// What was said instead of what was to be said.
fn refused(path: &Path, frame: Frame) -> IncomingError {
    let path = shown(path);
    match frame {
        Frame::Failed(why) => IncomingError::Stays { path, why },
        _ => IncomingError::Io {
            path,
            source: io::ErrorKind::InvalidData.into(),
        },
    }
}

fn io_error(path: &Path, source: io::Error) -> IncomingError {
    let path = shown(path);
    IncomingError::Io { path, source }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::net::Shutdown;
    use std::thread;
    use std::time::Instant;

    use mirrorball_runtime::cpu::model::MODELS;
    use mirrorball_runtime::vm::{SavedVm, Vm, VmConfig};

    use super::*;
    use crate::snapshot::Writer;

    /// A snapshot of a machine with so much memory, which has nothing in it.
    fn snapshot(memory: u64) -> Vec<u8> {
        let vm = Vm::new(VmConfig {
            model: &MODELS[0],
            memory,
            big_endian: false,
            second_tlb: 0,
            hypercalls: false,
            rtc_base: 0,
        });
        let mut bytes = Vec::new();
        let writer = Writer::new(&mut bytes).unwrap();
        let saved = SavedVm::of(&vm.unwrap());
        writer.finish("one", &saved, &[]).unwrap();
        bytes
    }

    /// What comes of it when this comes, and what is answered.
    fn comes(frames: &[Frame], made: Result<(), String>) -> (Result<(), String>, Vec<Frame>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let mut stream = loop {
                    match UnixStream::connect(&path) {
                        Ok(stream) => break stream,
                        Err(_) => thread::yield_now(),
                    }
                };
                for frame in frames {
                    // It may have heard enough.
                    let _ = frame.write(&mut stream);
                }
                let _ = stream.shutdown(Shutdown::Write);
                let mut answers = Vec::new();
                while let Ok(frame) = Frame::read(&mut stream) {
                    answers.push(frame);
                }
                answers
            });
            let came = Incoming::wait(&path);
            let came = came.and_then(|incoming| incoming.arrive(None, |_| made).map(drop));
            (
                came.map_err(|error| error.to_string()),
                other.join().unwrap(),
            )
        })
    }

    #[test]
    fn a_machine_comes_and_goes_when_it_is_told_to() {
        let part = || Frame::Part(snapshot(1 << 20));
        let all = [part(), Frame::Whole, part(), Frame::Whole, Frame::Go];
        let goes = (Ok(()), vec![Frame::Ready(None), Frame::Goes]);
        assert_eq!(comes(&all, Ok(())), goes);
        let (came, answers) = comes(&all, Err("it has no disk".to_owned()));
        let why = came.unwrap_err();
        assert!(why.contains("cannot go on here: it has no disk"), "{why}");
        assert_eq!(answers, [Frame::Failed(why)]);
        let (came, answers) = comes(&all[..4], Ok(()));
        assert!(
            came.unwrap_err().contains("no machine has come"),
            "never told"
        );
        assert!(!answers.contains(&Frame::Goes));
    }

    #[test]
    fn what_is_torn_or_strange_is_refused() {
        let start = Instant::now();
        let part = || Frame::Part(snapshot(1 << 20));
        let damaged = {
            let mut bytes = snapshot(1 << 20);
            let place = bytes.len() - 30;
            bytes[place] ^= 1;
            Frame::Part(bytes)
        };
        let torn = Frame::Part(snapshot(1 << 20)[..100].to_vec());
        let failed = Frame::Failed("its guest has ended".to_owned());
        let other = Frame::Part(snapshot(1 << 21));
        for (frames, part) in [
            (vec![], "no machine has come"),
            (vec![part()], "no machine has come"),
            (
                vec![Frame::Part(vec![7; 99]), Frame::Whole],
                "is no snapshot",
            ),
            (vec![damaged, Frame::Whole], "its index is damaged"),
            (vec![part(), Frame::Whole, torn, Frame::Whole], "not whole"),
            (vec![Frame::Go], "no machine has come"),
            (vec![failed], "stays where it is: its guest has ended"),
            (
                vec![part(), Frame::Whole, other, Frame::Whole],
                "not the one",
            ),
        ] {
            let (came, answers) = comes(&frames, Ok(()));
            let why = came.unwrap_err();
            assert!(why.contains(part), "{why}");
            assert_eq!(answers, [Frame::Failed(why)]);
        }
        assert!(start.elapsed() < PATIENCE, "nothing is waited for in vain");
    }

    #[test]
    fn there_is_an_end_to_what_is_taken() {
        let (mut near, far) = UnixStream::pair().unwrap();
        Frame::Part(vec![0; 101]).write(&mut near).unwrap();
        let file = tempfile::tempfile().unwrap();
        let long = receive("s".as_ref(), &far, file, 100).unwrap_err();
        assert!(matches!(long, IncomingError::Long { .. }), "{long}");
    }
}
