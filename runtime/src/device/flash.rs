//! NOR flash memory with Intel's command set (Common Flash Memory Interface, JEDEC JESD68.01, and the
//! Intel/Sharp extended command set of JEP137): one chip of 4 MiB with a bus of 32 bits, in sectors of
//! 64 KiB that can be locked. A driver may take it for one with a bus of 16 bits as well: what it counts
//! is writes, whatever their width.
//!
//! The array is the machine's ROM, which the CPU reads and runs like RAM as long as the chip shows
//! it. A command that has it show something else, its status, its identity or the query table, brings
//! reads to the chip. An instruction fetch always finds the array. Erasing and programming are done
//! at once.

mod query;

use super::{Device, Memory, Outside, Registers, Width};
use crate::addr::Pa;
use crate::clock::Nanos;
use crate::memory::pmap::rom::{BOOT_ROM, FLASH, SIZE};
use crate::sound::Sound;
use query::BUFFER;
use serde::{Deserialize, Serialize};

/// The bytes that are erased together.
pub const SECTOR: u64 = 64 << 10;
/// What an erased byte holds.
pub const ERASED: u8 = 0xff;

/// An offset is below this: the chip is seen several times behind its end, where nothing is changed.
const BEHIND: u64 = 4 * SIZE;

/// Intel, and a chip of 4 MiB.
const IDENTITY: [u8; 2] = [0x89, 0x16];

const READY: u8 = 0x80;
const ERASE_FAILED: u8 = 0x20;
const PROGRAM_FAILED: u8 = 0x10;
const LOCKED: u8 = 0x02;
/// A command that does not follow the one before it.
const OUT_OF_SEQUENCE: u8 = ERASE_FAILED | PROGRAM_FAILED;

const CONFIRM: u8 = 0xd0;

/// What a read shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Shown {
    Array,
    Status,
    Identity,
    Query,
}

/// What the next write is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Expected {
    /// A command.
    Command,
    /// The bytes to be programmed.
    Data,
    /// That a sector is to be erased.
    Erase,
    /// What becomes of a sector's lock.
    Lock,
    /// How many writes there will be to a buffer, less one.
    Count,
    /// A piece for the buffer, or, if that is full, that it is to be programmed.
    Buffer(Buffer),
}

/// What is to be programmed together.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Buffer {
    /// How many writes are still to come.
    left: u32,
    pieces: Vec<Change>,
}

/// A change of the array that the chip has not made yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Change {
    /// Clears the bits that are clear in these bytes.
    Program { offset: u64, bytes: Vec<u8> },
    /// Sets all bits of the sector that begins here.
    Erase { offset: u64 },
}

/// The flash memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flash {
    big_endian: bool,
    /// Whether the machine has it.
    fitted: bool,
    shown: Shown,
    expected: Expected,
    status: u8,
    /// A bit for each sector.
    locked: u64,
    changes: Vec<Change>,
}

impl Flash {
    /// The chip after power-on, next to a CPU of the given byte order. No machine has it yet.
    #[must_use]
    pub fn new(big_endian: bool) -> Self {
        Self {
            big_endian,
            fitted: false,
            shown: Shown::Array,
            expected: Expected::Command,
            status: READY,
            locked: 0,
            changes: Vec::new(),
        }
    }

    /// Puts it into the machine.
    pub fn fit(&mut self) {
        self.fitted = true;
    }

    /// Whether the machine has it.
    #[must_use]
    pub fn is_fitted(&self) -> bool {
        self.fitted
    }

    /// Whether reads come to the chip, because it does not show its array.
    #[must_use]
    pub fn hides_array(&self) -> bool {
        self.fitted && self.shown != Shown::Array
    }

    fn fail(&mut self, bits: u8) {
        self.status |= bits;
    }

    /// A command that nothing has to come before.
    fn command(&mut self, command: u8) {
        (self.shown, self.expected) = match command {
            0x10 | 0x40 => (Shown::Status, Expected::Data),
            0x20 => (Shown::Status, Expected::Erase),
            0x60 => (Shown::Status, Expected::Lock),
            0xe8 => (Shown::Status, Expected::Count),
            0x70 => (Shown::Status, Expected::Command),
            0x90 => (Shown::Identity, Expected::Command),
            0x98 => (Shown::Query, Expected::Command),
            0x50 => {
                self.status = READY;
                (self.shown, Expected::Command)
            }
            // Read array, and what does not exist.
            _ => (Shown::Array, Expected::Command),
        };
    }

    /// Notes a change of the array, if the sector is not locked.
    fn change(&mut self, change: Change, failure: u8) {
        let (Change::Program { offset, .. } | Change::Erase { offset }) = change;
        if self.locked & sector(offset) != 0 {
            self.fail(failure | LOCKED);
        } else {
            self.changes.push(change);
        }
    }

    fn erase(&mut self, offset: u64, command: u8) {
        if command == CONFIRM {
            let offset = offset & !(SECTOR - 1);
            self.change(Change::Erase { offset }, ERASE_FAILED);
        } else {
            self.fail(OUT_OF_SEQUENCE);
        }
    }

    fn lock(&mut self, offset: u64, command: u8) {
        match command {
            0x01 | 0x2f => self.locked |= sector(offset),
            CONFIRM => self.locked &= !sector(offset),
            _ => self.fail(OUT_OF_SEQUENCE),
        }
    }

    /// The bytes that a write brings to the array.
    fn data(&self, offset: u64, width: Width, value: u32) -> Change {
        let size = width.bytes() as usize;
        let bytes = if self.big_endian {
            value.to_be_bytes()[4 - size..].to_vec()
        } else {
            value.to_le_bytes()[..size].to_vec()
        };
        Change::Program { offset, bytes }
    }

    /// A write to the buffer; says what the next write is about.
    fn fill(&mut self, mut buffer: Buffer, offset: u64, width: Width, value: u32) -> Expected {
        if let Some(left) = buffer.left.checked_sub(1) {
            buffer.left = left;
            buffer.pieces.push(self.data(offset, width, value));
            return Expected::Buffer(buffer);
        }
        if value as u8 == CONFIRM {
            for piece in buffer.pieces {
                self.change(piece, PROGRAM_FAILED);
            }
        } else {
            self.fail(OUT_OF_SEQUENCE);
        }
        Expected::Command
    }

    /// How many writes come to the buffer.
    fn count(&mut self, value: u32) -> Expected {
        let left = (value & 0xffff) + 1;
        if u64::from(left) > BUFFER {
            self.fail(OUT_OF_SEQUENCE);
            return Expected::Command;
        }
        let pieces = Vec::new();
        Expected::Buffer(Buffer { left, pieces })
    }

    fn identity(&self, offset: u64) -> u8 {
        match offset % SECTOR / 4 {
            at @ 0..=1 => IDENTITY[at as usize],
            2 => u8::from(self.locked & sector(offset) != 0),
            _ => 0,
        }
    }
}

/// The bit of the sector at `offset`.
fn sector(offset: u64) -> u64 {
    1 << (offset / SECTOR % (SIZE / SECTOR))
}

const _: () = assert!(SIZE / SECTOR <= 64, "a sector has a bit of a word");

impl Change {
    /// Makes the change, where the array is seen.
    fn make(self, memory: &mut dyn Memory) {
        let (offset, bytes) = match self {
            Self::Erase { offset } => (offset, vec![ERASED; SECTOR as usize]),
            Self::Program { offset, mut bytes } => {
                let mut before = vec![0; bytes.len()];
                memory.read_rom(Pa(FLASH.0 + offset), &mut before);
                bytes
                    .iter_mut()
                    .zip(before)
                    .for_each(|(new, old)| *new &= old);
                (offset, bytes)
            }
        };
        memory.write_rom(Pa(FLASH.0 + offset), &bytes);
        memory.write_rom(Pa(BOOT_ROM.0 + offset), &bytes);
    }
}

/// Reads come here while the array is hidden only. The chip is one of 32 bits: its answer is in the
/// lowest bits of a word.
impl Registers for Flash {
    fn read(&mut self, offset: u64, _width: Width, _now: Nanos) -> u32 {
        u32::from(match self.shown {
            Shown::Array => 0,
            Shown::Status => self.status,
            Shown::Identity => self.identity(offset),
            Shown::Query => query::byte(offset / 4 % 0x40),
        })
    }

    fn write(&mut self, offset: u64, width: Width, value: u32, _now: Nanos) {
        let command = value as u8;
        let expected = std::mem::replace(&mut self.expected, Expected::Command);
        match expected {
            Expected::Command => self.command(command),
            Expected::Data => {
                let data = self.data(offset, width, value);
                self.change(data, PROGRAM_FAILED);
            }
            Expected::Erase => self.erase(offset, command),
            Expected::Lock => self.lock(offset, command),
            Expected::Count => self.expected = self.count(value),
            Expected::Buffer(buffer) => self.expected = self.fill(buffer, offset, width, value),
        }
    }
}

impl Device for Flash {
    fn reset(&mut self) {
        *self = Self {
            fitted: self.fitted,
            ..Self::new(self.big_endian)
        };
    }

    fn wants_bus(&self) -> bool {
        !self.changes.is_empty()
    }

    fn master(&mut self, outside: &mut Outside<'_>, _now: Nanos) {
        for change in self.changes.drain(..) {
            change.make(outside.memory);
        }
    }
}

impl Sound for Change {
    fn is_sound(&self) -> bool {
        match self {
            Self::Program { offset, bytes } => *offset < BEHIND && bytes.len() <= 4,
            Self::Erase { offset } => *offset < BEHIND,
        }
    }
}

impl Sound for Buffer {
    fn is_sound(&self) -> bool {
        let writes = u64::from(self.left) + self.pieces.len() as u64;
        writes <= BUFFER && self.pieces.is_sound()
    }
}

impl Sound for Flash {
    fn is_sound(&self) -> bool {
        let expected = match &self.expected {
            Expected::Buffer(buffer) => buffer.is_sound(),
            _ => true,
        };
        expected && self.changes.len() as u64 <= BUFFER && self.changes.is_sound()
    }
}

#[cfg(test)]
mod tests;
