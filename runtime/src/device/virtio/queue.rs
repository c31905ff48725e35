//! Split virtqueues: a ring in which the driver hands out chains, and one in which the device gives
//! them back.

use super::chain::Table;
use super::{Broken, Chain, Order};
use crate::addr::Pa;
use crate::device::Memory;
use serde::{Deserialize, Serialize};
use virtio_bindings::virtio_config::VIRTIO_F_VERSION_1;
use virtio_bindings::virtio_ring::{
    VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC, VRING_AVAIL_F_NO_INTERRUPT,
};

/// What driver and device have agreed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub order: Order,
    /// The features, by their bits.
    pub features: u64,
}

impl Rules {
    fn has(self, feature: u32) -> bool {
        self.features & 1 << feature != 0
    }

    /// Whether each side says which entry it wants to hear of.
    fn events(self) -> bool {
        self.has(VIRTIO_RING_F_EVENT_IDX)
    }
}

/// The features that every queue has.
pub(super) const ALWAYS: u64 = 1 << VIRTIO_RING_F_EVENT_IDX | 1 << VIRTIO_RING_F_INDIRECT_DESC;

/// A queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Queue {
    largest: u16,
    pub size: u16,
    pub enabled: bool,
    /// The addresses of the table and of the two rings.
    pub descriptors: u64,
    pub available: u64,
    pub used: u64,
    next_available: u16,
    next_used: u16,
    /// What `next_used` was when an interrupt was last thought of.
    considered: u16,
    /// Chains that the driver handed out and that are not given back.
    outstanding: u16,
}

impl Queue {
    /// A queue of at most so many entries, which is not in use.
    pub fn new(largest: u16) -> Self {
        Self {
            largest,
            size: largest,
            enabled: false,
            descriptors: 0,
            available: 0,
            used: 0,
            next_available: 0,
            next_used: 0,
            considered: 0,
            outstanding: 0,
        }
    }

    /// Forgets what the driver set.
    pub fn reset(&mut self) {
        *self = Self::new(self.largest);
    }

    /// Takes the queue into use.
    pub fn enable(&mut self) -> Result<(), Broken> {
        if !self.size.is_power_of_two() || self.size > self.largest {
            return Err(Broken);
        }
        self.enabled = true;
        Ok(())
    }

    /// Whether it is a queue of at most so many entries that can be served.
    pub fn is_sound(&self, largest: u16) -> bool {
        let fits = self.size.is_power_of_two() && self.size <= largest;
        self.largest == largest && (fits || !self.enabled) && self.outstanding <= largest
    }

    fn slot(&self, index: u16) -> u64 {
        u64::from(index & (self.size - 1))
    }

    fn read16(address: u64, rules: Rules, memory: &mut dyn Memory) -> Result<u16, Broken> {
        let mut bytes = [0; 2];
        memory.read(Pa(address), &mut bytes)?;
        Ok(rules.order.get16(bytes))
    }

    fn write16(
        address: u64,
        value: u16,
        rules: Rules,
        memory: &mut dyn Memory,
    ) -> Result<(), Broken> {
        Ok(memory.write(Pa(address), &rules.order.put16(value))?)
    }

    fn available_at(&self, offset: u64) -> u64 {
        self.available.wrapping_add(offset)
    }

    fn used_at(&self, offset: u64) -> u64 {
        self.used.wrapping_add(offset)
    }

    /// The next chain that the driver handed out.
    fn pop(&mut self, rules: Rules, memory: &mut dyn Memory) -> Result<Option<Chain>, Broken> {
        if !self.enabled {
            return Ok(None);
        }
        let index = Self::read16(self.available_at(2), rules, memory)?;
        let waiting = index.wrapping_sub(self.next_available);
        if waiting == 0 {
            if rules.events() {
                let event = self.used_at(4 + 8 * u64::from(self.size));
                Self::write16(event, self.next_available, rules, memory)?;
            }
            return Ok(None);
        }
        // No driver can hand out more than there are descriptors.
        if waiting > self.size || self.outstanding >= self.size {
            return Err(Broken);
        }
        let entry = self.available_at(4 + 2 * self.slot(self.next_available));
        let head = Self::read16(entry, rules, memory)?;
        let table = Table {
            address: self.descriptors,
            entries: self.size.into(),
            nests: rules.has(VIRTIO_RING_F_INDIRECT_DESC),
        };
        let chain = table.chain(head, rules.order, memory)?;
        self.next_available = self.next_available.wrapping_add(1);
        self.outstanding += 1;
        Ok(Some(chain))
    }

    /// Gives a chain back, with so many bytes written.
    fn push(
        &mut self,
        head: u16,
        written: u32,
        rules: Rules,
        memory: &mut dyn Memory,
    ) -> Result<(), Broken> {
        let entry = self.used_at(4 + 8 * self.slot(self.next_used));
        let order = rules.order;
        let [a, b, c, d] = order.put32(head.into());
        let [e, f, g, h] = order.put32(written);
        memory.write(Pa(entry), &[a, b, c, d, e, f, g, h])?;
        self.next_used = self.next_used.wrapping_add(1);
        self.outstanding = self.outstanding.saturating_sub(1);
        Self::write16(self.used_at(2), self.next_used, rules, memory)
    }

    /// Whether the driver wants an interrupt for what was given back since this was last asked.
    fn interrupts(&mut self, rules: Rules, memory: &mut dyn Memory) -> Result<bool, Broken> {
        let before = std::mem::replace(&mut self.considered, self.next_used);
        let given = self.next_used.wrapping_sub(before);
        if !self.enabled || given == 0 {
            return Ok(false);
        }
        if rules.events() {
            let event = self.available_at(4 + 2 * u64::from(self.size));
            let event = Self::read16(event, rules, memory)?;
            return Ok(event.wrapping_sub(before) < given);
        }
        let flags = Self::read16(self.available, rules, memory)?;
        Ok(flags & VRING_AVAIL_F_NO_INTERRUPT as u16 == 0)
    }
}

/// The queues of a device that acts, and the memory that they are in.
pub struct Queues<'a> {
    pub(super) queues: &'a mut [Queue],
    pub(super) rules: Rules,
    /// The memory.
    pub memory: &'a mut dyn Memory,
}

impl Queues<'_> {
    /// The order of bytes in requests.
    #[must_use]
    pub fn order(&self) -> Order {
        self.rules.order
    }

    /// Whether driver and device have agreed on a feature.
    #[must_use]
    pub fn has(&self, feature: u32) -> bool {
        self.rules.has(feature)
    }

    /// Whether they have agreed on version 1.
    #[must_use]
    pub fn is_modern(&self) -> bool {
        self.has(VIRTIO_F_VERSION_1)
    }

    /// The entries of a queue.
    #[must_use]
    pub fn size(&self, queue: usize) -> u16 {
        self.queues.get(queue).map_or(0, |queue| queue.size)
    }

    /// The next request in a queue.
    ///
    /// # Errors
    /// If the queue cannot be followed.
    pub fn pop(&mut self, queue: usize) -> Result<Option<Chain>, Broken> {
        let queue = self.queues.get_mut(queue).ok_or(Broken)?;
        queue.pop(self.rules, self.memory)
    }

    /// Gives a request back, with so many bytes written.
    ///
    /// # Errors
    /// If the queue is not in memory.
    pub fn push(&mut self, queue: usize, head: u16, written: u32) -> Result<(), Broken> {
        let queue = self.queues.get_mut(queue).ok_or(Broken)?;
        queue.push(head, written, self.rules, self.memory)
    }

    /// Whether the driver wants an interrupt for what was given back.
    pub(super) fn interrupt(&mut self) -> Result<bool, Broken> {
        let mut wanted = false;
        for queue in self.queues.iter_mut() {
            wanted |= queue.interrupts(self.rules, self.memory)?;
        }
        Ok(wanted)
    }
}
