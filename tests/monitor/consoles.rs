//! Consoles whose other end is slow, or not there at all.

use crate::common::asm::*;
use crate::common::program::command;
use crate::process::{Process, client, wait_until};
use mirrorball::control::api::Action;
use mirrorball::control::{Client, VmState};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where the guests lie.
pub const CODE: &str = "0x80100000";
/// The first serial port.
const PORT: u32 = 0xb800_03f8;

const fn lbu(rt: u32, offset: u32, base: u32) -> u32 {
    0x24 << 26 | base << 21 | rt << 16 | offset
}

const fn andi(rt: u32, rs: u32, value: u32) -> u32 {
    0x0c << 26 | rs << 21 | rt << 16 | value
}

/// Prints all bytes in turn, for ever.
fn printer() -> Vec<u32> {
    let start = li(S0, PORT);
    let print = [sb(T0, 0, S0), beq(ZERO, ZERO, -2), addiu(T0, T0, 1)];
    [&start[..], &print].concat()
}

/// Counts, and does nothing that is seen.
fn counter() -> Vec<u32> {
    vec![addiu(T0, T0, 1), beq(ZERO, ZERO, -2), NOP]
}

/// Prints what is typed, at the port's full speed.
pub fn echo() -> Vec<u32> {
    let start = li(S0, PORT);
    let divisor = [ori(T0, ZERO, 0x80), sb(T0, 3, S0), ori(T1, ZERO, 1)];
    let divisor = [&divisor[..], &[sb(T1, 0, S0), sb(ZERO, 1, S0)]].concat();
    let format = [ori(T0, ZERO, 3), sb(T0, 3, S0)];
    let poll = [lbu(T0, 5, S0), andi(T0, T0, 1), beq(T0, ZERO, -3), NOP];
    let print = [lbu(T1, 0, S0), sb(T1, 0, S0), beq(ZERO, ZERO, -7), NOP];
    [&start[..], &divisor, &format, &poll, &print].concat()
}

/// A folder with a guest's image.
struct Guest {
    folder: tempfile::TempDir,
}

impl Guest {
    fn new(code: &[u32]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        std::fs::write(folder.path().join("image"), bytes).expect("room");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn image(&self) -> String {
        self.path("image").display().to_string()
    }

    fn vm(&self, settings: &str) -> String {
        format!("image={},flat={CODE},memory=4M,{settings}", self.image())
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_console_that_is_not_read_holds_back_its_guest_alone() {
    let (printer, counter) = (Guest::new(&printer()), Guest::new(&counter()));
    let socket = printer.path("control");
    let process = Process::start(&[
        "run",
        "--control",
        &text(&socket),
        "--host-threads",
        "1",
        "--vm",
        &printer.vm("name=printer"),
        "--vm",
        &counter.vm("name=counter,console=none"),
    ]);
    let client = client(&socket);
    let ran = |name: &str| client.vm(name).expect("it is there").instructions;
    let mut before = 0;
    wait_until("the printer has printed what there is room for", || {
        thread::sleep(Duration::from_millis(100));
        let now = ran("printer");
        std::mem::replace(&mut before, now) == now && now > 0
    });
    let counted = ran("counter");
    wait_until("the counter runs", || ran("counter") > counted);
    assert_eq!(ran("printer"), before);
    // Of a guest that waits for its reader all can be known, by many at once.
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| client.processes("printer").expect("it answers"));
        }
    });
    let act = |name: &str, action| client.act(name, action).expect("it is done").state;
    assert_eq!(act("printer", Action::Pause), VmState::Paused);
    assert_eq!(act("printer", Action::Resume), VmState::Waiting);
    assert_eq!(act("printer", Action::Stop), VmState::Stopped);
    assert_eq!(act("counter", Action::Stop), VmState::Stopped);
    // Nothing reads it now either.
    let output = process.end();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// The host's limit on descriptors is for programs that could not do with more.
#[test]
fn many_consoles_have_the_descriptors_that_they_need() {
    let guest = Guest::new(&counter());
    let consoles = format!("file:{}", text(&guest.path("log-{n}")));
    let program = command(&[
        "run",
        &guest.image(),
        "--flat",
        CODE,
        "--memory",
        "4M",
        "--limit",
        "1k",
        "--count",
        "100",
        "--console",
        &consoles,
    ]);
    let output = Command::new("sh")
        .args(["-c", "ulimit -S -n 64; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args())
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches(" limit ").count(), 100, "{said}");
}

/// Reads as a pager does, with long pauses at first.
fn read_slowly(mut from: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    let mut piece = vec![0; 10_000];
    while let count @ 1.. = from.read(&mut piece).expect("a pipe") {
        all.extend(&piece[..count]);
        if all.len() < 100_000 {
            thread::sleep(Duration::from_millis(30));
        }
    }
    all
}

#[test]
fn a_slow_reader_is_given_all_in_order() {
    let guest = Guest::new(&printer());
    let (image, vm) = (guest.image(), guest.vm("name=one,limit=1M"));
    let alone = ["run", &image, "--flat", CODE, "--limit", "1M"];
    let among = ["run", "--vm", &vm];
    // A little less than one byte for three instructions.
    for arguments in [&alone[..], &among] {
        let mut process = Process::start(arguments);
        let printed = read_slowly(process.stdout());
        assert!(printed.len() > 300_000, "{}", printed.len());
        let in_order = |(at, byte): (usize, &u8)| *byte == at as u8;
        assert!(printed.iter().enumerate().all(in_order), "{arguments:?}");
        process.end();
    }
}

#[test]
fn what_is_typed_arrives_whole_however_much_it_is() {
    let guest = Guest::new(&echo());
    let image = guest.image();
    let typed: Vec<u8> = (0..30_000u32).map(|at| (at % 251) as u8).collect();
    let mut process = Process::start_with(&["run", &image, "--flat", CODE], Stdio::piped());
    let (mut stdin, mut stdout) = (process.stdin(), process.stdout());
    let copy = typed.clone();
    let typist = thread::spawn(move || stdin.write_all(&copy).expect("it is read"));
    let mut echoed = vec![0; typed.len()];
    stdout.read_exact(&mut echoed).expect("it is printed");
    assert!(echoed == typed);
    typist.join().expect("no panic");
    process.kill();
}

/// How many bytes are taken from a socket before no more are for a second.
fn taken(to: &mut UnixStream) -> usize {
    let (mut taken, mut since) = (0, Instant::now());
    to.set_nonblocking(true).expect("a socket");
    while since.elapsed() < Duration::from_secs(1) && taken < 16 << 20 {
        match to.write(&[b'x'; 4096]) {
            Ok(count) => (taken, since) = (taken + count, Instant::now()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    }
    taken
}

/// More than the host and the program keep of it.
const MUCH: usize = 4 << 20;

#[test]
fn no_more_is_taken_from_a_pipe_than_the_guest_reads() {
    let guest = Guest::new(&counter());
    let (mut keyboard, stdin) = UnixStream::pair().expect("sockets");
    let mut program = command(&["run", &guest.image(), "--flat", CODE]);
    let child = program.stdin(Stdio::from(OwnedFd::from(stdin))).spawn();
    let mut child = child.expect("it starts");
    drop(program);
    let taken = taken(&mut keyboard);
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    assert!(taken < MUCH, "{taken} bytes for a guest that reads none");
}

#[test]
fn no_more_is_taken_from_a_socket_than_the_guest_reads() {
    let guest = Guest::new(&counter());
    let (socket, console) = (guest.path("control"), guest.path("console"));
    let settings = format!("name=one,console=socket:{}", text(&console));
    let arguments = [
        "run",
        "--control",
        &text(&socket),
        "--vm",
        &guest.vm(&settings),
    ];
    let process = Process::start(&arguments);
    let client: Client = client(&socket);
    let mut person = UnixStream::connect(&console).expect("it listens");
    let taken = taken(&mut person);
    assert!(taken < MUCH, "{taken} bytes for a guest that reads none");
    client.act("one", Action::Stop).expect("it is done");
    process.end();
}
