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

/// Lists, packages, initrd, and what the guest tells of.
const STEPS: usize = 3 + 6;

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
    let mut making = Making {
        progress: Progress::counting("step", STEPS),
        root: work.path().join("root"),
        work: work.path(),
        downloads: home.join(DOWNLOADS),
        home: &home,
    };
    let count = making.packages(mirror)?;
    making.boot_files(&label)?;
    making.disk()?;
    for name in [KERNEL, INITRD, DISK] {
        let path = home.join(name);
        fs::rename(work.path().join(name), &path).map_err(failed(&path))?;
    }
    let downloads = home.join(DOWNLOADS);
    fs::remove_dir_all(&downloads).map_err(failed(&downloads))?;
    Ok(format!("is here, with {count} packages"))
}

/// A disk that is being made.
struct Making<'a> {
    progress: Progress<std::io::Stderr>,
    /// Where all is that goes if it fails.
    work: &'a Path,
    /// Where packages are unpacked that the initrd is made of.
    root: PathBuf,
    downloads: PathBuf,
    home: &'a Path,
}

impl Making<'_> {
    /// Downloads packages, and makes a disk of them for the guest; answers how many there are.
    fn packages(&mut self, mirror: &str) -> Result<usize, FetchError> {
        self.progress.next("fetching package lists");
        let archive = Archive::open(mirror, self.work.join("apt"), "apt-get")?;
        let names = archive.files(PACKAGES)?;
        let base = archive.files(BASE)?;
        let others = [BOOT_PACKAGES, &[KERNEL_PACKAGE]].concat();
        let boot = archive.files(&others)?;
        self.progress
            .next(&format!("fetching {} packages", names.len()));
        archive.collect(PACKAGES, &self.downloads)?;
        archive.collect(&others, &self.downloads)?;

        self.progress.next("making the initrd");
        let mut tree = Tree::default();
        for name in &names {
            tree.copy(name, 0o644, self.downloads.join(name));
        }
        for name in &boot {
            let deb = self.downloads.join(name);
            if name.starts_with("linux-image-6") {
                tree.copy("kernel", 0o644, deb.clone());
            } else if !BOOT_PACKAGES.contains(&name.split('_').next().unwrap_or_default()) {
                continue;
            }
            apt::unpack(&deb, &self.root, name)?;
        }
        let path = self.work.join("packages.img");
        tree.write_disk(&path).map_err(failed(&path))?;
        let path = self.work.join("base");
        fs::write(&path, base.join("\n")).map_err(failed(&path))?;
        Ok(names.len())
    }

    /// Makes the initrd, and takes the kernel, out of the unpacked packages.
    fn boot_files(&self, label: &str) -> Result<(), FetchError> {
        let missing = |what: &str| FetchError::Missing {
            package: KERNEL_PACKAGE.to_owned(),
            what: what.to_owned(),
        };
        let kernel = find(&self.root.join("boot"), |name| name.starts_with("vmlinuz-"));
        let kernel = kernel.ok_or_else(|| missing("boot/vmlinuz-*"))?;
        let modules = find(&self.root.join("lib/modules"), |_| true);
        let modules = modules.ok_or_else(|| missing("lib/modules"))?;
        let mut tree = Tree::default();
        let left_out = |path: &str| !KEPT.iter().any(|kept| recipe::keeps(kept, path));
        tree.add(&self.root, left_out)
            .map_err(|(path, error)| failed(&path)(error))?;
        recipe::add_own(&mut tree);
        tree.copy("base", 0o644, self.work.join("base"));
        for module in MODULES {
            let name = Path::new(module).file_name().unwrap_or_default();
            let path = format!("lib/modules/{}.ko", name.to_string_lossy());
            tree.copy(&path, 0o644, modules.join(format!("kernel/{module}.ko")));
        }
        let path = self.work.join(INITRD);
        tree.write(&path, label).map_err(failed(&path))?;
        let path = self.work.join(KERNEL);
        fs::rename(&kernel, &path).map_err(failed(&path))
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
