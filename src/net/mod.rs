//! Networks: what is behind the network ports of guests.
//!
//! A [`NetSpec`] says what a port is connected to. [`NetSpec::start`] makes that, once for all machines
//! that have the port one after the other, and [`NetSpec::open`] gives a machine its end of it. Frames
//! go by a `wire` in each direction, a queue of bounded size. There is a network of the host's, which
//! needs no rights and no other program (`user`), a `tap` device of the host's, and a `switch` between
//! machines of one monitor.
//! What goes through a port can be captured (`capture`).

mod bell;
mod capture;
mod error;
mod forward;
mod switch;
mod tap;
mod user;
mod wire;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use mirrorball_runtime::account::Holding;
use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::device::network::{Frame, Mac, Network, Port};

use crate::console::Waker;
use capture::{Capture, Captured};
pub use error::NetError;
pub use forward::{Forward, NoForward};
pub use switch::Switch;
use tap::Tap;
use user::UserNetwork;
use wire::Wire;

/// The most bytes of a packet: the longer, the less there is to do for each byte. A guest that does not
/// heed it has packets of 1500 bytes.
const MTU: u16 = 65_520;

/// The address of the first port of the first machine. Those of other machines and ports follow.
const FIRST: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

/// The address of a port that was given none.
#[must_use]
pub const fn default_mac(machine: u16, port: u8) -> Mac {
    let [a, b, c, d, e, f] = FIRST;
    let [high, low] = u16::from_be_bytes([e, f])
        .wrapping_add(machine)
        .to_be_bytes();
    Mac([a, b, c, d.wrapping_add(port), high, low])
}

/// What a port is connected to.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A network of its own, with a way to what the host reaches, and connections that come in.
    User(Vec<Forward>),
    /// The machines of this monitor that are connected to the same switch.
    Subnet(String, Arc<Switch>),
    /// A tap device of the host's that is there, by its name.
    Tap(String),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(forwards) => {
                f.write_str("user")?;
                forwards.iter().try_for_each(|it| write!(f, ",{it}"))
            }
            Self::Subnet(name, _) => write!(f, "subnet={name}"),
            Self::Tap(name) => write!(f, "tap={name}"),
        }
    }
}

/// What takes frames from a guest.
trait Outlet: Send + Sync {
    /// Takes a frame, which may be lost.
    fn send(&self, frame: Frame);
    /// Another machine begins at this end: what the last one had open is gone.
    fn begin(&self) {}
    /// A machine at this end is gone.
    fn end(&self) {}
    /// What it keeps for the guest.
    fn held(&self) -> Holding {
        Holding::default()
    }
}

/// A network that was started.
struct Started {
    inlet: Arc<Wire>,
    outlet: Arc<dyn Outlet>,
    capture: Option<Capture>,
    /// The most bytes of a packet.
    mtu: u16,
    /// What has a thread, which ends with this.
    _threaded: Option<Threaded>,
}

/// A network that has a thread.
enum Threaded {
    User(#[expect(dead_code, reason = "it is kept for its end")] UserNetwork),
    Tap(#[expect(dead_code, reason = "it is kept for its end")] Tap),
}

/// What a network port is.
#[derive(Clone)]
pub struct NetSpec {
    /// What it is connected to.
    pub kind: Kind,
    /// Its address.
    pub mac: Mac,
    /// The file that its frames are written to.
    pub pcap: Option<PathBuf>,
    started: Arc<Mutex<Option<Started>>>,
}

impl fmt::Debug for NetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetSpec")
            .field("kind", &self.kind)
            .field("mac", &self.mac)
            .field("pcap", &self.pcap)
            .finish_non_exhaustive()
    }
}

impl NetSpec {
    /// A port with this address.
    #[must_use]
    pub fn new(kind: Kind, mac: Mac, pcap: Option<PathBuf>) -> Self {
        Self {
            kind,
            mac,
            pcap,
            started: Arc::default(),
        }
    }

    /// Starts the network, unless that was done. If it is to be `confined`, its thread leaves itself
    /// what it needs and no more.
    ///
    /// # Errors
    ///
    /// When an address to listen at is in use, or the host has no thread or file for it.
    pub fn start(&self, confined: bool) -> Result<(), NetError> {
        self.started(confined, |_| ())
    }

    /// A machine's end of it. What was on its way to the machine before is lost.
    ///
    /// # Errors
    ///
    /// As for [`NetSpec::start`].
    pub fn open(&self) -> Result<Box<dyn Network>, NetError> {
        self.started(false, |started| {
            started.inlet.clear();
            started.outlet.begin();
            let end = End {
                port: Port {
                    mac: self.mac,
                    mtu: started.mtu,
                },
                inlet: Arc::clone(&started.inlet),
                outlet: Arc::clone(&started.outlet),
            };
            match started.capture.clone() {
                Some(capture) => Box::new(Captured {
                    network: Box::new(end),
                    capture,
                }),
                None => Box::new(end) as Box<dyn Network>,
            }
        })
    }

    /// Has `waker` called when there is a frame for the machine.
    ///
    /// # Errors
    ///
    /// As for [`NetSpec::start`].
    pub fn wake(&self, waker: Waker) -> Result<(), NetError> {
        self.started(false, |started| started.inlet.wake(waker))
    }

    fn started<T>(
        &self,
        confined: bool,
        use_it: impl FnOnce(&Started) -> T,
    ) -> Result<T, NetError> {
        let mut place = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let started = match place.take() {
            Some(started) => started,
            None => self.make(confined)?,
        };
        Ok(use_it(place.insert(started)))
    }

    fn make(&self, confined: bool) -> Result<Started, NetError> {
        let capture = self.pcap.as_ref().map(|path| {
            Capture::create(path).map_err(|source| {
                let path = path.display().to_string();
                NetError::Capture { path, source }
            })
        });
        let capture = capture.transpose()?;
        Ok(match &self.kind {
            Kind::User(forwards) => {
                let user = UserNetwork::start(forwards, confined)?;
                Started {
                    inlet: Arc::clone(user.to_guest()),
                    outlet: user.outlet(),
                    capture,
                    mtu: MTU,
                    _threaded: Some(Threaded::User(user)),
                }
            }
            Kind::Tap(name) => {
                let tap = Tap::start(name, confined)?;
                Started {
                    inlet: Arc::clone(tap.to_guest()),
                    outlet: tap.outlet(),
                    capture,
                    mtu: tap.mtu,
                    _threaded: Some(Threaded::Tap(tap)),
                }
            }
            Kind::Subnet(_, switch) => {
                let (port, inlet) = switch.port();
                Started {
                    inlet,
                    outlet: Arc::new(port),
                    capture,
                    mtu: MTU,
                    _threaded: None,
                }
            }
        })
    }
}

/// A machine's end of a network.
struct End {
    port: Port,
    inlet: Arc<Wire>,
    outlet: Arc<dyn Outlet>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.outlet.end();
    }
}

impl Network for End {
    fn port(&self) -> Port {
        self.port
    }

    fn send(&mut self, frame: Frame, _now: Nanos) {
        self.outlet.send(frame);
    }

    fn receive(&mut self, _now: Nanos) -> Option<Frame> {
        self.inlet.take()
    }

    fn held(&self) -> Holding {
        let mut held = self.inlet.held();
        held += self.outlet.held();
        held
    }
}

#[cfg(test)]
mod tests;
