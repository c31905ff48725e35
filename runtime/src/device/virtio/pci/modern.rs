//! The registers of version 1: four parts of one range of memory, each told of by a capability.

use super::legacy::byte;
use crate::device::Width;
use crate::device::virtio::transport::Transport;
use crate::device::virtio::{Order, VirtioDevice};

/// The bytes of the range.
pub(super) const LENGTH: u64 = 4 * PART;
/// The bytes of a part.
const PART: u64 = 0x1000;

const COMMON: u64 = 0;
const INTERRUPT: u64 = PART;
const CONFIG: u64 = 2 * PART;
const NOTIFY: u64 = 3 * PART;

/// The kind of the capability that is a window to the registers.
const KIND_WINDOW: u8 = 5;
/// Not a message-signalled interrupt.
const NO_VECTOR: u16 = 0xffff;
/// The distance of two queues' notification registers.
const NOTIFY_STEP: u32 = 4;

/// A part of the range.
pub(super) struct Part {
    kind: u8,
    offset: u64,
    /// What comes behind a capability of the common form.
    more: &'static [u8],
}

pub(super) const PARTS: [Part; 4] = [
    Part {
        kind: 1,
        offset: COMMON,
        more: &[],
    },
    Part {
        kind: 3,
        offset: INTERRUPT,
        more: &[],
    },
    Part {
        kind: 4,
        offset: CONFIG,
        more: &[],
    },
    Part {
        kind: 2,
        offset: NOTIFY,
        more: &NOTIFY_STEP.to_le_bytes(),
    },
];

impl Part {
    /// The capability, without its head.
    pub fn capability(&self, bar: u8) -> Vec<u8> {
        capability(self.kind, bar, self.offset as u32, PART as u32, self.more)
    }
}

fn capability(kind: u8, bar: u8, offset: u32, length: u32, more: &[u8]) -> Vec<u8> {
    let whole = 16 + more.len() as u8;
    let mut bytes = vec![whole, kind, bar, 0, 0, 0];
    bytes.extend(offset.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(more);
    bytes
}

/// The capability that is a window to the registers.
pub(super) fn window() -> Vec<u8> {
    capability(KIND_WINDOW, 0, 0, 0, &[0; 4])
}

/// The number whose byte `lane` is another.
fn patched(number: u64, lane: u64, byte: u8) -> u64 {
    let shift = 8 * (lane & 7);
    number & !(0xff << shift) | u64::from(byte) << shift
}

impl<D: VirtioDevice> Transport<D> {
    pub(super) fn read_modern(&mut self, offset: u64, width: Width) -> u32 {
        match offset {
            COMMON..INTERRUPT => {
                let common = self.common();
                width.gather(|lane| byte(&common, offset + lane))
            }
            INTERRUPT => self.take_interrupt().into(),
            CONFIG..NOTIFY => {
                let config = self.device.config(Order::Little);
                width.gather(|lane| byte(&config, offset - CONFIG + lane))
            }
            _ => 0,
        }
    }

    pub(super) fn write_modern(&mut self, offset: u64, width: Width, value: u32) {
        match offset {
            COMMON..INTERRUPT => {
                for (lane, byte) in width.lanes(value) {
                    self.write_common(offset + lane, byte);
                }
            }
            CONFIG..NOTIFY => self.write_config(offset - CONFIG, width, value),
            NOTIFY..LENGTH => self.notify(),
            _ => {}
        }
    }

    /// The bytes of the common part.
    fn common(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(56);
        bytes.extend(self.offered_half.to_le_bytes());
        bytes.extend(self.offered_word(self.offered_half).to_le_bytes());
        bytes.extend(self.accepted_half.to_le_bytes());
        bytes.extend(self.accepted_word(self.accepted_half).to_le_bytes());
        bytes.extend(NO_VECTOR.to_le_bytes());
        bytes.extend(self.queue_count().to_le_bytes());
        bytes.extend([self.status(), 0]);
        bytes.extend(self.selected.to_le_bytes());
        if let Some(queue) = self.queue() {
            let halves = [queue.size, NO_VECTOR, queue.enabled.into(), self.selected];
            let addresses = [queue.descriptors, queue.available, queue.used];
            bytes.extend(halves.into_iter().flat_map(u16::to_le_bytes));
            bytes.extend(addresses.into_iter().flat_map(u64::to_le_bytes));
        }
        bytes
    }

    fn write_common(&mut self, at: u64, byte: u8) {
        let half = |number: u32| patched(number.into(), at & 3, byte) as u32;
        match at {
            0x00..0x04 => self.offered_half = half(self.offered_half),
            0x08..0x0c => self.accepted_half = half(self.accepted_half),
            0x0c..0x10 => {
                let word = half(self.accepted_word(self.accepted_half));
                self.accept(self.accepted_half, word);
            }
            0x14 => self.set_status(byte),
            0x16..0x18 => self.selected = patched(self.selected.into(), at & 1, byte) as u16,
            0x1c if byte & 1 != 0 => self.enable_queue(),
            _ => self.write_queue(at, byte),
        }
    }

    fn write_queue(&mut self, at: u64, byte: u8) {
        let Some(queue) = self.unused_queue() else {
            return;
        };
        match at {
            0x18..0x1a => queue.size = patched(queue.size.into(), at & 1, byte) as u16,
            0x20..0x28 => queue.descriptors = patched(queue.descriptors, at & 7, byte),
            0x28..0x30 => queue.available = patched(queue.available, at & 7, byte),
            0x30..0x38 => queue.used = patched(queue.used, at & 7, byte),
            _ => {}
        }
    }
}
