//! What a network device asks of the network behind its port.
//!
//! As with disks, a device is plain state and holds nothing of the host. What carries its frames (a
//! network of the host's, a switch, the log of another run) implements [`Network`], and the machine
//! lends it to the device. What the guest sends goes out at once. What comes in the machine takes
//! between two runs of its engine, so that it is known at which cycle it came.

use crate::account::Holding;
use crate::clock::Nanos;
use crate::sound::{Sound, is_count};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The bytes in front of a frame's payload: both addresses, and what the payload is.
pub const HEADER: usize = 14;
/// The most bytes of a frame.
pub const LONGEST: usize = HEADER + u16::MAX as usize;

/// The address of a network port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Whether it stands for several ports.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// An Ethernet frame, from the address that it is for to the end of its payload.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Frame {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether the checksums of TCP and UDP in it are known to be right.
    pub checked: bool,
}

/// What a guest sees of a port. It stays the same while the machine exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Port {
    /// Its address.
    pub mac: Mac,
    /// The most bytes of a frame's payload, as the guest is told.
    pub mtu: u16,
}

/// The network behind a port. It never waits.
pub trait Network: Send {
    /// What the guest sees of the port.
    fn port(&self) -> Port;
    /// Takes a frame from the guest, whose time is `now`. It may be lost.
    fn send(&mut self, frame: Frame, now: Nanos);
    /// The next frame for the guest, if there is one.
    fn receive(&mut self, now: Nanos) -> Option<Frame>;
    /// The frames that are kept for it on the host.
    fn held(&self) -> Holding {
        Holding::default()
    }
}

/// The networks of a machine, by the number of the port. Where there is none, frames are lost.
#[derive(Default)]
pub struct Networks(Vec<Option<Box<dyn Network>>>);

impl Networks {
    fn get(&mut self, number: usize) -> Option<&mut Box<dyn Network>> {
        self.0.get_mut(number)?.as_mut()
    }

    /// Puts a network behind a port.
    pub fn connect(&mut self, number: usize, network: Box<dyn Network>) {
        if self.0.len() <= number {
            self.0.resize_with(number + 1, || None);
        }
        self.0[number] = Some(network);
    }

    /// The numbers that ports have.
    #[must_use]
    pub fn ports(&self) -> std::ops::Range<usize> {
        0..self.0.len()
    }

    /// As [`Network::send`], at the port with this number.
    pub fn send(&mut self, number: usize, frame: Frame, now: Nanos) {
        if let Some(network) = self.get(number) {
            network.send(frame, now);
        }
    }

    /// As [`Network::receive`].
    pub fn receive(&mut self, number: usize, now: Nanos) -> Option<Frame> {
        self.get(number)?.receive(now)
    }

    /// What is kept on the host for all ports.
    #[must_use]
    pub fn held(&self) -> Holding {
        let mut held = Holding::default();
        self.0.iter().flatten().for_each(|it| held += it.held());
        held
    }
}

/// What went through a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Frames that the guest sent.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Frames that the guest got.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Frames either way that were lost at the device.
    pub dropped: u64,
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.sent_bytes += other.sent_bytes;
        self.received += other.received;
        self.received_bytes += other.received_bytes;
        self.dropped += other.dropped;
    }
}

impl Sound for Traffic {
    fn is_sound(&self) -> bool {
        let frames = [self.sent, self.received, self.dropped];
        let bytes = [self.sent_bytes, self.received_bytes];
        frames.into_iter().chain(bytes).all(is_count)
    }
}
