//! The console of a VM in another process, at this terminal: the other end of a
//! [`Hub`](super::Hub).

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Waker;
use super::escape::{ATTACHED_HELP, Command, Escape, Typed, read_keys};
use super::frames::Said;
use super::gate::Gate;
use super::raw;
use super::terminal::raw_stdin;

/// How long it may take to say what was typed when the console goes.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Why a console is shown no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The person wants to leave. The machine runs on.
    Detached,
    /// The machine and its monitor are gone.
    Ended,
}

/// What tells the machine's process what is typed.
#[derive(Debug)]
struct Teller {
    stream: Mutex<UnixStream>,
    detached: AtomicBool,
}

impl Teller {
    /// Says it; false if nothing listens.
    fn say(&self, said: &Said) -> bool {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.write_all(&said.to_bytes()).is_ok()
    }

    fn say_size(&self) {
        if let Some(size) = raw::window_size() {
            self.say(&Said::Resized(size));
        }
    }

    fn detach(&self) {
        self.detached.store(true, Ordering::Relaxed);
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stream.shutdown(Shutdown::Both);
    }

    /// Passes on what is typed. The end of a pipe leaves the console in view.
    fn listen(&self, from: impl Read, escape: Option<Escape>) {
        read_keys(from, escape, |typed| match typed {
            Typed::Strokes(strokes) => self.say(&Said::Typed(strokes)),
            Typed::Command(Command::Quit | Command::Detach) => {
                self.detach();
                false
            }
            Typed::Command(_) => {
                let _ = write!(io::stderr(), "\n{ATTACHED_HELP}");
                true
            }
        });
    }
}

/// Shows the console behind `stream` at standard input and output, until the person leaves or it
/// ends.
///
/// # Errors
/// When the terminal cannot be used, or standard output takes no more.
pub fn attach(stream: UnixStream) -> io::Result<Left> {
    let raw = raw_stdin()?;
    let escape = raw.is_some().then(Escape::default);
    let teller = Arc::new(Teller {
        stream: Mutex::new(stream.try_clone()?),
        detached: AtomicBool::new(false),
    });
    let resized = teller.clone();
    raw::when_resized(Waker::new(move || resized.say_size()));
    teller.say_size();
    let listener = teller.clone();
    let gate = Gate::default();
    let input = gate.before(io::stdin());
    thread::Builder::new()
        .name("keys".to_owned())
        .spawn(move || listener.listen(input, escape))?;
    show(&stream, io::stdout())?;
    // What was read is said, and the rest is for what reads standard input next.
    let end = Instant::now() + LAST_WORDS;
    while !gate.close() && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
    let _ = stream.shutdown(Shutdown::Both);
    drop(raw);
    Ok(match teller.detached.load(Ordering::Relaxed) {
        true => Left::Detached,
        false => Left::Ended,
    })
}

/// Shows what comes until there is no more.
fn show(mut from: &UnixStream, mut to: impl Write) -> io::Result<()> {
    let mut piece = [0; 4096];
    loop {
        let count = match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // The other end went while something was on its way.
            Err(_) => return Ok(()),
        };
        to.write_all(&piece[..count])?;
        to.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use mirrorball_runtime::device::stroke::Stroke;

    use super::super::frames::Frames;
    use super::*;

    #[test]
    fn keys_are_said_and_detaching_ends_it() {
        let (near, far) = UnixStream::pair().unwrap();
        let teller = Teller {
            stream: Mutex::new(near.try_clone().unwrap()),
            detached: AtomicBool::new(false),
        };
        teller.listen(&b"ls\x01b\x01hh\x01dx"[..], Some(Escape::default()));
        assert!(teller.detached.load(Ordering::Relaxed));
        let mut bytes = Vec::new();
        (&far).read_to_end(&mut bytes).unwrap();
        let said = Frames::default().take(&bytes).unwrap();
        let strokes = said.into_iter().flat_map(|said| match said {
            Said::Typed(strokes) => strokes,
            Said::Resized(size) => panic!("{size:?}"),
        });
        let [l, s, h] = [b'l', b's', b'h'].map(Stroke::Byte);
        assert_eq!(strokes.collect::<Vec<_>>(), [l, s, Stroke::Break, h]);
        assert!(!teller.say(&Said::Typed(vec![l])), "nothing listens");
        show(&near, io::sink()).unwrap();
    }
}
