//! The guest's side of the network: frames to and from it, and whose address is whose.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mirrorball_runtime::device::network::{Frame, HEADER};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, IpProtocol, Ipv4Packet, Ipv4Repr,
};

use super::{GATEWAY, RESOLVER};
use crate::net::wire::Wire;

/// The address of the gateway's port.
const OWN: EthernetAddress = EthernetAddress([0x52, 0x55, 0x0a, 0x00, 0x02, 0x02]);
const HOPS: u8 = 64;

/// What sends frames to the guest.
pub(super) struct Ether {
    wire: Arc<Wire>,
    /// Where the guest's last frame came from.
    guest: Mutex<EthernetAddress>,
}

impl Ether {
    pub fn new(wire: Arc<Wire>) -> Self {
        Self {
            wire,
            guest: Mutex::new(EthernetAddress::BROADCAST),
        }
    }

    fn guest(&self) -> MutexGuard<'_, EthernetAddress> {
        self.guest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a frame would be lost.
    pub fn is_full(&self) -> bool {
        self.wire.is_full()
    }

    /// The IPv4 packet in a frame from the guest. Answers what asks for an address.
    pub fn packet<'a>(&self, frame: &'a Frame) -> Option<&'a [u8]> {
        let frame = EthernetFrame::new_checked(&frame.bytes[..]).ok()?;
        if frame.src_addr().is_unicast() {
            *self.guest() = frame.src_addr();
        }
        let to = frame.dst_addr();
        if to != OWN && !to.is_broadcast() {
            return None;
        }
        match frame.ethertype() {
            EthernetProtocol::Arp => {
                self.answer(frame.payload());
                None
            }
            EthernetProtocol::Ipv4 => Some(frame.payload()),
            _ => None,
        }
    }

    /// Says that the addresses of the network's own are here. All others are, too, for TCP and UDP,
    /// but on another network: for the guest they are behind the gateway.
    fn answer(&self, request: &[u8]) {
        let Some(ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr,
            source_protocol_addr,
            target_protocol_addr,
            ..
        }) = arp(request)
        else {
            return;
        };
        if ![GATEWAY, RESOLVER].contains(&target_protocol_addr) {
            return;
        }
        let reply = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: OWN,
            source_protocol_addr: target_protocol_addr,
            target_hardware_addr: source_hardware_addr,
            target_protocol_addr: source_protocol_addr,
        };
        self.send(EthernetProtocol::Arp, reply.buffer_len(), |payload| {
            reply.emit(&mut ArpPacket::new_unchecked(payload));
        });
    }

    /// Sends a frame whose payload of so many bytes `fill` writes.
    fn send<T>(
        &self,
        ethertype: EthernetProtocol,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> T,
    ) -> T {
        let mut bytes = vec![0; HEADER + length];
        let head = EthernetRepr {
            src_addr: OWN,
            dst_addr: *self.guest(),
            ethertype,
        };
        head.emit(&mut EthernetFrame::new_unchecked(&mut bytes[..]));
        let filled = fill(&mut bytes[HEADER..]);
        self.wire.put(Frame {
            bytes,
            checked: true,
        });
        filled
    }

    /// Sends an IPv4 packet of so many bytes that `fill` writes.
    pub fn send_packet<T>(&self, length: usize, fill: impl FnOnce(&mut [u8]) -> T) -> T {
        self.send(EthernetProtocol::Ipv4, length, fill)
    }

    /// Sends an IPv4 packet whose payload of so many bytes `fill` writes.
    pub fn send_ip(
        &self,
        protocol: IpProtocol,
        (from, to): (Ipv4Addr, Ipv4Addr),
        length: usize,
        fill: impl FnOnce(&mut [u8]),
    ) {
        let head = Ipv4Repr {
            src_addr: from,
            dst_addr: to,
            next_header: protocol,
            payload_len: length,
            hop_limit: HOPS,
        };
        self.send_packet(head.buffer_len() + length, |bytes| {
            let mut packet = Ipv4Packet::new_unchecked(bytes);
            head.emit(&mut packet, &super::checksums());
            fill(packet.payload_mut());
        });
    }
}

fn arp(bytes: &[u8]) -> Option<ArpRepr> {
    ArpRepr::parse(&ArpPacket::new_checked(bytes).ok()?).ok()
}
