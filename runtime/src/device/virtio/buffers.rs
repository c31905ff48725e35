//! A request's buffers: pieces of memory that count as one range of bytes.

use super::Broken;
use crate::addr::Pa;
use crate::device::Memory;
use serde::{Deserialize, Serialize};

/// A piece of memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Piece {
    address: u64,
    length: u32,
}

/// Pieces of memory, one after the other.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Buffers(Vec<Piece>);

impl Buffers {
    /// Adds a piece at the end.
    pub fn add(&mut self, address: u64, length: u32) {
        self.0.push(Piece { address, length });
    }

    /// How many pieces there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no piece.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes of all pieces.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.0.iter().map(|piece| u64::from(piece.length)).sum()
    }

    /// The pieces: where each begins, and its length.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u32)> {
        self.0.iter().map(|piece| (piece.address, piece.length))
    }

    /// The pieces that hold `length` bytes from `skip` on, each with its place in these bytes.
    fn pieces(&self, skip: u64, length: usize) -> impl Iterator<Item = (Pa, usize, usize)> {
        let end = skip.saturating_add(length as u64);
        let mut from = 0;
        self.0.iter().filter_map(move |piece| {
            let start = from;
            from += u64::from(piece.length);
            let (first, last) = (start.max(skip), from.min(end));
            let address = Pa(piece.address.wrapping_add(first.saturating_sub(start)));
            (first < last).then(|| (address, (first - skip) as usize, (last - skip) as usize))
        })
    }

    /// Reads from byte `skip` on. What lies behind the end stays as it is.
    ///
    /// # Errors
    /// If a piece is not in memory.
    pub fn read(&self, memory: &mut dyn Memory, skip: u64, bytes: &mut [u8]) -> Result<(), Broken> {
        for (address, first, last) in self.pieces(skip, bytes.len()) {
            memory.read(address, &mut bytes[first..last])?;
        }
        Ok(())
    }

    /// Writes from byte `skip` on. What would come behind the end is dropped.
    ///
    /// # Errors
    /// If a piece is not in memory. What lies before it is written.
    pub fn write(&self, memory: &mut dyn Memory, skip: u64, bytes: &[u8]) -> Result<(), Broken> {
        for (address, first, last) in self.pieces(skip, bytes.len()) {
            memory.write(address, &bytes[first..last])?;
        }
        Ok(())
    }

    /// The first `N` bytes from `skip` on; `None` if there are fewer.
    ///
    /// # Errors
    /// If a piece is not in memory.
    pub fn array<const N: usize>(
        &self,
        memory: &mut dyn Memory,
        skip: u64,
    ) -> Result<Option<[u8; N]>, Broken> {
        let mut bytes = [0; N];
        if self.length() < skip.saturating_add(N as u64) {
            return Ok(None);
        }
        self.read(memory, skip, &mut bytes)?;
        Ok(Some(bytes))
    }
}
