//! The monitor is killed while a guest writes to its disk: what the guest was told is on the disk
//! is there, and the file system is whole.

use super::check;
use super::disk::{Small, tool};
use crate::common::cannot_run;
use libtest_mimic::{Completion, Failed};
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

/// How often the monitor is killed, unless `DISK_KILLS` says: once in each way.
const ROUNDS: usize = 4;
/// The records that are on the disk before it is killed, at least.
const LEAST: usize = 5;
/// How long it goes on after that, at most.
const LONGEST: u64 = 3000;
/// The bytes of a record.
const RECORD: usize = 8;

/// Records, each of which is told when it is on the disk; and beside them files that come and go.
const LOAD: &str = r#"wait "~ # "
send "(while :; do for i in 1 2 3 4; do dd if=/bin/busybox of=/f$i bs=64k count=9; mkdir /d$i; mv /f$i /d$i; done; rm -r /d?; done) 2>/dev/null &\n"
wait "~ # "
send "i=0; while printf '%07d\\n' $i | dd of=/records bs=8 seek=$i conv=notrunc,fsync 2>/dev/null; do echo stored $i; i=$((i + 1)); done\n"
wait "never"
"#;

pub(super) fn nothing_is_lost() -> Result<Completion, Failed> {
    let rounds = env::var("DISK_KILLS").ok();
    let rounds = rounds.map_or(Ok(ROUNDS), |text| text.parse())?;
    for round in 0..rounds {
        let disk = match Small::make() {
            Ok(disk) => disk,
            Err(reason) => return cannot_run(&reason),
        };
        let bus = ["virtio", "ide"][round % 2];
        let wait = fastrand::u64(..LONGEST);
        let (image, stored) = match round / 2 % 2 {
            0 => (disk.image.clone(), kill(&disk, &disk.image, bus, wait)?),
            _ => kill_over_base(&disk, bus, wait)?,
        };
        let said = format!("round {round}: killed after {stored} records and {wait} ms on {bus}");
        holds(&image, stored).map_err(|error| format!("{said}: {error}"))?;
        println!("{said}");
    }
    Ok(Completion::Completed)
}

/// The same with an image that holds what differs from the disk; answers with the disk that both are.
fn kill_over_base(disk: &Small, bus: &str, wait: u64) -> Result<(PathBuf, usize), Failed> {
    let (top, whole) = (disk.path("top.qcow2"), disk.path("whole.img"));
    let mut create = super::mirrorball();
    create.args(["disk", "create"]).arg(&top);
    let created = create.arg("--backing").arg(&disk.image).output()?;
    check(created.status.success(), || {
        String::from_utf8_lossy(&created.stderr).into_owned()
    })?;
    let stored = kill(disk, &top, bus, wait)?;
    let checked = tool("qemu-img", &["check"], &top);
    // Clusters that were taken, and are not used yet, harm nothing.
    if let Err(said) = checked
        && !said.contains("exit status: 3")
    {
        return Err(said.into());
    }
    let from = top.display().to_string();
    tool("qemu-img", &["convert", "-O", "raw", &from], &whole)?;
    Ok((whole, stored))
}

/// Kills a machine with this image some milliseconds after its first records; answers how many records
/// the guest was told are on the disk.
fn kill(disk: &Small, image: &Path, bus: &str, wait: u64) -> Result<usize, Failed> {
    let mut machine = disk.machine(image, bus, LOAD)?;
    let mut machine = machine
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut lines = BufReader::new(machine.stdout.take().ok_or("no output")?);
    let first = format!("stored {LEAST}");
    let mut output = Vec::new();
    while !output.trim_ascii_end().ends_with(first.as_bytes()) {
        let more = lines.read_until(b'\n', &mut output)?;
        check(more > 0, || String::from_utf8_lossy(&output).into_owned())?;
    }
    thread::sleep(Duration::from_millis(wait));
    machine.kill()?;
    machine.wait()?;
    lines.read_to_end(&mut output)?;
    let output = String::from_utf8_lossy(&output);
    // A line without an end may lack a digit.
    let whole = output.split_inclusive('\n').filter(|it| it.ends_with('\n'));
    let mut stored = whole.filter_map(|line| line.trim().strip_prefix("stored "));
    let last = stored
        .next_back()
        .and_then(|number| number.parse::<usize>().ok());
    Ok(last.ok_or("no record was stored")? + 1)
}

/// Whether the file system is whole once its journal is taken back, and has so many records.
fn holds(image: &Path, stored: usize) -> Result<(), String> {
    // It says with this status that it had something to do.
    let done = |said: String| {
        said.contains("exit status: 1")
            .then(String::new)
            .ok_or(said)
    };
    tool("e2fsck", &["-p"], image).or_else(done)?;
    tool("e2fsck", &["-f", "-n"], image)?;
    let records = tool("debugfs", &["-R", "cat /records"], image)?;
    let wanted = (0..stored).map(|number| format!("{number:07}"));
    match wanted
        .zip(records.lines())
        .find(|(wanted, found)| wanted != found)
    {
        Some((wanted, found)) => Err(format!("{found} instead of record {wanted}")),
        None if records.len() + 1 < stored * RECORD => {
            Err(format!("{} bytes of {stored} records", records.len()))
        }
        None => Ok(()),
    }
}
