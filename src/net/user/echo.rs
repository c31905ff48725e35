//! Answers to `ping`, for the network's own addresses.

use std::net::Ipv4Addr;

use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, IpProtocol};

use super::ether::Ether;
use super::{GATEWAY, RESOLVER};

/// Answers a message from the guest's address to another one.
pub(super) fn answer(message: &[u8], (from, to): (Ipv4Addr, Ipv4Addr), ether: &Ether) {
    if ![GATEWAY, RESOLVER].contains(&to) {
        return;
    }
    let Ok(packet) = Icmpv4Packet::new_checked(message) else {
        return;
    };
    let Ok(Icmpv4Repr::EchoRequest {
        ident,
        seq_no,
        data,
    }) = Icmpv4Repr::parse(&packet, &super::checksums())
    else {
        return;
    };
    let reply = Icmpv4Repr::EchoReply {
        ident,
        seq_no,
        data,
    };
    ether.send_ip(IpProtocol::Icmp, (to, from), reply.buffer_len(), |bytes| {
        reply.emit(&mut Icmpv4Packet::new_unchecked(bytes), &super::checksums());
    });
}
