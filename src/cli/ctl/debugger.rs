//! `mirrorball ctl gdb`: the way from GDB to a machine of a monitor.
//!
//! The monitor listens nowhere for it: this program does, and hands on what GDB and the monitor say by a
//! connection to the control socket.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::str::FromStr;
use std::thread;

use clap::Args;

use crate::cli::run::history;
use crate::cli::{CliError, Exit, complain, say};
use crate::control::Client;
use crate::gdb::{GdbPlace, Listener, PlaceError};

/// Which machine is debugged, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(super) struct GdbArgs {
    /// Its name
    vm: String,
    /// Where GDB connects: PORT or ADDRESS:PORT, a Unix socket, socket:PATH, or - for standard input and
    /// output, as in GDB's 'target remote | mirrorball ctl gdb VM -'
    #[arg(default_value = GdbPlace::DEFAULT)]
    place: Place,
    /// Keep about SIZE of the VM's past from then on, for GDB to go back there. 0 keeps none
    #[arg(long, value_name = "SIZE", value_parser = history, default_value = "0")]
    history: u64,
}

/// Where GDB is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// At the other end of standard input and output.
    Standard,
    /// It connects.
    Listen(GdbPlace),
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        match text {
            "-" => Ok(Self::Standard),
            text => text.parse().map(Self::Listen),
        }
    }
}

/// Waits for GDB, and is the way to the machine for as long as GDB stays.
pub(super) fn execute(client: &Client, args: &GdbArgs) -> Result<Exit, CliError> {
    // A name that is wrong is told of before GDB comes.
    client.vm(&args.vm)?;
    match &args.place {
        Place::Standard => {
            let machine = client.debug(&args.vm, args.history)?;
            relay(io::stdin(), io::stdout(), machine)?;
        }
        Place::Listen(place) => {
            let debugger = wait(place, &args.vm)?;
            let machine = client.debug(&args.vm, args.history)?;
            let other = debugger.try_clone().map_err(CliError::Relay)?;
            relay(debugger, other, machine)?;
        }
    }
    Ok(Exit::Done)
}

/// GDB, when it has connected. Then nothing listens any more.
fn wait(place: &GdbPlace, vm: &str) -> Result<File, CliError> {
    let listener = Listener::new(place)?;
    if place.is_exposed() {
        complain("warning: ctl gdb listens for other hosts, and asks them for no password");
    }
    let place = listener.place().unwrap_or_else(|| place.clone());
    say(&format!(
        "{vm} can be debugged: gdb-multiarch -ex 'target remote {place}'\n"
    ));
    listener.accept().map_err(CliError::Relay)
}

/// Hands on what both sides say, until one of them has left.
fn relay(
    mut from: impl Read + Send + 'static,
    mut to: impl Write,
    machine: UnixStream,
) -> Result<(), CliError> {
    let mut forth = machine.try_clone().map_err(CliError::Relay)?;
    thread::Builder::new()
        .name("to the machine".to_owned())
        .spawn(move || {
            // A side that has left is told of by its end.
            let _ = io::copy(&mut from, &mut forth);
            let _ = forth.shutdown(Shutdown::Both);
        })
        .map_err(CliError::Relay)?;
    let mut back = File::from(OwnedFd::from(machine));
    let mut bytes = [0; 4096];
    loop {
        match back.read(&mut bytes) {
            Ok(0) | Err(_) => return Ok(()),
            // GDB has left.
            Ok(count)
                if to
                    .write_all(&bytes[..count])
                    .and_then(|()| to.flush())
                    .is_err() =>
            {
                return Ok(());
            }
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::testing::{self, Fake};
    use crate::control::{Claimed, Server};
    use std::sync::Arc;

    #[test]
    fn what_gdb_says_comes_to_the_machine_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let fake = Arc::new(Fake::new(testing::status()));
        let _server = Server::start(Claimed::new(&socket).unwrap(), fake).unwrap();
        let client = Client::new(&socket);
        let machine = client.debug("web", 0).unwrap();
        let mut answer = Vec::new();
        let (read, mut write) = UnixStream::pair().unwrap();
        write.write_all(b"$qSupported#37").unwrap();
        let mut seen = UnixStream::pair().unwrap();
        let echo = thread::spawn(move || relay(read, seen.0, machine));
        let mut bytes = [0; 14];
        seen.1.read_exact(&mut bytes).unwrap();
        answer.extend(bytes);
        assert_eq!(answer, b"$qSupported#37");
        drop(write);
        echo.join().unwrap().unwrap();
        let gone = client.debug("nothing", 0).unwrap_err();
        assert!(
            gone.is_usage() && gone.to_string().contains("nothing"),
            "{gone}"
        );
        assert_eq!("-".parse(), Ok(Place::Standard));
    }
}
