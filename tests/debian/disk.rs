//! A small system on a disk of its own: its files outlive the machine, on virtio and on IDE.

use super::{Session, check, mirrorball, script};
use crate::common::cannot_run;
use cpio::newc::Reader;
use flate2::read::GzDecoder;
use libtest_mimic::{Completion, Failed};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;

/// Where the kernel and the initrd are that start what is on a disk.
const BOOT: &str = "guests/debian/cache/boot";
/// The bytes of the disk.
const SIZE: u64 = 48 << 20;
/// What the shell needs besides itself.
const APPLETS: &[&str] = &[
    "cat",
    "cp",
    "dd",
    "dmesg",
    "mkdir",
    "mount",
    "mv",
    "poweroff",
    "printf",
    "rm",
    "seq",
    "setsid",
    "sh",
    "sha256sum",
    "sync",
];
/// The first program on the disk.
const INIT: &str = "#!/bin/sh
export PATH=/bin PS1='~ # '
mount -t proc proc /proc
dmesg -n 1
mount -o remount,rw /
exec setsid -c sh -i </dev/console >/dev/console 2>&1
";

static FETCHED: LazyLock<Result<(), String>> = LazyLock::new(|| {
    let output = mirrorball().args(["fetch", "debian", "--boot"]).output();
    told(output.map_err(|error| error.to_string())?).map(|_| ())
});

/// What a program printed that ended well.
fn told(output: Output) -> Result<String, String> {
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!(
            "{}\n{}\n{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        )),
    }
}

/// Runs one of the host's tools for disks.
pub(super) fn tool(program: &str, arguments: &[&str], image: &Path) -> Result<String, String> {
    // Debian has some of them where only root looks.
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(program)
        .args(arguments)
        .arg(image)
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .output()
        .map_err(|error| format!("{program}: {error}; install e2fsprogs and qemu-utils"))?;
    told(output).map_err(|said| format!("{program} {arguments:?}: {said}"))
}

/// A disk in a folder of its own.
pub(super) struct Small {
    folder: TempDir,
    pub(super) image: PathBuf,
}

impl Small {
    /// Makes a disk with a shell on it.
    pub(super) fn make() -> Result<Self, String> {
        FETCHED.clone()?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let root = folder.path().join("root");
        fill(&root).map_err(|error| error.to_string())?;
        let image = folder.path().join("disk.img");
        let root = root.display().to_string();
        let room = File::create(&image).and_then(|file| file.set_len(SIZE));
        room.map_err(|error| error.to_string())?;
        tool("mkfs.ext4", &["-q", "-d", &root], &image)?;
        Ok(Self { folder, image })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The machine that starts from `image`, on this bus, with something typed at its shell.
    pub(super) fn machine(&self, image: &Path, bus: &str, typed: &str) -> io::Result<Command> {
        let file = self.path("script");
        File::create(&file)?.write_all(typed.as_bytes())?;
        let mut command = mirrorball();
        command
            .args(["run", &format!("{BOOT}/vmlinux")])
            .args(["--initrd", &format!("{BOOT}/initrd.gz")])
            .args(["--append", "console=ttyS0 quiet"])
            .arg("--disk")
            .arg(format!("{},bus={bus}", image.display()))
            .arg("--script")
            .arg(file)
            .stdin(Stdio::null());
        Ok(command)
    }

    fn session(&self, bus: &str, commands: &[(&str, &str)]) -> Result<Session, Failed> {
        let output = self
            .machine(&self.image, bus, &script(commands))?
            .output()?;
        let session = Session {
            exit: output.status.code(),
            output: output.stdout,
            end: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        check(session.exit == Some(0), || session.last())?;
        Ok(session)
    }
}

/// Fills a folder with what is on the disk.
fn fill(root: &Path) -> io::Result<()> {
    for folder in ["bin", "sbin", "dev", "proc", "sys"] {
        fs::create_dir_all(root.join(folder))?;
    }
    let initrd = fs::File::open(crate::project(BOOT).join("initrd.gz"))?;
    let executable = |name: &str, bytes: &[u8]| {
        let path = root.join(name);
        fs::write(&path, bytes)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
    };
    executable("bin/busybox", &entry(initrd, "bin/busybox")?)?;
    executable("sbin/init", INIT.as_bytes())?;
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    Ok(())
}

/// The file with this name in an initrd.
fn entry(initrd: File, name: &str) -> io::Result<Vec<u8>> {
    let mut rest = GzDecoder::new(initrd);
    loop {
        let mut reader = Reader::new(rest)?;
        if reader.entry().is_trailer() {
            return Err(io::Error::other(format!("the initrd has no {name}")));
        }
        if reader.entry().name() == name {
            let mut bytes = Vec::new();
            io::copy(&mut reader, &mut bytes)?;
            return Ok(bytes);
        }
        rest = reader.finish()?;
    }
}

/// What is left on the disk, each time in a folder of its own: a large file, many small ones, some of
/// which are renamed and removed.
const WRITE: &str = "mkdir /$d; dd if=/dev/urandom of=/$d/large bs=64k count=48 2>/dev/null; \
     for i in $(seq 300); do echo $i $d >/$d/$i; done; rm /$d/1??; mv /$d/2 /$d/two; \
     cp /$d/large /$d/copy";
/// What tells whether it is there.
const READ: &str = "cat /$d/* | sha256sum; echo /$d/* | sha256sum";

/// The first machine writes and ends without unmounting, so that the second one, on the other bus,
/// finds what was flushed, and a journal.
pub(super) fn files_outlive_the_machine() -> Result<Completion, Failed> {
    let disk = match Small::make() {
        Ok(disk) => disk,
        Err(reason) => return cannot_run(&reason),
    };
    for [first, second] in [["virtio", "ide"], ["ide", "virtio"]] {
        let folder = format!("d={first}");
        let write = format!("{folder}; {WRITE}; sync");
        let read = format!("{folder}; {READ}");
        let wrote = disk.session(first, &[("write", &write), ("read", &read)])?;
        let end = ("end", "mount -o remount,ro /");
        let found = disk.session(second, &[("read", &read), end])?;
        let [wrote, found] = [&wrote, &found].map(|session| session.answer("read"));
        let (wrote, found) = (wrote?, found?);
        check(wrote.len() == 2 && wrote == found, || {
            format!("{wrote:?} on {first}, {found:?} on {second}")
        })?;
        tool("e2fsck", &["-f", "-n"], &disk.image)?;
    }
    Ok(Completion::Completed)
}
