//! Function 1, the IDE controller: two channels, each with a bus master.
//!
//! A channel's ports are where they always were, and no other place can be chosen: base addresses
//! 0 and 1 stand for the first channel's command block and control port, 2 and 3 for the second
//! one's. Base address 4 is that of the bus masters.

use super::{BusMaster, space};
use crate::clock::Nanos;
use crate::device::disk::Disks;
use crate::device::pci::{Bar, ConfigSpace, PciFunction};
use crate::device::{Device, Outside, Registers, Width};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// The I/O ports of both bus masters.
const BUS_MASTER_PORTS: u32 = 16;
const BUS_MASTER: u8 = 4;
/// The number of a channel's control register; those of the command block come before it.
const CONTROL: u64 = 8;

/// Which way DMA moves data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Direction {
    /// From the drive into memory.
    ToMemory,
    /// From memory to the drive.
    FromMemory,
}

/// What is attached to an IDE channel. Registers 0 to 7 are the command block, 8 is the control
/// register.
pub trait Channel: Registers {
    /// The direction in which the selected drive asks for DMA now.
    fn dma_request(&self) -> Option<Direction>;
    /// Gives data of the drive: fills `bytes` from the start, as far as the drive has data, and
    /// says how many there were.
    fn give(&mut self, bytes: &mut [u8]) -> usize;
    /// Takes data for the drive, as much of it as the drive wants, and says how much that was.
    fn take(&mut self, bytes: &[u8]) -> usize;
}

/// The controller, with what is attached to its channels. It has an interrupt output for each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ide<C> {
    config: ConfigSpace,
    channels: [C; 2],
    masters: [BusMaster; 2],
}

fn config() -> ConfigSpace {
    let mut config = space(0x7111, 0x01_0180, 0, &[(0x04, 0x0280_0000)]);
    config.add_bar(BUS_MASTER, Bar::Io(BUS_MASTER_PORTS));
    config
}

impl<C: Channel> Ide<C> {
    /// The controller after reset.
    #[must_use]
    pub fn new(channels: [C; 2]) -> Self {
        Self {
            config: config(),
            channels,
            masters: Default::default(),
        }
    }

    /// What is attached to the channels.
    pub fn channels(&self) -> &[C; 2] {
        &self.channels
    }

    /// What is attached to a channel.
    pub fn channel_mut(&mut self, number: usize) -> Option<&mut C> {
        self.channels.get_mut(number)
    }

    fn pairs(&self) -> impl Iterator<Item = (&BusMaster, &C)> {
        self.masters.iter().zip(&self.channels)
    }

    fn pairs_mut(&mut self) -> impl Iterator<Item = (&mut BusMaster, &mut C)> {
        self.masters.iter_mut().zip(&mut self.channels)
    }

    /// The bus masters show that a drive has asked for an interrupt.
    fn watch_interrupts(&mut self) {
        for (master, channel) in self.pairs_mut() {
            master.watch_interrupt(channel.interrupt());
        }
    }
}

/// The channel that a base address belongs to, and the number of its register.
fn register(bar: u8, offset: u64) -> (usize, u64) {
    let control = bar & 1 != 0;
    (
        usize::from(bar >> 1 & 1),
        if control { CONTROL } else { offset },
    )
}

/// The bus master that a port belongs to, and the number of its register.
fn master(offset: u64) -> (usize, u64) {
    ((offset >> 3 & 1) as usize, offset & 7)
}

impl<C: Channel> Device for Ide<C> {
    fn reset(&mut self) {
        self.config = config();
        self.masters = Default::default();
        self.channels.iter_mut().for_each(Device::reset);
    }

    fn interrupt(&self) -> bool {
        self.channels[0].interrupt()
    }

    fn interrupts(&self) -> u8 {
        u8::from(self.interrupt()) | u8::from(self.channels[1].interrupt()) << 1
    }

    fn deadline(&self) -> Option<Nanos> {
        self.channels.iter().filter_map(Device::deadline).min()
    }

    fn transfers(&self) -> bool {
        self.deadline().is_some()
    }

    fn advance(&mut self, now: Nanos) {
        for channel in &mut self.channels {
            channel.advance(now);
        }
        self.watch_interrupts();
    }

    fn wants_bus(&self) -> bool {
        self.pairs()
            .any(|(master, channel)| master.moves(channel.dma_request()))
    }

    fn master(&mut self, outside: &mut Outside<'_>, now: Nanos) {
        for (master, channel) in self.pairs_mut() {
            master.run(channel, outside.memory);
        }
        self.use_disks(&mut outside.backends.disks, now);
    }

    fn use_disks(&mut self, disks: &mut Disks, now: Nanos) {
        for channel in &mut self.channels {
            channel.use_disks(disks, now);
        }
        self.watch_interrupts();
    }

    fn is_held(&self, disks: &mut Disks, now: Nanos) -> bool {
        let mut channels = self.channels.iter();
        channels.any(|channel| channel.is_held(disks, now))
    }

    fn reconnect(&mut self, disk: usize, outside: &mut Outside<'_>) {
        for channel in &mut self.channels {
            channel.reconnect(disk, outside);
        }
    }
}

impl<C: Channel> PciFunction for Ide<C> {
    fn config(&self) -> &ConfigSpace {
        &self.config
    }

    fn config_mut(&mut self) -> &mut ConfigSpace {
        &mut self.config
    }

    fn read_bar(&mut self, bar: u8, offset: u64, width: Width, now: Nanos) -> u32 {
        if bar == BUS_MASTER {
            return width.gather(|lane| {
                let (at, register) = master(offset + lane);
                self.masters[at].read(register)
            });
        }
        let (at, register) = register(bar, offset);
        let value = self.channels[at].read(register, width, now);
        self.watch_interrupts();
        value
    }

    fn write_bar(&mut self, bar: u8, offset: u64, width: Width, value: u32, now: Nanos) {
        if bar == BUS_MASTER {
            for (lane, byte) in width.lanes(value) {
                let (at, register) = master(offset + lane);
                self.masters[at].write(register, byte);
            }
        } else {
            let (at, register) = register(bar, offset);
            self.channels[at].write(register, width, value, now);
            self.watch_interrupts();
        }
    }
}

impl<C: Channel> Sound for Ide<C> {
    fn is_sound(&self) -> bool {
        self.config.is_like(&config()) && self.masters.is_sound() && self.channels.is_sound()
    }
}

#[cfg(test)]
mod tests;
