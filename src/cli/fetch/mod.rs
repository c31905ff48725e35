//! `mirrorball fetch`: brings guests that others made, out of their packages.
//!
//! Packages are fetched by `apt-get download`, which checks them against the archive's signature,
//! and unpacked by `dpkg-deb`; neither installs anything or needs root. What comes out replaces
//! what was there at once or not at all.

mod apt;
mod debian;
mod disk;
mod error;
mod initrd;
mod packages;
mod programs;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

pub use error::FetchError;

use super::{CliError, Exit};

/// Where the guest's files go, unless the user says.
const HOME: &str = "guests/debian";
const CACHE: &str = "cache";

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
/// initrd.gz, without root. With --programs, programs.gz is made as well: an initrd with shells,
/// compilers, interpreters and other programs out of Debian's packages for mipsel (50 MB), which
/// 'bench --programs' measures. With --boot, the folder boot has a kernel, and an initrd that starts
/// /sbin/init on the first disk, whatever is on it in ext4 (50 MB). With --disk, the folder disk has a disk of 4 GB with a whole Debian:
/// systemd, a login prompt, apt, gcc and an ssh server. A guest of mirrorball's own installs its
/// packages (80 MB) and takes some minutes for that. What is there already is left as it is. It takes apt-get with the
/// package lists of Debian 12, or the package itself (--deb); --programs fetches lists of its own.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
struct DebianArgs {
    /// Folder for the files [default: guests/debian/cache, in the project's root]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// The installer's package as a file, if it was downloaded in another way
    #[arg(long, value_name = "FILE")]
    deb: Option<PathBuf>,
    /// Make programs.gz, an initrd with Debian's programs, as well
    #[arg(long)]
    programs: bool,
    /// Make a kernel and an initrd that boot a disk of your own as well
    #[arg(long)]
    boot: bool,
    /// Make a disk with a whole Debian on it as well
    #[arg(long)]
    disk: bool,
    /// The archive that the packages of the programs and the disk come from
    #[arg(long, value_name = "URL", default_value = apt::MIRROR)]
    mirror: String,
}

const EXAMPLES: &str = "\
Examples:
  mirrorball fetch debian
      the kernel and the installer's initrd, in guests/debian/cache
  mirrorball fetch debian --programs --to /tmp/debian
      these and the programs, elsewhere
  mirrorball fetch debian --disk
      these, and a disk with Debian that boots to its login prompt
  mirrorball fetch debian --programs --mirror http://archive.debian.org/debian
      the programs from the archive of old releases";

/// Brings what the arguments ask for.
pub(super) fn execute(args: &FetchArgs) -> Result<Exit, CliError> {
    let Guest::Debian(args) = &args.guest;
    let to = match &args.to {
        Some(to) => to.clone(),
        None if Path::new(HOME).is_dir() => Path::new(HOME).join(CACHE),
        None => return Err(FetchError::NoHome.into()),
    };
    let (kernel, initrd) = (to.join(debian::KERNEL), to.join(debian::INITRD));
    let news = debian::bring(&to, args.deb.as_deref())?;
    println!(
        "Debian {news}. To boot it to a shell:\n  mirrorball run {} --initrd {} \
         --append 'console=ttyS0 rdinit=/bin/sh'",
        kernel.display(),
        initrd.display()
    );
    if args.programs {
        let news = programs::bring(&to, &args.mirror)?;
        println!(
            "An initrd with Debian's programs {news}. To boot it to a shell:\n  \
             mirrorball run {} --initrd {} --append 'console=ttyS0'",
            kernel.display(),
            to.join(programs::PROGRAMS).display()
        );
    }
    if args.boot {
        let news = disk::bring_boot(&to, &args.mirror)?;
        let at = |name| to.join(disk::BOOT).join(name).display().to_string();
        println!(
            "A kernel and an initrd for a disk of your own {news}. To boot one with ext4 on it:\n  \
             mirrorball run {} --initrd {} --disk FILE --append console=ttyS0",
            at(disk::KERNEL),
            at(disk::INITRD)
        );
    }
    if args.disk {
        let news = disk::bring(&to, &args.mirror)?;
        let at = |name| to.join(disk::FOLDER).join(name).display().to_string();
        println!(
            "A disk with Debian {news}. To boot it and log in as root, without a password:\n  \
             mirrorball run {} --initrd {} --disk {} --append console=ttyS0 -m 512M",
            at(disk::KERNEL),
            at(disk::INITRD),
            at(disk::DISK)
        );
    }
    Ok(Exit::Done)
}

/// Where `fetch debian` puts Debian's kernel, from the project's root.
pub(super) fn kernel() -> PathBuf {
    Path::new(HOME).join(CACHE).join(debian::KERNEL)
}

/// Where `fetch debian --programs` puts the initrd with Debian's programs.
pub(super) fn programs() -> PathBuf {
    Path::new(HOME).join(CACHE).join(programs::PROGRAMS)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.display().to_string();
    move |source| FetchError::Io { path, source }
}

/// A folder in `to` for work in progress: on the same disk, so that files can be moved to `to`
/// whole.
fn staging(to: &Path) -> Result<tempfile::TempDir, FetchError> {
    fs::create_dir_all(to).map_err(failed(to))?;
    tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(to)
        .map_err(failed(to))
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
