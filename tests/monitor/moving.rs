//! Machines that go on under another monitor while they run.

use crate::common::program::{Folder, mirrorball, refused};
use crate::consoles::{CODE, echo};
use crate::process::{Process, client, said, wait_until};
use mirrorball::control::Client;
use mirrorball::control::api::Action;
use mirrorball::migration::Frame;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Output, Stdio};
use std::thread;
use std::time::Duration;

/// Moves `vm` to the monitor that waits at `to`.
fn migrate(control: &str, vm: &str, to: &str) -> Output {
    mirrorball(&["ctl", "--socket", control, "migrate", vm, "--to", to])
}

#[track_caller]
fn waits(socket: &str) {
    wait_until("it waits", || Path::new(socket).exists());
}

/// Waits until a machine has run so many instructions.
#[track_caller]
fn has_run(client: &Client, vm: &str, instructions: u64) {
    let ran = || client.vm(vm).is_ok_and(|vm| vm.instructions > instructions);
    wait_until("it runs", ran);
}

/// How the machine ended that a run tells of: its outcome, count and state.
fn end(said: &str) -> Vec<String> {
    let row = said.lines().last().unwrap_or_default();
    row.split_whitespace()
        .skip(1)
        .map(ToOwned::to_owned)
        .collect()
}

/// Runs a guest that moves from one engine to another; says how it ended here, there, and without that.
fn moved(guest: &str, limit: &str, engines: [&str; 2]) -> [Vec<String>; 3] {
    let folder = Folder::new();
    let [control, incoming] = ["control", "in"].map(|name| folder.path(name));
    let disk = folder.file("disk", &[7; 1 << 16]);
    let common = [
        "--limit",
        limit,
        "--hash",
        "--console",
        "none",
        "--disk",
        &disk,
    ];
    let image = format!("guests/prebuilt/{guest}");
    let boot = [
        "run",
        &image,
        "--memory",
        "16M",
        "--append",
        "rounds=100000",
    ];
    let boot = [&boot[..], &common].concat();
    let controlled = ["--control", &control, "--engine", engines[0]];
    let here = Process::start(&[&boot[..], &controlled].concat());
    let client = client(Path::new(&control));
    has_run(&client, guest, 5_000_000);
    let comes = ["run", "--incoming", &incoming, "--engine", engines[1]];
    let there = Process::start(&[&comes[..], &common].concat());
    waits(&incoming);
    let output = migrate(&control, guest, &incoming);
    assert!(output.status.success(), "{guest}: {}", said(&output));
    let here = said(&here.end());
    let there = said(&there.end());
    let stayed = mirrorball(&[&boot[..], &["--host-threads", "1"]].concat());
    [here, there, said(&stayed)].map(|said| end(&said))
}

#[test]
fn a_machine_that_moves_ends_as_one_that_stays() {
    for (guest, limit, engines) in [
        ("vmm-victim.el.elf", "300M", ["interp", "jit"]),
        ("bench-sort.u.eb.elf", "200M", ["interp", "interp"]),
        ("bench-timer.k.el.elf", "60M", ["lockstep", "jit"]),
        ("bench-ctxswitch.u.el.elf", "40M", ["interp", "lockstep"]),
    ] {
        let [here, there, stayed] = moved(guest, limit, engines);
        assert_eq!(here.first().map(String::as_str), Some("moved"), "{here:?}");
        assert_eq!(there, stayed, "{guest} from {engines:?}");
        let count = |end: &[String]| end.iter().find_map(|word| word.parse::<u64>().ok());
        assert!(count(&here) < count(&there), "{here:?} {there:?}");
    }
}

/// The bytes that are typed: which, from a place on.
fn typed(from: usize, count: usize) -> Vec<u8> {
    (from..from + count).map(|at| (at % 251) as u8).collect()
}

/// Types until `stop` is closed; says how many bytes that were.
fn type_on(mut keyboard: UnixStream, stop: UnixStream) -> thread::JoinHandle<usize> {
    stop.set_nonblocking(true).expect("a socket");
    thread::spawn(move || {
        let mut at = 0;
        while (&stop).read(&mut [0]).is_err() {
            keyboard.write_all(&typed(at, 7)).expect("it is held open");
            at += 7;
            thread::sleep(Duration::from_millis(1));
        }
        at
    })
}

/// A guest that echoes what is typed, in a folder with all that its monitors need.
struct Echo {
    folder: Folder,
    control: String,
    incoming: String,
    there: String,
}

impl Echo {
    fn new() -> Self {
        let folder = Folder::new();
        let code = echo().into_iter().flat_map(u32::to_le_bytes);
        folder.file("echo", &code.collect::<Vec<u8>>());
        let [control, incoming, there] = ["control", "in", "there"].map(|name| folder.path(name));
        Self {
            folder,
            control,
            incoming,
            there,
        }
    }

    /// Starts its monitor.
    fn start(&self, more: &[&str], stdin: Stdio) -> Process {
        let image = self.folder.path("echo");
        let run = ["run", &image, "--flat", CODE, "--memory", "4M"];
        let control = ["--control", &self.control];
        let process = Process::start_with(&[&run[..], &control, more].concat(), stdin);
        has_run(&client(Path::new(&self.control)), "echo", 0);
        process
    }

    /// Starts the one that it comes to, which has it print to a file.
    fn wait(&self, more: &[&str]) -> Process {
        let console = format!("file:{}", self.folder.path("printed there"));
        let run = [
            "run",
            "--incoming",
            &self.incoming,
            "--control",
            &self.there,
        ];
        let process = Process::start(&[&run[..], &["--console", &console], more].concat());
        waits(&self.incoming);
        process
    }

    fn printed(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.folder.path(file)).unwrap_or_default()
    }

    /// Moves it while something types. All that was typed is echoed, once and in order, or is left to be
    /// read from where it was typed.
    fn is_whole(&self, keyboard: UnixStream, typed_at: &UnixStream) {
        let (stop, stopped) = UnixStream::pair().expect("sockets");
        let typist = type_on(keyboard, stopped);
        thread::sleep(Duration::from_millis(300));
        let there = self.wait(&[]);
        let output = migrate(&self.control, "echo", &self.incoming);
        assert!(output.status.success(), "{}", said(&output));
        thread::sleep(Duration::from_millis(50));
        drop(stop);
        let count = typist.join().expect("no panic");
        let left = unread(typed_at);
        let whole = || [self.printed("printed"), self.printed("printed there")].concat();
        wait_until("all is echoed", || whole().len() + left >= count);
        assert!(
            !self.printed("printed there").is_empty(),
            "some is typed late"
        );
        let order = whole() == typed(0, count - left);
        assert!(
            order,
            "{count} bytes, {left} unread, {} echoed",
            whole().len()
        );
        there.kill();
    }
}

/// How many bytes are left in a socket that nothing else reads any more.
fn unread(mut from: &UnixStream) -> usize {
    from.set_nonblocking(true).expect("a socket");
    let mut count = 0;
    while let Ok(more @ 1..) = from.read(&mut [0; 4096]) {
        count += more;
    }
    count
}

#[test]
fn what_is_typed_at_the_terminal_follows_the_machine() {
    let echo = Echo::new();
    let (keyboard, stdin) = UnixStream::pair().expect("sockets");
    let typed_at = stdin.try_clone().expect("a descriptor");
    let mut here = echo.start(&[], Stdio::from(OwnedFd::from(stdin)));
    let mut out = here.stdout();
    let file = echo.folder.file("printed", b"");
    let copy = thread::spawn(move || {
        let mut file = std::fs::File::create(file).expect("room");
        std::io::copy(&mut out, &mut file).expect("room");
    });
    echo.is_whole(keyboard, &typed_at);
    copy.join().expect("no panic");
    let output = here.end();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn what_is_typed_by_attach_follows_the_machine_and_it_is_told_where_to() {
    let echo = Echo::new();
    let (keyboard, stdin) = UnixStream::pair().expect("sockets");
    let typed_at = stdin.try_clone().expect("a descriptor");
    let console = format!("file:{}", echo.folder.path("printed"));
    let here = echo.start(&["--console", &console], Stdio::null());
    let attach = ["ctl", "--socket", &echo.control, "attach", "echo"];
    let mut attach = Process::start_with(&attach, Stdio::from(OwnedFd::from(stdin)));
    let mut shown = attach.stdout();
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        shown.read_to_end(&mut all).expect("a pipe");
        all
    });
    echo.is_whole(keyboard, &typed_at);
    assert!(attach.end().status.success());
    let shown = reader.join().expect("no panic");
    let words = String::from_utf8_lossy(&shown).into_owned();
    let told = format!("mirrorball ctl --socket {} attach echo", echo.there);
    assert!(words.contains(&told), "{words}");
    assert!(here.end().status.success());
}

#[test]
fn what_cannot_move_says_why_and_goes_on() {
    let echo = Echo::new();
    let disk = echo.folder.file("disk", &[0; 1 << 16]);
    let script = echo.folder.file("script", b"wait \"never\"\n");
    for (more, parts) in [
        (
            ["--disk", &format!("{disk},snapshot")],
            ["dropped", "disk create"],
        ),
        (["--net", "subnet=lan"], ["subnet lan", "user"]),
        (
            ["--folder", &echo.folder.path("")],
            ["folder", "without --folder"],
        ),
        (["--script", &script], ["never", "script"]),
        (["--realtime", "--stats"], ["time", "without --realtime"]),
    ] {
        let here = echo.start(&[&more[..], &["--console", "none"]].concat(), Stdio::null());
        let ask = [
            "ctl",
            "--socket",
            &echo.control,
            "migrate",
            "echo",
            "--to",
            "/none",
        ];
        refused(&ask, 2, &parts);
        let vm = client(Path::new(&echo.control))
            .vm("echo")
            .expect("it is there");
        assert_ne!(vm.state.name(), "stopped");
        here.kill();
    }
    let here = echo.start(&["--console", "none"], Stdio::null());
    let client = client(Path::new(&echo.control));
    let nowhere = echo.folder.path("nowhere");
    let to = |to: &str| migrate(&echo.control, "echo", to);
    let none = said(&to(&nowhere));
    assert!(
        none.contains(&nowhere) && none.contains("--incoming"),
        "{none}"
    );
    client.act("echo", Action::Pause).expect("it runs");
    assert!(said(&to(&nowhere)).contains("paused"));
    here.kill();
}

/// Takes frames until the second snapshot is whole: the machine stands still then.
fn take_all(mut stream: &UnixStream) {
    let mut whole = 0;
    while whole < 2 {
        let frame = Frame::read(&mut stream).expect("more comes");
        whole += usize::from(frame == Frame::Whole);
    }
}

#[test]
fn a_machine_that_cannot_go_on_there_goes_on_here() {
    let echo = Echo::new();
    let disk = echo.folder.file("disk", &[0; 1 << 16]);
    let here = echo.start(&["--console", "none", "--disk", &disk], Stdio::null());
    let client = client(Path::new(&echo.control));
    let goes_on = |what: &str| {
        let now = client.vm("echo").expect("it is there").instructions;
        has_run(&client, "echo", now);
        let other = mirrorball(&["run", "--limit", "1", "--console", "none", "--disk", &disk]);
        assert!(said(&other).contains("in use"), "{what}: {}", said(&other));
    };
    // A monitor that lacks the disk.
    let there = echo.wait(&[]);
    let output = migrate(&echo.control, "echo", &echo.incoming);
    let why = said(&output);
    assert_eq!(output.status.code(), Some(1), "{why}");
    assert!(
        why.contains("echo has not moved") && why.contains("name it with --disk"),
        "{why}"
    );
    let there = there.end();
    assert_eq!(there.status.code(), Some(1), "{}", said(&there));
    goes_on("no disk");
    // One that goes when it has all, or says what makes no sense.
    for nonsense in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", b"G\0\0\0\0"] {
        let socket = echo.folder.path("strange");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).expect("a socket");
        let there = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("it comes");
            take_all(&stream);
            stream.write_all(nonsense).expect("it is heard");
        });
        let output = migrate(&echo.control, "echo", &socket);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{nonsense:?}: {}",
            said(&output)
        );
        there.join().expect("no panic");
        goes_on("nonsense");
    }
    here.kill();
}
