//! What a disk device asks of the image behind it.
//!
//! A device is plain state and holds nothing of the host. It starts jobs and fetches their results;
//! what carries them out (a file, a memory, the log of another run) implements [`Disk`], and the
//! machine lends it to the device. A job runs beside the guest. When the device may show its result
//! is decided by the device, in guest time, so that it does not depend on how fast the host is.

mod memory;
mod pace;
mod twin;

use crate::sound::Sound;
pub use memory::MemoryDisk;
pub use pace::Pace;
use serde::{Deserialize, Serialize};

/// The bytes of a sector: the unit in which disks are addressed.
pub const SECTOR: u64 = 512;
/// The most bytes of a serial number.
const LONGEST_SERIAL: usize = 20;

/// What a disk is to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Read so many bytes, a multiple of [`SECTOR`], from a sector on.
    Read {
        /// The first sector.
        sector: u64,
        /// How many bytes.
        bytes: u32,
    },
    /// Write bytes, a multiple of [`SECTOR`], from a sector on.
    Write {
        /// The first sector.
        sector: u64,
        /// What is written.
        data: Vec<u8>,
    },
    /// Make all writes that have finished survive a crash of the host.
    Flush,
    /// The guest needs these sectors no longer: their content becomes undefined.
    Discard {
        /// The first sector.
        sector: u64,
        /// How many.
        sectors: u64,
    },
    /// Make these sectors read as zero.
    WriteZeroes {
        /// The first sector.
        sector: u64,
        /// How many.
        sectors: u64,
    },
}

impl Command {
    /// Whether a disk of this shape has the sectors that it is about, and the data is whole sectors and
    /// at most so many bytes.
    #[must_use]
    pub fn fits(&self, shape: &Shape, most: u64) -> bool {
        let bytes = self.bytes();
        let (sector, sectors) = match self {
            Self::Read { sector, .. } | Self::Write { sector, .. } => (*sector, bytes / SECTOR),
            Self::Flush => (0, 0),
            Self::Discard { sector, sectors } | Self::WriteZeroes { sector, sectors } => {
                (*sector, *sectors)
            }
        };
        bytes.is_multiple_of(SECTOR) && bytes <= most && shape.holds(sector, sectors)
    }

    /// How much data it moves.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Read { bytes, .. } => (*bytes).into(),
            Self::Write { data, .. } => data.len() as u64,
            Self::Flush | Self::Discard { .. } | Self::WriteZeroes { .. } => 0,
        }
    }
}

/// The image could not do what was asked. The guest sees an I/O error; the reason is the host's,
/// and was reported there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[error("the disk image failed")]
pub struct DiskError;

/// How a job ended: with the bytes read, which are none for other commands.
pub type Reply = Result<Vec<u8>, DiskError>;

/// The number by which a device knows a job. The device chooses it, and none is in use twice.
pub type Job = u64;

/// A disk image. Jobs may overlap and end in any order; a device that needs an order waits.
pub trait Disk: Send {
    /// The size in sectors.
    fn sectors(&self) -> u64;
    /// Whether writes are refused.
    fn read_only(&self) -> bool;
    /// What the guest sees as the serial number, at most 20 bytes of ASCII.
    fn serial(&self) -> &str;
    /// Starts a job. Sectors beyond the end, and writes to a read-only disk, are the device's to
    /// refuse; here they fail.
    fn start(&mut self, job: Job, command: Command);
    /// Whether the job has ended.
    fn ended(&mut self, job: Job) -> bool;
    /// The result of a job, which is forgotten thereby. Waits if it has not ended.
    fn finish(&mut self, job: Job) -> Reply;
}

/// What a disk is attached to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Bus {
    /// A virtio device of its own.
    Virtio,
    /// An IDE channel: disks 0 and 1 are first and second on the first one, 2 and 3 on the second.
    Ide,
}

/// What a guest sees of a disk without reading it. It stays the same while the machine exists.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shape {
    /// The size in sectors.
    pub sectors: u64,
    /// Whether writes are refused.
    pub read_only: bool,
    /// The serial number.
    pub serial: String,
}

impl Shape {
    /// The shape of a disk.
    #[must_use]
    pub fn of(disk: &dyn Disk) -> Self {
        Self {
            sectors: disk.sectors(),
            read_only: disk.read_only(),
            serial: disk.serial().to_owned(),
        }
    }

    /// Whether all of `sectors` sectors from `first` on are on the disk.
    #[must_use]
    pub fn holds(&self, first: u64, sectors: u64) -> bool {
        let end = first.checked_add(sectors);
        end.is_some_and(|end| end <= self.sectors)
    }

    /// The serial number as so many bytes, the rest of which is `filler`.
    #[must_use]
    pub fn serial_bytes(&self, length: usize, filler: u8) -> Vec<u8> {
        let bytes = self.serial.bytes().take(length);
        let mut bytes: Vec<u8> = bytes.collect();
        bytes.resize(length, filler);
        bytes
    }
}

/// The images of a machine, by the number of the disk. Where there is none, every job fails.
#[derive(Default)]
pub struct Disks {
    disks: Vec<Option<Box<dyn Disk>>>,
    /// How often the devices went back in time: they may then use the number of a job again.
    era: u64,
}

/// In an era devices have fewer jobs than this.
const ERA: u64 = 1 << 40;

/// Whether a device can number its jobs on from here.
#[must_use]
pub const fn is_job(next: Job) -> bool {
    next < ERA / 2
}

impl Disks {
    fn get(&mut self, number: usize) -> Option<&mut Box<dyn Disk>> {
        self.disks.get_mut(number)?.as_mut()
    }

    /// The number by which an image knows a job.
    const fn job(&self, job: Job) -> Job {
        job.wrapping_add(self.era.wrapping_mul(ERA))
    }

    /// The numbers that disks have.
    #[must_use]
    pub fn numbers(&self) -> std::ops::Range<usize> {
        0..self.disks.len()
    }

    /// The devices are what they were once, and start their jobs anew.
    pub(crate) fn begin_era(&mut self) {
        self.era += 1;
    }

    /// Puts an image behind a disk.
    pub fn connect(&mut self, number: usize, disk: Box<dyn Disk>) {
        if self.disks.len() <= number {
            self.disks.resize_with(number + 1, || None);
        }
        self.disks[number] = Some(disk);
    }

    /// As [`Disk::start`], of the disk with this number.
    pub fn start(&mut self, number: usize, job: Job, command: Command) {
        let job = self.job(job);
        if let Some(disk) = self.get(number) {
            disk.start(job, command);
        }
    }

    /// As [`Disk::ended`].
    pub fn ended(&mut self, number: usize, job: Job) -> bool {
        let job = self.job(job);
        self.get(number).is_none_or(|disk| disk.ended(job))
    }

    /// As [`Disk::finish`].
    ///
    /// # Errors
    /// If the image failed, or there is none.
    pub fn finish(&mut self, number: usize, job: Job) -> Reply {
        let job = self.job(job);
        self.get(number)
            .map_or(Err(DiskError), |disk| disk.finish(job))
    }

    /// The disks of a second machine that does the same things as this one from now on. They touch
    /// no image: they answer what the images answered here.
    pub fn twin(&mut self) -> Self {
        let pair = |place: &mut Option<Box<dyn Disk>>| {
            let (leader, follower) = twin::pair(place.take()?);
            *place = Some(Box::new(leader));
            Some(Box::new(follower) as Box<dyn Disk>)
        };
        Self {
            disks: self.disks.iter_mut().map(pair).collect(),
            era: self.era,
        }
    }
}

impl Sound for Shape {
    fn is_sound(&self) -> bool {
        self.serial.len() <= LONGEST_SERIAL && self.sectors <= u64::MAX / SECTOR
    }
}
