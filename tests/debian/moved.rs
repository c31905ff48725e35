//! Debian's shell, under one monitor and then another: the machine ends as one that stayed.

use super::{APPEND, DEBIAN, check, debian, mirrorball};
use crate::common::cannot_run;
use libtest_mimic::{Completion, Failed};
use mirrorball::control::Client;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where both runs end: the shell waits.
const END: &str = "5300M";
/// The machine moves after so many instructions: Linux boots.
const MOVES: u64 = 1_000_000_000;

/// Waits for a minute.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), Failed> {
    let start = Instant::now();
    while !is_so() {
        check(start.elapsed() < Duration::from_secs(60), || {
            what.to_owned()
        })?;
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn start(command: &mut Command) -> std::io::Result<thread::JoinHandle<std::io::Result<Output>>> {
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = pipes.stderr(Stdio::piped()).spawn()?;
    Ok(thread::spawn(move || child.wait_with_output()))
}

fn end(output: std::thread::Result<std::io::Result<Output>>) -> Result<(Vec<u8>, String), Failed> {
    let output = output.map_err(|_| "it panicked")??;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.stdout, said))
}

/// Count and state at an end: the last two words.
fn state(said: &str) -> Vec<String> {
    let last = said.lines().last().unwrap_or_default();
    let words: Vec<_> = last.split_whitespace().map(ToOwned::to_owned).collect();
    words[words.len().saturating_sub(2)..].to_vec()
}

pub(super) fn ends_as_one_that_stayed() -> Result<Completion, Failed> {
    if let Err(reason) = DEBIAN.clone() {
        return cannot_run(&reason);
    }
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let [control, incoming] = ["control", "in"].map(path);
    let boot = [
        "run",
        "guests/debian/cache/vmlinux",
        "--append",
        APPEND,
        "--limit",
        END,
    ];
    let initrd = [
        "--initrd",
        "guests/debian/cache/initrd.gz",
        "--control",
        &control,
    ];
    let here = start(mirrorball().args(boot).args(initrd))?;
    let there = start(mirrorball().args(["run", "--incoming", &incoming, "--limit", END]))?;
    let client = Client::new(Path::new(&control));
    let ran = || client.vm("vmlinux").is_ok_and(|vm| vm.instructions > MOVES);
    wait_until("it does not boot", ran)?;
    wait_until("nothing waits", || Path::new(&incoming).exists())?;
    let ask = [
        "ctl", "--socket", &control, "migrate", "vmlinux", "--to", &incoming,
    ];
    let told = mirrorball().args(ask).output()?;
    check(told.status.success(), || {
        String::from_utf8_lossy(&told.stderr).into_owned()
    })?;
    let (before, said) = end(here.join())?;
    check(said.contains("moved"), || said.clone())?;
    let (after, ended) = end(there.join())?;
    let stayed = debian("jit", &["--limit", END, "--control", &control])?;
    let stayed_said = String::from_utf8_lossy(&stayed.stderr).into_owned();
    check(state(&ended) == state(&stayed_said), || {
        format!("{ended}\nbut {stayed_said}")
    })?;
    check([before, after].concat() == stayed.stdout, || {
        "the outputs differ".to_owned()
    })?;
    Ok(Completion::Completed)
}
