//! A client of the protocol, and the program that serves it.

use crate::common::program::{Folder, command};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run with a debugger's socket.
pub struct Debugged {
    folder: Folder,
    child: Child,
}

impl Debugged {
    /// Runs `guest` with these switches.
    pub fn start(guest: &str, switches: &[&str]) -> Self {
        let folder = Folder::new();
        let gdb = format!("--gdb=socket:{}", folder.path("gdb"));
        let mut arguments = vec!["run", guest, &gdb, "--hash", "--console", "none"];
        arguments.extend(switches);
        let child = command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        Self { folder, child }
    }

    /// Where the socket is.
    pub fn path(&self) -> String {
        self.folder.path("gdb")
    }

    /// Waits until the socket is there.
    pub fn wait(&self) {
        let start = Instant::now();
        while !std::path::Path::new(&self.path()).exists() {
            assert!(start.elapsed() < PATIENCE, "there is no socket");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// A connection.
    pub fn connect(&self) -> Client {
        let start = Instant::now();
        loop {
            match UnixStream::connect(self.path()) {
                Ok(stream) => return Client::new(stream),
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// The end of the run, and what it said.
    pub fn end(mut self) -> (Option<i32>, String) {
        let start = Instant::now();
        while self.is_running() && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let Output { status, stderr, .. } = self.child.wait_with_output().expect("its output");
        let said = String::from_utf8_lossy(&stderr).into_owned();
        assert!(!said.contains("panicked"), "{said}");
        (status.code(), said)
    }
}

/// A client that acknowledges nothing and asks one thing after the other.
pub struct Client {
    pub stream: UnixStream,
}

impl Client {
    pub fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { stream }
    }

    pub fn send(&mut self, body: &str) {
        self.stream
            .write_all(&packet(body.as_bytes()))
            .expect("it listens");
    }

    /// The body of the next packet. `None` at the end.
    pub fn receive(&mut self) -> Option<String> {
        let mut byte = [0];
        let mut body = Vec::new();
        let mut inside = false;
        loop {
            match self.stream.read(&mut byte) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => panic!("no answer: {error}"),
            }
            match byte[0] {
                b'$' => inside = true,
                b'#' if inside => break,
                byte if inside => body.push(byte),
                _ => {}
            }
        }
        let mut sum = [0; 2];
        self.stream.read_exact(&mut sum).expect("a checksum");
        Some(expand(&body))
    }

    pub fn ask(&mut self, body: &str) -> String {
        self.send(body);
        self.receive().expect("an answer")
    }

    pub fn interrupt(&mut self) {
        self.stream.write_all(&[3]).expect("it listens");
    }
}

/// A packet with this body.
pub fn packet(body: &[u8]) -> Vec<u8> {
    let sum = body.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    [b"$", body, format!("#{sum:02x}").as_bytes()].concat()
}

/// Undoes the protocol's run-length encoding.
fn expand(body: &[u8]) -> String {
    let mut text = String::new();
    let mut bytes = body.iter();
    while let Some(&byte) = bytes.next() {
        if byte == b'*' {
            let count = bytes.next().expect("a count") - 29;
            let last = text.chars().last().expect("something to repeat");
            text.extend(std::iter::repeat_n(last, count.into()));
        } else {
            text.push(byte.into());
        }
    }
    text
}
