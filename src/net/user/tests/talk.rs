//! Connections and datagrams, with sockets of this process for the outside.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::thread;

use super::*;

const PORT: u16 = 40_000;

/// A guest's half of a connection, without what makes it reliable: nothing is lost here.
struct Guest {
    to: SocketAddrV4,
    port: u16,
    sent: TcpSeqNumber,
    heard: Option<TcpSeqNumber>,
}

impl Guest {
    fn new(to: SocketAddrV4, port: u16) -> Self {
        let sent = TcpSeqNumber(1000);
        Self {
            to,
            port,
            sent,
            heard: None,
        }
    }

    fn send(&mut self, setup: &Setup, control: TcpControl, payload: &[u8]) {
        let segment = TcpRepr {
            src_port: self.port,
            dst_port: self.to.port(),
            control,
            seq_number: self.sent,
            ack_number: self.heard,
            window_len: 60_000,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        setup.send_tcp(self.to, &segment);
        self.sent += payload.len() + control.len();
    }

    /// The next segment that has something to say: its control bits and its payload.
    fn hear(&mut self, setup: &mut Setup) -> (TcpControl, Vec<u8>) {
        let (port, to, heard) = (self.port, self.to, self.heard);
        let (control, payload, next) = setup.expect_ip(IpProtocol::Tcp, |from, payload| {
            let packet = TcpPacket::new_checked(payload).unwrap();
            let (from, own) = (from.into(), GUEST.into());
            let segment = TcpRepr::parse(&packet, &from, &own, &checksums()).unwrap();
            assert_eq!((segment.dst_port, segment.src_port), (port, to.port()));
            let new = heard.is_none_or(|heard| segment.seq_number == heard);
            let length = segment.payload.len() + segment.control.len();
            let says = length > 0 || segment.control == TcpControl::Rst;
            let next = segment.seq_number + length;
            (new && says).then(|| (segment.control, segment.payload.to_vec(), next))
        });
        self.heard = Some(next);
        (control, payload)
    }

    fn open(&mut self, setup: &mut Setup) {
        self.send(setup, TcpControl::Syn, &[]);
        assert_eq!(self.hear(setup).0, TcpControl::Syn);
        self.send(setup, TcpControl::None, &[]);
    }

    /// All that is said up to the end.
    fn hear_all(&mut self, setup: &mut Setup) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let (control, payload) = self.hear(setup);
            all.extend(payload);
            self.send(setup, TcpControl::None, &[]);
            if control == TcpControl::Fin {
                return all;
            }
        }
    }
}

fn listener() -> (TcpListener, SocketAddrV4) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, SocketAddrV4::new(GATEWAY, port))
}

#[test]
fn a_connection_goes_out_and_each_half_ends_by_itself() {
    let (server, at) = listener();
    let server = thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        // The guest has said all. There is an answer nevertheless.
        stream.write_all(&heard.repeat(100_000)).unwrap();
        heard
    });
    let mut setup = Setup::new(Vec::new());
    let mut guest = Guest::new(at, PORT);
    guest.open(&mut setup);
    guest.send(&setup, TcpControl::Psh, b"hello");
    guest.send(&setup, TcpControl::Fin, &[]);
    assert_eq!(guest.hear_all(&mut setup), b"hello".repeat(100_000));
    assert_eq!(server.join().unwrap(), b"hello");
    setup.gateway.turn();
    assert_eq!(setup.gateway.held(), 0, "nothing is left of it");
}

#[test]
fn what_the_host_does_not_take_is_refused() {
    let (server, at) = listener();
    drop(server);
    let mut setup = Setup::new(Vec::new());
    for to in [at, SocketAddrV4::new([10, 0, 2, 99].into(), 80)] {
        let mut guest = Guest::new(to, PORT);
        guest.send(&setup, TcpControl::Syn, &[]);
        assert_eq!(guest.hear(&mut setup).0, TcpControl::Rst, "{to}");
    }
    assert_eq!(setup.gateway.sockets().count(), 0);
}

#[test]
fn either_side_breaks_a_connection_off() {
    let (server, at) = listener();
    let mut setup = Setup::new(Vec::new());
    let mut guest = Guest::new(at, PORT);
    guest.open(&mut setup);
    let (mut stream, _) = server.accept().unwrap();
    guest.send(&setup, TcpControl::Rst, &[]);
    setup.expect_nothing();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);

    let mut guest = Guest::new(at, PORT + 1);
    guest.open(&mut setup);
    let (stream, _) = server.accept().unwrap();
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
    assert_eq!(guest.hear(&mut setup).0, TcpControl::Rst);
    assert_eq!(setup.gateway.held(), 0);
}

/// What the host does not read is held back in the guest, and arrives whole.
#[test]
fn a_slow_reader_holds_the_guest_back() {
    let (server, at) = listener();
    let mut setup = Setup::new(Vec::new());
    let mut guest = Guest::new(at, PORT);
    guest.open(&mut setup);
    let (mut stream, _) = server.accept().unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4096).unwrap();
    let piece = [3; 10_000];
    for _ in 0..20 {
        guest.send(&setup, TcpControl::None, &piece);
        setup.gateway.turn();
        while setup.to_guest.take().is_some() {}
    }
    guest.send(&setup, TcpControl::Fin, &[]);
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all
    });
    let start = Instant::now();
    while !reader.is_finished() && start.elapsed() < SOON {
        setup.gateway.turn();
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(reader.join().unwrap(), vec![3; 200_000]);
}

#[test]
fn a_port_of_the_host_leads_to_the_guest() {
    let (server, _) = listener();
    server.set_nonblocking(true).unwrap();
    let at = server.local_addr().unwrap();
    let forward = "tcp::1-:22".parse().unwrap();
    let mut setup = Setup::new(vec![(server, forward)]);
    let mut client = TcpStream::connect(at).unwrap();
    let (from, request) = setup.expect_ip(IpProtocol::Tcp, |from, payload| {
        let packet = TcpPacket::new_checked(payload).unwrap();
        assert_eq!(packet.dst_port(), 22);
        assert!(packet.syn());
        Some((
            SocketAddrV4::new(from, packet.src_port()),
            packet.seq_number(),
        ))
    });
    assert_eq!(*from.ip(), GATEWAY);
    let mut guest = Guest::new(from, 22);
    guest.heard = Some(request + 1);
    guest.send(&setup, TcpControl::Syn, &[]);
    guest.send(&setup, TcpControl::Psh, b"SSH-2.0");
    client.write_all(b"me too").unwrap();
    assert_eq!(guest.hear(&mut setup).1, b"me too");
    let mut heard = [0; 7];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"SSH-2.0");
    drop(client);
    assert_eq!(guest.hear(&mut setup).0, TcpControl::Fin);
}

#[test]
fn datagrams_go_out_and_answers_come_back() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = SocketAddrV4::new(GATEWAY, server.local_addr().unwrap().port());
    let mut setup = Setup::new(Vec::new());
    for length in [0, 5, 60_000] {
        let payload = vec![9; length];
        setup.send_udp(PORT, at, &payload);
        setup.gateway.turn();
        let mut heard = vec![0; 65_536];
        let (got, from) = server.recv_from(&mut heard).unwrap();
        assert_eq!(heard[..got], payload);
        server.send_to(&heard[..got], from).unwrap();
        let answer = setup.expect_ip(IpProtocol::Udp, |from, datagram| {
            let packet = UdpPacket::new_checked(datagram).unwrap();
            assert!(packet.verify_checksum(&from.into(), &GUEST.into()));
            let ends = (from, packet.src_port(), packet.dst_port());
            Some((ends, packet.payload().to_vec()))
        });
        assert_eq!(answer, ((GATEWAY, at.port(), PORT), payload));
    }
    assert_eq!(setup.gateway.sockets().count(), 1);
}
