use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::console::{Keys, Outlet, Pace, Waker};

const ROOM: usize = 1024;
const SOON: Duration = Duration::from_secs(20);

/// Keeps what is printed.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Printer for Paper {
    fn print(&mut self, bytes: &[u8]) {
        self.0.lock().unwrap().extend(bytes);
    }
}

fn session(script: Option<&str>) -> (Keys, Session) {
    let (keys, source) = Source::new(ROOM, Waker::none());
    let script = script.map(|text| Script::parse("s", text).unwrap());
    let out = Box::new(Paper::default());
    (
        keys,
        Session::new(out, script, Some(source), Pace::Scripted),
    )
}

/// A console that is written to a stream, and is not typed on.
fn streamed(out: impl Write + Send + 'static) -> Session {
    let lane = Outlet::new(out).unwrap().lane(Waker::none());
    Session::new(Box::new(lane), None, None, Pace::Scripted)
}

fn bytes(text: &str) -> Input {
    Input::Typed(Stroke::typed(text.as_bytes()).collect())
}

fn strokes(text: &str) -> Vec<Stroke> {
    Stroke::typed(text.as_bytes()).collect()
}

#[test]
fn what_is_typed_reaches_the_guest_once() {
    let (keys, mut session) = session(None);
    keys.offer(&strokes("l"));
    keys.offer(&strokes("s"));
    assert_eq!(session.input(ROOM), bytes("ls"));
    assert_eq!(session.input(ROOM), bytes(""));
    assert!(session.may_type());
    keys.quit();
    assert_eq!(session.input(ROOM), Input::Quit);
}

#[test]
fn the_guest_is_given_what_it_has_room_for_and_the_rest_later() {
    let (keys, mut session) = session(None);
    keys.offer(&strokes("abcdef"));
    assert_eq!(session.input(0), bytes(""));
    assert_eq!(session.input(4), bytes("abcd"));
    let start = Instant::now();
    let span = Nanos(20_000_000);
    assert_eq!(session.idle(span), span, "what waits is nothing new");
    assert!(start.elapsed() >= Duration::from_millis(20));
    keys.end();
    assert_eq!(session.input(4), bytes("ef"));
    keys.quit();
    assert_eq!(session.input(0), Input::Quit, "whatever room there is");
}

/// What comes over a network ends the wait of a guest that is not typed on.
#[test]
fn an_idle_guest_is_woken_from_another_thread() {
    let out = Box::new(Paper::default());
    let mut session = Session::new(out, None, None, Pace::Waiting);
    let waker = session.waker();
    assert!(!session.may_type() && session.keeps_time());
    session.input(ROOM);
    waker.wake();
    let start = Instant::now();
    let waited = session.idle(Nanos(60_000_000_000));
    assert!(start.elapsed() < SOON && waited < Nanos(60_000_000_000));
    session.input(ROOM);
    let sleeper = thread::spawn(move || session.idle(Nanos(60_000_000_000)));
    thread::sleep(Duration::from_millis(20));
    waker.wake();
    assert!(sleeper.join().unwrap() < Nanos(60_000_000_000));
    assert!(start.elapsed() < SOON);
}

#[test]
fn the_end_of_input_leaves_the_machine_running() {
    let (keys, mut session) = session(None);
    keys.offer(&strokes("x"));
    keys.end();
    assert_eq!(session.input(ROOM), bytes("x"));
    assert!(!session.may_type());
    let forever = Nanos(u64::MAX);
    assert_eq!(session.idle(forever), forever, "nothing to wait for");
    assert_eq!(session.input(ROOM), bytes(""));
}

#[test]
fn an_idle_guest_waits_for_a_key_or_its_time() {
    let (keys, mut session) = session(None);
    let start = Instant::now();
    let span = Nanos(20_000_000);
    assert_eq!(session.idle(span), span);
    assert!(start.elapsed() >= Duration::from_millis(20));
    keys.offer(&strokes("x"));
    assert!(session.idle(Nanos(60_000_000_000)) < Nanos(30_000_000_000));
    assert_eq!(session.input(ROOM), bytes("x"));
}

#[test]
fn a_script_types_alone_until_it_is_done() {
    let (keys, source) = Source::new(ROOM, Waker::none());
    let script = Script::parse("s", "send \"a\"\nwait \"$ \"\nsend \"b\"").unwrap();
    let paper = Paper::default();
    let out = Box::new(paper.clone());
    let mut session = Session::new(out, Some(script), Some(source), Pace::Scripted);
    keys.offer(&strokes("noise"));
    assert_eq!(session.input(ROOM), bytes("a"));
    assert!(!session.may_type());
    let forever = Nanos(u64::MAX);
    assert_eq!(session.idle(forever), forever, "time runs ahead");
    assert_eq!(session.output(b"sh$"), strokes(""));
    assert!(session.unfinished().is_some());
    assert_eq!(session.output(b" "), strokes("b"));
    keys.offer(&strokes("c"));
    assert_eq!(session.input(ROOM), bytes("c"));
    assert_eq!(*paper.0.lock().unwrap(), b"sh$ ");
}

#[test]
fn a_script_may_quit_and_a_person_may_quit_a_script() {
    let (_keys, mut quits) = session(Some("wait \"$ \"\nquit"));
    quits.output(b"$ ");
    assert_eq!(quits.input(ROOM), Input::Quit);
    let (keys, mut waits) = session(Some("wait \"$ \""));
    keys.quit();
    assert_eq!(waits.input(ROOM), Input::Quit);
}

#[test]
fn output_that_is_not_taken_ends_the_machine() {
    for (kind, fine) in [
        (ErrorKind::BrokenPipe, true),
        (ErrorKind::StorageFull, false),
    ] {
        let mut session = streamed(Broken(kind));
        session.output(b"x");
        assert_eq!(session.finish(false).is_ok(), fine);
        assert_eq!(session.input(ROOM), Input::Quit);
    }
}

#[test]
fn a_guest_whose_output_is_not_read_is_held_back_and_loses_nothing() {
    let (mut reader, out) = UnixStream::pair().unwrap();
    let mut session = streamed(out);
    let mut printed = Vec::new();
    let start = Instant::now();
    while !session.holds_back() {
        assert!(start.elapsed() < SOON, "nothing reads it");
        let line = format!("{}\n", printed.len());
        session.print(line.as_bytes());
        printed.extend(line.bytes());
    }
    let count = printed.len();
    let reading = thread::spawn(move || {
        let mut read = vec![0; count];
        reader.read_exact(&mut read).unwrap();
        read
    });
    session.finish(false).unwrap();
    assert!(!session.holds_back());
    assert!(reading.join().unwrap() == printed);
}

#[test]
fn what_is_left_of_a_stopped_machine_does_not_wait_for_ever() {
    let (_reader, out) = UnixStream::pair().unwrap();
    let mut session = streamed(out);
    while !session.holds_back() {
        session.print(&[b'x'; 1000]);
    }
    let start = Instant::now();
    session.finish(true).unwrap();
    assert!(start.elapsed() < SOON);
}

#[test]
fn a_person_may_leave_a_guest_that_waits_for_a_reader() {
    let (_reader, out) = UnixStream::pair().unwrap();
    let lane = Outlet::new(out).unwrap().lane(Waker::none());
    let (keys, source) = Source::new(ROOM, Waker::none());
    let mut session = Session::new(Box::new(lane), None, Some(source), Pace::Scripted);
    let person = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        keys.quit();
    });
    while session.input(ROOM) != Input::Quit {
        session.output(&[b'x'; 1000]);
    }
    person.join().unwrap();
}

struct Broken(ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn without_a_script_an_idle_guest_waits_also_where_nothing_types() {
    let idle = |pace, script: Option<&str>| {
        let script = script.map(|text| Script::parse("s", text).unwrap());
        let mut session = Session::new(Box::new(Paper::default()), script, None, pace);
        let start = Instant::now();
        let span = Nanos(20_000_000);
        assert_eq!(session.idle(span), span);
        let waited = start.elapsed() >= Duration::from_millis(20);
        assert_eq!(waited, session.keeps_time());
        waited
    };
    assert!(idle(Pace::Waiting, None));
    assert!(idle(Pace::Realtime, None));
    assert!(!idle(Pace::Scripted, Some("wait \"x\"")));
    assert!(!idle(Pace::Scripted, None));
    assert!(!idle(Pace::Forward, None));
}

#[test]
fn time_that_passes_at_once_does_so_at_a_terminal_too() {
    let (_keys, source) = Source::new(ROOM, Waker::none());
    let mut session = Session::new(
        Box::new(Paper::default()),
        None,
        Some(source),
        Pace::Forward,
    );
    assert!(session.may_type() && !session.keeps_time());
    let long = Nanos(60_000_000_000);
    assert_eq!(session.idle(long), long);
}
