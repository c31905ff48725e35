//! The DHCP server: one address, for the one guest that there is.

use std::net::Ipv4Addr;

use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr, IpProtocol, UdpPacket, UdpRepr};

use super::ether::Ether;
use super::{GATEWAY, GUEST, MASK, RESOLVER};

pub(super) const SERVER: u16 = 67;
const CLIENT: u16 = 68;
/// A day.
const LEASE: u32 = 86_400;

/// What is answered, if anything is.
fn kind(request: &DhcpRepr<'_>) -> Option<DhcpMessageType> {
    match request.message_type {
        DhcpMessageType::Discover => Some(DhcpMessageType::Offer),
        DhcpMessageType::Request => {
            let elsewhere = request.server_identifier.is_some_and(|it| it != GATEWAY);
            let wanted = request.requested_ip.unwrap_or(request.client_ip);
            match wanted == GUEST {
                _ if elsewhere => None,
                true => Some(DhcpMessageType::Ack),
                false => Some(DhcpMessageType::Nak),
            }
        }
        DhcpMessageType::Inform => Some(DhcpMessageType::Ack),
        _ => None,
    }
}

fn reply<'a>(request: &DhcpRepr<'_>, kind: DhcpMessageType) -> DhcpRepr<'a> {
    let grants = kind != DhcpMessageType::Nak;
    let leases = grants && request.message_type != DhcpMessageType::Inform;
    DhcpRepr {
        message_type: kind,
        transaction_id: request.transaction_id,
        secs: 0,
        client_hardware_address: request.client_hardware_address,
        client_ip: request.client_ip,
        your_ip: if leases { GUEST } else { Ipv4Addr::UNSPECIFIED },
        server_ip: GATEWAY,
        router: grants.then_some(GATEWAY),
        subnet_mask: grants.then_some(MASK),
        relay_agent_ip: Ipv4Addr::UNSPECIFIED,
        broadcast: request.broadcast,
        requested_ip: None,
        client_identifier: None,
        server_identifier: Some(GATEWAY),
        parameter_request_list: None,
        dns_servers: grants.then(|| [RESOLVER].into_iter().collect()),
        max_size: None,
        lease_duration: leases.then_some(LEASE),
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    }
}

/// Answers a client's message.
pub(super) fn serve(message: &[u8], ether: &Ether) {
    let Ok(packet) = DhcpPacket::new_checked(message) else {
        return;
    };
    let Ok(request) = DhcpRepr::parse(&packet) else {
        return;
    };
    let Some(kind) = kind(&request) else { return };
    let reply = reply(&request, kind);
    let udp = UdpRepr {
        src_port: SERVER,
        dst_port: CLIENT,
    };
    let (from, to) = (GATEWAY, Ipv4Addr::BROADCAST);
    let length = udp.header_len() + reply.buffer_len();
    ether.send_ip(IpProtocol::Udp, (from, to), length, |bytes| {
        let emit = |payload: &mut [u8]| {
            // There is as much room as it needs.
            let _ = reply.emit(&mut DhcpPacket::new_unchecked(payload));
        };
        udp.emit(
            &mut UdpPacket::new_unchecked(bytes),
            &from.into(),
            &to.into(),
            reply.buffer_len(),
            emit,
            &super::checksums(),
        );
    });
}
