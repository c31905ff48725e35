//! Virtio devices (Virtual I/O Device specification 1.2): what a driver and a device have in common,
//! whatever the device is.
//!
//! A device is a [`VirtioDevice`]: its features, its configuration space, and what it does with the
//! chains of buffers that its queues hold. [`VirtioPci`] shows it on PCI, with the registers of
//! version 1 and, if the device had a number before that version, with the legacy ones as well.

mod balloon;
mod blk;
mod buffers;
mod chain;
mod console;
mod folder;
mod net;
mod pci;
mod queue;
mod rng;
mod transport;

pub use balloon::Balloon;
pub use blk::Block;
pub use buffers::Buffers;
pub use chain::Chain;
pub use console::{Console, PRINTED, WindowSize};
pub use folder::SharedFolder;
pub use net::Net;
pub use pci::VirtioPci;
pub use queue::Queues;
pub use rng::Entropy;

use super::disk::Disks;
use super::{Backends, NoMemory, Outside};
use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// The driver has made rings that cannot be followed. The device stops, says so in its status, and
/// waits for a reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the driver's queue is broken")]
pub struct Broken;

impl From<NoMemory> for Broken {
    fn from(_: NoMemory) -> Self {
        Self
    }
}

/// In which order the bytes of a number lie in rings, requests and the configuration space: lowest
/// first since version 1, as the guest's CPU has them before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Lowest byte first.
    Little,
    /// Highest byte first.
    Big,
}

impl Order {
    fn array<const N: usize>(self, mut bytes: [u8; N]) -> [u8; N] {
        if self == Self::Big {
            bytes.reverse();
        }
        bytes
    }

    /// The bytes of 16 bits.
    #[must_use]
    pub fn put16(self, value: u16) -> [u8; 2] {
        self.array(value.to_le_bytes())
    }

    /// The bytes of 32 bits.
    #[must_use]
    pub fn put32(self, value: u32) -> [u8; 4] {
        self.array(value.to_le_bytes())
    }

    /// The bytes of 64 bits.
    #[must_use]
    pub fn put64(self, value: u64) -> [u8; 8] {
        self.array(value.to_le_bytes())
    }

    /// 16 bits from their bytes.
    #[must_use]
    pub fn get16(self, bytes: [u8; 2]) -> u16 {
        u16::from_le_bytes(self.array(bytes))
    }

    /// 32 bits from their bytes.
    #[must_use]
    pub fn get32(self, bytes: [u8; 4]) -> u32 {
        u32::from_le_bytes(self.array(bytes))
    }

    /// 64 bits from their bytes.
    #[must_use]
    pub fn get64(self, bytes: [u8; 8]) -> u64 {
        u64::from_le_bytes(self.array(bytes))
    }
}

/// What a kind of device is, and what it does.
pub trait VirtioDevice: Sound {
    /// The number of the kind.
    const TYPE: u16;
    /// The PCI device number that the kind had before version 1, if it had one.
    const LEGACY: Option<u16>;
    /// Class, subclass and programming interface on PCI.
    const CLASS: u32;
    /// The most entries of each queue.
    const QUEUES: &'static [u16];

    /// The features of the kind that the device offers, by their bits.
    fn features(&self) -> u64;
    /// The configuration space.
    fn config(&self, order: Order) -> Vec<u8>;
    /// The driver writes a byte of the configuration space.
    fn write_config(&mut self, _at: u64, _byte: u8) {}
    /// Forgets all requests, as at a reset.
    fn reset(&mut self);
    /// When the device wants to go on by itself.
    fn deadline(&self) -> Option<Nanos> {
        None
    }
    /// Lets time pass.
    fn advance(&mut self, _now: Nanos) {}
    /// Whether something is due: [`VirtioDevice::process`] is to be called although the driver said
    /// nothing.
    fn is_due(&self) -> bool {
        false
    }
    /// Whether the configuration space has become another by itself since this was last asked.
    fn take_config_change(&mut self) -> bool {
        false
    }
    /// Takes requests from the queues and gives back those that are done.
    ///
    /// # Errors
    /// If the driver made something that cannot be followed.
    fn process(
        &mut self,
        queues: &mut Queues<'_>,
        backends: &mut Backends,
        now: Nanos,
    ) -> Result<(), Broken>;
    /// As [`Device::is_held`](super::Device::is_held).
    fn is_held(&self, _disks: &mut Disks, _now: Nanos) -> bool {
        false
    }
    /// As [`Device::reconnect`](super::Device::reconnect).
    fn reconnect(&mut self, _disk: usize, _order: Order, _outside: &mut Outside<'_>) {}
}

#[cfg(test)]
mod tests;
