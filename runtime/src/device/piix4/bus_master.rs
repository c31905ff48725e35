//! The bus master of an IDE channel (82371AB data sheet, chapter 5; Programming Interface for Bus
//! Master IDE Controller 1.0).
//!
//! A table in memory says where the data goes or comes from: entries of eight bytes, each with a
//! region's address, its size, and whether it is the last. The master moves what the drive gives or
//! takes, and waits in the middle of a region for a drive that pauses.

use super::ide::{Channel, Direction};
use crate::addr::Pa;
use crate::device::{Memory, NoMemory};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

const COMMAND_START: u8 = 0x01;
const COMMAND_TO_MEMORY: u8 = 0x08;
const STATUS_ACTIVE: u8 = 0x01;
const STATUS_ERROR: u8 = 0x02;
const STATUS_INTERRUPT: u8 = 0x04;
/// What software notes about the drives.
const STATUS_DRIVES: u8 = 0x60;
const ENTRY_LAST: u32 = 1 << 31;
/// How many bytes are moved at once.
const PIECE: usize = 4096;

/// What is left of the region that data is moved to or from.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Region {
    address: u32,
    left: u32,
    last: bool,
}

impl Region {
    /// What an entry of the table says. A size of zero stands for 64 KiB.
    fn new(entry: [u8; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = entry;
        let (address, size) = (
            u32::from_le_bytes([a, b, c, d]),
            u32::from_le_bytes([e, f, g, h]),
        );
        Self {
            address: address & !1,
            left: ((size & 0xfffe).wrapping_sub(2) & 0xffff) + 2,
            last: size & ENTRY_LAST != 0,
        }
    }
}

/// The bus master of one channel, eight ports.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BusMaster {
    command: u8,
    status: u8,
    table: u32,
    /// The address of the entry that is read next.
    next: u32,
    region: Option<Region>,
    /// Whether the drive asked for an interrupt when that was last looked at.
    interrupt: bool,
}

impl BusMaster {
    /// Reads a byte of the registers.
    #[must_use]
    pub fn read(&self, register: u64) -> u8 {
        match register {
            0 => self.command,
            2 => self.status,
            lane @ 4..8 => self.table.to_le_bytes()[lane as usize - 4],
            _ => 0xff,
        }
    }

    /// Writes a byte of the registers.
    pub fn write(&mut self, register: u64, value: u8) {
        match register {
            0 => self.write_command(value & (COMMAND_START | COMMAND_TO_MEMORY)),
            2 => {
                let cleared = value & (STATUS_ERROR | STATUS_INTERRUPT);
                self.status = self.status & !STATUS_DRIVES & !cleared | value & STATUS_DRIVES;
            }
            lane @ 4..8 => {
                let mut bytes = self.table.to_le_bytes();
                bytes[lane as usize - 4] = value;
                self.table = u32::from_le_bytes(bytes) & !3;
            }
            _ => {}
        }
    }

    /// Starting begins with the first entry of the table; stopping forgets where the master was.
    fn write_command(&mut self, value: u8) {
        let before = std::mem::replace(&mut self.command, value);
        match (before & COMMAND_START, value & COMMAND_START) {
            (0, COMMAND_START) => {
                self.status |= STATUS_ACTIVE;
                (self.next, self.region) = (self.table, None);
            }
            (COMMAND_START, 0) => self.halt(),
            _ => {}
        }
    }

    fn halt(&mut self) {
        self.status &= !STATUS_ACTIVE;
        self.region = None;
    }

    /// Notes the level of the drive's interrupt output; the status keeps that it has risen.
    pub fn watch_interrupt(&mut self, level: bool) {
        if level && !self.interrupt {
            self.status |= STATUS_INTERRUPT;
        }
        self.interrupt = level;
    }

    fn direction(&self) -> Direction {
        if self.command & COMMAND_TO_MEMORY != 0 {
            Direction::ToMemory
        } else {
            Direction::FromMemory
        }
    }

    /// Whether data moves, if a drive asks for it in this direction.
    #[must_use]
    pub fn moves(&self, request: Option<Direction>) -> bool {
        self.status & STATUS_ACTIVE != 0 && request == Some(self.direction())
    }

    /// Moves data until the drive does not ask any more, or the table or the memory is at its end.
    pub fn run(&mut self, channel: &mut dyn Channel, memory: &mut dyn Memory) {
        while self.moves(channel.dma_request()) {
            match self.step(channel, memory) {
                Ok(0) => return,
                Ok(_) => {}
                Err(NoMemory(_)) => {
                    self.status |= STATUS_ERROR;
                    self.halt();
                }
            }
        }
    }

    /// Moves a piece of a region, and says how many bytes that was.
    fn step(
        &mut self,
        channel: &mut dyn Channel,
        memory: &mut dyn Memory,
    ) -> Result<usize, NoMemory> {
        let region = match self.region {
            Some(region) => region,
            None => self.fetch(memory)?,
        };
        let mut piece = [0; PIECE];
        let piece = &mut piece[..PIECE.min(region.left as usize)];
        let at = Pa(region.address.into());
        let moved = match self.direction() {
            Direction::ToMemory => {
                let given = channel.give(piece);
                memory.write(at, &piece[..given])?;
                given
            }
            Direction::FromMemory => {
                memory.read(at, piece)?;
                channel.take(piece)
            }
        };
        self.pass(region, moved as u32);
        Ok(moved)
    }

    /// The next entry of the table.
    fn fetch(&mut self, memory: &mut dyn Memory) -> Result<Region, NoMemory> {
        let mut entry = [0; 8];
        memory.read(Pa(self.next.into()), &mut entry)?;
        self.next = self.next.wrapping_add(8);
        Ok(Region::new(entry))
    }

    /// So many bytes of the region are done.
    fn pass(&mut self, region: Region, moved: u32) {
        let left = region.left - moved;
        self.region = (left > 0).then_some(Region {
            address: region.address.wrapping_add(moved),
            left,
            ..region
        });
        if left == 0 && region.last {
            self.halt();
        }
    }
}

/// What it does not find, or cannot move, ends what it does.
impl Sound for BusMaster {
    fn is_sound(&self) -> bool {
        true
    }
}
