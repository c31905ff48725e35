//! The gateway with a guest made of frames.

mod hostile;
mod talk;

use std::net::{IpAddr, SocketAddrV4};
use std::time::Instant;

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress,
    EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv4Packet, Icmpv4Repr, Ipv4Repr, TcpControl,
    TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
};

use super::*;
use crate::console::Waker;

const MAC: EthernetAddress = EthernetAddress([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
const SOON: Duration = Duration::from_secs(10);

/// A gateway, and what a guest has of it.
struct Setup {
    gateway: Gateway,
    to_guest: Arc<Wire>,
}

impl Setup {
    fn new(listeners: Vec<Listener>) -> Self {
        let wire = || Arc::new(Wire::new(Waker::none(), Waker::none()));
        let (from_guest, to_guest) = (wire(), wire());
        let outside = Outside::with_resolver(IpAddr::from([127, 0, 0, 1]));
        let gateway = Gateway::new(from_guest, Arc::clone(&to_guest), outside, listeners, 7);
        Self { gateway, to_guest }
    }

    fn put(&self, bytes: Vec<u8>) {
        let checked = false;
        self.gateway.from_guest.put(Frame { bytes, checked });
    }

    fn send(&self, to: EthernetAddress, ethertype: EthernetProtocol, payload: &[u8]) {
        let head = EthernetRepr {
            src_addr: MAC,
            dst_addr: to,
            ethertype,
        };
        let mut bytes = vec![0; HEADER];
        head.emit(&mut EthernetFrame::new_unchecked(&mut bytes[..]));
        bytes.extend(payload);
        self.put(bytes);
    }

    fn send_ip(&self, protocol: IpProtocol, to: Ipv4Addr, payload: &[u8]) {
        self.send(
            EthernetAddress::BROADCAST,
            EthernetProtocol::Ipv4,
            &packet(protocol, to, payload),
        );
    }

    fn send_udp(&self, from: u16, to: SocketAddrV4, payload: &[u8]) {
        let udp = UdpRepr {
            src_port: from,
            dst_port: to.port(),
        };
        let mut bytes = vec![0; udp.header_len() + payload.len()];
        udp.emit(
            &mut UdpPacket::new_unchecked(&mut bytes[..]),
            &GUEST.into(),
            &(*to.ip()).into(),
            payload.len(),
            |place| place.copy_from_slice(payload),
            &checksums(),
        );
        self.send_ip(IpProtocol::Udp, *to.ip(), &bytes);
    }

    fn send_tcp(&self, to: SocketAddrV4, segment: &TcpRepr<'_>) {
        let mut bytes = vec![0; segment.buffer_len()];
        segment.emit(
            &mut TcpPacket::new_unchecked(&mut bytes[..]),
            &GUEST.into(),
            &(*to.ip()).into(),
            &checksums(),
        );
        self.send_ip(IpProtocol::Tcp, *to.ip(), &bytes);
    }

    /// The next frame for the guest that `wanted` takes something of.
    fn expect<T>(&mut self, mut wanted: impl FnMut(&Frame) -> Option<T>) -> T {
        let start = Instant::now();
        while start.elapsed() < SOON {
            self.gateway.turn();
            while let Some(frame) = self.to_guest.take() {
                if let Some(it) = wanted(&frame) {
                    return it;
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("it does not come");
    }

    fn expect_ip<T>(
        &mut self,
        protocol: IpProtocol,
        mut wanted: impl FnMut(Ipv4Addr, &[u8]) -> Option<T>,
    ) -> T {
        self.expect(|frame| {
            let frame = EthernetFrame::new_checked(&frame.bytes[..]).unwrap();
            if frame.ethertype() != EthernetProtocol::Ipv4 {
                return None;
            }
            let packet = Ipv4Packet::new_checked(frame.payload()).unwrap();
            assert!(packet.verify_checksum());
            let right = packet.next_header() == protocol;
            right.then(|| wanted(packet.src_addr(), packet.payload()))?
        })
    }

    fn expect_nothing(&mut self) {
        for _ in 0..20 {
            self.gateway.turn();
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(self.to_guest.take(), None);
    }
}

fn packet(protocol: IpProtocol, to: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let head = Ipv4Repr {
        src_addr: GUEST,
        dst_addr: to,
        next_header: protocol,
        payload_len: payload.len(),
        hop_limit: 64,
    };
    let mut bytes = vec![0; head.buffer_len()];
    head.emit(&mut Ipv4Packet::new_unchecked(&mut bytes[..]), &checksums());
    bytes.extend(payload);
    bytes
}

fn request(kind: DhcpMessageType, wanted: Option<Ipv4Addr>) -> Vec<u8> {
    let message = DhcpRepr {
        message_type: kind,
        transaction_id: 0x1234,
        secs: 0,
        client_hardware_address: MAC,
        client_ip: Ipv4Addr::UNSPECIFIED,
        your_ip: Ipv4Addr::UNSPECIFIED,
        server_ip: Ipv4Addr::UNSPECIFIED,
        router: None,
        subnet_mask: None,
        relay_agent_ip: Ipv4Addr::UNSPECIFIED,
        broadcast: false,
        requested_ip: wanted,
        client_identifier: None,
        server_identifier: None,
        parameter_request_list: None,
        dns_servers: None,
        max_size: None,
        lease_duration: None,
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    };
    let mut bytes = vec![0; message.buffer_len()];
    let mut packet = DhcpPacket::new_unchecked(&mut bytes[..]);
    message.emit(&mut packet).unwrap();
    bytes
}

/// What the server says: the kind, the address, the gateway and the resolvers.
fn answer(setup: &mut Setup) -> (DhcpMessageType, Ipv4Addr, Option<Ipv4Addr>, usize) {
    setup.expect_ip(IpProtocol::Udp, |from, payload| {
        assert_eq!(from, GATEWAY);
        let udp = UdpPacket::new_checked(payload).unwrap();
        assert_eq!((udp.src_port(), udp.dst_port()), (67, 68));
        let packet = DhcpPacket::new_checked(udp.payload()).unwrap();
        let reply = DhcpRepr::parse(&packet).unwrap();
        assert_eq!(reply.transaction_id, 0x1234);
        let names = reply.dns_servers.map_or(0, |servers| servers.len());
        Some((reply.message_type, reply.your_ip, reply.router, names))
    })
}

#[test]
fn a_guest_gets_its_address() {
    use DhcpMessageType::{Ack, Discover, Nak, Offer, Request};
    let mut setup = Setup::new(Vec::new());
    let server = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
    for (kind, wanted, expected) in [
        (Discover, None, (Offer, GUEST, Some(GATEWAY), 1)),
        (Request, Some(GUEST), (Ack, GUEST, Some(GATEWAY), 1)),
        (
            Request,
            Some([192, 168, 0, 9].into()),
            (Nak, Ipv4Addr::UNSPECIFIED, None, 0),
        ),
    ] {
        setup.send_udp(68, server, &request(kind, wanted));
        assert_eq!(answer(&mut setup), expected);
    }
}

#[test]
fn the_network_has_two_addresses_of_its_own() {
    let mut setup = Setup::new(Vec::new());
    let ask = |setup: &Setup, wanted| {
        let request = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: MAC,
            source_protocol_addr: GUEST,
            target_hardware_addr: EthernetAddress::default(),
            target_protocol_addr: wanted,
        };
        let mut bytes = vec![0; request.buffer_len()];
        request.emit(&mut ArpPacket::new_unchecked(&mut bytes[..]));
        setup.send(EthernetAddress::BROADCAST, EthernetProtocol::Arp, &bytes);
    };
    for own in [GATEWAY, RESOLVER] {
        ask(&setup, own);
        let found = setup.expect(|frame| {
            let frame = EthernetFrame::new_checked(&frame.bytes[..]).unwrap();
            assert_eq!(frame.dst_addr(), MAC);
            let packet = ArpPacket::new_checked(frame.payload()).unwrap();
            match ArpRepr::parse(&packet).unwrap() {
                ArpRepr::EthernetIpv4 {
                    operation: ArpOperation::Reply,
                    source_protocol_addr,
                    ..
                } => Some(source_protocol_addr),
                _ => None,
            }
        });
        assert_eq!(found, own);
    }
    for other in [GUEST, Ipv4Addr::new(10, 0, 2, 99), NETWORK] {
        ask(&setup, other);
    }
    setup.expect_nothing();
}

#[test]
fn the_gateway_answers_ping() {
    let mut setup = Setup::new(Vec::new());
    let data = vec![5; 60_000];
    let request = Icmpv4Repr::EchoRequest {
        ident: 3,
        seq_no: 9,
        data: &data,
    };
    let mut bytes = vec![0; request.buffer_len()];
    request.emit(
        &mut Icmpv4Packet::new_unchecked(&mut bytes[..]),
        &checksums(),
    );
    setup.send_ip(IpProtocol::Icmp, GATEWAY, &bytes);
    let answered = setup.expect_ip(IpProtocol::Icmp, |from, payload| {
        let packet = Icmpv4Packet::new_checked(payload).unwrap();
        let answer = Icmpv4Repr::parse(&packet, &checksums()).unwrap();
        let expected = Icmpv4Repr::EchoReply {
            ident: 3,
            seq_no: 9,
            data: &data,
        };
        Some((from, answer == expected))
    });
    assert_eq!(answered, (GATEWAY, true));
    setup.send_ip(IpProtocol::Icmp, [192, 0, 2, 1].into(), &bytes);
    bytes[2] ^= 1;
    setup.send_ip(IpProtocol::Icmp, GATEWAY, &bytes);
    setup.expect_nothing();
}
