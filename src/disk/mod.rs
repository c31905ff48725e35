//! Disk images: the files behind the disks of guests.
//!
//! A [`DiskSpec`] says what a guest's disk is; [`DiskSpec::open`] makes of it what a device in the
//! runtime works with. A file is opened and locked (`open`, `lock`), its format told, and what holds
//! the disk's bytes made of it: a raw image (`raw`), a qcow2 image and those that it is based on
//! (`qcow2`, with the library `imago`, behind the checks of `header` and `storage`), or one of these
//! below a temporary file (`snapshot`). All of them are a `medium`, and a thread for each disk works
//! on it (`worker`), beside the guest.

mod create;
mod error;
mod header;
mod lock;
mod mark;
mod medium;
mod open;
mod qcow2;
mod raw;
mod report;
mod snapshot;
mod storage;
mod worker;

use std::env;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use mirrorball_runtime::device::disk::{self, Disk};

pub use create::{Creation, Info};
pub use error::OpenError;
pub use mark::{Mark, MarkError};
use open::{Opened, io_error, shown};
use report::Report;
use snapshot::Snapshot;
use worker::{Face, HostDisk};

/// How a file holds the bytes of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One after the other
    Raw,
    /// As QEMU's format qcow2 does, which grows as it is written and may be based on another image
    Qcow2,
}

impl Format {
    /// The format that a file with this name has if nothing else is said.
    #[must_use]
    pub fn by_name(path: &Path) -> Self {
        match path.extension() {
            Some(end) if end.eq_ignore_ascii_case("qcow2") => Self::Qcow2,
            _ => Self::Raw,
        }
    }

    /// Its name, as qcow2 images have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

/// What becomes of what the guest writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// The image has it.
    #[default]
    Write,
    /// The guest cannot write.
    Read,
    /// It is gone with the machine.
    Snapshot,
}

/// When what was written is on the host's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Cache {
    /// When the guest has flushed its disk
    #[default]
    Writeback,
    /// When the host likes: faster, and all may be lost if the host crashes
    Unsafe,
}

/// What connects a disk to the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Bus {
    /// virtio-blk, a PCI device: fast
    #[default]
    Virtio,
    /// IDE, for guests without a driver for virtio
    Ide,
}

impl From<Bus> for disk::Bus {
    fn from(bus: Bus) -> Self {
        match bus {
            Bus::Virtio => Self::Virtio,
            Bus::Ide => Self::Ide,
        }
    }
}

/// What a guest's disk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskSpec {
    /// The image.
    pub path: PathBuf,
    /// Its format, if it is not to be told by its name.
    pub format: Option<Format>,
    /// The image that it is based on, if that is to be another than it says, or lies elsewhere.
    pub backing: Option<PathBuf>,
    /// What becomes of what is written.
    pub access: Access,
    /// When it is on the host's disk.
    pub cache: Cache,
    /// What the guest sees as serial number.
    pub serial: String,
    /// What connects it to the machine.
    pub bus: Bus,
}

impl DiskSpec {
    /// The disk in the image at `path`, for which nothing else is said.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            format: None,
            backing: None,
            access: Access::default(),
            cache: Cache::default(),
            serial: String::new(),
            bus: Bus::default(),
        }
    }

    /// What is written while the disk is in use: the image, or the folder of the temporary file for
    /// what the guest writes.
    #[must_use]
    pub fn written(&self) -> Option<PathBuf> {
        match self.access {
            Access::Write => Some(self.path.clone()),
            Access::Read => None,
            Access::Snapshot => Some(env::temp_dir()),
        }
    }

    /// What is read: the image's folder, in which those lie that it may be based on, and that of
    /// the one that the user named.
    #[must_use]
    pub fn read(&self) -> Vec<PathBuf> {
        let folder = |path: &PathBuf| {
            let path = path.canonicalize().unwrap_or_else(|_| path.clone());
            path.parent().map(Path::to_owned)
        };
        let paths = [Some(&self.path), self.backing.as_ref()];
        paths.into_iter().flatten().filter_map(folder).collect()
    }

    /// Opens the image and locks it, and starts the thread that works on it.
    ///
    /// # Errors
    ///
    /// When the image is none, is in use, or names files that it may not name.
    pub fn open(&self) -> Result<Box<dyn Disk>, OpenError> {
        let file = Opened::open(&self.path, self.access == Access::Write)?;
        let format = file.format(self.format)?;
        let mut medium = file.medium(format, self.backing.as_deref())?;
        let failed = |source| io_error(&self.path, source);
        if self.access == Access::Snapshot {
            medium = Box::new(Snapshot::of(medium).map_err(failed)?);
        }
        let face = Face {
            read_only: self.access == Access::Read,
            serial: self.serial.clone(),
            flushes: self.cache == Cache::Writeback,
        };
        let report = Report::of(shown(&self.path));
        let disk = HostDisk::start(medium, face, report).map_err(failed)?;
        Ok(Box::new(disk))
    }
}

#[cfg(test)]
mod tests;
