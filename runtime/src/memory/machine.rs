//! Machine memory: the host memory that the monitor hands out, in frames.
//!
//! One anonymous mapping, reserved whole and backed by the host as it is touched. A frame that is
//! handed out is zero.

use crate::addr::{Ma, PAGE_SIZE};
use memmap2::{MmapMut, MmapOptions};

/// Why machine memory could not be had.
#[derive(Debug, thiserror::Error)]
pub enum MachineMemoryError {
    /// The host refused the mapping.
    #[error(
        "the host refused to reserve {bytes} bytes for guest memory: {source}; use a smaller --memory"
    )]
    Reserve {
        /// What was asked for.
        bytes: u64,
        /// What the host said.
        source: std::io::Error,
    },
    /// The host refused address space for the software TLB.
    #[error("the host refused address space for the software TLB: {0}; see `ulimit -v`")]
    Tables(std::io::Error),
}

/// The frames of the host's memory.
#[derive(Debug)]
pub struct MachineMemory {
    map: MmapMut,
    /// Frames from here on have never been handed out.
    fresh: u64,
}

impl MachineMemory {
    /// Reserves `bytes` (rounded up to whole pages) of machine memory.
    ///
    /// # Errors
    /// When the host refuses the mapping.
    pub fn new(bytes: u64) -> Result<Self, MachineMemoryError> {
        let bytes = bytes.next_multiple_of(PAGE_SIZE).max(PAGE_SIZE);
        let map = MmapOptions::new()
            .len(bytes as usize)
            .no_reserve_swap()
            .map_anon()
            .map_err(|source| MachineMemoryError::Reserve { bytes, source })?;
        Ok(Self { map, fresh: 0 })
    }

    /// Hands out a zeroed frame, or `None` when all are in use.
    pub fn allocate(&mut self) -> Option<Ma> {
        let frame = Ma(self.fresh);
        if self.fresh >= self.map.len() as u64 {
            return None;
        }
        self.fresh += PAGE_SIZE;
        Some(frame)
    }

    /// The number of frames handed out.
    #[must_use]
    pub fn frames_in_use(&self) -> u64 {
        self.fresh / PAGE_SIZE
    }

    /// The host address of a machine address.
    ///
    /// # Panics
    /// If `ma` is not an address of this memory, which would be the monitor's own mistake.
    #[must_use]
    pub fn host(&self, ma: Ma) -> *mut u8 {
        assert!(ma.0 < self.map.len() as u64);
        // SAFETY: the offset is inside the mapping. Guest memory is only ever accessed through
        // raw pointers made here while the VM runs, never through references that overlap.
        unsafe { self.map.as_ptr().add(ma.0 as usize).cast_mut() }
    }

    /// The bytes of a frame.
    #[must_use]
    pub fn frame(&self, ma: Ma) -> &[u8] {
        let start = ma.page().0 as usize;
        &self.map[start..start + PAGE_SIZE as usize]
    }

    /// The bytes of a frame, to be written.
    pub fn frame_mut(&mut self, ma: Ma) -> &mut [u8] {
        let start = ma.page().0 as usize;
        &mut self.map[start..start + PAGE_SIZE as usize]
    }
}
