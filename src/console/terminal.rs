//! What a person, or a pipe, types: read on a thread of its own, handed over by a channel.

use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::sync::mpsc::SyncSender;
use std::thread;

use super::escape::{Command, Escape, HELP, Typed, read_keys};
use super::raw::RawMode;
use super::{Input, Source, Waker};

/// How many pieces may wait for the guest: from a terminal enough to never keep back the escapes
/// behind text that the guest does not read, from a pipe little, so that it is the writer that
/// waits.
const FROM_TERMINAL: usize = 4096;
const FROM_PIPE: usize = 4;

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
    let (sender, source) = Source::channel(room);
    thread::Builder::new()
        .name("console".to_owned())
        .spawn(move || pump(io::stdin().lock(), escape, &sender, &waker))?;
    Ok(source.keeping(raw))
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
fn pump(from: impl Read, escape: Option<Escape>, to: &SyncSender<Input>, waker: &Waker) {
    let send = |input| {
        let sent = to.send(input).is_ok();
        waker.wake();
        sent
    };
    let ended = read_keys(from, escape, |typed| match typed {
        Typed::Bytes(bytes) => send(Input::Bytes(bytes)),
        Typed::Command(Command::Quit) => send(Input::Quit),
        // There is one VM to type to.
        Typed::Command(Command::Help | Command::Next | Command::Choose(_)) => {
            eprint!("\n{HELP}");
            true
        }
    });
    if ended {
        send(Input::End);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn inputs(typed: &[u8], escape: Option<Escape>) -> Vec<Input> {
        let (sender, source) = Source::channel(16);
        pump(typed, escape, &sender, &Waker::none());
        drop(sender);
        source.input().iter().collect()
    }

    #[test]
    fn a_pipe_is_passed_on_as_it_is() {
        assert_eq!(
            inputs(b"ls\x01x\n", None),
            [Input::Bytes(b"ls\x01x\n".to_vec()), Input::End]
        );
        assert_eq!(inputs(b"", None), [Input::End]);
    }

    #[test]
    fn a_terminals_escapes_are_taken_out_in_order() {
        assert_eq!(
            inputs(b"a\x01\x01b\x01xc", Some(Escape::default())),
            [
                Input::Bytes(b"a\x01b".to_vec()),
                Input::Quit,
                Input::Bytes(b"c".to_vec()),
                Input::End
            ]
        );
    }

    #[test]
    fn an_escape_may_come_in_two_reads() {
        let typed = b"\x01".chain(&b"x"[..]);
        let (sender, source) = Source::channel(16);
        pump(typed, Some(Escape::default()), &sender, &Waker::none());
        assert_eq!(source.input().try_recv(), Ok(Input::Quit));
    }

    #[test]
    fn reading_ends_when_nothing_listens() {
        let (sender, source) = Source::channel(0);
        drop(source);
        pump(io::repeat(b'x'), None, &sender, &Waker::none());
    }

    #[test]
    fn a_sleeper_is_woken_by_each_key() {
        let woken = Arc::new(AtomicU32::new(0));
        let count = woken.clone();
        let waker = Waker::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let (sender, _source) = Source::channel(16);
        pump(&b"a\x01x"[..], Some(Escape::default()), &sender, &waker);
        assert_eq!(
            woken.load(Ordering::Relaxed),
            3,
            "a key, an escape, the end"
        );
    }
}
