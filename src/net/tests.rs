//! Networks as machines have them.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;

fn subnet(switch: &Arc<Switch>, mac: Mac) -> NetSpec {
    let kind = Kind::Subnet("lan".to_owned(), Arc::clone(switch));
    NetSpec::new(kind, mac, None)
}

fn frame(from: Mac) -> Frame {
    let mut bytes = [[0xff; 6], from.0].concat();
    bytes.extend([8, 6, 1, 2, 3]);
    Frame {
        bytes,
        checked: false,
    }
}

#[test]
fn machines_have_addresses_of_their_own() {
    let shown = |machine, port| default_mac(machine, port).to_string();
    assert_eq!(shown(0, 0), "52:54:00:12:34:56");
    assert_eq!(shown(1, 0), "52:54:00:12:34:57");
    assert_eq!(shown(0, 1), "52:54:00:13:34:56");
    assert_eq!(shown(170, 3), "52:54:00:15:35:00");
}

#[test]
fn machines_on_a_subnet_hear_each_other() {
    let switch = Arc::default();
    let specs = [0, 1].map(|machine| subnet(&switch, default_mac(machine, 0)));
    let [mut a, mut b] = specs.each_ref().map(|spec| spec.open().unwrap());
    a.send(frame(a.port().mac), Nanos(0));
    assert_eq!(b.receive(Nanos(0)), Some(frame(a.port().mac)));
    assert_eq!(a.receive(Nanos(0)), None);
    b.send(frame(b.port().mac), Nanos(0));
    assert!(a.held().bytes > 0);
    // A machine that starts anew has the same port, and nothing of what was sent before.
    let mut again = specs[0].open().unwrap();
    assert_eq!(again.receive(Nanos(0)), None);
    b.send(frame(b.port().mac), Nanos(0));
    assert!(again.receive(Nanos(0)).is_some());
}

#[test]
fn a_port_that_is_in_use_is_told_of() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let forward = format!("tcp::{port}-:22").parse().unwrap();
    let spec = NetSpec::new(Kind::User(vec![forward]), default_mac(0, 0), None);
    let error = spec.start(false).unwrap_err();
    assert!(error.is_usage());
    let line = error.to_string();
    assert!(line.contains(&format!("127.0.0.1:{port}")), "{line}");
    drop(listener);
    // The thread takes connections, and what it has for the guest wakes the machine.
    let (woken, wakes) = std::sync::mpsc::channel();
    let waker = Waker::new(move || {
        let _ = woken.send(());
    });
    spec.wake(waker).unwrap();
    let mut network = spec.open().unwrap();
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.write_all(b"x").unwrap();
    wakes
        .recv_timeout(std::time::Duration::from_secs(10))
        .unwrap();
    let request = network.receive(Nanos(0)).unwrap();
    assert_eq!(request.bytes[12..14], [8, 0], "a packet");
    // Both ends go with the network.
    drop((network, spec));
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
}

#[test]
fn nothing_listens_for_a_machine_that_is_gone() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let forward = format!("tcp::{}-:22", address.port()).parse().unwrap();
    let spec = NetSpec::new(Kind::User(vec![forward]), default_mac(0, 0), None);
    let comes = |listens: bool| {
        let start = std::time::Instant::now();
        while TcpStream::connect(address).is_ok() != listens {
            assert!(start.elapsed().as_secs() < 10, "it listens: {}", !listens);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    };
    let first = spec.open().unwrap();
    comes(true);
    // One that follows another, as after a reset, is not alone for a moment.
    let second = spec.open().unwrap();
    drop(first);
    comes(true);
    drop(second);
    comes(false);
    let third = spec.open().unwrap();
    comes(true);
    drop(third);
    comes(false);
}

#[test]
fn a_capture_has_both_directions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    let switch = Arc::default();
    let mut spec = subnet(&switch, default_mac(0, 0));
    spec.pcap = Some(path.clone());
    let mut network = spec.open().unwrap();
    let mut other = subnet(&switch, default_mac(1, 0)).open().unwrap();
    network.send(frame(default_mac(0, 0)), Nanos(5));
    other.send(frame(default_mac(1, 0)), Nanos(0));
    assert!(network.receive(Nanos(6)).is_some());
    let length = frame(default_mac(0, 0)).bytes.len();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 24 + 2 * (16 + length));
    assert_eq!((bytes[28], bytes[28 + 16 + length]), (5, 6));
    spec.pcap = Some(folder.path().to_owned());
    spec.started = Arc::default();
    assert!(spec.start(false).unwrap_err().is_usage());
}
