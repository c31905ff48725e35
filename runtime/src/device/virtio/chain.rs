//! Chains of descriptors, as a driver puts them into a queue's table.

use super::{Broken, Buffers, Order};
use crate::addr::Pa;
use crate::device::Memory;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};
use virtio_bindings::virtio_ring::{VRING_DESC_F_INDIRECT, VRING_DESC_F_NEXT, VRING_DESC_F_WRITE};

/// The bytes of a descriptor.
const DESCRIPTOR: u64 = 16;
/// The longest chain. One that goes on is taken for a loop.
const LONGEST: usize = 1024;

const NEXT: u16 = VRING_DESC_F_NEXT as u16;
const WRITE: u16 = VRING_DESC_F_WRITE as u16;
const INDIRECT: u16 = VRING_DESC_F_INDIRECT as u16;

/// A request: buffers to read from, and buffers to write to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Chain {
    /// The number of its first descriptor, by which the driver knows it.
    pub head: u16,
    /// What the driver has written.
    pub readable: Buffers,
    /// Where the device may write.
    pub writable: Buffers,
}

/// A table of descriptors.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub address: u64,
    pub entries: u32,
    /// Whether entries of it may lead to tables of their own.
    pub nests: bool,
}

struct Descriptor {
    address: u64,
    length: u32,
    flags: u16,
    next: u16,
}

impl Table {
    fn entry(
        self,
        index: u16,
        order: Order,
        memory: &mut dyn Memory,
    ) -> Result<Descriptor, Broken> {
        if u32::from(index) >= self.entries {
            return Err(Broken);
        }
        let mut bytes = [0; DESCRIPTOR as usize];
        let at = self.address.wrapping_add(DESCRIPTOR * u64::from(index));
        memory.read(Pa(at), &mut bytes)?;
        let [a @ .., l0, l1, l2, l3, f0, f1, n0, n1] = bytes;
        Ok(Descriptor {
            address: order.get64(a),
            length: order.get32([l0, l1, l2, l3]),
            flags: order.get16([f0, f1]),
            next: order.get16([n0, n1]),
        })
    }

    /// The table that an entry of this one leads to.
    fn nested(self, entry: &Descriptor) -> Result<Self, Broken> {
        let whole = u64::from(entry.length).is_multiple_of(DESCRIPTOR) && entry.length > 0;
        if !self.nests || !whole || entry.flags & NEXT != 0 {
            return Err(Broken);
        }
        Ok(Self {
            address: entry.address,
            entries: entry.length / DESCRIPTOR as u32,
            nests: false,
        })
    }

    /// Follows a chain from its first descriptor on.
    pub fn chain(
        mut self,
        head: u16,
        order: Order,
        memory: &mut dyn Memory,
    ) -> Result<Chain, Broken> {
        let mut chain = Chain {
            head,
            ..Chain::default()
        };
        let mut next = head;
        for _ in 0..LONGEST {
            let entry = self.entry(next, order, memory)?;
            if entry.flags & INDIRECT != 0 {
                self = self.nested(&entry)?;
                next = 0;
                continue;
            }
            chain.add(&entry)?;
            if entry.flags & NEXT == 0 {
                return Ok(chain);
            }
            next = entry.next;
        }
        Err(Broken)
    }
}

impl Chain {
    /// What can be written comes behind what can be read.
    fn add(&mut self, entry: &Descriptor) -> Result<(), Broken> {
        if entry.flags & WRITE != 0 {
            self.writable.add(entry.address, entry.length);
        } else if self.writable.is_empty() {
            self.readable.add(entry.address, entry.length);
        } else {
            return Err(Broken);
        }
        Ok(())
    }
}

impl Sound for Chain {
    fn is_sound(&self) -> bool {
        self.readable.count() + self.writable.count() <= LONGEST
    }
}
