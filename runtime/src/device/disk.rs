//! What a disk device asks of the image behind it.
//!
//! A device is plain state and holds nothing of the host. It starts jobs and fetches their results;
//! what carries them out (a file, a memory, the log of another run) implements [`Disk`], and the
//! machine lends it to the device. A job runs beside the guest. When the device may show its result
//! is decided by the device, in guest time, so that it does not depend on how fast the host is.

use serde::{Deserialize, Serialize};

/// The bytes of a sector: the unit in which disks are addressed.
pub const SECTOR: u64 = 512;

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

/// The image could not do what was asked. The guest sees an I/O error; the reason is the host's,
/// and was reported there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
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
