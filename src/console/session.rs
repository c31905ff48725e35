//! The console of a running machine: its output, the script and what is typed, as the monitor's
//! [`Host`] wants them.
//!
//! While a script runs, what a person types is dropped, except for the escapes, and virtual time
//! is free to run ahead: so nothing but the script decides what the guest sees. Whenever a person
//! may type, time does not run ahead of the host's clock while the guest is idle.

use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::vm::host::{Host, Input as Typed};

use super::script::Unfinished;
use super::{Input, Script, ScriptRunner, Source};

/// A running machine's console.
#[derive(Debug)]
pub struct Session<W> {
    out: W,
    /// The first failure to write the guest's output: the machine has to stop then.
    failure: Option<io::Error>,
    script: Option<ScriptRunner>,
    source: Option<Source>,
    /// Bytes for the guest that it was not given yet.
    typed: Vec<u8>,
    quit: bool,
    start: Option<Instant>,
}

impl<W: Write> Session<W> {
    /// A console that writes to `out`, is typed on by `script` and then by `source`, and tells
    /// the machine the host's time if `realtime`.
    pub fn new(out: W, script: Option<Script>, source: Option<Source>, realtime: bool) -> Self {
        let (script, first) = script.map(ScriptRunner::start).unzip();
        Self {
            out,
            failure: None,
            script,
            source,
            typed: first.flatten().unwrap_or_default(),
            quit: false,
            start: realtime.then(Instant::now),
        }
    }

    /// The script's wait that the guest has not ended.
    #[must_use]
    pub fn unfinished(&self) -> Option<Unfinished> {
        self.script.as_ref()?.unfinished()
    }

    /// Ends the session: a terminal becomes what it was, a socket goes.
    ///
    /// # Errors
    ///
    /// When the guest's output could not be written, unless no reader was left.
    pub fn end(self) -> io::Result<()> {
        match self.failure {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Bytes(bytes) if self.unfinished().is_none() => self.typed.extend(bytes),
            Input::Bytes(_) => {}
            Input::Quit => self.quit = true,
            Input::End => self.source = None,
        }
    }

    fn run_script(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(script) = &mut self.script else {
            return Vec::new();
        };
        let answer = bytes
            .iter()
            .filter_map(|&byte| script.output(byte))
            .flatten()
            .collect();
        self.quit |= script.quits();
        answer
    }
}

impl<W: Write> Host for Session<W> {
    fn output(&mut self, bytes: &[u8]) -> Vec<u8> {
        if let Err(error) = self.out.write_all(bytes).and_then(|()| self.out.flush()) {
            self.failure.get_or_insert(error);
            self.quit = true;
        }
        self.run_script(bytes)
    }

    fn input(&mut self) -> Typed {
        while let Some(source) = &self.source {
            match source.input().try_recv() {
                Ok(input) => self.take(input),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.source = None,
            }
        }
        if self.quit {
            Typed::Quit
        } else {
            Typed::Bytes(std::mem::take(&mut self.typed))
        }
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        let Some(source) = self.source.as_ref().filter(|_| self.may_type()) else {
            return span;
        };
        let start = Instant::now();
        match source.input().recv_timeout(Duration::from_nanos(span.0)) {
            Ok(input) => self.take(input),
            Err(RecvTimeoutError::Timeout) => return span,
            Err(RecvTimeoutError::Disconnected) => self.source = None,
        }
        span.min(Nanos(
            u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
        ))
    }

    fn clock(&self) -> Option<Duration> {
        self.start.map(|start| start.elapsed())
    }

    fn may_type(&self) -> bool {
        self.source.is_some() && self.unfinished().is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::SyncSender;

    use super::*;

    fn session(script: Option<&str>) -> (SyncSender<Input>, Session<Vec<u8>>) {
        let (sender, source) = Source::channel(16);
        let script = script.map(|text| Script::parse("s", text).unwrap());
        (
            sender,
            Session::new(Vec::new(), script, Some(source), false),
        )
    }

    fn bytes(text: &str) -> Input {
        Input::Bytes(text.into())
    }

    #[test]
    fn what_is_typed_reaches_the_guest_once() {
        let (person, mut session) = session(None);
        person.send(bytes("l")).unwrap();
        person.send(bytes("s")).unwrap();
        assert_eq!(session.input(), Typed::Bytes(b"ls".to_vec()));
        assert_eq!(session.input(), Typed::Bytes(Vec::new()));
        assert!(session.may_type());
        person.send(Input::Quit).unwrap();
        assert_eq!(session.input(), Typed::Quit);
    }

    #[test]
    fn the_end_of_input_leaves_the_machine_running() {
        let (person, mut session) = session(None);
        person.send(bytes("x")).unwrap();
        person.send(Input::End).unwrap();
        assert_eq!(session.input(), Typed::Bytes(b"x".to_vec()));
        assert!(!session.may_type());
        assert_eq!(
            session.idle(Nanos(u64::MAX)),
            Nanos(u64::MAX),
            "nothing to wait for"
        );
        assert_eq!(session.input(), Typed::Bytes(Vec::new()));
    }

    #[test]
    fn an_idle_guest_waits_for_a_key_or_its_time() {
        let (person, mut session) = session(None);
        let start = Instant::now();
        let span = Nanos(20_000_000);
        assert_eq!(session.idle(span), span);
        assert!(start.elapsed() >= Duration::from_millis(20));
        person.send(bytes("x")).unwrap();
        assert!(session.idle(Nanos(60_000_000_000)) < Nanos(30_000_000_000));
        assert_eq!(session.input(), Typed::Bytes(b"x".to_vec()));
    }

    #[test]
    fn a_script_types_alone_until_it_is_done() {
        let (person, mut session) = session(Some("send \"a\"\nwait \"$ \"\nsend \"b\""));
        person.send(bytes("noise")).unwrap();
        assert_eq!(session.input(), Typed::Bytes(b"a".to_vec()));
        assert!(!session.may_type());
        assert_eq!(
            session.idle(Nanos(u64::MAX)),
            Nanos(u64::MAX),
            "time runs ahead"
        );
        assert_eq!(session.output(b"sh$"), b"");
        assert!(session.unfinished().is_some());
        assert_eq!(session.output(b" "), b"b");
        person.send(bytes("c")).unwrap();
        assert_eq!(session.input(), Typed::Bytes(b"c".to_vec()));
        assert_eq!(session.out, b"sh$ ");
    }

    #[test]
    fn a_script_may_quit_and_a_person_may_quit_a_script() {
        let (_person, mut quits) = session(Some("wait \"$ \"\nquit"));
        quits.output(b"$ ");
        assert_eq!(quits.input(), Typed::Quit);
        let (person, mut waits) = session(Some("wait \"$ \""));
        person.send(Input::Quit).unwrap();
        assert_eq!(waits.input(), Typed::Quit);
    }

    #[test]
    fn output_that_is_not_taken_ends_the_machine() {
        for (kind, fine) in [
            (io::ErrorKind::BrokenPipe, true),
            (io::ErrorKind::StorageFull, false),
        ] {
            let mut session = Session::new(Broken(kind), None, None, false);
            session.output(b"x");
            assert_eq!(session.input(), Typed::Quit);
            assert_eq!(session.end().is_ok(), fine);
        }
    }

    #[test]
    fn any_host_thread_may_have_it() {
        fn is_send<T: Send>() {}
        is_send::<Session<Box<dyn Write + Send>>>();
    }

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
