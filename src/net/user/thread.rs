//! The thread of a user network.

use std::net::TcpListener;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mirrorball_runtime::account::Holding;
use mirrorball_runtime::device::network::Frame;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::rand::{GetRandomFlags, getrandom};

use super::outside::Outside;
use super::{Gateway, Listener};
use crate::console::Waker;
use crate::net::bell::Bell;
use crate::net::wire::Wire;
use crate::net::{Forward, NetError, Outlet};
use crate::sandbox::{self, Duty};

/// What the thread and others share.
struct Shared {
    from_guest: Arc<Wire>,
    to_guest: Arc<Wire>,
    /// The thread is to look.
    bell: Bell,
    ends: AtomicBool,
    /// A machine has begun or gone.
    anew: AtomicBool,
    /// How many machines have it: more than one while one follows another.
    machines: AtomicUsize,
    /// The bytes that are kept for connections.
    held: AtomicU64,
}

/// A network of the guest's own, whose thread ends with this.
pub(in crate::net) struct UserNetwork {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

fn listen(forward: &Forward) -> Result<Listener, NetError> {
    let failed = |source| NetError::Listen {
        address: forward.host.to_string(),
        source,
    };
    let listener = TcpListener::bind(forward.host).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok((listener, *forward))
}

impl UserNetwork {
    /// Listens at the ports that lead to the guest, and starts the thread.
    pub fn start(forwards: &[Forward], confined: bool) -> Result<Self, NetError> {
        let listeners = forwards.iter().map(listen).collect::<Result<_, _>>()?;
        let failed = |error: rustix::io::Errno| NetError::Thread(error.into());
        let bell = Bell::new().map_err(failed)?;
        let mut seed = [0; 8];
        getrandom(&mut seed, GetRandomFlags::empty()).map_err(failed)?;
        let shared = Arc::new(Shared {
            from_guest: Arc::new(Wire::new(bell.ringer(), Waker::none())),
            to_guest: Arc::new(Wire::new(Waker::none(), bell.ringer())),
            bell,
            ends: AtomicBool::new(false),
            anew: AtomicBool::new(false),
            machines: AtomicUsize::new(0),
            held: AtomicU64::new(0),
        });
        let gateway = Gateway::new(
            Arc::clone(&shared.from_guest),
            Arc::clone(&shared.to_guest),
            Outside::of_host(),
            listeners,
            u64::from_ne_bytes(seed),
        );
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().name("network".to_owned());
        let thread = thread.spawn(move || {
            if confined {
                sandbox::confine_thread(Duty::Network);
            }
            run(gateway, &of_thread);
        });
        Ok(Self {
            shared,
            thread: Some(thread.map_err(NetError::Thread)?),
        })
    }

    /// What is on its way to the guest.
    pub fn to_guest(&self) -> &Arc<Wire> {
        &self.shared.to_guest
    }

    /// What takes the guest's frames.
    pub fn outlet(&self) -> Arc<dyn Outlet> {
        Arc::<Shared>::clone(&self.shared)
    }
}

impl Shared {
    fn heed_machines(&self) {
        self.anew.store(true, Ordering::Release);
        self.bell.ring();
    }
}

impl Outlet for Shared {
    fn send(&self, frame: Frame) {
        self.from_guest.put(frame);
    }

    fn begin(&self) {
        self.from_guest.clear();
        self.machines.fetch_add(1, Ordering::AcqRel);
        self.heed_machines();
    }

    fn end(&self) {
        if self.machines.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.heed_machines();
        }
    }

    fn held(&self) -> Holding {
        let mut held = self.from_guest.held();
        held += Holding {
            bytes: self.held.load(Ordering::Relaxed),
            ..Gateway::LIMIT
        };
        held
    }
}

impl Drop for UserNetwork {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        self.shared.bell.ring();
        if let Some(thread) = self.thread.take() {
            // A panic in it was told when it happened.
            let _ = thread.join();
        }
    }
}

fn run(mut gateway: Gateway, shared: &Shared) {
    while !shared.ends.load(Ordering::Acquire) {
        if shared.anew.swap(false, Ordering::AcqRel) {
            gateway.forget(shared.machines.load(Ordering::Acquire) > 0);
        }
        let delay = gateway.turn();
        shared.held.store(gateway.held() as u64, Ordering::Relaxed);
        wait(&gateway, &shared.bell, delay);
    }
}

/// Waits until there is something to do, for `delay` at most.
fn wait(gateway: &Gateway, bell: &Bell, delay: Option<Duration>) {
    let bell_rings = PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN);
    let sockets = gateway.sockets();
    let sockets = sockets.map(|(descriptor, flags)| PollFd::from_borrowed_fd(descriptor, flags));
    let mut all: Vec<PollFd<'_>> = std::iter::once(bell_rings).chain(sockets).collect();
    let time = delay.map(|delay| Timespec {
        tv_sec: delay.as_secs() as i64,
        tv_nsec: i64::from(delay.subsec_nanos()),
    });
    // If it is interrupted, there is a look more.
    let _ = poll(&mut all, time.as_ref());
    bell.hush();
}
