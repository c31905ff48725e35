//! Memory for translated code: one file without a name, mapped twice.
//!
//! Through one mapping code is written, through the other it is executed: no page is ever
//! writable and executable at once (W^X).

use memmap2::{Mmap, MmapMut, MmapOptions};
use std::fs::File;

/// Why there is no memory for code.
#[derive(Debug, thiserror::Error)]
#[error(
    "the host refused {bytes} bytes of memory for translated code: {source}; use --engine interp"
)]
pub struct ArenaError {
    bytes: usize,
    source: std::io::Error,
}

/// Memory for translated code, filled from the bottom up and emptied as a whole.
pub struct Arena {
    writable: MmapMut,
    executable: Mmap,
    used: usize,
}

/// Code starts on a cache line of the host.
const ALIGNMENT: usize = 64;

impl Arena {
    /// Memory for `bytes` of code. The host backs it as it is used.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn new(bytes: usize) -> Result<Self, ArenaError> {
        let failed = |source| ArenaError { bytes, source };
        let file = rustix::fs::memfd_create("mirrorball-code", rustix::fs::MemfdFlags::CLOEXEC)
            .map_err(|error| failed(error.into()))?;
        let file = File::from(file);
        file.set_len(bytes as u64).map_err(failed)?;
        // SAFETY: the file has no name, so nobody but these two mappings changes it.
        let (writable, executable) = unsafe {
            let options = MmapOptions::new();
            (
                options.map_mut(&file).map_err(failed)?,
                options.map_exec(&file).map_err(failed)?,
            )
        };
        Ok(Self {
            writable,
            executable,
            used: 0,
        })
    }

    /// Places code and returns its address, or `None` if the arena is full.
    pub fn place(&mut self, code: &[u8]) -> Option<usize> {
        let start = self.used.next_multiple_of(ALIGNMENT);
        let end = start.checked_add(code.len())?;
        self.writable.get_mut(start..end)?.copy_from_slice(code);
        self.used = end;
        Some(self.executable.as_ptr() as usize + start)
    }

    /// Empties the arena. No code in it may be running or be found again.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// The bytes in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_arena_refuses_and_an_emptied_one_does_not() {
        let mut arena = Arena::new(4096).unwrap();
        let first = arena.place(&[0x90; 100]).unwrap();
        let second = arena.place(&[0x91; 100]).unwrap();
        assert_eq!(second - first, 128);
        assert_eq!(arena.place(&[0; 4000]), None);
        assert_eq!(arena.used(), 228);
        arena.clear();
        assert_eq!(arena.place(&[0; 4000]), Some(first));
    }
}
