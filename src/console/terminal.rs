//! What a person, or a pipe, types: read on a thread of its own, handed over by a channel.

use std::io::{self, ErrorKind, IsTerminal, Read};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::escape::{Command, Escape, HELP, Key};
use super::raw::RawMode;

/// How many pieces may wait for the guest: from a terminal enough to never keep back the escapes
/// behind text that the guest does not read, from a pipe little, so that it is the writer who waits.
const FROM_TERMINAL: usize = 4096;
const FROM_PIPE: usize = 4;

/// What arrived on standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Bytes for the guest.
    Bytes(Vec<u8>),
    /// Ctrl-A x.
    Quit,
    /// Nothing more will arrive. The machine runs on.
    End,
}

/// The host's standard input as a console; a terminal is in raw mode for as long as this lives.
#[derive(Debug)]
pub struct Terminal {
    input: Receiver<Input>,
    _raw: Option<RawMode>,
}

impl Terminal {
    /// Starts to read standard input.
    ///
    /// # Errors
    ///
    /// When the terminal cannot be put into raw mode or no thread can be started.
    pub fn open() -> io::Result<Self> {
        let stdin = io::stdin();
        let raw = stdin
            .is_terminal()
            .then(|| RawMode::enter(stdin.as_fd().try_clone_to_owned()?))
            .transpose()?;
        let (room, escape) = match raw {
            Some(_) => (FROM_TERMINAL, Some(Escape::default())),
            None => (FROM_PIPE, None),
        };
        let (sender, input) = sync_channel(room);
        thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || pump(stdin.lock(), escape, &sender))?;
        Ok(Self { input, _raw: raw })
    }

    /// Where what is typed arrives. After [`Input::End`] the channel is closed.
    #[must_use]
    pub fn input(&self) -> &Receiver<Input> {
        &self.input
    }

    /// One that nobody reads standard input for, and where to type.
    #[cfg(test)]
    pub(super) fn for_test() -> (SyncSender<Input>, Self) {
        let (sender, input) = sync_channel(16);
        (sender, Self { input, _raw: None })
    }
}

/// Passes on what comes `from` there until it ends or nobody listens.
fn pump(mut from: impl Read, mut escape: Option<Escape>, to: &SyncSender<Input>) {
    let mut buffer = [0; 4096];
    loop {
        let typed = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => &buffer[..count],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let inputs = match &mut escape {
            Some(escape) => unescape(typed, escape),
            None => vec![Input::Bytes(typed.to_vec())],
        };
        for input in inputs {
            if to.send(input).is_err() {
                return;
            }
        }
    }
    let _ = to.send(Input::End);
}

fn unescape(typed: &[u8], escape: &mut Escape) -> Vec<Input> {
    let mut inputs = Vec::new();
    for key in typed.iter().filter_map(|&byte| escape.feed(byte)) {
        match (key, inputs.last_mut()) {
            (Key::Byte(byte), Some(Input::Bytes(bytes))) => bytes.push(byte),
            (Key::Byte(byte), _) => inputs.push(Input::Bytes(vec![byte])),
            (Key::Command(Command::Quit), _) => inputs.push(Input::Quit),
            (Key::Command(Command::Help), _) => eprint!("\n{HELP}"),
        }
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(typed: &[u8], escape: Option<Escape>) -> Vec<Input> {
        let (sender, receiver) = sync_channel(16);
        pump(typed, escape, &sender);
        drop(sender);
        receiver.iter().collect()
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
        let (sender, receiver) = sync_channel(16);
        pump(typed, Some(Escape::default()), &sender);
        assert_eq!(receiver.try_recv(), Ok(Input::Quit));
    }

    #[test]
    fn reading_ends_when_nobody_listens() {
        let (sender, receiver) = sync_channel(0);
        drop(receiver);
        pump(io::repeat(b'x'), None, &sender);
    }
}
