//! A monitor as a process, controlled through its socket.

use crate::common::program::command;
use mirrorball::control::Client;
use mirrorball::control::api::VmStatus;
use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running monitor; it is killed when this goes.
pub struct Process(Child);

impl Process {
    /// Starts the program, with nothing typed.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, Stdio::null())
    }

    /// Starts the program, which is typed on by that.
    pub fn start_with(arguments: &[&str], stdin: Stdio) -> Self {
        let child = command(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("the program starts"))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// What is typed, if that is a pipe.
    pub fn stdin(&mut self) -> ChildStdin {
        self.0.stdin.take().expect("a pipe")
    }

    /// What it prints.
    pub fn stdout(&mut self) -> ChildStdout {
        self.0.stdout.take().expect("a pipe")
    }

    /// Kills it, as `kill -9` does.
    pub fn kill(mut self) -> ExitStatus {
        self.0.kill().expect("it is ours");
        self.0.wait().expect("it is ours")
    }

    /// Waits for its end. It may print no more than a pipe holds.
    #[track_caller]
    pub fn end(mut self) -> Output {
        wait_until("it ends", || {
            self.0.try_wait().expect("it is ours").is_some()
        });
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        if let Some(mut pipe) = self.0.stdout.take() {
            pipe.read_to_end(&mut stdout).expect("a pipe");
        }
        if let Some(mut pipe) = self.0.stderr.take() {
            pipe.read_to_end(&mut stderr).expect("a pipe");
        }
        Output {
            stdout,
            stderr,
            status: self.0.wait().expect("it is ours"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // If it has ended, that is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not after a minute");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A client of the monitor at this socket, once it answers.
#[track_caller]
pub fn client(socket: &Path) -> Client {
    let client = Client::new(socket);
    wait_until("the monitor answers", || client.vms().is_ok());
    client
}

/// The seconds of CPU that machines have had.
pub fn seconds(vms: &[VmStatus]) -> Vec<f64> {
    vms.iter().map(|vm| vm.cpu_seconds).collect()
}

/// The program's complaints and its table.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
