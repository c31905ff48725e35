//! UDP from the guest to the outside, and the answers: a socket of the host's for each pair of ports
//! that talk.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::net::SocketType;
use smoltcp::wire::{IpProtocol, UDP_HEADER_LEN, UdpPacket, UdpRepr};

use super::ether::Ether;
use super::outside::Outside;
use super::{dhcp, sockets};

/// The most sockets. Beyond, the one that was used least of late goes.
pub(super) const MOST: usize = 128;
/// How long one is kept that is not used.
const IDLE: Duration = Duration::from_secs(120);
/// The most datagrams that are taken from a socket at once.
const AT_ONCE: usize = 64;
/// The longest datagram that fits into a packet: what is longer is cut off.
const LONGEST: usize = crate::net::MTU as usize - 20 - UDP_HEADER_LEN;

/// Two that talk.
struct Talk {
    guest: SocketAddrV4,
    /// The other, as the guest knows it.
    other: SocketAddrV4,
    socket: UdpSocket,
    used: Instant,
}

/// All that talk.
#[derive(Default)]
pub(super) struct Udp(Vec<Talk>);

impl Udp {
    /// Takes a datagram from the guest's address to another one.
    pub fn take(
        &mut self,
        datagram: &[u8],
        (from, to): (Ipv4Addr, Ipv4Addr),
        outside: Outside,
        ether: &Ether,
    ) {
        let Ok(packet) = UdpPacket::new_checked(datagram) else {
            return;
        };
        if !packet.verify_checksum(&from.into(), &to.into()) {
            return;
        }
        if packet.dst_port() == dhcp::SERVER {
            return dhcp::serve(packet.payload(), ether);
        }
        let guest = SocketAddrV4::new(from, packet.src_port());
        let other = SocketAddrV4::new(to, packet.dst_port());
        if let Some(address) = outside.of(other)
            && let Some(talk) = self.talk(guest, other, address)
        {
            talk.used = Instant::now();
            // What the host does not take is lost, as on any network.
            let _ = talk.socket.send(packet.payload());
        }
    }

    fn talk(
        &mut self,
        guest: SocketAddrV4,
        other: SocketAddrV4,
        address: SocketAddr,
    ) -> Option<&mut Talk> {
        let known = |talk: &Talk| talk.guest == guest && talk.other == other;
        let at = match self.0.iter().position(known) {
            Some(at) => at,
            None => {
                let socket = sockets::connect(SocketType::DGRAM, address).ok()?.into();
                self.make_room();
                self.0.push(Talk {
                    guest,
                    other,
                    socket,
                    used: Instant::now(),
                });
                self.0.len() - 1
            }
        };
        self.0.get_mut(at)
    }

    fn make_room(&mut self) {
        if self.0.len() >= MOST
            && let Some((at, _)) = (self.0.iter().enumerate()).min_by_key(|(_, talk)| talk.used)
        {
            self.0.swap_remove(at);
        }
    }

    /// Brings the guest what has come, and forgets those that do not talk any more.
    pub fn turn(&mut self, ether: &Ether) {
        self.0.retain(|talk| talk.used.elapsed() < IDLE);
        if self.0.is_empty() {
            return;
        }
        let mut bytes = vec![0; LONGEST];
        for talk in &mut self.0 {
            for _ in 0..AT_ONCE {
                match talk.socket.recv(&mut bytes) {
                    Ok(length) => talk.give(&bytes[..length], ether),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    // The other is not there. There may be more.
                    Err(_) => {}
                }
            }
        }
    }

    /// When the next one has been kept for long enough.
    pub fn delay(&self) -> Option<Duration> {
        let idle = self
            .0
            .iter()
            .map(|talk| IDLE.saturating_sub(talk.used.elapsed()));
        idle.min()
    }

    /// The sockets.
    pub fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|talk| talk.socket.as_fd())
    }
}

impl Talk {
    fn give(&mut self, payload: &[u8], ether: &Ether) {
        self.used = Instant::now();
        let udp = UdpRepr {
            src_port: self.other.port(),
            dst_port: self.guest.port(),
        };
        let (from, to) = (*self.other.ip(), *self.guest.ip());
        let length = UDP_HEADER_LEN + payload.len();
        ether.send_ip(IpProtocol::Udp, (from, to), length, |bytes| {
            udp.emit(
                &mut UdpPacket::new_unchecked(bytes),
                &from.into(),
                &to.into(),
                payload.len(),
                |place| place.copy_from_slice(payload),
                &super::checksums(),
            );
        });
    }
}
