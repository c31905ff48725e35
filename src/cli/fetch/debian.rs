//! Debian's kernel for Malta and its installer's initrd, out of one package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::apt::{complaint, start, unpack};
use super::{FetchError, failed, find, staging};
use crate::image::{elf, file};

/// The package that has both.
pub(super) const PACKAGE: &str = "debian-installer-12-netboot-mipsel";
/// The folder in the package.
const INSIDE: &str = "usr/lib/debian-installer/images/12/mipsel/malta";
/// The kernel's file.
pub(super) const KERNEL: &str = "vmlinux";
/// The initrd's file.
pub(super) const INITRD: &str = "initrd.gz";
/// What no installer's RAM disk is smaller than.
pub(super) const INITRD_LEAST: usize = 1 << 20;

/// Brings kernel and initrd into folder `to`, unless they are there; answers with what it did.
pub(super) fn bring(to: &Path, deb: Option<&Path>) -> Result<String, FetchError> {
    if check(&to.join(KERNEL), &to.join(INITRD)).is_ok() {
        return Ok("was there already".to_owned());
    }
    Ok(format!("is here, from {}", debian(to, deb)?))
}

/// Brings Debian's files into folder `to`; answers with the package that they came from.
pub(super) fn debian(to: &Path, deb: Option<&Path>) -> Result<String, FetchError> {
    let work = staging(to)?;
    let deb = match deb {
        // dpkg-deb takes "-" and options for what they are: give it a path it cannot mistake.
        Some(deb) => fs::canonicalize(deb).map_err(failed(deb))?,
        None => download(&work, "apt-get")?,
    };
    let package = file::base_name(&deb);
    let unpacked = work.path().join("unpacked");
    unpack(&deb, &unpacked, &package)?;

    let folder = unpacked.join(INSIDE);
    let missing = |what: &str| FetchError::Missing {
        package: package.clone(),
        what: what.to_owned(),
    };
    let kernel = find(&folder, |name| name.starts_with("vmlinuz-"));
    let kernel = kernel.ok_or_else(|| missing("malta/vmlinuz-*"))?;
    let initrd = find(&folder, |name| name == INITRD).ok_or_else(|| missing("malta/initrd.gz"))?;
    check(&kernel, &initrd).map_err(|(what, why)| FetchError::Damaged {
        package: package.clone(),
        what,
        why,
    })?;
    for (from, name) in [(kernel, KERNEL), (initrd, INITRD)] {
        let to = to.join(name);
        fs::rename(from, &to).map_err(failed(&to))?;
    }
    Ok(package)
}

/// Whether the two files are what they should be; if not, which is not, and why.
pub(super) fn check(kernel: &Path, initrd: &Path) -> Result<(), (&'static str, String)> {
    elf::open(kernel).map_err(|error| ("kernel", error.to_string()))?;
    let bytes = file::read(initrd).map_err(|error| ("initrd", error.to_string()))?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(("initrd", "it is not compressed with gzip".to_owned()));
    }
    if bytes.len() < INITRD_LEAST {
        return Err(("initrd", format!("it has only {} bytes", bytes.len())));
    }
    Ok(())
}

/// Has `apt_get` download the package into folder `work`.
pub(super) fn download(work: &TempDir, apt_get: &str) -> Result<PathBuf, FetchError> {
    let mut command = Command::new(apt_get);
    command.args(["download", PACKAGE]).current_dir(work);
    let output = start(&mut command, || FetchError::NoApt)?;
    if !output.status.success() {
        let why = complaint(&output);
        // The first is said when there are no lists, the second when they do not name the package.
        return Err(
            if why.contains("Unable to locate") || why.contains("no installation candidate") {
                FetchError::NoLists
            } else {
                FetchError::Download(why)
            },
        );
    }
    find(work.path(), |name| name.ends_with(".deb"))
        .ok_or_else(|| FetchError::Download("it left no package".to_owned()))
}
