//! A tap device of the host's, as `tap=NAME` names it: what the guest sends comes out of it on the
//! host, which may bridge or route it.
//!
//! The guest's thread writes to the device, and a thread of its own reads. What the guest is too slow
//! for waits in the device, as long as that has room.

mod device;

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use mirrorball_runtime::device::network::{Frame, LONGEST};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read, write};

use super::bell::Bell;
use super::wire::Wire;
use super::{NetError, Outlet};
use crate::console::Waker;
use crate::sandbox::{self, Duty};

/// What the thread and others share.
struct Shared {
    name: String,
    device: File,
    to_guest: Arc<Wire>,
    bell: Bell,
    ends: AtomicBool,
}

/// A tap device that is in use, until this ends.
pub(super) struct Tap {
    shared: Arc<Shared>,
    /// The most bytes of a packet there.
    pub mtu: u16,
    thread: Option<JoinHandle<()>>,
}

impl Tap {
    /// Takes the device with this name, and starts the thread that reads from it.
    pub fn start(name: &str, confined: bool) -> Result<Self, NetError> {
        let (device, mtu) = device::open(name)?;
        let bell = Bell::new().map_err(|error| NetError::Thread(error.into()))?;
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            device,
            to_guest: Arc::new(Wire::new(Waker::none(), bell.ringer())),
            bell,
            ends: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().name("tap".to_owned());
        let thread = thread.spawn(move || {
            if confined {
                sandbox::confine_thread(Duty::Tap);
            }
            of_thread.run();
        });
        Ok(Self {
            shared,
            mtu,
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

impl Outlet for Shared {
    fn send(&self, frame: Frame) {
        // It takes a frame whole or, while the interface is down, not at all.
        let _ = write(&self.device, &frame.bytes);
    }
}

impl Shared {
    fn run(&self) {
        let mut buffer = vec![0; LONGEST];
        let mut is_there = true;
        while !self.ends.load(Ordering::Acquire) {
            let listens = is_there && !self.to_guest.is_full();
            self.wait(listens);
            if listens && let Err(error) = self.fetch(&mut buffer) {
                tracing::warn!(
                    "nothing comes from the tap device {} any more: {error}",
                    self.name
                );
                is_there = false;
            }
        }
    }

    /// Waits for a frame, if the thread `listens`, or for the bell.
    fn wait(&self, listens: bool) {
        let bell = PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN);
        let device = PollFd::from_borrowed_fd(self.device.as_fd(), PollFlags::IN);
        // If it is interrupted, there is a look more.
        let _ = match listens {
            true => poll(&mut [bell, device], None),
            false => poll(&mut [bell], None),
        };
        self.bell.hush();
    }

    /// Brings the guest the frames that are there, as many as there is room for.
    fn fetch(&self, buffer: &mut [u8]) -> Result<(), Errno> {
        while !self.to_guest.is_full() && !self.ends.load(Ordering::Acquire) {
            match read(&self.device, &mut *buffer) {
                Ok(length) => {
                    let bytes = buffer[..length].to_vec();
                    let checked = false;
                    self.to_guest.put(Frame { bytes, checked });
                }
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        self.shared.bell.ring();
        if let Some(thread) = self.thread.take() {
            // A panic in it was told when it happened.
            let _ = thread.join();
        }
    }
}
