//! What a person, or a pipe, types: read on a thread of its own, handed over by a channel.

use std::io::{self, IsTerminal, Read, Write as _};
use std::os::fd::AsFd;
use std::thread;

use super::escape::{Command, Escape, HELP, Typed, read_keys};
use super::gate::Gate;
use super::raw::{self, RawMode};
use super::{Keys, Source, Waker};

use crate::sandbox::{Duty, narrow};

/// How many bytes may wait for the guest: from a terminal enough to hardly ever keep back the
/// escapes behind text that the guest does not read, from a pipe little, so that it is the writer
/// that waits.
const FROM_TERMINAL: usize = 64 << 10;
const FROM_PIPE: usize = 4 << 10;

/// Starts to read standard input, for one VM; a terminal is in raw mode for as long as the source
/// lives.
///
/// # Errors
///
/// When the terminal cannot be put into raw mode or no thread can be started.
pub fn open(waker: Waker) -> io::Result<Source> {
    let raw = raw_stdin()?;
    let (room, escape) = match raw {
        Some(_) => (FROM_TERMINAL, Some(Escape::default())),
        None => (FROM_PIPE, None),
    };
    let (keys, source) = Source::new(room, waker.clone());
    let gate = Gate::default();
    let input = gate.before(io::stdin());
    let own = source.waker();
    raw::when_resized(Waker::new(move || {
        own.wake();
        waker.wake();
    }));
    thread::Builder::new()
        .name("console".to_owned())
        .spawn(move || {
            narrow(Duty::Serve);
            pump(input, escape, &keys);
        })?;
    Ok(source.keeping(raw).behind(gate))
}

/// Puts standard input into raw mode if it is a terminal.
pub(super) fn raw_stdin() -> io::Result<Option<RawMode>> {
    let stdin = io::stdin();
    stdin
        .is_terminal()
        .then(|| RawMode::enter(stdin.as_fd().try_clone_to_owned()?))
        .transpose()
}

/// Passes on what comes `from` there until it ends or nothing listens.
fn pump(from: impl Read, escape: Option<Escape>, to: &Keys) {
    let ended = read_keys(from, escape, |typed| match typed {
        Typed::Strokes(strokes) => to.type_all(&strokes),
        Typed::Command(Command::Quit) => {
            to.quit();
            true
        }
        // There is one VM to type to, and it ends with the terminal.
        Typed::Command(_) => {
            let _ = write!(io::stderr(), "\n{HELP}");
            true
        }
    });
    if ended {
        to.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use mirrorball_runtime::device::stroke::Stroke;

    use super::*;

    fn typed(keys: &[u8], escape: Option<Escape>) -> (Vec<u8>, Source) {
        let (to, mut source) = Source::new(64, Waker::none());
        pump(keys, escape, &to);
        let taken = source.take(usize::MAX);
        (taken.into_iter().map(Stroke::byte).collect(), source)
    }

    #[test]
    fn a_pipe_is_passed_on_as_it_is() {
        for text in [&b"ls\x01x\n"[..], b""] {
            let (bytes, source) = typed(text, None);
            assert_eq!(bytes, text);
            assert!(source.has_ended() && !source.quits());
        }
    }

    #[test]
    fn a_terminals_escapes_are_taken_out() {
        let (bytes, source) = typed(b"a\x01\x01b\x01xc", Some(Escape::default()));
        assert_eq!(bytes, b"a\x01bc");
        assert!(source.quits() && source.has_ended());
    }

    #[test]
    fn an_escape_may_come_in_two_reads() {
        let (keys, source) = Source::new(64, Waker::none());
        pump(b"\x01".chain(&b"x"[..]), Some(Escape::default()), &keys);
        assert!(source.quits());
    }

    #[test]
    fn reading_ends_when_nothing_listens() {
        let (keys, source) = Source::new(64, Waker::none());
        drop(source);
        pump(io::repeat(b'x'), None, &keys);
    }

    #[test]
    fn no_more_is_read_than_the_guest_takes() {
        let (keys, mut source) = Source::new(64, Waker::none());
        let reader = thread::spawn(move || pump(io::repeat(b'x'), None, &keys));
        let mut taken = 0;
        while taken < 1000 {
            let bytes = source.take(10_000);
            assert!(bytes.len() <= 64);
            taken += bytes.len();
        }
        drop(source);
        reader.join().unwrap();
    }

    #[test]
    fn a_sleeper_is_woken_by_each_key() {
        let woken = Arc::new(AtomicU32::new(0));
        let count = woken.clone();
        let waker = Waker::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let (keys, _source) = Source::new(64, waker);
        pump(&b"a\x01x"[..], Some(Escape::default()), &keys);
        assert_eq!(
            woken.load(Ordering::Relaxed),
            3,
            "a key, an escape, the end"
        );
    }
}
