//! TCP: for each connection one to the guest, which the library `smoltcp` makes, and one of the
//! host's, with bytes passed on between them as fast as the other one takes them.
//!
//! A connection that the guest opens is accepted when the host's is there, and refused if that is.

mod flow;
mod phy;

use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::ops::{Range, RangeInclusive};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mirrorball_runtime::device::network::Frame;
use rustix::event::PollFlags;
use rustix::net::SocketType;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant as Moment;
use smoltcp::wire::{HardwareAddress, TcpPacket};

use super::ether::Ether;
use super::outside::Outside;
use super::{GATEWAY, sockets};
use flow::Flow;
use phy::Phy;

/// The most connections. Beyond, the guest's are refused, and those to it have to wait.
pub(super) const MOST: usize = 256;
/// The bytes that are kept for each, in either direction.
const BUFFER: usize = 256 << 10;
pub(super) const EACH: usize = 2 * BUFFER;
/// How long the guest may say nothing, although it is asked now and then whether it is there. It may be
/// paused for some time.
const PATIENCE: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(900);
/// How often it is asked.
const ASKED: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(300);
/// The ports that connections to the guest come from.
const OWN_PORTS: RangeInclusive<u16> = 49_152..=65_535;

/// The two ends of a connection, as the guest knows them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pair {
    guest: SocketAddrV4,
    other: SocketAddrV4,
}

/// A connection that the guest wants and the host is opening.
struct Wanted {
    pair: Pair,
    stream: TcpStream,
    /// What the guest asked for it by.
    request: Frame,
}

/// All connections.
pub(super) struct Tcp {
    start: Instant,
    iface: Interface,
    sockets: SocketSet<'static>,
    phy: Phy,
    wanted: Vec<Wanted>,
    flows: Vec<(Pair, Flow)>,
    next_port: u16,
}

fn socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; BUFFER]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket.set_timeout(Some(PATIENCE));
    socket.set_keep_alive(Some(ASKED));
    socket
}

impl Tcp {
    /// No connections; `seed` makes it hard to guess their numbers.
    pub fn new(ether: Arc<Ether>, seed: u64) -> Self {
        let mut phy = Phy::new(ether);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut iface = Interface::new(config, &mut phy, Moment::ZERO);
        // It speaks for all addresses that the guest may connect to.
        iface.set_any_ip(true);
        Self {
            start: Instant::now(),
            iface,
            sockets: SocketSet::new(Vec::new()),
            phy,
            wanted: Vec::new(),
            flows: Vec::new(),
            next_port: *OWN_PORTS.start(),
        }
    }

    fn now(&self) -> Moment {
        Moment::from_micros(self.start.elapsed().as_micros() as i64)
    }

    /// Takes a frame with a segment from the guest's address to another one.
    pub fn take(
        &mut self,
        mut frame: Frame,
        segment: Range<usize>,
        (from, to): (Ipv4Addr, Ipv4Addr),
        outside: Outside,
    ) {
        frame.bytes.truncate(segment.end);
        let Some(Ok(packet)) = frame.bytes.get(segment).map(TcpPacket::new_checked) else {
            return;
        };
        if !frame.checked && !packet.verify_checksum(&from.into(), &to.into()) {
            return;
        }
        let opens = packet.syn() && !packet.ack();
        let pair = Pair {
            guest: SocketAddrV4::new(from, packet.src_port()),
            other: SocketAddrV4::new(to, packet.dst_port()),
        };
        let empty = packet.payload().is_empty();
        if self.wanted.iter().any(|wanted| wanted.pair == pair) {
            return;
        }
        if opens && !self.flows.iter().any(|(known, _)| *known == pair) {
            let stream = self.connect(pair.other, outside).filter(|_| empty);
            if let Some(stream) = stream {
                let request = frame;
                return self.wanted.push(Wanted {
                    pair,
                    stream,
                    request,
                });
            }
        }
        // Where there is no connection, that is the answer.
        self.phy.put(frame);
    }

    /// Begins to connect to what the guest calls `other`.
    fn connect(&self, other: SocketAddrV4, outside: Outside) -> Option<TcpStream> {
        let address = outside.of(other).filter(|_| self.has_room())?;
        let stream = sockets::connect(SocketType::STREAM, address).ok()?;
        Some(stream.into())
    }

    /// A connection to the guest has come.
    pub fn accept(&mut self, stream: TcpStream, guest: SocketAddrV4) {
        let other = self.next_own(guest);
        let mut socket = socket();
        let connected = socket.connect(self.iface.context(), guest, other);
        if connected.is_ok() && stream.set_nonblocking(true).is_ok() {
            self.add(Pair { guest, other }, socket, stream);
        }
    }

    /// The next address of the network's own that no connection to `guest` comes from.
    fn next_own(&mut self, guest: SocketAddrV4) -> SocketAddrV4 {
        loop {
            let other = SocketAddrV4::new(GATEWAY, self.next_port);
            self.next_port = match self.next_port {
                port if port == *OWN_PORTS.end() => *OWN_PORTS.start(),
                port => port + 1,
            };
            let pair = Pair { guest, other };
            // There are more ports than connections.
            if !self.flows.iter().any(|(known, _)| *known == pair) {
                return other;
            }
        }
    }

    fn add(&mut self, pair: Pair, socket: Socket<'static>, stream: TcpStream) {
        // With the delay small writes take longer, and nothing else.
        let _ = stream.set_nodelay(true);
        let flow = Flow::new(self.sockets.add(socket), stream);
        self.flows.push((pair, flow));
    }

    /// Whether there may be another connection.
    pub fn has_room(&self) -> bool {
        self.flows.len() + self.wanted.len() < MOST
    }

    /// Breaks all of them off.
    pub fn forget(&mut self) {
        self.wanted.clear();
        for (_, flow) in self.flows.drain(..) {
            flow.break_off();
            self.sockets.remove(flow.handle());
        }
    }

    fn poll(&mut self) {
        let now = self.now();
        (self.iface).poll(now, &mut self.phy, &mut self.sockets);
    }

    /// Passes on what can be passed on.
    pub fn turn(&mut self) {
        self.poll();
        self.open_wanted();
        let mut moved = false;
        for (_, flow) in &mut self.flows {
            moved |= flow.turn(&mut self.sockets);
        }
        if moved {
            self.poll();
        }
        let sockets = &mut self.sockets;
        self.flows.retain(|(_, flow)| {
            let lives = flow.lives(sockets);
            if !lives {
                sockets.remove(flow.handle());
            }
            lives
        });
    }

    /// Gives the guest the connections that it wanted and that are there, and refuses those that will
    /// not be.
    fn open_wanted(&mut self) {
        let mut ready = Vec::new();
        let connected = |wanted: &mut Wanted| {
            sockets::is_connected(&wanted.stream).map_or(Some(false), |is| is.then_some(true))
        };
        let mut at = 0;
        while let Some(wanted) = self.wanted.get_mut(at) {
            match connected(wanted) {
                Some(is) => ready.push((self.wanted.swap_remove(at), is)),
                None => at += 1,
            }
        }
        for (wanted, is_connected) in ready {
            let mut socket = socket();
            if is_connected && socket.listen(wanted.pair.other).is_ok() {
                self.add(wanted.pair, socket, wanted.stream);
            }
            // Only now, so that the one that listens is this one.
            self.phy.put(wanted.request);
            self.poll();
        }
    }

    /// When there is something to do, if nothing else happens before.
    pub fn delay(&mut self) -> Option<Duration> {
        // It is told when there is room.
        if self.phy.is_full() {
            return None;
        }
        let now = self.now();
        let delay = self.iface.poll_delay(now, &self.sockets)?;
        Some(Duration::from_micros(delay.total_micros()))
    }

    /// The host's sockets that are waited for.
    pub fn sockets(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let opening = self.wanted.iter().map(|it| it.stream.as_fd());
        let opening = opening.map(|descriptor| (descriptor, PollFlags::OUT));
        let flows = self.flows.iter().map(|(_, flow)| flow);
        let open = flows.map(|flow| (flow.descriptor(), flow.interest(&self.sockets)));
        opening.chain(open.filter(|(_, interest)| !interest.is_empty()))
    }

    /// The bytes that are kept for connections.
    pub fn held(&self) -> usize {
        self.flows.len() * EACH
    }
}
