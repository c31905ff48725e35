//! A disk with Debian, installed by a guest.
//!
//! The host downloads packages and makes an initrd. The guest that boots it has root's rights in
//! its own machine: it makes the file system, unpacks the packages and runs their scripts, as on
//! any Debian. So the host needs neither root nor tools for file systems.

mod recipe;

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::apt::{self, Archive};
use super::initrd::{self, Tree};
use super::{FetchError, failed, find, staging};
use crate::disk::{Creation, Format};
use crate::measure::Progress;
use recipe::{BASE, BOOT_PACKAGES, KEPT, KERNEL_PACKAGE, MODULES, PACKAGES, SIZE};

/// The folder for what belongs to the disk.
pub(super) const FOLDER: &str = "disk";
/// The kernel that goes with the disk.
pub(super) const KERNEL: &str = "vmlinux";
/// The initrd that finds the disk.
pub(super) const INITRD: &str = "initrd.gz";
/// The disk.
pub(super) const DISK: &str = "debian.img";
/// All that the guest said that installed it.
const LOG: &str = "install.log";
/// Downloaded packages, until the disk is made.
const DOWNLOADS: &str = "packages";

/// Where the kernel and the initrd go that boot any disk.
pub(super) const BOOT: &str = "boot";

/// Lists, packages, initrd.
const BOOT_STEPS: usize = 3;
/// The same, and what the guest tells of.
const STEPS: usize = BOOT_STEPS + 6;

/// Makes a kernel and an initrd that boot a disk, in a folder in `to`, unless they are there; answers
/// with what it did.
pub(super) fn bring_boot(to: &Path, mirror: &str) -> Result<String, FetchError> {
    let home = to.join(BOOT);
    let label = recipe::label();
    if home.join(KERNEL).exists() && initrd::is_whole(&home.join(INITRD), &label) {
        return Ok("were there already".to_owned());
    }
    let work = staging(&home)?;
    let mut making = Making::new(&home, work.path(), BOOT_STEPS);
    let archive = making.archive(mirror)?;
    making.progress.next("fetching packages");
    making.boot_packages(&archive)?;
    making.progress.next("making the initrd");
    let tree = making.boot_tree()?;
    making.boot_files(&tree, &label)?;
    making.keep(&[KERNEL, INITRD])?;
    Ok("are here".to_owned())
}

/// Makes the disk, and what boots it, in a folder in `to`, unless they are there; answers with what
/// it did.
pub(super) fn bring(to: &Path, mirror: &str) -> Result<String, FetchError> {
    let home = to.join(FOLDER);
    let label = recipe::label();
    let is_there = home.join(DISK).exists() && home.join(KERNEL).exists();
    if is_there && initrd::is_whole(&home.join(INITRD), &label) {
        return Ok("was there already".to_owned());
    }
    let work = staging(&home)?;
    let mut making = Making::new(&home, work.path(), STEPS);
    let archive = making.archive(mirror)?;
    let names = archive.files(PACKAGES)?;
    making
        .progress
        .next(&format!("fetching {} packages", names.len()));
    archive.collect(PACKAGES, &making.downloads)?;
    let kernel = making.boot_packages(&archive)?;
    making.progress.next("making the initrd");
    making.packages(&names, kernel)?;
    let mut tree = making.boot_tree()?;
    let base = archive.files(BASE)?.join("\n");
    tree.file("base", 0o644, &base);
    making.boot_files(&tree, &label)?;
    making.disk()?;
    making.keep(&[KERNEL, INITRD, DISK])?;
    Ok(format!("is here, with {} packages", names.len()))
}

/// A disk that is being made, or what boots one.
struct Making<'a> {
    progress: Progress<std::io::Stderr>,
    /// Where all is that goes if it fails.
    work: &'a Path,
    /// Where packages are unpacked that the initrd is made of.
    root: PathBuf,
    downloads: PathBuf,
    home: &'a Path,
}

impl<'a> Making<'a> {
    fn new(home: &'a Path, work: &'a Path, steps: usize) -> Self {
        Self {
            progress: Progress::counting("step", steps),
            root: work.join("root"),
            work,
            downloads: home.join(DOWNLOADS),
            home,
        }
    }

    fn archive(&mut self, mirror: &str) -> Result<Archive, FetchError> {
        self.progress.next("fetching package lists");
        Archive::open(mirror, self.work.join("apt"), "apt-get")
    }

    /// Downloads and unpacks the packages that boot a disk; answers where the kernel's is.
    fn boot_packages(&self, archive: &Archive) -> Result<PathBuf, FetchError> {
        let wanted = [BOOT_PACKAGES, &[KERNEL_PACKAGE]].concat();
        archive.collect(&wanted, &self.downloads)?;
        let mut kernel = None;
        for name in &archive.files(&wanted)? {
            let deb = self.downloads.join(name);
            if name.starts_with("linux-image-6") {
                kernel = Some(deb.clone());
            } else if !BOOT_PACKAGES.contains(&name.split('_').next().unwrap_or_default()) {
                continue;
            }
            apt::unpack(&deb, &self.root, name)?;
        }
        kernel.ok_or_else(|| Self::missing("linux-image-6*"))
    }

    /// Makes a disk of the packages, for the guest that installs them.
    fn packages(&self, names: &[String], kernel: PathBuf) -> Result<(), FetchError> {
        let mut tree = Tree::default();
        for name in names {
            tree.copy(name, 0o644, self.downloads.join(name));
        }
        tree.copy("kernel", 0o644, kernel);
        let path = self.work.join("packages.img");
        tree.write_disk(&path).map_err(failed(&path))
    }

    fn missing(what: &str) -> FetchError {
        FetchError::Missing {
            package: KERNEL_PACKAGE.to_owned(),
            what: what.to_owned(),
        }
    }

    /// The initrd, out of the unpacked packages.
    fn boot_tree(&self) -> Result<Tree, FetchError> {
        let modules = find(&self.root.join("lib/modules"), |_| true);
        let modules = modules.ok_or_else(|| Self::missing("lib/modules"))?;
        let mut tree = Tree::default();
        let left_out = |path: &str| !KEPT.iter().any(|kept| recipe::keeps(kept, path));
        tree.add(&self.root, left_out)
            .map_err(|(path, error)| failed(&path)(error))?;
        recipe::add_own(&mut tree);
        for module in MODULES {
            let name = Path::new(module).file_name().unwrap_or_default();
            let path = format!("lib/modules/{}.ko", name.to_string_lossy());
            tree.copy(&path, 0o644, modules.join(format!("kernel/{module}.ko")));
        }
        Ok(tree)
    }

    /// Writes the initrd, and takes the kernel out of the unpacked packages.
    fn boot_files(&self, tree: &Tree, label: &str) -> Result<(), FetchError> {
        let kernel = find(&self.root.join("boot"), |name| name.starts_with("vmlinuz-"));
        let kernel = kernel.ok_or_else(|| Self::missing("boot/vmlinuz-*"))?;
        let path = self.work.join(INITRD);
        tree.write(&path, label).map_err(failed(&path))?;
        let path = self.work.join(KERNEL);
        fs::rename(&kernel, &path).map_err(failed(&path))
    }

    /// Moves the files with these names to their folder, where no packages are needed any more.
    fn keep(&self, names: &[&str]) -> Result<(), FetchError> {
        for name in names {
            let path = self.home.join(name);
            fs::rename(self.work.join(name), &path).map_err(failed(&path))?;
        }
        fs::remove_dir_all(&self.downloads).map_err(failed(&self.downloads))
    }

    /// Has a guest install the packages on a new disk.
    fn disk(&mut self) -> Result<(), FetchError> {
        let path = self.work.join(DISK);
        let creation = Creation {
            path: &path,
            format: Format::Raw,
            size: Some(SIZE),
            base: None,
        };
        creation.make()?;
        let log = self.home.join(LOG);
        let mut copy = File::create(&log).map_err(failed(&log))?;
        let program = env::current_exe().map_err(failed(Path::new("mirrorball")))?;
        let mut command = Command::new(&program);
        command.current_dir(self.work).args([
            "run",
            KERNEL,
            "--initrd",
            INITRD,
            "--memory",
            "512M",
            "--code-cache",
            "off",
        ]);
        let disks = [
            format!("{DISK},cache=unsafe"),
            "packages.img,readonly".to_owned(),
        ];
        command.args(disks.iter().flat_map(|disk| ["--disk", disk]));
        command.args(["--append", "console=ttyS0 quiet install"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut guest = command.spawn().map_err(failed(&program))?;
        let mut last = "starting".to_owned();
        let out = guest.stdout.take().into_iter().map(BufReader::new);
        for line in out.flat_map(|out| out.split(b'\n')).map_while(Result::ok) {
            copy.write_all(&line)
                .and_then(|()| copy.write_all(b"\n"))
                .map_err(failed(&log))?;
            if let Some(news) = String::from_utf8_lossy(&line).trim().strip_prefix("disk: ") {
                last = news.strip_prefix("step ").unwrap_or(news).to_owned();
                if news.starts_with("step ") {
                    self.progress.next(&last);
                }
            }
        }
        let status = guest.wait().map_err(failed(&program))?;
        match last == "installed" && status.success() {
            true => Ok(()),
            false => Err(FetchError::Install {
                what: last,
                log: log.display().to_string(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
