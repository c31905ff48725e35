//! What driver and device agree on, whichever registers they do that by: status, features, queues.

use super::queue::{ALWAYS, Queue, Queues, Rules};
use super::{Broken, Order, VirtioDevice};
use crate::clock::Nanos;
use crate::device::disk::Disks;
use crate::device::{Outside, Width};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};
use virtio_bindings::virtio_config::{
    VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_CONFIG_S_FAILED, VIRTIO_CONFIG_S_FEATURES_OK,
    VIRTIO_CONFIG_S_NEEDS_RESET, VIRTIO_F_VERSION_1,
};

const DRIVER_OK: u8 = VIRTIO_CONFIG_S_DRIVER_OK as u8;
const FEATURES_OK: u8 = VIRTIO_CONFIG_S_FEATURES_OK as u8;
const NEEDS_RESET: u8 = VIRTIO_CONFIG_S_NEEDS_RESET as u8;
const FAILED: u8 = VIRTIO_CONFIG_S_FAILED as u8;
const VERSION_1: u64 = 1 << VIRTIO_F_VERSION_1;

/// The interrupt is for a queue.
const INTERRUPT_QUEUE: u8 = 1;
/// The interrupt is for a change of the configuration, or of the status.
const INTERRUPT_CONFIG: u8 = 2;

/// A device, and what its driver has set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Transport<D> {
    pub device: D,
    big_endian: bool,
    status: u8,
    interrupt: u8,
    /// Which half of the features the driver reads, and which it writes.
    pub offered_half: u32,
    pub accepted_half: u32,
    accepted: u64,
    pub selected: u16,
    queues: Vec<Queue>,
    /// The driver has said that there is something in a queue.
    notified: bool,
}

impl<D: VirtioDevice> Transport<D> {
    pub fn new(device: D, big_endian: bool) -> Self {
        Self {
            device,
            big_endian,
            status: 0,
            interrupt: 0,
            offered_half: 0,
            accepted_half: 0,
            accepted: 0,
            selected: 0,
            queues: D::QUEUES.iter().map(|&size| Queue::new(size)).collect(),
            notified: false,
        }
    }

    fn offered(&self) -> u64 {
        self.device.features() | VERSION_1 | ALWAYS
    }

    /// The half of the features that the driver has chosen to read.
    pub fn offered_word(&self, half: u32) -> u32 {
        match half {
            0 => self.offered() as u32,
            1 => (self.offered() >> 32) as u32,
            _ => 0,
        }
    }

    /// The half of the features that the driver accepted.
    pub fn accepted_word(&self, half: u32) -> u32 {
        match half {
            0 => self.accepted as u32,
            1 => (self.accepted >> 32) as u32,
            _ => 0,
        }
    }

    /// The driver accepts features: until it has said that these are all.
    pub fn accept(&mut self, half: u32, word: u32) {
        let shift = match half {
            0 => 0,
            1 => 32,
            _ => return,
        };
        if self.status & FEATURES_OK == 0 {
            self.accepted = self.accepted & !(0xffff_ffff << shift) | u64::from(word) << shift;
        }
    }

    /// The order of bytes before version 1.
    pub fn legacy_order(&self) -> Order {
        if self.big_endian {
            Order::Big
        } else {
            Order::Little
        }
    }

    fn is_modern(&self) -> bool {
        self.accepted & VERSION_1 != 0
    }

    fn rules(&self) -> Rules {
        let features = self.accepted & self.offered();
        Rules {
            features,
            order: if self.is_modern() {
                Order::Little
            } else {
                self.legacy_order()
            },
        }
    }

    pub fn status(&self) -> u8 {
        self.status
    }

    /// The driver writes the status: zero resets the device. That the device needs a reset nothing
    /// else takes back, and features that do not fit are not confirmed.
    pub fn set_status(&mut self, value: u8) {
        if value == 0 {
            return self.reset();
        }
        let fits = self.is_modern() && self.accepted & !self.offered() == 0;
        let refused = if fits { 0 } else { FEATURES_OK };
        self.status = value & !refused | self.status & NEEDS_RESET;
    }

    pub fn reset(&mut self) {
        self.device.reset();
        self.queues.iter_mut().for_each(Queue::reset);
        (self.status, self.interrupt) = (0, 0);
        (self.offered_half, self.accepted_half, self.accepted) = (0, 0, 0);
        (self.selected, self.notified) = (0, false);
    }

    /// The queue that the driver has selected.
    pub fn queue(&self) -> Option<&Queue> {
        self.queues.get(usize::from(self.selected))
    }

    /// The same, to be set. One in use is not to be changed.
    pub fn unused_queue(&mut self) -> Option<&mut Queue> {
        let queue = self.queues.get_mut(usize::from(self.selected))?;
        (!queue.enabled).then_some(queue)
    }

    pub fn queue_count(&self) -> u16 {
        self.queues.len() as u16
    }

    /// Takes the selected queue into use.
    pub fn enable_queue(&mut self) {
        if self
            .unused_queue()
            .is_some_and(|queue| queue.enable().is_err())
        {
            self.give_up();
        }
    }

    /// Takes the selected queue out of use, as before version 1.
    pub fn disable_queue(&mut self) {
        if let Some(queue) = self.queues.get_mut(usize::from(self.selected)) {
            queue.reset();
        }
    }

    /// The driver says that there is something in a queue.
    pub fn notify(&mut self) {
        self.notified = true;
    }

    pub fn interrupt(&self) -> bool {
        self.interrupt != 0
    }

    /// Why there is an interrupt, which ends it.
    pub fn take_interrupt(&mut self) -> u8 {
        std::mem::take(&mut self.interrupt)
    }

    /// Tells the driver if the device has changed its configuration space.
    pub fn heed_config(&mut self) {
        if self.device.take_config_change() {
            self.config_changed();
        }
    }

    /// The configuration space or the status is another: tells the driver, if there is one.
    fn config_changed(&mut self) {
        if self.status & DRIVER_OK != 0 {
            self.interrupt |= INTERRUPT_CONFIG;
        }
    }

    /// The driver writes to the configuration space.
    pub fn write_config(&mut self, at: u64, width: Width, value: u32) {
        for (lane, byte) in width.lanes(value) {
            self.device.write_config(at + lane, byte);
        }
    }

    fn give_up(&mut self) {
        self.status |= NEEDS_RESET;
        self.config_changed();
    }

    /// Whether queues are served. Before version 1, drivers need not say that they are ready.
    fn is_live(&self) -> bool {
        let ready = self.status & DRIVER_OK != 0 || !self.is_modern();
        ready && self.status & (NEEDS_RESET | FAILED) == 0
    }

    /// Whether the driver uses a queue.
    pub fn serves(&self, queue: usize) -> bool {
        self.is_live() && self.queues.get(queue).is_some_and(|queue| queue.enabled)
    }

    pub fn wants_bus(&self) -> bool {
        self.is_live() && (self.notified || self.device.is_due())
    }

    /// Has the device serve its queues. What is given back makes one interrupt at most.
    pub fn process(&mut self, outside: &mut Outside<'_>, now: Nanos) {
        self.notified = false;
        let mut queues = Queues {
            rules: self.rules(),
            queues: &mut self.queues,
            memory: &mut *outside.memory,
        };
        let done = self.device.process(&mut queues, outside.backends, now);
        let wanted = queues.interrupt();
        self.heed_config();
        match wanted {
            Ok(true) => self.interrupt |= INTERRUPT_QUEUE,
            Ok(false) => {}
            Err(Broken) => return self.give_up(),
        }
        if done.is_err() {
            self.give_up();
        }
    }

    pub fn is_held(&self, disks: &mut Disks, now: Nanos) -> bool {
        self.is_live() && self.device.is_held(disks, now)
    }

    pub fn reconnect(&mut self, disk: usize, outside: &mut Outside<'_>) {
        self.device.reconnect(disk, self.rules().order, outside);
    }
}

impl<D: VirtioDevice> Sound for Transport<D> {
    fn is_sound(&self) -> bool {
        let mut queues = self.queues.iter().zip(D::QUEUES);
        self.device.is_sound()
            && self.queues.len() == D::QUEUES.len()
            && queues.all(|(queue, &largest)| queue.is_sound(largest))
    }
}
