//! Frames that no honest guest sends.

use super::*;

/// How many frames are sent, unless `HOSTILE_CASES` says so.
const FRAMES: u64 = 60_000;

/// Frames of all kinds that are understood, to be damaged.
fn samples(setup: &Setup) -> Vec<Vec<u8>> {
    let dhcp = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
    setup.send_udp(68, dhcp, &request(DhcpMessageType::Discover, None));
    setup.send_udp(68, dhcp, &request(DhcpMessageType::Request, Some(GUEST)));
    // Ports at which nothing listens.
    setup.send_udp(5, SocketAddrV4::new(GATEWAY, 9), b"datagram");
    let to = SocketAddrV4::new(GATEWAY, 1);
    for control in [TcpControl::Syn, TcpControl::Fin, TcpControl::Rst] {
        let segment = TcpRepr {
            src_port: 7,
            dst_port: 1,
            control,
            seq_number: TcpSeqNumber(1),
            ack_number: (control != TcpControl::Syn).then_some(TcpSeqNumber(9)),
            window_len: 100,
            window_scale: Some(3),
            max_seg_size: Some(1460),
            sack_permitted: true,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        };
        setup.send_tcp(to, &segment);
    }
    let echo = Icmpv4Repr::EchoRequest {
        ident: 1,
        seq_no: 2,
        data: &[3; 40],
    };
    let mut bytes = vec![0; echo.buffer_len()];
    let mut message = Icmpv4Packet::new_unchecked(&mut bytes[..]);
    echo.emit(&mut message, &checksums());
    setup.send_ip(IpProtocol::Icmp, GATEWAY, &bytes);
    let arp = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: MAC,
        source_protocol_addr: GUEST,
        target_hardware_addr: MAC,
        target_protocol_addr: GATEWAY,
    };
    let mut bytes = vec![0; arp.buffer_len()];
    arp.emit(&mut ArpPacket::new_unchecked(&mut bytes[..]));
    setup.send(EthernetAddress::BROADCAST, EthernetProtocol::Arp, &bytes);
    setup.send(
        EthernetAddress::BROADCAST,
        EthernetProtocol::Ipv6,
        &[0x60; 60],
    );
    let take = || setup.gateway.from_guest.take();
    std::iter::from_fn(take).map(|frame| frame.bytes).collect()
}

/// Puts right what would keep a damaged packet from being looked at.
fn mend(bytes: &mut [u8]) {
    let Some(packet) = bytes.get_mut(HEADER..) else {
        return;
    };
    if let Ok(mut packet) = Ipv4Packet::new_checked(packet) {
        packet.fill_checksum();
    }
}

fn damage(random: &mut fastrand::Rng, mut bytes: Vec<u8>) -> Frame {
    for _ in 0..random.usize(0..6) {
        if !bytes.is_empty() {
            let at = random.usize(0..bytes.len());
            bytes[at] = random.u8(..);
        }
    }
    match random.u8(0..8) {
        0 => bytes.truncate(random.usize(0..=bytes.len())),
        1 => bytes.resize(random.usize(0..2000), 0xaa),
        _ => {}
    }
    if random.bool() {
        mend(&mut bytes);
    }
    Frame {
        bytes,
        checked: random.bool(),
    }
}

#[test]
fn hostile_frames_are_harmless() {
    let mut setup = Setup::new(Vec::new());
    let samples = samples(&setup);
    assert_eq!(samples.len(), 9);
    let mut random = fastrand::Rng::with_seed(5);
    let mut answers = 0;
    let frames = std::env::var("HOSTILE_CASES").map_or(FRAMES, |it| it.parse().unwrap());
    for number in 0..frames {
        let sample = &samples[random.usize(0..samples.len())];
        let frame = match random.u8(0..8) {
            0 => Frame {
                bytes: (0..random.usize(0..200)).map(|_| random.u8(..)).collect(),
                checked: random.bool(),
            },
            _ => damage(&mut random, sample.clone()),
        };
        // Nothing is sent to other hosts, whatever an address was made to be.
        if !goes_out(&frame) {
            setup.gateway.from_guest.put(frame);
        }
        if number % 16 == 0 {
            setup.gateway.turn();
        }
        if number % 64 == 0 {
            answers += std::iter::from_fn(|| setup.to_guest.take()).count();
        }
        assert!(setup.gateway.sockets().count() <= udp::MOST + tcp::MOST);
        assert!(setup.gateway.held() <= tcp::MOST * tcp::EACH);
    }
    assert!(answers > 1000, "{answers}");
    while setup.gateway.turn() == Some(Duration::ZERO) {
        while setup.to_guest.take().is_some() {}
    }
    while setup.to_guest.take().is_some() {}
    let dhcp = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
    setup.send_udp(68, dhcp, &request(DhcpMessageType::Discover, None));
    assert_eq!(answer(&mut setup).0, DhcpMessageType::Offer);
}

/// Whether it is for an address beyond this host.
fn goes_out(frame: &Frame) -> bool {
    let address = frame.bytes.get(HEADER + 16..HEADER + 20);
    let address: Option<[u8; 4]> = address.and_then(|bytes| bytes.try_into().ok());
    address.is_some_and(|it| it != [255; 4] && Ipv4Addr::from(it) & MASK != NETWORK)
}

/// A guest that opens connections without end gets as many as there are, and no more.
#[test]
fn connections_are_bounded() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = SocketAddrV4::new(GATEWAY, server.local_addr().unwrap().port());
    let mut setup = Setup::new(Vec::new());
    for port in 1..=tcp::MOST as u16 + 50 {
        let segment = TcpRepr {
            src_port: port,
            dst_port: to.port(),
            control: TcpControl::Syn,
            seq_number: TcpSeqNumber(1),
            ack_number: None,
            window_len: 100,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        };
        setup.send_tcp(to, &segment);
        setup.gateway.turn();
        while setup.to_guest.take().is_some() {}
    }
    let sockets = setup.gateway.sockets().count();
    assert!(sockets <= tcp::MOST, "{sockets}");
    assert!(setup.gateway.held() <= tcp::MOST * tcp::EACH);
    // Datagrams to many places.
    for port in 1..=udp::MOST as u16 + 50 {
        setup.send_udp(port, to, b"x");
        setup.gateway.turn();
    }
    let sockets = setup.gateway.sockets().count() - sockets;
    assert_eq!(sockets, udp::MOST);
}

/// A segment of the connection from a port to another, near what would be right.
fn segment<'a>(
    random: &mut fastrand::Rng,
    (from, to): (u16, u16),
    payload: &'a [u8],
) -> TcpRepr<'a> {
    let control = match random.u8(0..40) {
        0 => TcpControl::Rst,
        1 => TcpControl::Fin,
        2 => TcpControl::Syn,
        3..20 => TcpControl::Psh,
        _ => TcpControl::None,
    };
    let near = |random: &mut fastrand::Rng| TcpSeqNumber(1000 + random.i32(-3..4000));
    TcpRepr {
        src_port: from,
        dst_port: to,
        control,
        seq_number: near(random),
        ack_number: random.bool().then(|| near(random)),
        window_len: random.u16(..),
        window_scale: random.bool().then(|| random.u8(0..15)),
        max_seg_size: random.bool().then(|| random.u16(..)),
        sack_permitted: random.bool(),
        sack_ranges: [None; 3],
        timestamp: None,
        payload,
    }
}

/// Connections that are there get segments that do not belong to them, too.
#[test]
fn hostile_segments_are_harmless() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let to = SocketAddrV4::new(GATEWAY, server.local_addr().unwrap().port());
    let mut setup = Setup::new(Vec::new());
    let mut random = fastrand::Rng::with_seed(9);
    let mut accepted = Vec::new();
    for number in 0..20_000_u16 {
        let ends = (1 + number / 200, to.port());
        let payload = vec![1; random.usize(0..3000)];
        let mut segment = segment(&mut random, ends, &payload);
        if number % 200 == 0 {
            (segment.control, segment.ack_number) = (TcpControl::Syn, None);
            (segment.seq_number, segment.payload) = (TcpSeqNumber(999), &[]);
        }
        setup.send_tcp(to, &segment);
        setup.gateway.turn();
        while setup.to_guest.take().is_some() {}
        while let Ok((mut stream, _)) = server.accept() {
            let _ = std::io::Write::write_all(&mut stream, &[7; 5000]);
            accepted.push(stream);
        }
        assert!(setup.gateway.held() <= tcp::MOST * tcp::EACH);
    }
    assert!(accepted.len() > 80, "{}", accepted.len());
}
