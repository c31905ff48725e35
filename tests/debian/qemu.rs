//! The same session in QEMU, whose answers are to be the same.

use super::{APPEND, COMMANDS, DEBIAN, JIT, Outcome, Session, check, script};
use crate::common::{cannot_run, project};
use libtest_mimic::{Completion, Failed};
use mirrorball::console::{Script, ScriptRunner};
use mirrorball_runtime::device::stroke::Stroke;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

static QEMU: Outcome = LazyLock::new(session);

/// How long QEMU may take.
const PATIENCE: Duration = Duration::from_secs(300);

fn session() -> Result<Session, String> {
    DEBIAN.clone()?;
    let mut child = Command::new("qemu-system-mipsel")
        .args(["-M", "malta", "-cpu", "24Kf", "-m", "256", "-nographic"])
        .args([
            "-vga",
            "none",
            "-nic",
            "none",
            "-no-reboot",
            "-monitor",
            "none",
        ])
        .args(["-serial", "stdio", "-rtc", "base=2026-01-01T00:00:00"])
        .args(["-kernel", "guests/debian/cache/vmlinux"])
        .args([
            "-initrd",
            "guests/debian/cache/initrd.gz",
            "-append",
            APPEND,
        ])
        .current_dir(project(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| {
            format!("qemu-system-mipsel: {error}; Debian's package qemu-system-mips has it")
        })?;
    let pipes = child.stdin.take().zip(child.stdout.take());
    let (mut stdin, mut stdout) = pipes.ok_or("QEMU has no pipes")?;
    // QEMU does not end by itself if the guest hangs: then it is killed, and its output ends.
    let watch = thread::spawn(move || {
        let start = Instant::now();
        while start.elapsed() < PATIENCE && matches!(child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(100));
        }
        let _ = child.kill();
        child.wait().ok().and_then(|status| status.code())
    });
    let script = Script::parse("session", &script(&COMMANDS)).map_err(|error| error.to_string())?;
    let (mut script, _) = ScriptRunner::start(script);
    let (mut output, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stdout.read(&mut buffer) {
        for &byte in &buffer[..count] {
            output.push(byte);
            if let Some(typed) = script.output(byte) {
                let bytes: Vec<u8> = typed.into_iter().map(Stroke::byte).collect();
                let _ = stdin.write_all(&bytes);
            }
        }
    }
    let exit = watch.join().ok().flatten();
    Ok(Session {
        exit,
        output,
        end: String::new(),
    })
}

/// What differs from QEMU: how the line starts, what the words start with (nothing: the whole
/// line), and why.
const DIFFERENT: [(&str, &[&str], &str); 7] = [
    ("[ ", &[], "what the kernel says unasked, with the time"),
    ("BogoMIPS", &[], "how fast the kernel's delay loop runs"),
    ("hardware watchpoint", &[], "no watch registers here"),
    ("ASEs implemented", &["mips16"], "no MIPS16 here"),
    (
        "Options implemented",
        &["ejtag", "vint"],
        "no EJTAG here; QEMU's 24Kf has no vectored interrupts",
    ),
    (
        "rootfs on / ",
        &["size=", "nr_inodes="],
        "the kernel keeps 16 KiB more for the vectors of vectored interrupts",
    ),
    ("dev on /dev ", &["size=", "nr_inodes="], "as for rootfs"),
];

pub(super) fn same_answers() -> Result<Completion, Failed> {
    let (ours, theirs) = match (&*JIT, &*QEMU) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(reason), _) | (_, Err(reason)) => return cannot_run(reason),
    };
    check(theirs.exit == Some(0), || theirs.last())?;
    let mut complaints = String::new();
    for (name, _) in COMMANDS {
        let [ours, theirs] = [ours.answer(name)?, theirs.answer(name)?].map(comparable);
        for line in ours.iter().filter(|line| !theirs.contains(line)) {
            let _ = writeln!(complaints, "{name}: only here: {line}");
        }
        for line in theirs.iter().filter(|line| !ours.contains(line)) {
            let _ = writeln!(complaints, "{name}: only in QEMU: {line}");
        }
        if complaints.is_empty() && ours != theirs {
            let _ = writeln!(
                complaints,
                "{name}: the lines are the same, in another order"
            );
        }
    }
    check(complaints.is_empty(), || complaints)?;
    Ok(Completion::Completed)
}

/// The lines that have to be the same, without what differs.
fn comparable(answer: Vec<String>) -> Vec<String> {
    let without = |line: String| {
        let different = DIFFERENT.iter().find(|(start, ..)| line.starts_with(start));
        let Some((_, words, _)) = different else {
            return Some(line);
        };
        let kept = line
            .split([' ', '\t', ',', '(', ')'])
            .filter(|word| !words.iter().any(|start| word.starts_with(start)));
        (!words.is_empty()).then(|| kept.collect::<Vec<_>>().join(" ").trim().to_owned())
    };
    answer.into_iter().filter_map(without).collect()
}
