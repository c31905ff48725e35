//! ATA disks on an IDE channel (ATA/ATAPI-7): PIO and bus-master DMA, 28 and 48-bit addresses.
//!
//! Both drives of a channel see each write to the registers; the selected one answers. A channel
//! whose selected drive is not there reads as zero, which is how software finds out.

mod command;
mod drive;
mod identify;

use super::disk::{Disks, Shape};
use super::piix4::{Channel, Direction};
use super::{Device, Outside, Registers, Width};
use crate::clock::Nanos;
use crate::sound::Sound;
use drive::Drive;
use serde::{Deserialize, Serialize};

const DATA: u64 = 0;
const ERROR: u64 = 1;
const COUNT: u64 = 2;
const LOW: u64 = 3;
const MID: u64 = 4;
const HIGH: u64 = 5;
const DEVICE: u64 = 6;
const STATUS: u64 = 7;
const CONTROL: u64 = 8;

const CONTROL_NO_INTERRUPT: u8 = 0x02;
const CONTROL_RESET: u8 = 0x04;
/// The registers show what was written to them before the last write.
const CONTROL_BEFORE: u8 = 0x80;
const DEVICE_SECOND: u8 = 0x10;
const DEVICE_LBA: u8 = 0x40;
const BUSY: u8 = 0x80;

/// The registers that say what a command is about. Those of two bytes hold the last byte written,
/// and the one before.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    features: u8,
    count: [u8; 2],
    low: [u8; 2],
    mid: [u8; 2],
    high: [u8; 2],
    device: u8,
}

impl Task {
    /// What a disk shows after a reset.
    fn signature() -> Self {
        Self {
            features: 0,
            count: [1, 0],
            low: [1, 0],
            mid: [0; 2],
            high: [0; 2],
            device: 0,
        }
    }

    fn pair(&mut self, register: u64) -> Option<&mut [u8; 2]> {
        match register {
            COUNT => Some(&mut self.count),
            LOW => Some(&mut self.low),
            MID => Some(&mut self.mid),
            HIGH => Some(&mut self.high),
            _ => None,
        }
    }

    fn read(&mut self, register: u64, before: bool) -> u8 {
        let device = self.device;
        let pair = self.pair(register);
        pair.map_or(device, |pair| pair[usize::from(before)])
    }

    fn write(&mut self, register: u64, value: u8) {
        if let Some(pair) = self.pair(register) {
            *pair = [value, pair[0]];
        } else if register == DEVICE {
            self.device = value;
        } else {
            self.features = value;
        }
    }

    fn selected(&self) -> usize {
        usize::from(self.device & DEVICE_SECOND != 0)
    }
}

/// An IDE channel with up to two disks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AtaChannel {
    task: Task,
    control: u8,
    drives: [Option<Drive>; 2],
}

impl Default for AtaChannel {
    fn default() -> Self {
        Self {
            task: Task::signature(),
            control: 0,
            drives: [None, None],
        }
    }
}

impl AtaChannel {
    /// The number of the disk that is first, and of that which is second.
    pub fn disks(&self) -> [Option<usize>; 2] {
        let number = |drive: &Option<Drive>| drive.as_ref().map(Drive::disk);
        self.drives.each_ref().map(number)
    }

    /// Attaches a disk as first or second drive, or finds it there; says whether it is there now.
    pub fn fit(&mut self, place: usize, disk: usize, shape: &Shape) -> bool {
        let drive = self.drives[place & 1].get_or_insert_with(|| Drive::new(disk, shape.clone()));
        drive.is(disk, shape)
    }

    /// Whether there is a first or second drive.
    #[must_use]
    pub fn has(&self, place: usize) -> bool {
        self.drives[place & 1].is_some()
    }

    fn drive(&self) -> Option<&Drive> {
        self.drives[self.task.selected()].as_ref()
    }

    fn drive_mut(&mut self) -> Option<(&mut Drive, &mut Task)> {
        let drive = self.drives[self.task.selected()].as_mut()?;
        Some((drive, &mut self.task))
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Drive> {
        self.drives.iter_mut().flatten()
    }

    fn status(&self) -> u8 {
        match self.drive() {
            Some(_) if self.control & CONTROL_RESET != 0 => BUSY,
            Some(drive) => drive.status(),
            None => 0,
        }
    }

    fn write_control(&mut self, value: u8) {
        let begins = value & !self.control & CONTROL_RESET != 0;
        self.control = value;
        if begins {
            self.forget();
        }
    }

    /// What either kind of reset does.
    fn forget(&mut self) {
        self.task = Task::signature();
        self.all().for_each(Drive::reset);
    }

    fn read_register(&mut self, register: u64) -> u8 {
        let before = self.control & CONTROL_BEFORE != 0;
        match register {
            CONTROL => self.status(),
            STATUS => {
                let status = self.status();
                if let Some((drive, _)) = self.drive_mut() {
                    drive.acknowledge();
                }
                status
            }
            ERROR => self.drive().map_or(0, Drive::error),
            _ if self.drive().is_none() => 0,
            _ => self.task.read(register, before),
        }
    }
}

impl Device for AtaChannel {
    fn reset(&mut self) {
        self.control = 0;
        self.forget();
    }

    fn interrupt(&self) -> bool {
        let asks = self.drive().is_some_and(Drive::interrupt);
        asks && self.control & CONTROL_NO_INTERRUPT == 0
    }

    fn deadline(&self) -> Option<Nanos> {
        self.drives
            .iter()
            .flatten()
            .filter_map(Drive::deadline)
            .min()
    }

    fn advance(&mut self, now: Nanos) {
        self.all().for_each(|drive| drive.advance(now));
    }

    fn use_disks(&mut self, disks: &mut Disks, now: Nanos) {
        self.all().for_each(|drive| drive.use_disks(disks, now));
    }

    fn is_held(&self, disks: &mut Disks, now: Nanos) -> bool {
        let mut drives = self.drives.iter().flatten();
        drives.any(|drive| drive.is_held(disks, now))
    }

    fn reconnect(&mut self, disk: usize, outside: &mut Outside<'_>) {
        let disks = &mut outside.backends.disks;
        self.all().for_each(|drive| drive.reconnect(disk, disks));
    }
}

impl Registers for AtaChannel {
    fn read(&mut self, offset: u64, width: Width, _now: Nanos) -> u32 {
        match offset {
            DATA => {
                let drive = self.drive_mut();
                drive.map_or(0, |(drive, _)| drive.read_data(width))
            }
            _ => self.read_register(offset).into(),
        }
    }

    fn write(&mut self, offset: u64, width: Width, value: u32, _now: Nanos) {
        let byte = value as u8;
        match offset {
            DATA => {
                if let Some((drive, _)) = self.drive_mut() {
                    drive.write_data(width, value);
                }
            }
            STATUS if self.control & CONTROL_RESET == 0 => {
                if let Some((drive, task)) = self.drive_mut() {
                    drive.command(byte, task);
                }
            }
            STATUS => {}
            CONTROL => self.write_control(byte),
            _ => {
                // Writing shows the latest bytes again.
                self.control &= !CONTROL_BEFORE;
                self.task.write(offset, byte);
            }
        }
    }
}

impl Channel for AtaChannel {
    fn dma_request(&self) -> Option<Direction> {
        self.drive().and_then(Drive::dma_request)
    }

    fn give(&mut self, bytes: &mut [u8]) -> usize {
        self.drive_mut().map_or(0, |(drive, _)| drive.give(bytes))
    }

    fn take(&mut self, bytes: &[u8]) -> usize {
        self.drive_mut().map_or(0, |(drive, _)| drive.take(bytes))
    }
}

impl Sound for AtaChannel {
    fn is_sound(&self) -> bool {
        self.drives.is_sound()
    }
}

#[cfg(test)]
mod tests;
