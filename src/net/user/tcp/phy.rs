//! What `smoltcp` takes for the hardware: the guest's frames, without what is in front of the packet.

use std::collections::VecDeque;
use std::sync::Arc;

use mirrorball_runtime::device::network::{Frame, HEADER};
use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::net::MTU;
use crate::net::user::ether::Ether;

pub(super) struct Phy {
    ether: Arc<Ether>,
    incoming: VecDeque<Frame>,
}

impl Phy {
    pub fn new(ether: Arc<Ether>) -> Self {
        Self {
            ether,
            incoming: VecDeque::new(),
        }
    }

    /// Puts a frame from the guest in, whose checksums are right.
    pub fn put(&mut self, frame: Frame) {
        self.incoming.push_back(frame);
    }

    /// Whether the guest has no room for more.
    pub fn is_full(&self) -> bool {
        self.ether.is_full()
    }
}

/// A frame from the guest.
pub(super) struct Received(Frame);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0.bytes.get(HEADER..).unwrap_or_default())
    }
}

/// A packet to the guest.
pub(super) struct Sent<'a>(&'a Ether);

impl TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        self.0.send_packet(length, f)
    }
}

impl Device for Phy {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sent<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received, Sent<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Received(frame), Sent(&self.ether)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sent<'_>> {
        (!self.ether.is_full()).then_some(Sent(&self.ether))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU.into();
        capabilities.checksum.tcp = Checksum::Tx;
        capabilities
    }
}
