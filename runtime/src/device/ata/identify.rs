//! What a disk says of itself.

use crate::device::disk::Shape;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// The heads and the sectors of a track, for software that counts so.
pub(super) const HEADS: u64 = 16;
pub(super) const PER_TRACK: u64 = 63;
/// The most sectors of a block.
pub(super) const MOST_IN_BLOCK: u8 = 16;

const MODEL: &str = "mirrorball disk";
const FIRMWARE: &str = "1";
/// The highest number of cylinders that software counts so.
const MOST_CYLINDERS: u64 = 16383;

/// What software can set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Settings {
    /// The sectors of a block; 0 if that was not set.
    pub block: u8,
    /// The mode in which the bus master moves data, as a bit of words 63 and 88.
    multiword: u8,
    ultra: u8,
}

impl Settings {
    /// Sets a feature. Says whether there is such a one.
    pub fn set_feature(&mut self, feature: u8, value: u8) -> bool {
        match feature {
            // The mode of transfers.
            0x03 => self.set_mode(value),
            // The cache for writes, looking ahead, and what a reset leaves: nothing changes.
            0x02 | 0x82 | 0xaa | 0x55 | 0x66 | 0xcc => true,
            _ => false,
        }
    }

    /// Sets the sectors of a block. Says whether there are such blocks.
    pub fn set_block(&mut self, sectors: u8) -> bool {
        let known = sectors.is_power_of_two() && sectors <= MOST_IN_BLOCK;
        if known {
            self.block = sectors;
        }
        known
    }

    fn set_mode(&mut self, value: u8) -> bool {
        let bit = 1 << (value & 7);
        match value >> 3 {
            // PIO.
            0 | 1 => return value & 7 <= 4,
            4 if value & 7 <= 2 => (self.multiword, self.ultra) = (bit, 0),
            8 if value & 7 <= 2 => (self.multiword, self.ultra) = (0, bit),
            _ => return false,
        }
        true
    }
}

/// Puts text where the first letter of each word is its upper byte.
fn text(words: &mut [u16], text: &str) {
    let mut bytes = text.bytes().chain(std::iter::repeat(b' '));
    let mut next = || u16::from(bytes.next().unwrap_or(b' '));
    for word in words {
        *word = next() << 8 | next();
    }
}

fn halves(words: &mut [u16], value: u64) {
    for (at, word) in words.iter_mut().enumerate() {
        *word = (value >> (16 * at)) as u16;
    }
}

/// The 512 bytes that the command IDENTIFY DEVICE gives.
pub(super) fn data(shape: &Shape, settings: &Settings) -> Vec<u8> {
    let mut words = [0_u16; 256];
    let cylinders = (shape.sectors / (HEADS * PER_TRACK)).min(MOST_CYLINDERS);
    let by_track = cylinders * HEADS * PER_TRACK;
    let short = shape.sectors.min((1 << 28) - 1);
    text(&mut words[10..20], &shape.serial);
    text(&mut words[23..27], FIRMWARE);
    text(&mut words[27..47], MODEL);
    halves(&mut words[57..59], by_track);
    halves(&mut words[60..62], short);
    halves(&mut words[100..104], shape.sectors);
    for (at, word) in [
        (0, 0x0040),
        (1, cylinders as u16),
        (3, HEADS as u16),
        (6, PER_TRACK as u16),
        (47, 0x8000 | u16::from(MOST_IN_BLOCK)),
        // 32 bits at once; DMA, linear addresses and IORDY.
        (48, 1),
        (49, 0x0b00),
        (50, 0x4000),
        (51, 0x0200),
        (53, 0x0007),
        (54, cylinders as u16),
        (55, HEADS as u16),
        (56, PER_TRACK as u16),
        (59, block_word(settings)),
        (63, u16::from(settings.multiword) << 8 | 0x07),
        (64, 0x0003),
        (65, 120),
        (66, 120),
        (67, 120),
        (68, 120),
        // ATA-4 to ATA-7.
        (80, 0x00f0),
        // A write cache; flushing and 48-bit addresses.
        (82, 0x4020),
        (83, 0x7400),
        (84, 0x4000),
        (85, 0x4020),
        (86, 0x3400),
        (87, 0x4000),
        (88, u16::from(settings.ultra) << 8 | 0x07),
        (93, 0x4001),
    ] {
        words[at] = word;
    }
    words.into_iter().flat_map(u16::to_le_bytes).collect()
}

fn block_word(settings: &Settings) -> u16 {
    match settings.block {
        0 => 0,
        block => 0x0100 | u16::from(block),
    }
}

impl Sound for Settings {
    fn is_sound(&self) -> bool {
        self.block <= MOST_IN_BLOCK
    }
}
