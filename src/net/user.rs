//! A network of the guest's own behind which the host's is, made of sockets of this process: no rights
//! are needed, and no other program.
//!
//! The guest has the address 10.0.2.15, by DHCP (`dhcp`), and the gateway is 10.0.2.2, which is also
//! the host's own 127.0.0.1. Names are resolved at 10.0.2.3, which is the host's resolver (`outside`).
//! Connections and datagrams to all other addresses go out from the host (`tcp`, `udp`), and come in by
//! ports that lead to the guest ([`Forward`]). The addresses of the network's own answer `ping`
//! (`echo`). A thread does all of this ([`UserNetwork`]), beside the guest.

mod dhcp;
mod echo;
mod ether;
mod outside;
mod sockets;
mod tcp;
mod thread;
mod udp;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mirrorball_runtime::account::Holding;
use mirrorball_runtime::device::network::{Frame, HEADER};
use rustix::event::PollFlags;
use rustix::net::{Shutdown, listen, shutdown};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{IpProtocol, Ipv4Packet};

use super::Forward;
use super::wire::Wire;
use ether::Ether;
use outside::Outside;
use tcp::Tcp;
pub(super) use thread::UserNetwork;
use udp::Udp;

/// The guest's address, and those of the network's own.
pub(super) const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 0);
const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
/// The most frames that are taken from the guest at once.
const AT_ONCE: usize = 256;

/// How long connections that come in wait if the host has no descriptors for them.
const DEAF: Duration = Duration::from_secs(1);
/// How many connections wait until they are taken.
const AHEAD: i32 = 128;

/// Checksums are verified and filled in.
fn checksums() -> ChecksumCapabilities {
    ChecksumCapabilities::default()
}

/// A port of the host whose connections go to the guest.
type Listener = (TcpListener, Forward);

/// The gateway between the guest's network and the host's.
struct Gateway {
    from_guest: Arc<Wire>,
    ether: Arc<Ether>,
    outside: Outside,
    listeners: Vec<Listener>,
    /// Whether there is a guest, or is to be one soon. While there is none, nothing listens for it.
    is_used: bool,
    /// When the host may have descriptors for connections again.
    deaf_until: Option<Instant>,
    tcp: Tcp,
    udp: Udp,
}

impl Gateway {
    /// The most that is kept for connections.
    const LIMIT: Holding = Holding::new(0, tcp::MOST * tcp::EACH);

    fn new(
        from_guest: Arc<Wire>,
        to_guest: Arc<Wire>,
        outside: Outside,
        listeners: Vec<Listener>,
        seed: u64,
    ) -> Self {
        let ether = Arc::new(Ether::new(to_guest));
        Self {
            from_guest,
            tcp: Tcp::new(Arc::clone(&ether), seed),
            ether,
            outside,
            listeners,
            is_used: true,
            deaf_until: None,
            udp: Udp::default(),
        }
    }

    /// Does what there is to do. Says when there is more, if nothing happens before.
    fn turn(&mut self) -> Option<Duration> {
        for _ in 0..AT_ONCE {
            let Some(frame) = self.from_guest.take() else {
                break;
            };
            self.take(frame);
        }
        self.accept();
        self.tcp.turn();
        self.udp.turn(&self.ether);
        if self.from_guest.held().bytes > 0 {
            return Some(Duration::ZERO);
        }
        let delays = [self.tcp.delay(), self.udp.delay(), self.deafness()];
        delays.into_iter().flatten().min()
    }

    /// Breaks off all that the guest had open: it is another one now, or there is none.
    fn forget(&mut self, is_used: bool) {
        self.tcp.forget();
        self.udp = Udp::default();
        self.is_used = is_used;
        if !is_used {
            for (listener, _) in &self.listeners {
                // It keeps its port, and refuses what comes.
                let _ = shutdown(listener, Shutdown::Read);
            }
        }
    }

    /// Takes a frame from the guest. What is not understood is lost, fragments of packets with it.
    fn take(&mut self, frame: Frame) {
        let packet = self.ether.packet(&frame);
        let Some(Ok(packet)) = packet.map(Ipv4Packet::new_checked) else {
            return;
        };
        let fragment = packet.more_frags() || packet.frag_offset() != 0;
        if fragment || !packet.verify_checksum() {
            return;
        }
        let ends = (packet.src_addr(), packet.dst_addr());
        let payload = packet.payload();
        match packet.next_header() {
            IpProtocol::Icmp => echo::answer(payload, ends, &self.ether),
            IpProtocol::Udp => self.udp.take(payload, ends, self.outside, &self.ether),
            IpProtocol::Tcp => {
                let start = HEADER + usize::from(packet.header_len());
                let segment = start..start + payload.len();
                self.tcp.take(frame, segment, ends, self.outside);
            }
            _ => {}
        }
    }

    /// Takes connections that came in. If the host has no descriptors for them, they wait. What does
    /// not listen, as there was no guest, does so again.
    fn accept(&mut self) {
        use ErrorKind::{ConnectionAborted, Interrupted, InvalidInput, WouldBlock};
        if !self.hears() {
            return;
        }
        for (listener, forward) in &self.listeners {
            while self.tcp.has_room() {
                match listener.accept() {
                    Ok((stream, _)) => self.tcp.accept(stream, forward.guest),
                    Err(error) if error.kind() == WouldBlock => break,
                    Err(error) if [Interrupted, ConnectionAborted].contains(&error.kind()) => {}
                    Err(error)
                        if error.kind() == InvalidInput && listen(listener, AHEAD).is_ok() => {}
                    Err(_) => {
                        self.deaf_until = Some(Instant::now() + DEAF);
                        break;
                    }
                }
            }
        }
    }

    /// Whether connections may come in.
    fn hears(&self) -> bool {
        self.is_used && self.deafness().is_none()
    }

    /// For how long connections that come in are not looked at.
    fn deafness(&self) -> Option<Duration> {
        let left = self.deaf_until?.checked_duration_since(Instant::now())?;
        (!left.is_zero()).then_some(left)
    }

    /// What is waited for, of the host's.
    fn sockets(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let listens = self.tcp.has_room() && self.hears();
        let listeners = self.listeners.iter().filter(move |_| listens);
        let listeners = listeners.map(|(listener, _)| listener.as_fd());
        let heard = listeners.chain(self.udp.sockets());
        let heard = heard.map(|descriptor| (descriptor, PollFlags::IN));
        heard.chain(self.tcp.sockets())
    }

    /// The bytes that are kept for connections.
    fn held(&self) -> usize {
        self.tcp.held()
    }
}

#[cfg(test)]
mod tests;
