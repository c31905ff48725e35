//! `mirrorball fetch`: brings guests that others made, out of their packages.
//!
//! Debian's installer package is fetched by `apt-get download`, which checks it against the
//! archive's signature, and unpacked by `dpkg-deb`; neither installs anything or needs root. What
//! comes out replaces what was there at once or not at all.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::{Args, Subcommand};
use tempfile::TempDir;
use thiserror::Error;

use super::{CliError, Exit};
use crate::image::{elf, file};

const PACKAGE: &str = "debian-installer-12-netboot-mipsel";
/// The folder in the package.
const INSIDE: &str = "usr/lib/debian-installer/images/12/mipsel/malta";
/// Where the guest's files go, unless the user says.
const HOME: &str = "guests/debian";
const CACHE: &str = "cache";
const KERNEL: &str = "vmlinux";
const INITRD: &str = "initrd.gz";
/// What no installer's RAM disk is smaller than.
const INITRD_LEAST: usize = 1 << 20;

/// Bring a guest that others made
#[derive(Debug, Args)]
pub(super) struct FetchArgs {
    #[command(subcommand)]
    guest: Guest,
}

#[derive(Debug, Subcommand)]
enum Guest {
    Debian(DebianArgs),
}

/// Bring Debian 12's kernel for Malta and the installer's initrd
///
/// They come out of the package debian-installer-12-netboot-mipsel (98 MB) as files vmlinux and
/// initrd.gz, without root. If both are there already, nothing is done. It takes apt-get with the
/// package lists of Debian 12, or the package itself (--deb).
#[derive(Debug, Args)]
struct DebianArgs {
    /// Folder for the files [default: guests/debian/cache, in the project's root]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// The package as a file, if it was downloaded in another way
    #[arg(long, value_name = "FILE")]
    deb: Option<PathBuf>,
}

/// Why a guest cannot be fetched.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum FetchError {
    #[error("there is no {HOME} here; go to the project's root, or say --to DIR")]
    NoHome,
    #[error(
        "there is no apt-get here; download package {PACKAGE} from https://packages.debian.org \
         and give it as --deb FILE"
    )]
    NoApt,
    #[error(
        "apt does not know package {PACKAGE}; run 'apt-get update' as root on Debian 12, or \
         download the package from https://packages.debian.org and give it as --deb FILE"
    )]
    NoLists,
    #[error(
        "apt-get cannot download {PACKAGE}: {0}; check the network, run 'apt-get update' as root \
         if the lists are old, or give the package as --deb FILE"
    )]
    Download(String),
    #[error("there is no dpkg-deb here; install Debian's package dpkg")]
    NoDpkg,
    #[error("{package}: dpkg-deb cannot unpack it: {why}; download it again")]
    Unpack { package: String, why: String },
    #[error("{package}: holds no {what}; it has to be {PACKAGE}")]
    Missing { package: String, what: String },
    #[error("{package}: its {what} is damaged: {why}; download it again")]
    Damaged {
        package: String,
        what: &'static str,
        why: String,
    },
    #[error("{path}: {source}; check the folder's permissions and the disk's free space")]
    Io { path: String, source: io::Error },
}

impl FetchError {
    /// The exit code for this failure.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::NoHome | Self::Unpack { .. } | Self::Missing { .. } | Self::Damaged { .. } => {
                Exit::Usage
            }
            _ => Exit::Host,
        }
    }
}

/// Brings what the arguments ask for.
pub(super) fn execute(args: &FetchArgs) -> Result<Exit, CliError> {
    let Guest::Debian(args) = &args.guest;
    let to = match &args.to {
        Some(to) => to.clone(),
        None if Path::new(HOME).is_dir() => Path::new(HOME).join(CACHE),
        None => return Err(FetchError::NoHome.into()),
    };
    let news = if check(&to.join(KERNEL), &to.join(INITRD)).is_ok() {
        "was there already".to_owned()
    } else {
        format!("is here, from {}", debian(&to, args.deb.as_deref())?)
    };
    let (kernel, initrd) = (to.join(KERNEL), to.join(INITRD));
    println!(
        "Debian {news}. To boot it to a shell:\n  mirrorball run {} --initrd {} \
         --append 'console=ttyS0 rdinit=/bin/sh'",
        kernel.display(),
        initrd.display()
    );
    Ok(Exit::Done)
}

/// Brings Debian's files into folder `to`; answers with the package that they came from.
fn debian(to: &Path, deb: Option<&Path>) -> Result<String, FetchError> {
    fs::create_dir_all(to).map_err(failed(to))?;
    // On the same disk as where the files go, so that they can be moved there whole.
    let work = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(to)
        .map_err(failed(to))?;
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

fn failed(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.display().to_string();
    move |source| FetchError::Io { path, source }
}

/// Whether the two files are what they should be; if not, which is not, and why.
fn check(kernel: &Path, initrd: &Path) -> Result<(), (&'static str, String)> {
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
fn download(work: &TempDir, apt_get: &str) -> Result<PathBuf, FetchError> {
    let output = Command::new(apt_get)
        .args(["download", PACKAGE])
        .current_dir(work)
        .env("LC_ALL", "C")
        .output()
        .map_err(|source| match source.kind() {
            ErrorKind::NotFound => FetchError::NoApt,
            _ => FetchError::Io {
                path: apt_get.to_owned(),
                source,
            },
        })?;
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

fn unpack(deb: &Path, to: &Path, package: &str) -> Result<(), FetchError> {
    let output = Command::new("dpkg-deb")
        .args([OsStr::new("-x"), deb.as_os_str(), to.as_os_str()])
        .env("LC_ALL", "C")
        .output()
        .map_err(|source| match source.kind() {
            ErrorKind::NotFound => FetchError::NoDpkg,
            _ => FetchError::Io {
                path: "dpkg-deb".to_owned(),
                source,
            },
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(FetchError::Unpack {
        package: package.to_owned(),
        why: complaint(&output),
    })
}

/// What a failed program complained of last.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    last.map_or_else(|| output.status.to_string(), str::to_owned)
}

/// The file in `folder` whose name is `wanted`.
fn find(folder: &Path, wanted: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let mut found: Vec<_> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(&wanted))
        .collect();
    found.sort_by_key(fs::DirEntry::file_name);
    found.pop().map(|entry| entry.path())
}

#[cfg(test)]
mod tests;
