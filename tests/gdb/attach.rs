//! Debuggers that come to machines of a monitor while they run.

use crate::client::Client;
use crate::common::asm::{NOP, T0, ZERO, addiu, beq};
use crate::common::program::{Folder, command};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A monitor with two machines, a and b, that count for ever.
struct Monitor {
    folder: Folder,
    child: Child,
}

impl Monitor {
    fn start() -> Self {
        let folder = Folder::new();
        let code = [addiu(T0, T0, 1), beq(ZERO, ZERO, -2), NOP];
        let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        let image = folder.file("counts", &bytes);
        let vm =
            |name| format!("name={name},image={image},flat=0x80100000,memory=16M,console=none");
        let socket = folder.path("control");
        let arguments = [
            "run",
            "--vm",
            &vm("a"),
            "--vm",
            &vm("b"),
            "--control",
            &socket,
        ];
        let child = command(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let monitor = Self { folder, child };
        until("machines run", || {
            ["a", "b"].iter().all(|vm| monitor.count(vm) > 0)
        });
        monitor
    }

    fn connect(&self) -> Option<UnixStream> {
        let stream = UnixStream::connect(self.folder.path("control")).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Some(stream)
    }

    /// The answer to a request, all of it.
    fn ask(&self, method: &str, target: &str, more: &str, body: &str) -> String {
        let Some(mut stream) = self.connect() else {
            return String::new();
        };
        let length = body.len();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\n{more}Content-Length: {length}\r\n\r\n{body}"
        )
        .expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// The instructions that a machine has run, as far as the monitor knows.
    fn count(&self, vm: &str) -> u64 {
        let answer = self.ask("GET", &format!("/vms/{vm}"), "", "");
        let behind = answer.split("\"instructions\": ").nth(1);
        let digits = behind.and_then(|rest| rest.split([',', '\n']).next());
        digits.map_or(0, |digits| digits.parse().expect("a number"))
    }

    /// A connection that speaks the debugger's protocol, once the debugger before has left.
    fn attach(&self, vm: &str) -> Client {
        let mut client = None;
        until("it can be debugged", || {
            client = self.try_attach(vm);
            client.is_some()
        });
        client.expect("it was waited for")
    }

    fn try_attach(&self, vm: &str) -> Option<Client> {
        let mut stream = self.connect()?;
        let body = "{\"history\": 33554432}";
        let length = body.len();
        write!(
            stream,
            "POST /vms/{vm}/gdb HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: gdb-remote\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .expect("it listens");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head);
        head.starts_with("HTTP/1.1 101 ")
            .then(|| Client::new(stream))
    }

    /// Ends the machines, and with them the monitor.
    fn end(mut self) {
        for vm in ["a", "b"] {
            let answer = self.ask(
                "PUT",
                &format!("/vms/{vm}/state"),
                "",
                "{\"action\": \"stop\"}",
            );
            assert!(answer.contains("\"stopped\""), "{answer}");
        }
        until("it ends", || {
            self.child.try_wait().expect("a child").is_some()
        });
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut said).expect("text");
        assert!(!said.contains("panicked"), "{said}");
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_machine_is_debugged_while_others_run_on() {
    let monitor = Monitor::start();
    let mut client = monitor.attach("a");
    assert!(client.ask("?").starts_with("T05"));
    let (a, b) = (monitor.count("a"), monitor.count("b"));
    until("the other machine runs on", || {
        monitor.count("b") > b + 1_000_000
    });
    assert_eq!(monitor.count("a"), a, "it stands still");
    // The delay slot of the branch is no place to stop; the instruction that counts is.
    assert_eq!(client.ask("Z0,80100000,4"), "OK");
    assert!(client.ask("vCont;c").starts_with("T05"));
    assert_eq!(client.ask("p25"), "00001080");
    let number = |text: &str| {
        u32::from_str_radix(text, 16)
            .expect("a number")
            .swap_bytes()
    };
    let before = number(&client.ask("p8"));
    assert!(client.ask("vCont;c").starts_with("T05"));
    assert_eq!(number(&client.ask("p8")), before + 1);
    // Its past is kept since the debugger came.
    assert!(client.ask("bc").starts_with("T05"));
    assert_eq!(number(&client.ask("p8")), before);
    assert_eq!(client.ask("D"), "OK");
    until("it goes on", || monitor.count("a") > a + 10_000_000);
    // It can be debugged once more, and has no breakpoint left.
    let mut client = monitor.attach("a");
    client.send("vCont;c");
    let now = monitor.count("a");
    until("it goes on", || monitor.count("a") > now + 10_000_000);
    drop(client);
    monitor.end();
}

#[test]
fn a_machine_has_one_debugger_at_a_time() {
    let monitor = Monitor::start();
    let upgrade = "Upgrade: gdb-remote\r\n";
    let body = "{\"history\": 0}";
    let ask = |vm: &str, more, body| monitor.ask("POST", &format!("/vms/{vm}/gdb"), more, body);
    assert!(ask("a", "", body).starts_with("HTTP/1.1 426 "));
    assert!(ask("c", upgrade, body).starts_with("HTTP/1.1 404 "));
    assert!(ask("a", upgrade, "{\"history\": -1}").starts_with("HTTP/1.1 400 "));
    let client = monitor.attach("a");
    let second = ask("a", upgrade, body);
    assert!(second.contains("a debugger has the machine"), "{second}");
    let other = monitor.attach("b");
    drop((client, other));
    drop(monitor.attach("a"));
    monitor.end();
}

#[test]
fn nonsense_ends_one_session_and_no_machine() {
    let monitor = Monitor::start();
    let long = [&b"$"[..], &[b'x'; 100_000]].concat();
    let nonsense: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 5000],
        &long,
        b"$vCont;r0,ffffffff#00$m0,ffffffff#00$Z2,ffffffff,ffffffff#00$X0,ffffffff:#00",
        b"+$qRcmd,ff#ff$G00#00\x03\x03\x03---$#00",
    ];
    for bytes in nonsense {
        let mut client = monitor.attach("a");
        // A session that has ended takes no more.
        let _ = client.stream.write_all(bytes);
        drop(client);
        let count = monitor.count("a");
        until("it goes on", || monitor.count("a") > count + 1_000_000);
    }
    let mut client = monitor.attach("a");
    assert!(client.ask("?").starts_with("T05"));
    // A machine that ends under its debugger tells it so.
    client.send("vCont;c");
    let stopped = monitor.ask("PUT", "/vms/a/state", "", "{\"action\": \"stop\"}");
    assert!(stopped.contains("\"stopped\""), "{stopped}");
    assert_eq!(client.receive().as_deref(), Some("W00"));
    monitor_ends(monitor);
}

/// Ends a monitor of which one machine has ended.
fn monitor_ends(mut monitor: Monitor) {
    monitor.ask("PUT", "/vms/b/state", "", "{\"action\": \"stop\"}");
    until("it ends", || {
        monitor.child.try_wait().expect("a child").is_some()
    });
}
