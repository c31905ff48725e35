//! A network port (chapter 5.1).
//!
//! A frame that the driver hands out is sent at once. One that comes in waits here until the driver
//! has given buffers enough for it.
//!
//! The guest may leave it to the device to fill in the checksum of what it sends, and need not verify
//! that of a frame that is known to be right.

mod checksum;

use super::{Broken, Chain, Order, Queues, VirtioDevice, VirtioPci};
use crate::account::Holding;
use crate::clock::Nanos;
use crate::device::Backends;
use crate::device::network::{Frame, HEADER, LONGEST, Port, Traffic};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use virtio_bindings::virtio_net::{
    VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_MAC, VIRTIO_NET_F_MRG_RXBUF,
    VIRTIO_NET_F_MTU, VIRTIO_NET_F_STATUS, VIRTIO_NET_HDR_F_DATA_VALID,
    VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_NONE, VIRTIO_NET_S_LINK_UP,
};

/// The queues: of buffers for what comes in, and of frames to be sent.
const RECEIVE: usize = 0;
const SEND: usize = 1;
/// Entries of each.
const ENTRIES: u16 = 256;
/// No more frames are taken while so many bytes of them wait for buffers.
const WAITING: usize = 256 << 10;
/// The bytes in front of a frame, without and with the number of its buffers.
const HEAD: usize = 10;
const LONG_HEAD: usize = 12;

/// A network port behind two queues.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Net {
    /// The number of the port.
    number: usize,
    port: Port,
    /// The frames that came in and are not in the driver's buffers.
    waiting: VecDeque<Frame>,
    /// The driver's buffers that were taken for the first of them.
    taken: Vec<Chain>,
    traffic: Traffic,
}

/// What the driver wants to be in front of each frame.
#[derive(Clone, Copy)]
struct Style {
    order: Order,
    /// Whether a frame may be in several buffers.
    merges: bool,
    /// Whether the number of its buffers is told.
    counts: bool,
    /// Whether the driver is told of checksums that are right.
    trusts: bool,
}

impl Style {
    fn of(queues: &Queues<'_>) -> Self {
        let merges = queues.has(VIRTIO_NET_F_MRG_RXBUF);
        Self {
            order: queues.order(),
            merges,
            counts: merges || queues.is_modern(),
            trusts: queues.has(VIRTIO_NET_F_GUEST_CSUM),
        }
    }

    fn head_length(self) -> usize {
        if self.counts { LONG_HEAD } else { HEAD }
    }

    /// The most buffers of a frame.
    fn most(self) -> usize {
        if self.merges { ENTRIES.into() } else { 1 }
    }

    /// What is in front of a frame that comes in, in so many buffers.
    fn head(self, frame: &Frame, buffers: u16) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        if self.trusts && frame.checked {
            head[0] = VIRTIO_NET_HDR_F_DATA_VALID as u8;
        }
        if self.counts {
            head.extend(self.order.put16(buffers));
        }
        head
    }

    /// The frame that the driver hands out; `None` if it cannot be sent.
    fn frame(self, chain: &Chain, queues: &mut Queues<'_>) -> Result<Option<Frame>, Broken> {
        let head: Option<[u8; HEAD]> = chain.readable.array(queues.memory, 0)?;
        let [flags, segments, _, _, _, _, s0, s1, o0, o1] = head.ok_or(Broken)?;
        let skip = self.head_length() as u64;
        let length = chain.readable.length().checked_sub(skip).ok_or(Broken)?;
        let sendable = (HEADER as u64..=LONGEST as u64).contains(&length);
        if !sendable || u32::from(segments) != VIRTIO_NET_HDR_GSO_NONE {
            return Ok(None);
        }
        let mut bytes = vec![0; length as usize];
        chain.readable.read(queues.memory, skip, &mut bytes)?;
        let checked = u32::from(flags) & VIRTIO_NET_HDR_F_NEEDS_CSUM != 0;
        let [start, offset] = [[s0, s1], [o0, o1]].map(|half| self.order.get16(half).into());
        if checked && checksum::fill(&mut bytes, start, offset).is_none() {
            return Ok(None);
        }
        Ok(Some(Frame { bytes, checked }))
    }
}

impl Net {
    /// The port with this number.
    #[must_use]
    pub fn new(number: usize, port: Port) -> Self {
        Self {
            number,
            port,
            waiting: VecDeque::new(),
            taken: Vec::new(),
            traffic: Traffic::default(),
        }
    }

    /// What the guest sees of the port.
    #[must_use]
    pub fn port(&self) -> Port {
        self.port
    }

    /// The number of the port.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// What went through it.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(|frame| frame.bytes.len()).sum()
    }

    /// The frames that wait here.
    #[must_use]
    pub fn held(&self) -> Holding {
        Holding::new(self.waiting_bytes(), WAITING + LONGEST)
    }

    /// Sends what the driver has handed out.
    fn send(
        &mut self,
        style: Style,
        queues: &mut Queues<'_>,
        backends: &mut Backends,
        now: Nanos,
    ) -> Result<(), Broken> {
        // What is given back may change the queue itself, if the driver wants it there. The last look
        // finds nothing, and tells the driver that it has to ring again.
        for _ in 0..=ENTRIES {
            let Some(chain) = queues.pop(SEND)? else {
                break;
            };
            match style.frame(&chain, queues)? {
                Some(frame) => {
                    self.traffic.sent += 1;
                    self.traffic.sent_bytes += frame.bytes.len() as u64;
                    backends.networks.send(self.number, frame, now);
                }
                None => self.traffic.dropped += 1,
            }
            queues.push(SEND, chain.head, 0)?;
        }
        Ok(())
    }

    /// Gives the driver the frames for which it has buffers.
    fn receive(&mut self, style: Style, queues: &mut Queues<'_>) -> Result<(), Broken> {
        // A driver that has handed out a whole queue hands out no more.
        let most = style.most().min(queues.size(RECEIVE).into());
        while let Some(frame) = self.waiting.front() {
            let needed = (style.head_length() + frame.bytes.len()) as u64;
            let fits = loop {
                let room: u64 = self.taken.iter().map(|it| it.writable.length()).sum();
                if room >= needed || self.taken.len() >= most {
                    break room >= needed;
                }
                let Some(chain) = queues.pop(RECEIVE)? else {
                    return Ok(());
                };
                if chain.writable.length() < style.head_length() as u64 {
                    return Err(Broken);
                }
                self.taken.push(chain);
            };
            let frame = self.waiting.pop_front().unwrap_or_default();
            if fits {
                self.give(&frame, style, queues)?;
                self.traffic.received += 1;
                self.traffic.received_bytes += frame.bytes.len() as u64;
            } else {
                self.traffic.dropped += 1;
            }
        }
        Ok(())
    }

    /// Puts a frame into the buffers that were taken for it, of which more than it needs are left.
    fn give(&mut self, frame: &Frame, style: Style, queues: &mut Queues<'_>) -> Result<(), Broken> {
        let mut rest: &[u8] = &frame.bytes;
        let mut skip = style.head_length() as u64;
        let mut used = Vec::new();
        for chain in &self.taken {
            let room = chain.writable.length().checked_sub(skip).ok_or(Broken)?;
            let (now, later) = rest.split_at(rest.len().min(room as usize));
            chain.writable.write(queues.memory, skip, now)?;
            used.push((chain.head, skip as u32 + now.len() as u32));
            (rest, skip) = (later, 0);
            if rest.is_empty() {
                break;
            }
        }
        let head = style.head(frame, used.len() as u16);
        self.taken[0].writable.write(queues.memory, 0, &head)?;
        self.taken.drain(..used.len());
        for (head, written) in used {
            queues.push(RECEIVE, head, written)?;
        }
        Ok(())
    }
}

impl VirtioDevice for Net {
    const TYPE: u16 = 1;
    const LEGACY: Option<u16> = Some(0x1000);
    const CLASS: u32 = 0x02_0000;
    const QUEUES: &'static [u16] = &[ENTRIES, ENTRIES];

    fn features(&self) -> u64 {
        let bits = [
            VIRTIO_NET_F_CSUM,
            VIRTIO_NET_F_GUEST_CSUM,
            VIRTIO_NET_F_MTU,
            VIRTIO_NET_F_MAC,
            VIRTIO_NET_F_MRG_RXBUF,
            VIRTIO_NET_F_STATUS,
        ];
        bits.iter().fold(0, |features, bit| features | 1 << bit)
    }

    fn config(&self, order: Order) -> Vec<u8> {
        let mut config = self.port.mac.0.to_vec();
        config.extend(order.put16(VIRTIO_NET_S_LINK_UP as u16));
        // One pair of queues.
        config.extend(order.put16(1));
        config.extend(order.put16(self.port.mtu));
        config
    }

    fn reset(&mut self) {
        self.waiting.clear();
        self.taken.clear();
    }

    fn is_due(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn process(
        &mut self,
        queues: &mut Queues<'_>,
        backends: &mut Backends,
        now: Nanos,
    ) -> Result<(), Broken> {
        let style = Style::of(queues);
        self.send(style, queues, backends, now)?;
        self.receive(style, queues)
    }
}

impl VirtioPci<Net> {
    /// A frame comes in. It is lost if there is no room for it.
    pub fn deliver(&mut self, frame: Frame) {
        let has_room = self.has_room() && frame.bytes.len() <= LONGEST;
        let net = self.device_mut();
        if has_room {
            net.waiting.push_back(frame);
        } else {
            net.traffic.dropped += 1;
        }
    }

    /// Whether another frame may come in: there is a driver, and not much that waits.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.serves(RECEIVE) && self.device().waiting_bytes() < WAITING
    }
}

impl Sound for Net {
    fn is_sound(&self) -> bool {
        let frames = self.waiting.iter().all(|it| it.bytes.len() <= LONGEST);
        frames
            && self.waiting_bytes() <= WAITING + LONGEST
            && self.waiting.len() <= WAITING
            && self.taken.len() <= ENTRIES.into()
            && self.taken.is_sound()
            && self.traffic.is_sound()
    }
}
