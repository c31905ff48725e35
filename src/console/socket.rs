//! A console on a Unix socket: several clients may look and type.
//!
//! A client starts at the oldest byte that is kept. The bytes are passed on as they are: a client that
//! wants single keys puts its own terminal into raw mode. There are no escapes here.

use std::borrow::Borrow;
use std::io;
use std::os::unix::net::UnixListener;

use super::hub::{Hub, ROOM, Shown};
use super::place::Nowhere;
use super::{Source, Waker};

/// Starts to serve clients of `socket`.
pub(super) fn listen<S>(socket: S, waker: Waker) -> io::Result<(Shown<Nowhere>, Source)>
where
    S: Borrow<UnixListener> + Send + 'static,
{
    socket.borrow().set_nonblocking(true)?;
    let (keys, source) = Source::new(ROOM, waker);
    let hub = Hub::new(keys)?;
    hub.listen(Some(Box::new(socket)))?;
    Ok((Shown { out: Nowhere, hub }, source))
}

#[cfg(test)]
mod tests;
