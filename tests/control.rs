//! `ctl` and `top` as people meet them: without a monitor, and with one that only seems to run.

mod common;

use common::program::{USAGE, command, is_refusal, mirrorball, refused};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mirrorball::control::api::{Action, MachineMemory};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use mirrorball::control::{
    Claimed, ControlError, Machines, MonitorStatus, Process, Saves, Server, Talks, VmState,
    VmStatus,
};

/// One VM that does what it is told.
struct One(Mutex<VmStatus>);

impl Machines for One {
    fn status(&self) -> MonitorStatus {
        MonitorStatus {
            version: "0".to_owned(),
            machine_memory: MachineMemory::default(),
            vms: vec![self.0.lock().expect("no panic").clone()],
            ..MonitorStatus::default()
        }
    }

    fn processes(&self, _name: &str) -> Result<Vec<Process>, ControlError> {
        Err(ControlError::Unsupported("not yet".to_owned()))
    }

    fn save(&self, _name: &str) -> Result<Box<dyn Saves>, ControlError> {
        Err(ControlError::Unsupported("not yet".to_owned()))
    }

    fn debug(&self, _name: &str, _history: u64) -> Result<Box<dyn Talks>, ControlError> {
        Err(ControlError::Unsupported("not yet".to_owned()))
    }

    fn act(&self, name: &str, action: Action) -> Result<VmStatus, ControlError> {
        let mut vm = self.0.lock().expect("no panic");
        if vm.name != name {
            return Err(ControlError::NoSuchVm(name.to_owned()));
        }
        match action {
            Action::Share(share) => vm.share = share,
            Action::MemoryTarget(bytes) => vm.memory.target = Some(bytes),
            Action::Pause => vm.state = VmState::Paused,
            _ => vm.state = VmState::Running,
        }
        Ok(vm.clone())
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
    _server: Server,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control");
    let vm = VmStatus {
        name: "tour".to_owned(),
        engine: "jit".to_owned(),
        ..VmStatus::default()
    };
    let socket = Claimed::new(&path).expect("a socket");
    let server = Server::start(socket, Arc::new(One(Mutex::new(vm)))).expect("a thread");
    Bench {
        _folder: folder,
        path,
        _server: server,
    }
}

fn said(path: &Path, arguments: &[&str]) -> String {
    let path = path.display().to_string();
    let all = [arguments, &["--socket", &path]].concat();
    let output = mirrorball(&all);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn without_a_monitor_the_socket_is_named() {
    for verb in [&["ctl", "list"][..], &["top"], &["top", "--once"]] {
        let all = [verb, &["--socket", "/no/socket"]].concat();
        refused(&all, USAGE, &["/no/socket", "--socket"]);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("left");
    drop(UnixListener::bind(&path).expect("a socket"));
    let path = path.display().to_string();
    refused(
        &["ctl", "list", "--socket", &path],
        USAGE,
        &[&path, "no monitor"],
    );
    // By default, it is in the working directory.
    let arguments = ["ctl", "list"];
    let output = command(&arguments)
        .current_dir(folder.path())
        .output()
        .expect("it starts");
    is_refusal(&output, &arguments, USAGE, &["mirrorball.sock"]);
}

#[test]
fn a_monitor_is_asked_and_told() {
    let bench = bench();
    let path = &bench.path;
    let list = said(path, &["ctl", "list"]);
    assert!(list.contains("tour") && list.contains("stopped"), "{list}");
    assert!(said(path, &["ctl", "start", "tour"]).contains("running"));
    assert!(said(path, &["ctl", "pause", "tour"]).contains("paused"));
    said(path, &["ctl", "share", "tour", "77"]);
    said(path, &["ctl", "memory", "tour", "64M"]);
    let json = said(path, &["ctl", "show", "tour", "--json"]);
    let vm: VmStatus = serde_json::from_str(&json).expect("a VM");
    assert_eq!((vm.share, vm.memory.target), (77, Some(64 << 20)));
    let metrics = said(path, &["ctl", "metrics"]);
    assert!(
        metrics.contains("mirrorball_vm_share{vm=\"tour\"} 77\n"),
        "{metrics}"
    );
    let once = said(path, &["top", "--once", "--interval", "0.1"]);
    assert!(once.contains("tour") && once.contains("paused"), "{once}");
}

#[test]
fn refusals_are_one_line() {
    let bench = bench();
    let path = bench.path.display().to_string();
    for (question, part) in [
        (&["pause", "web"][..], "there is no VM \"web\""),
        (&["ps", "tour"], "not yet"),
    ] {
        let all = [&["ctl"], question, &["--socket", &path]].concat();
        refused(&all, USAGE, &[&path, part]);
    }
    refused(&["ctl", "share", "tour", "0"], USAGE, &["0"]);
    refused(&["ctl", "memory", "tour", "64x"], USAGE, &["such as 512M"]);
    refused(&["top", "--interval", "0"], USAGE, &["0.1 to 3600"]);
    // Nothing to draw on: standard input and output are no terminal.
    let output = mirrorball(&["ctl"]);
    assert_eq!(output.status.code(), Some(USAGE));
}

/// A terminal without a person: the end of a person, and the end of a program.
fn terminal() -> (File, File) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let person = openpt(flags).expect("a terminal");
    grantpt(&person).expect("it is ours");
    unlockpt(&person).expect("it is ours");
    let name = ptsname(&person, Vec::new()).expect("a name");
    let program = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name.to_str().expect("ASCII"))
        .expect("a terminal");
    let size = Winsize {
        ws_row: 24,
        ws_col: 120,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&program, size).expect("a terminal has a size");
    (person.into(), program)
}

fn is_raw(terminal: &File) -> bool {
    let modes = tcgetattr(terminal).expect("a terminal").local_modes;
    !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Runs `top` at a terminal until `end` ends it; answers with what it drew.
fn at_a_terminal(end: impl FnOnce(&mut File, &Child)) -> String {
    let bench = bench();
    let (mut person, program) = terminal();
    let end_of = |program: &File| Stdio::from(program.try_clone().expect("a descriptor"));
    let path = bench.path.display().to_string();
    let mut top = command(&["top", "--socket", &path, "--interval", "0.1"])
        .stdin(end_of(&program))
        .stdout(end_of(&program))
        .stderr(end_of(&program))
        .spawn()
        .expect("it starts");
    let drawn = Arc::new(Mutex::new(Vec::new()));
    let mut screen = person.try_clone().expect("a descriptor");
    let paper = drawn.clone();
    // Ends when the program's end is closed.
    let watcher = thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = screen.read(&mut piece) {
            paper.lock().expect("no panic").extend(&piece[..count]);
        }
    });
    let shows = |part: &str| {
        let drawn = drawn.lock().expect("no panic");
        String::from_utf8_lossy(&drawn).contains(part)
    };
    wait_until("it draws", || shows("tour") && is_raw(&program));
    end(&mut person, &top);
    wait_until("it ends", || top.try_wait().expect("a child").is_some());
    assert!(!is_raw(&program), "the terminal is what it was");
    drop(program);
    watcher.join().expect("no panic");
    let drawn = drawn.lock().expect("no panic");
    String::from_utf8_lossy(&drawn).into_owned()
}

/// What switches back from the screen that `top` draws on.
const LEAVE: &str = "\x1b[?1049l";

#[test]
fn top_leaves_the_terminal_as_it_was() {
    let drawn = at_a_terminal(|person, _| {
        person.write_all(b"pq").expect("room");
    });
    assert!(drawn.contains(LEAVE), "{drawn:?}");
}

#[test]
fn top_leaves_the_terminal_as_it_was_when_it_is_ended() {
    let drawn = at_a_terminal(|_, top| {
        let pid = Pid::from_child(top);
        kill_process(pid, Signal::TERM).expect("it is ours");
    });
    assert!(drawn.contains(LEAVE), "{drawn:?}");
}
