//! What clients send.

use std::fs::File;
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mirrorball_runtime::vm::Vm;
use mirrorball_runtime::vm::host::Nowhere;

use super::guest;
use crate::control::http::Connection;
use crate::control::routes;
use crate::control::testing::{self, Fake};
use crate::engine::Interpreter;
use crate::gdb::{Desk, Ending, Subject, session};
use crate::migration;

/// The most bytes that are sent: more than any request may have, and less than a socket holds.
const SENT: usize = 100 << 10;
/// A client that says nothing more has left.
const TIME: Duration = Duration::from_secs(5);
/// How far a debugged machine goes on at once.
const STEP: u64 = 500;

/// A socket from which these bytes come, and then the end. What is sent there is not read.
fn sent(bytes: &[u8]) -> Option<(UnixStream, UnixStream)> {
    let (mut there, here) = UnixStream::pair().ok()?;
    there.set_write_timeout(Some(TIME)).ok()?;
    there.write_all(&bytes[..bytes.len().min(SENT)]).ok()?;
    there.shutdown(Shutdown::Write).ok()?;
    Some((there, here))
}

/// A request to the control socket; and the same as an answer to a client of it.
pub fn request(bytes: &[u8]) {
    let Some((_there, here)) = sent(bytes) else {
        return;
    };
    if let Ok(request) = Connection::new(&here, TIME).request() {
        let machines = Fake::new(testing::status());
        let _ = routes::answer(&machines, &request);
    }
    if let Some((_there, here)) = sent(bytes) {
        let _ = Connection::new(&here, TIME).answer();
    }
}

/// What comes to a monitor that waits for a machine.
pub fn incoming(bytes: &[u8]) {
    if let (Some((_there, here)), Ok(file)) = (sent(bytes), tempfile::tempfile()) {
        let _ = migration::receive("socket".as_ref(), &here, file, SENT as u64);
    }
}

/// A machine that goes on for a moment at a time.
struct Debugged {
    vm: Mutex<Box<Vm>>,
    desk: Arc<Desk>,
}

impl Subject for Debugged {
    fn attend(&self, work: &mut dyn FnMut(&mut Vm)) -> bool {
        work(&mut self.vm.lock().unwrap_or_else(PoisonError::into_inner));
        true
    }

    fn halt(&self) {}

    fn go_on(&self) {
        let mut vm = self.vm.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = vm.cpu.retired().saturating_add(STEP);
        if let Ok(mut engine) = Interpreter::new() {
            vm.run_slice(&mut engine, &mut Nowhere, limit, STEP);
        }
        self.desk.stopped();
    }

    fn end(&self) {
        self.desk.ended(Ending::Exit(0));
    }

    fn stays(&self) -> Option<String> {
        None
    }
}

/// The packet with this content.
fn packet(content: &[u8]) -> Vec<u8> {
    let sum = content
        .iter()
        .fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    [b"$", content, format!("#{sum:02x}").as_bytes()].concat()
}

/// Lines, each of which is a packet of GDB's protocol, with its checksum; what begins with a zero is
/// sent as it is.
pub fn debugger(bytes: &[u8]) {
    let lines = bytes.split(|&byte| byte == b'\n');
    let packets = lines.map(|line| match line {
        [0, raw @ ..] => raw.to_vec(),
        content => packet(content),
    });
    let packets: Vec<u8> = packets.flatten().collect();
    let (Some(mut vm), Ok(desk)) = (guest::machine(), Desk::new(true, 1 << 20)) else {
        return;
    };
    desk.prepare(&mut vm, false);
    let desk = Arc::new(desk);
    let subject: Arc<dyn Subject> = Arc::new(Debugged {
        vm: Mutex::new(vm),
        desk: Arc::clone(&desk),
    });
    if let Some((there, here)) = sent(&[b"+", &packets[..]].concat()) {
        // Answers are read, or the session would wait for that.
        let reader = std::thread::spawn(move || std::io::copy(&mut &there, &mut std::io::sink()));
        session::serve(File::from(OwnedFd::from(here)), &subject, &desk);
        let _ = reader.join();
    }
}
