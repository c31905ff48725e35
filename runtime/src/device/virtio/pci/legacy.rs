//! The registers before version 1, in one range of ports. A queue's table and rings lie behind each
//! other from a page on, and the device says how large the queue is.

use crate::device::Width;
use crate::device::virtio::VirtioDevice;
use crate::device::virtio::transport::Transport;

/// The ports, those of the longest configuration space included.
pub(super) const PORTS: u32 = 128;

const OFFERED: u64 = 0x00;
const ACCEPTED: u64 = 0x04;
const QUEUE_PAGE: u64 = 0x08;
const QUEUE_SIZE: u64 = 0x0c;
const QUEUE_SELECT: u64 = 0x0e;
const NOTIFY: u64 = 0x10;
const STATUS: u64 = 0x12;
const INTERRUPT: u64 = 0x13;
const CONFIG: u64 = 0x14;
/// The queue is at a multiple of this, and so is its ring of used entries.
const PAGE: u64 = 4096;

impl<D: VirtioDevice> Transport<D> {
    pub(super) fn read_legacy(&mut self, offset: u64, width: Width) -> u32 {
        match offset {
            OFFERED => self.offered_word(0),
            ACCEPTED => self.accepted_word(0),
            QUEUE_PAGE => {
                let queue = self.queue().filter(|queue| queue.enabled);
                queue.map_or(0, |queue| (queue.descriptors / PAGE) as u32)
            }
            QUEUE_SIZE => self.queue().map_or(0, |queue| queue.size.into()),
            QUEUE_SELECT => self.selected.into(),
            STATUS => self.status().into(),
            INTERRUPT => self.take_interrupt().into(),
            CONFIG.. => {
                let config = self.device.config(self.legacy_order());
                width.gather(|lane| byte(&config, offset - CONFIG + lane))
            }
            _ => 0,
        }
    }

    pub(super) fn write_legacy(&mut self, offset: u64, width: Width, value: u32) {
        match offset {
            ACCEPTED => {
                self.accept(0, value);
                self.accept(1, 0);
            }
            QUEUE_PAGE => self.place_queue(u64::from(value) * PAGE),
            QUEUE_SELECT => self.selected = value as u16,
            NOTIFY => self.notify(),
            STATUS => self.set_status(value as u8),
            CONFIG.. => self.write_config(offset - CONFIG, width, value),
            _ => {}
        }
    }

    /// Address zero takes the queue out of use.
    fn place_queue(&mut self, address: u64) {
        if address == 0 {
            return self.disable_queue();
        }
        if let Some(queue) = self.unused_queue() {
            let size = u64::from(queue.size);
            queue.descriptors = address;
            queue.available = address + 16 * size;
            let end = queue.available + 2 * (3 + size);
            queue.used = end.next_multiple_of(PAGE);
            self.enable_queue();
        }
    }
}

/// A byte of a configuration space, which is zero behind its end.
pub(super) fn byte(config: &[u8], at: u64) -> u8 {
    let at = usize::try_from(at).ok();
    at.and_then(|at| config.get(at)).copied().unwrap_or(0)
}
