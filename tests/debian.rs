//! Debian 12's own kernel and installer: a scripted session at its shell, in both engines and,
//! for comparison, in QEMU.
//!
//! The session is driven by what the guest prints, so that it is the same to the instruction in
//! every run. Kernel and initrd are fetched if they are not there yet.

mod common;
#[path = "debian/disk.rs"]
mod disk;
#[path = "debian/killed.rs"]
mod killed;
#[path = "debian/moved.rs"]
mod moved;
#[path = "debian/qemu.rs"]
mod qemu;
#[path = "debian/saved.rs"]
mod saved;
#[path = "debian/tap.rs"]
mod tap;

use common::{cannot_run, project};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::fmt::Write as _;
use std::io::Write;
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::LazyLock;

fn main() -> ExitCode {
    let trials = vec![
        Trial::ignorable_test("the session goes well in interp", || goes_well(&INTERP)),
        Trial::ignorable_test("the session goes well in jit", || goes_well(&JIT)),
        Trial::ignorable_test("jit and interp end alike", || end_alike(&INTERP)),
        Trial::ignorable_test("a second run of jit ends alike", || end_alike(&AGAIN)),
        Trial::ignorable_test("the answers are those under QEMU", qemu::same_answers),
        Trial::ignorable_test("the shell and its programs are seen", processes),
        Trial::ignorable_test("a system call and a TLB miss are followed", flows),
        Trial::ignorable_test("one process of all is followed", one_process),
        Trial::ignorable_test("programs are measured", programs_are_measured),
        Trial::ignorable_test("the first 300 million instructions in lockstep", lockstep),
        Trial::ignorable_test("drivers of virtio devices find them", drivers),
        Trial::ignorable_test(
            "files on a disk outlive the machine",
            disk::files_outlive_the_machine,
        ),
        Trial::ignorable_test(
            "a disk has what was stored when the monitor was killed",
            killed::nothing_is_lost,
        ),
        Trial::ignorable_test(
            "the boot goes on from any count at which it is saved",
            saved::goes_on_from_any_count,
        ),
        Trial::ignorable_test(
            "a machine that moves ends as one that stayed",
            moved::ends_as_one_that_stayed,
        ),
        Trial::ignorable_test("a tap device leads to the host", tap::leads_to_the_host),
        Trial::ignorable_test("the same in 256 KiB of code, by each policy", || {
            let in_little = |policy| vec!["--cache-bytes", "256K", "--cache-policy", policy];
            alike_for_a_while(&["flush", "fifo", "least-used"].map(in_little))
        }),
        Trial::ignorable_test("the same with translations on disk, twice", || {
            let dir = tempfile::tempdir()?;
            let path = dir.path().display().to_string();
            alike_for_a_while(&[vec!["--code-cache", &path], vec!["--code-cache", &path]])
        }),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

const APPEND: &str = "console=ttyS0 rdinit=/bin/sh";

/// What is typed at the shell, each with a name for its answer.
const COMMANDS: [(&str, &str); 9] = [
    // Quiet, so that what the kernel says meanwhile does not mix with answers.
    ("uname", "dmesg -n 1; uname -a"),
    (
        "mount",
        "mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; \
         mount -t tmpfs tmp /tmp; mount",
    ),
    ("cpuinfo", "cat /proc/cpuinfo"),
    // What ls -lR prints; the installer's ls has no -R.
    (
        "files",
        "ls -l $(find /bin /etc /init /lib /media /mnt /root /sbin /usr /var -type d | sort)",
    ),
    (
        "sha256",
        "for i in $(seq 32); do cat /bin/busybox; done | head -c 16777216 >/tmp/16M; \
         wc -c </tmp/16M; sha256sum /tmp/16M; md5sum /tmp/16M; rm /tmp/16M",
    ),
    (
        "loop",
        "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo $i; \
         for i in $(seq 40); do echo $i | sed s/^/line/; done | sort | tail -n 3",
    ),
    // Of the modules there are, ecdh_generic is left out: it cannot test itself without the
    // random number generator that this kernel has no module of.
    (
        "crypto",
        "modprobe -a blowfish_generic twofish_generic serpent_generic crc32_generic \
         crc32c_generic michael_mic ecb ctr xts ccm essiv authenc libcrc32c; \
         grep -e ^name -e ^driver -e ^selftest /proc/crypto; \
         dmesg | grep 'alg: ' | sed 's/^[^]]*] //'",
    ),
    ("processes", "(exit 7); echo $?; sleep 1; echo awake"),
    (
        "errors",
        "cat /nowhere; /etc; ls -l /proc/1/exe | sed 's/^.*-> //'",
    ),
];

/// The session as a script. An answer stands between two lines that the echo of what is typed
/// does not contain.
fn script(commands: &[(&str, &str)]) -> String {
    let mut script = String::from("wait \"~ # \"\n");
    for (name, command) in commands {
        let _ = write!(
            script,
            "send \"echo '<'{name}; {command}; echo '>'{name}\\n\"\n\
             wait \"\\n>{name}\\r\\n\"\nwait \"~ # \"\n"
        );
    }
    script.push_str("send \"poweroff -f\\n\"\nwait \"reboot: Power down\"\n");
    script
}

/// How a session ended, in whatever ran it.
struct Session {
    exit: Option<i32>,
    output: Vec<u8>,
    /// What mirrorball says of instructions and state.
    end: String,
}

impl Session {
    /// How it ended, for a complaint.
    fn last(&self) -> String {
        let tail = &self.output[self.output.len().saturating_sub(2000)..];
        let tail = String::from_utf8_lossy(tail);
        format!("exit {:?} {}after:\n{tail}", self.exit, self.end)
    }

    /// The lines that answer the command with this name.
    fn answer(&self, name: &str) -> Result<Vec<String>, Failed> {
        let output = String::from_utf8_lossy(&self.output).replace('\r', "");
        let start = format!("\n<{name}\n");
        let (_, answer) = output
            .split_once(&start)
            .ok_or_else(|| format!("no answer to {name}; {}", self.last()))?;
        let (answer, _) = answer
            .split_once(&format!(">{name}\n"))
            .ok_or_else(|| format!("no end of the answer to {name}; {}", self.last()))?;
        Ok(answer.lines().map(str::to_owned).collect())
    }
}

/// A session, or why there is none on this machine.
type Outcome = LazyLock<Result<Session, String>>;

static DEBIAN: LazyLock<Result<(), String>> = LazyLock::new(fetch);
static INTERP: Outcome = LazyLock::new(|| session("interp"));
static START: LazyLock<Result<Output, String>> =
    LazyLock::new(|| debian("interp", &["--limit", "300M"]));
static JIT: Outcome = LazyLock::new(|| session("jit"));
static AGAIN: Outcome = LazyLock::new(|| session("jit"));

fn mirrorball() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorball"));
    command
        .env_remove("HOME")
        .env_remove("XDG_CACHE_HOME")
        .current_dir(project(""));
    command
}

fn fetch() -> Result<(), String> {
    let output = mirrorball().args(["fetch", "debian"]).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// Runs Debian in an engine.
fn debian(engine: &str, arguments: &[&str]) -> Result<Output, String> {
    DEBIAN.clone()?;
    let run = ["run", "guests/debian/cache/vmlinux", "--hash"];
    let initrd = ["--initrd", "guests/debian/cache/initrd.gz"];
    mirrorball()
        .args(run)
        .args(initrd)
        .args(["--append", APPEND, "--engine", engine])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())
}

fn session(engine: &str) -> Result<Session, String> {
    let mut file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    file.write_all(script(&COMMANDS).as_bytes())
        .map_err(|error| error.to_string())?;
    let path = file.path().display().to_string();
    let output = debian(engine, &["--script", &path, "--ps"])?;
    Ok(Session {
        exit: output.status.code(),
        output: output.stdout,
        end: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn check(holds: bool, complaint: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(complaint().into())
    }
}

fn goes_well(session: &Outcome) -> Result<Completion, Failed> {
    let session = match &**session {
        Ok(session) => session,
        Err(reason) => return cannot_run(reason),
    };
    let answer = |name: &str, good: &dyn Fn(&[String]) -> bool| {
        let answer = session.answer(name)?;
        check(good(&answer), || format!("{name}:\n{}", answer.join("\n")))
    };
    answer("uname", &|lines| {
        lines.len() == 1
            && lines[0].starts_with("Linux (none) 6.1.")
            && lines[0].ends_with("mips GNU/Linux")
    })?;
    answer("cpuinfo", &|lines| {
        lines.contains(&"cpu model\t\t: MIPS 24Kc V0.0  FPU V0.0".into())
    })?;
    answer("files", &|lines| lines.len() > 1000)?;
    answer("sha256", &|lines| {
        lines.len() == 3 && lines[0] == "16777216"
    })?;
    answer("loop", &|lines| {
        lines == ["20000", "line7", "line8", "line9"]
    })?;
    answer("processes", &|lines| lines == ["7", "awake"])?;
    answer("crypto", &crypto_passed)?;
    check(session.exit == Some(0), || {
        format!("exit {:?}: {}", session.exit, session.end)
    })?;
    Ok(Completion::Completed)
}

fn crypto_passed(lines: &[String]) -> bool {
    let tests = lines.iter().filter(|line| line.starts_with("selftest"));
    let (passed, others): (Vec<_>, Vec<_>) = tests.partition(|line| line.ends_with(": passed"));
    let names = [
        "aes", "sha256", "rsa", "blowfish", "serpent", "twofish", "crc32c",
    ];
    let there = |name| lines.contains(&format!("name         : {name}"));
    passed.len() >= 25
        && others.is_empty()
        && names.into_iter().all(there)
        && lines.iter().any(|line| line.starts_with("alg: "))
        && !lines.iter().any(|line| line.contains("failed"))
}

fn end_alike(other: &Outcome) -> Result<Completion, Failed> {
    match (&*JIT, &**other) {
        (Ok(a), Ok(b)) => {
            check(a.end.contains("instructions"), || a.end.clone())?;
            check(a.end == b.end, || format!("{}{}", a.end, b.end))?;
            check(a.output == b.output, || "the outputs differ".into())?;
            check(a.exit == b.exit, || format!("{:?} {:?}", a.exit, b.exit))?;
            Ok(Completion::Completed)
        }
        (Err(reason), _) | (_, Err(reason)) => cannot_run(reason),
    }
}

/// Whether the monitor saw what a person would expect: the shell, which lives to the end and
/// starts all others, and dozens of them, each in an address space of its own.
fn processes() -> Result<Completion, Failed> {
    let session = match &*JIT {
        Ok(session) => session,
        Err(reason) => return cannot_run(reason),
    };
    let lines: Vec<Vec<&str>> = session
        .end
        .lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|words: &Vec<&str>| words.get(1).is_some_and(|table| table.starts_with("0x8")))
        .collect();
    let number = |words: &[&str], column: usize| words[column].parse::<f64>().unwrap_or(0.0);
    let shell = lines
        .iter()
        .max_by(|a, b| number(a, 3).total_cmp(&number(b, 3)));
    let shell = shell.ok_or_else(|| format!("no process in\n{}", session.end))?;
    check(lines.len() > 50, || session.end.clone())?;
    check(number(shell, 3) > 1e6 && number(shell, 6) > 100.0, || {
        format!("{shell:?} in\n{}", session.end)
    })?;
    for words in &lines {
        let all = (3..7).all(|column| number(words, column) > 0.0);
        check(all && number(words, 7) < number(words, 8), || {
            format!("{words:?} in\n{}", session.end)
        })?;
    }
    Ok(Completion::Completed)
}

/// What `trace` says of an event well after the first process started.
fn flows() -> Result<Completion, Failed> {
    for (flow, parts) in [
        ("syscall", ["System call 101,", "page table 0x8", "goes on"]),
        ("tlb", ["TLB miss 101,", "tlbw", "once more"]),
    ] {
        if let Err(reason) = DEBIAN.clone() {
            return cannot_run(&reason);
        }
        let arguments = ["trace", "guests/debian/cache/vmlinux", "--append", APPEND];
        let initrd = ["--initrd", "guests/debian/cache/initrd.gz"];
        let output = mirrorball()
            .args(arguments)
            .args(initrd)
            .args(["--flow", flow, "--skip", "100"])
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        check(output.status.success(), || {
            String::from_utf8_lossy(&output.stderr).into_owned()
        })?;
        let all = parts.iter().all(|part| text.contains(part));
        check(all, || text.to_string())?;
    }
    Ok(Completion::Completed)
}

/// The first system calls of the shell, and no other process's.
fn one_process() -> Result<Completion, Failed> {
    if let Err(reason) = DEBIAN.clone() {
        return cannot_run(&reason);
    }
    let output = mirrorball()
        .args(["trace", "guests/debian/cache/vmlinux", "--append", APPEND])
        .args(["--initrd", "guests/debian/cache/initrd.gz"])
        .args(["--flow", "syscall", "--process", "sh", "--count", "3"])
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let titles = text.lines().filter(|line| line.starts_with("System call "));
    let titles: Vec<&str> = titles.collect();
    let right = titles.len() == 3 && titles.iter().all(|title| title.contains("process \"sh\""));
    check(output.status.success() && right, || text.to_string())?;
    Ok(Completion::Completed)
}

/// A few short programs, twice in one guest: they run, print what they should, and are timed.
fn programs_are_measured() -> Result<Completion, Failed> {
    let fetched = mirrorball()
        .args(["fetch", "debian", "--programs"])
        .output()?;
    if !fetched.status.success() {
        return cannot_run(String::from_utf8_lossy(&fetched.stderr).trim());
    }
    let folder = tempfile::tempdir()?;
    let json = folder.path().join("programs.json");
    let output = mirrorball()
        .args(["bench", "--programs", "-s", "jit", "--rounds", "1"])
        .args(["--only", "boot", "--only", "ls -lR", "--only", "bc"])
        .args(["--again", "--json"])
        .arg(&json)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    check(output.status.code() == Some(0), || said.to_string())?;
    let text = std::fs::read_to_string(&json)?;
    let found: serde_json::Value = serde_json::from_str(&text)?;
    let names: Vec<&str> = found["guests"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|guest| guest["name"].as_str())
        .collect();
    check(names == ["boot", "bc", "ls -lR"], || text.clone())?;
    for guest in 0..3 {
        let median = found["guests"][guest]["measured"][0]["wall"]["median"].as_f64();
        check(median > Some(0.0), || text.clone())?;
    }
    let again = found["again"].as_array().map_or(0, Vec::len);
    check(again == 2, || text.clone())?;
    check(found["records"][0]["outcome"] == "power-off", || {
        text.clone()
    })?;
    let table = String::from_utf8_lossy(&output.stdout);
    check(table.contains("Second/first"), || table.to_string())?;
    Ok(Completion::Completed)
}

/// The devices whose drivers the installer has. The balloon's tells of memory once a second.
const DRIVERS: &str = r#"wait "~ # "
send "mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; dmesg -n 1\n"
wait "~ # "
send "modprobe -a virtio_pci virtio_balloon virtio-rng; sleep 3; grep virtio /proc/interrupts\n"
wait "virtio"
wait "~ # "
send "cat /sys/bus/virtio/devices/*/device; head -c 64 /dev/hwrng | sha256sum; free\n"
wait "~ # "
send "poweroff -f\n"
"#;

fn drivers() -> Result<Completion, Failed> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(DRIVERS.as_bytes())?;
    let path = file.path().display().to_string();
    let devices = ["--script", &path, "--balloon", "--virtio-console", "--rng"];
    let run = |engine| debian(engine, &devices);
    let (jit, interp) = match (run("jit"), run("interp")) {
        (Ok(jit), Ok(interp)) => (jit, interp),
        (Err(reason), _) | (_, Err(reason)) => return cannot_run(&reason),
    };
    let printed = String::from_utf8_lossy(&jit.stdout);
    let shown = || printed.to_string();
    check(jit.status.code() == Some(0), shown)?;
    check(printed.contains("0x0003\r\n0x0005\r\n0x0004"), shown)?;
    check(jit.stdout == interp.stdout, shown)?;
    check(jit.stderr == interp.stderr, || {
        String::from_utf8_lossy(&interp.stderr).into_owned()
    })?;
    Ok(Completion::Completed)
}

fn lockstep() -> Result<Completion, Failed> {
    starts_alike("lockstep", &[])
}

/// Runs the first 300 million instructions in the JIT, set in each of these ways.
fn alike_for_a_while(settings: &[Vec<&str>]) -> Result<Completion, Failed> {
    let mut completion = Completion::Completed;
    for setting in settings {
        completion = starts_alike("jit", setting)?;
    }
    Ok(completion)
}

/// Whether the first 300 million instructions end as they do in the interpreter.
fn starts_alike(engine: &str, arguments: &[&str]) -> Result<Completion, Failed> {
    let arguments = [&["--limit", "300M"], arguments].concat();
    let (one, alone) = match (debian(engine, &arguments), &*START) {
        (Ok(one), Ok(alone)) => (one, alone),
        (Err(reason), _) => return cannot_run(&reason),
        (_, Err(reason)) => return cannot_run(reason),
    };
    let end = String::from_utf8_lossy(&one.stderr);
    check(one.status.code() == Some(11), || end.to_string())?;
    check(one.stdout == alone.stdout, || "the outputs differ".into())?;
    check(one.stderr == alone.stderr, || {
        format!("{end}{}", String::from_utf8_lossy(&alone.stderr))
    })?;
    Ok(Completion::Completed)
}
