//! What a client of the protocol gets for what it sends, sense or nonsense.

use crate::client::{Client, Debugged, packet};
use crate::common::asm::{NOP, T0, ZERO, addiu, beq};
use crate::common::program::{Folder, USAGE, command, refused};
use std::io::Write;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

const TOUR: &str = "guests/prebuilt/tour.el.elf";
/// The count and the state that the tour ends with.
fn undisturbed() -> String {
    let output = command(&["run", TOUR, "--hash", "--console", "none"]);
    let output = { output }.output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    said.lines().last().expect("a hash").to_owned()
}

#[test]
fn a_client_looks_stops_and_lets_go() {
    let debugged = Debugged::start(TOUR, &["--gdb-wait"]);
    let mut client = debugged.connect();
    assert!(client.ask("qSupported:swbreak+").contains("PacketSize="));
    assert!(client.ask("?").starts_with("T05"));
    let xml = client.ask("qXfer:features:read:target.xml:0,fff");
    assert!(xml.contains("org.gnu.gdb.mips.cpu"), "{xml}");
    let pc = client.ask("p25");
    assert_eq!(pc, "00001080", "the entry");
    assert_eq!(client.ask("g").len(), 97 * 8);
    assert_eq!(client.ask("m80100000,4").len(), 8);
    assert_eq!(client.ask("m400000,4"), "E0e", "not mapped");
    assert_eq!(client.ask("mb80003f8,1"), "E0e", "a device");
    assert_eq!(client.ask("M80100000,2:ffff"), "OK");
    assert_eq!(client.ask("m80100000,2"), "ffff");
    assert_eq!(client.ask("M80100000,2:0060"), "OK");
    assert_eq!(client.ask("P8=78563412"), "OK");
    assert_eq!(client.ask("p8"), "78563412");
    assert_eq!(client.ask("P8=00000000"), "OK");
    assert_eq!(client.ask("P0=01000000"), "E16", "$zero");
    assert_eq!(client.ask("p1000"), "", "there is none");
    assert_eq!(client.ask("vCont;s"), "S05");
    assert_ne!(client.ask("p25"), pc);
    assert_eq!(client.ask("Z0,80100003,4"), "E16", "no instruction");
    assert_eq!(client.ask("nonsense"), "");
    assert_eq!(client.ask("D"), "OK");
    let (code, said) = debugged.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&undisturbed()[..40]), "{said}");
}

#[test]
fn a_guest_that_ends_says_how() {
    let debugged = Debugged::start(TOUR, &["--gdb-wait"]);
    let mut client = debugged.connect();
    assert_eq!(client.ask("vCont;c"), "W00");
    assert_eq!(client.receive(), None);
    assert_eq!(debugged.end().0, Some(0));
    let debugged = Debugged::start(TOUR, &["--gdb-wait", "--limit", "100k"]);
    let mut client = debugged.connect();
    assert_eq!(client.ask("c"), "W0b");
    assert_eq!(debugged.end().0, Some(11));
}

/// A run of a guest that never ends: it counts.
fn endless() -> Debugged {
    let code = [addiu(T0, T0, 1), beq(ZERO, ZERO, -2), NOP];
    let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    let folder = Folder::new();
    let guest = folder.file("endless", &bytes);
    let debugged = Debugged::start(&guest, &["--flat", "0x80100000"]);
    // The guest was read when the socket is there.
    debugged.wait();
    debugged
}

#[test]
fn a_client_that_vanishes_lets_the_guest_go_on() {
    for _ in 0..2 {
        let mut debugged = Debugged::start(TOUR, &["--gdb-wait"]);
        let mut client = debugged.connect();
        assert_eq!(client.ask("Z1,80100004,4"), "OK");
        assert_eq!(client.ask("Z2,80002000,4"), "OK");
        assert!(debugged.is_running());
        drop(client);
        let (code, said) = debugged.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&undisturbed()[..40]), "{said}");
    }
}

#[test]
fn a_guest_is_interrupted_and_killed() {
    let mut debugged = endless();
    let mut client = debugged.connect();
    assert!(client.ask("?").starts_with("T05"));
    for _ in 0..3 {
        client.send("vCont;c");
        thread::sleep(Duration::from_millis(20));
        client.interrupt();
        assert_eq!(client.receive().as_deref(), Some("S02"));
    }
    // It stands still.
    let count = |client: &mut Client| {
        let count = client.ask("qRcmd,636f756e74");
        assert_eq!(client.receive().as_deref(), Some("OK"));
        count
    };
    let first = count(&mut client);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(first, count(&mut client));
    // The next one comes in when this one has left.
    drop(client);
    let mut client = debugged.connect();
    assert!(client.ask("?").starts_with("T05"));
    assert!(debugged.is_running());
    client.send("k");
    assert_eq!(debugged.end().0, Some(0));
}

/// Packets that make sense, to be damaged.
const SENSE: &[&str] = &[
    "?",
    "g",
    "p25",
    "P8=00000000",
    "m80100000,40",
    "M80100000,4:00000000",
    "X80100000,4:abcd",
    "Z0,80100000,4",
    "z0,80100000,4",
    "Z1,80100008,4",
    "Z2,80002000,4",
    "z2,80002000,4",
    "Z3,80002000,ffffffff",
    "Z4,fffffffe,8",
    "vCont;s",
    "vCont;r80100000,80100010",
    "vCont?",
    "s",
    "Hg0",
    "Hc-1",
    "qSupported:multiprocess+;swbreak+",
    "qXfer:features:read:target.xml:0,ffb",
    "qXfer:features:read:target.xml:fffffffffffffff,1",
    "qRcmd,746c62",
    "qRcmd,7870203020313030",
    "qRcmd,7472616e736c617465203078",
    "qfThreadInfo",
    "qsThreadInfo",
    "qAttached",
    "qC",
    "T1",
    "QStartNoAckMode",
    "G00",
    "bc",
    "bs",
    "qOffsets",
    "vMustReplyEmpty",
];

/// A packet that makes sense, or made sense before.
fn packet_of(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut body = SENSE[random.usize(..SENSE.len())].as_bytes().to_vec();
    for _ in 0..random.usize(..4) {
        let at = random.usize(..=body.len());
        match random.u8(..4) {
            0 => body.insert(at, random.u8(..)),
            1 => body.truncate(at),
            2 => body.extend_from_slice(SENSE[random.usize(..SENSE.len())].as_bytes()),
            _ => {
                if let Some(byte) = body.get_mut(at) {
                    *byte = random.u8(..);
                }
            }
        }
    }
    // Not to end the guest, which makes sense.
    if body.starts_with(b"k") || body.starts_with(b"vKill") {
        body.clear();
    }
    let mut packet = packet(&body);
    if random.u8(..10) == 0 {
        let at = random.usize(..packet.len());
        packet[at] = random.u8(..);
    }
    packet
}

#[test]
fn nonsense_ends_nothing() {
    let mut debugged = endless();
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..100 {
        let mut client = debugged.connect();
        let mut sent = Vec::new();
        for _ in 0..50 {
            sent.extend(packet_of(&mut random));
            if random.u8(..20) == 0 {
                sent.push(3);
            }
        }
        // It may have been told to leave or to go on before it has read all.
        let _ = client.stream.write_all(&sent);
        if random.bool() {
            // The write may find that it has left.
            let _ = client.stream.write_all(&[3]);
        }
    }
    assert!(debugged.is_running());
    let mut client = debugged.connect();
    assert!(client.ask("?").starts_with("T05"));
    let long = "m".repeat(100_000);
    assert!(client.ask(&long).starts_with('E'));
    assert!(client.ask("?").starts_with("T05"));
    client.send("k");
    assert_eq!(debugged.end().0, Some(0));
}

#[test]
fn what_speaks_another_protocol_is_sent_away() {
    let mut debugged = endless();
    let mut browser = debugged.connect();
    let request = [&b"POST / HTTP/1.1\r\n\r\n"[..], &packet(b"k")].concat();
    browser.stream.write_all(&request).expect("it listens");
    assert_eq!(browser.receive(), None);
    let mut client = debugged.connect();
    assert!(client.ask("?").starts_with("T05"));
    assert!(debugged.is_running());
    client.send("k");
    assert_eq!(debugged.end().0, Some(0));
}

#[test]
fn places_that_cannot_be_are_refused() {
    let guest = ["run", TOUR];
    let with = |more: &[&'static str]| [&guest[..], more].concat();
    refused(&with(&["--gdb=nowhere"]), USAGE, &["nowhere", "PORT"]);
    refused(
        &with(&["--gdb", "--count", "2"]),
        USAGE,
        &["--gdb", "one machine"],
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let gdb = format!("--gdb={port}");
    let mut run = command(&["run", TOUR, &gdb]);
    let output = run.stdout(Stdio::null()).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(USAGE), "{said}");
    assert!(
        said.contains(&port.to_string()) && said.contains("another port"),
        "{said}"
    );
}
