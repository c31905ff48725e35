//! Devices, one file a chip.
//!
//! A device knows offsets, never addresses; it knows levels, never what listens. The board maps
//! accesses to it, wires its interrupt outputs, calls [`Device::advance`] when its deadline comes,
//! and lends it the memory when it wants to master the bus. A device is a plain state machine:
//! same accesses at the same times, same answers. It holds nothing of the host, so that it can be
//! saved and restored as the data that it is.
//!
//! Chips on ISA and beside it have one block of registers ([`Registers`]); functions on PCI have
//! a configuration space and registers behind its base addresses
//! ([`PciFunction`](pci::PciFunction)).

pub mod acpi;
pub mod ata;
pub mod copier;
pub mod disk;
pub mod dma8237;
pub mod flash;
pub mod folder;
pub mod fpga;
pub mod gt64120;
pub mod i8042;
pub mod i8254;
pub mod i8259;
pub mod network;
pub mod pci;
pub mod piix4;
pub mod rtc;
pub mod stroke;
#[cfg(test)]
pub mod testing;
pub mod uart16550;
pub mod uhci;
pub mod virtio;

use crate::addr::Pa;
use crate::clock::Nanos;
use crate::sound::Sound;
use disk::Disks;
use folder::Folders;
use network::Networks;
use serde::{Deserialize, Serialize};

/// The size of one register access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Half,
    /// 32 bits.
    Word,
}

impl Width {
    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
        }
    }

    /// A mask of the bits that the access covers.
    #[must_use]
    pub const fn mask(self) -> u32 {
        match self {
            Width::Byte => 0xff,
            Width::Half => 0xffff,
            Width::Word => 0xffff_ffff,
        }
    }

    /// The bytes of a written value, each with its distance from the first.
    pub fn lanes(self, value: u32) -> impl Iterator<Item = (u64, u8)> {
        (0..self.bytes()).zip(value.to_le_bytes())
    }

    /// A value to be read, from the bytes at each distance from the first.
    pub fn gather(self, mut byte: impl FnMut(u64) -> u8) -> u32 {
        (0..self.bytes()).fold(0, |value, lane| value | u32::from(byte(lane)) << (8 * lane))
    }
}

/// What a guest can ask of the machine that it runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// Switch the machine off.
    PowerOff,
    /// Start it anew.
    Reset,
}

/// Not everything that a bus master wanted to reach at this address is RAM.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a bus master finds no memory at {0}")]
pub struct NoMemory(pub Pa);

/// What a guest decides on a page of its memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It goes to the monitor: what it held is lost, and the guest does not use it.
    Given,
    /// The guest uses it again.
    Wanted,
    /// What it held is lost. The guest may use it at any time.
    Free,
}

/// The machine's memory, as a bus master reaches it: by physical address, a byte at its address.
pub trait Memory {
    /// Reads the bytes from `pa` on.
    ///
    /// # Errors
    ///
    /// Fails unless all of them are RAM.
    fn read(&mut self, pa: Pa, bytes: &mut [u8]) -> Result<(), NoMemory>;
    /// Writes the bytes from `pa` on.
    ///
    /// # Errors
    ///
    /// Fails unless all of them are RAM. Then nothing is written.
    fn write(&mut self, pa: Pa, bytes: &[u8]) -> Result<(), NoMemory>;
    /// Reads from the machine's ROM, which is no memory for a bus master; zeros where it has none.
    fn read_rom(&mut self, _pa: Pa, bytes: &mut [u8]) {
        bytes.fill(0);
    }
    /// Writes to the machine's ROM, if it has one there.
    fn write_rom(&mut self, _pa: Pa, _bytes: &[u8]) {}
    /// The guest has decided on a page.
    ///
    /// # Errors
    ///
    /// Fails unless it is RAM.
    fn decide(&mut self, page: Pa, fate: Fate) -> Result<(), NoMemory>;
}

/// What the machine lends to a device that acts.
pub struct Outside<'a> {
    /// Its memory.
    pub memory: &'a mut dyn Memory,
    /// What is behind its disks and ports.
    pub backends: &'a mut Backends,
}

/// What the host has behind a machine's devices.
#[derive(Default)]
pub struct Backends {
    /// The images behind its disks.
    pub disks: Disks,
    /// The networks behind its ports.
    pub networks: Networks,
    /// The folders that the guest shares.
    pub folders: Folders,
}

/// A chip: what the board does with each of them.
pub trait Device: Sound {
    /// Puts the device into its state after a hardware reset.
    fn reset(&mut self);
    /// The level of the interrupt output.
    fn interrupt(&self) -> bool {
        false
    }
    /// The levels of all interrupt outputs, for a chip with several: bit 0 is that of
    /// [`Device::interrupt`].
    fn interrupts(&self) -> u8 {
        u8::from(self.interrupt())
    }
    /// The interrupt outputs that, since the last call, had the other level for a moment: that
    /// matters to an input which listens for edges.
    fn take_pulses(&mut self) -> u8 {
        0
    }
    /// What the guest has asked of the machine since the last call.
    fn take_request(&mut self) -> Option<Request> {
        None
    }
    /// When [`Device::advance`] wants to be called next; `None` for never.
    fn deadline(&self) -> Option<Nanos> {
        None
    }
    /// Whether the deadline is the end of a transfer, as opposed to a time that the guest has set. An
    /// idle guest does not wait for it in the host's time.
    fn transfers(&self) -> bool {
        false
    }
    /// Lets time pass: does what was due at or before `now`.
    fn advance(&mut self, _now: Nanos) {}
    /// Whether the device has something to read from memory or to write there. The board asks
    /// after each write to the device and after [`Device::advance`]; a read never starts DMA.
    fn wants_bus(&self) -> bool {
        false
    }
    /// Does all DMA that the device can do now. Called when [`Device::wants_bus`] says so, and
    /// not before the device may master the bus.
    fn master(&mut self, _outside: &mut Outside<'_>, _now: Nanos) {}
    /// Does what needs the disk images alone, whether or not the device may master the bus. Called
    /// at the same moments, before [`Device::master`].
    fn use_disks(&mut self, _disks: &mut Disks, _now: Nanos) {}
    /// Whether the host still works on what the device is to show at or before `now`.
    fn is_held(&self, _disks: &mut Disks, _now: Nanos) -> bool {
        false
    }
    /// The image behind a disk is another from now on: starts the jobs anew that have not ended.
    fn reconnect(&mut self, _disk: usize, _outside: &mut Outside<'_>) {}
}

/// A device with one block of registers.
pub trait Registers: Device {
    /// Reads the register at `offset`. May change the device, as hardware does.
    fn read(&mut self, offset: u64, width: Width, now: Nanos) -> u32;
    /// Writes the register at `offset`.
    fn write(&mut self, offset: u64, width: Width, value: u32, now: Nanos);
    /// Before which moment every read of the register at `offset` gives what it gives `now` and
    /// changes nothing, as long as there is no write; `None` if that cannot be said.
    fn steady_until(&self, _offset: u64, _now: Nanos) -> Option<Nanos> {
        None
    }
    /// Whether writing `value` at `offset` would change nothing, now and as long as nothing
    /// else is written.
    fn ignores(&self, _offset: u64, _value: u32) -> bool {
        false
    }
}
