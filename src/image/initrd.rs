//! The initial RAM disk: bytes that lie above the kernel, against the end of low memory.

use std::path::Path;

use mirrorball_runtime::addr::Pa;

use super::{FileError, Image, ImageError, MemorySize, file};

/// What the address of a RAM disk is a multiple of.
const ALIGNMENT: u64 = 64 << 10;
/// How far from the end of low memory the whole units of [`ALIGNMENT`] end, so that a last piece
/// of a unit fits behind them. The distance is QEMU's: a kernel finds its RAM disk at the same
/// address in both.
const CLEARANCE: u64 = 128 << 10;

/// An initial RAM disk, not yet in memory.
#[derive(Clone, Debug)]
pub struct Initrd {
    name: String,
    bytes: Vec<u8>,
}

/// Where an initial RAM disk lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The address of its first byte.
    pub start: Pa,
    /// Its size in bytes.
    pub size: u64,
}

impl Initrd {
    /// Reads the RAM disk at `path`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is empty.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Ok(Self {
            name: path.display().to_string(),
            bytes: file::read(path)?,
        })
    }

    /// What the file holds.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where this RAM disk goes in a machine with `memory` that `image` was loaded into.
    pub(super) fn place(&self, image: &Image, memory: MemorySize) -> Result<Placed, ImageError> {
        let size = self.bytes.len() as u64;
        let kernel_end = image
            .segments
            .iter()
            .map(super::Segment::end)
            .max()
            .unwrap_or_default();
        let units = size & !(ALIGNMENT - 1);
        u64::from(memory.low())
            .checked_sub(units + CLEARANCE)
            .map(|start| Pa(start & !(ALIGNMENT - 1)))
            .filter(|&start| start >= kernel_end && start >= super::yamon::TABLE_END)
            .map(|start| Placed { start, size })
            .ok_or_else(|| ImageError::InitrdTooLarge {
                initrd: self.name.clone(),
                size,
                kernel_end,
                memory,
            })
    }

    #[cfg(test)]
    pub(super) fn from_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            bytes,
        }
    }
}
