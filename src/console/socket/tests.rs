use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::device::virtio::WindowSize;

use super::super::exchange::CLIENTS;
use super::super::frames::Said;
use super::super::hub::RING;
use super::*;
use crate::console::Printer;

struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
    sink: Shown<Nowhere>,
    source: Source,
    woken: Arc<AtomicU32>,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console");
    let woken = Arc::new(AtomicU32::new(0));
    let count = woken.clone();
    let waker = Waker::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let (sink, source) = listen(UnixListener::bind(&path).unwrap(), waker).unwrap();
    Bench {
        _folder: folder,
        path,
        sink,
        source,
        woken,
    }
}

impl Bench {
    fn client(&self) -> UnixStream {
        let client = UnixStream::connect(&self.path).unwrap();
        let time = Some(Duration::from_secs(10));
        client.set_read_timeout(time).unwrap();
        client
    }

    /// The next `count` bytes that are typed.
    fn typed(&mut self, count: usize) -> Vec<u8> {
        let start = Instant::now();
        let mut bytes = Vec::new();
        while bytes.len() < count {
            assert!(start.elapsed() < Duration::from_secs(10), "{}", bytes.len());
            bytes.extend(self.source.take(count).into_iter().map(Stroke::byte));
            self.source.wait(Duration::from_millis(10));
        }
        bytes
    }
}

fn expect(client: &mut UnixStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    client.read_exact(&mut bytes).unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), text);
}

#[test]
fn all_clients_see_the_output_and_late_ones_what_was() {
    let mut bench = bench();
    bench.sink.print(b"boot ");
    let mut clients = [bench.client(), bench.client()];
    for client in &mut clients {
        expect(client, "boot ");
    }
    bench.sink.print(b"done");
    for client in &mut clients {
        expect(client, "done");
    }
    expect(&mut bench.client(), "boot done");
}

#[test]
fn what_clients_send_is_typed_and_wakes() {
    let mut bench = bench();
    let (mut one, mut two) = (bench.client(), bench.client());
    one.write_all(b"ls\x01x").unwrap();
    assert_eq!(bench.typed(4), b"ls\x01x");
    two.write_all(b"\n").unwrap();
    assert_eq!(bench.typed(1), b"\n");
    // Woken behind each piece, and so maybe after it was taken here.
    let start = Instant::now();
    while bench.woken.load(Ordering::SeqCst) < 2 {
        assert!(start.elapsed() < Duration::from_secs(10));
        thread::yield_now();
    }
}

#[test]
fn a_client_that_sends_and_leaves_has_typed() {
    let mut bench = bench();
    let mut client = bench.client();
    client.write_all(b"poweroff\n").unwrap();
    drop(client);
    assert_eq!(bench.typed(9), b"poweroff\n");
    // The console is there for the next one.
    let mut next = bench.client();
    next.write_all(b"x").unwrap();
    assert_eq!(bench.typed(1), b"x");
}

#[test]
fn a_client_that_sends_no_more_still_sees() {
    let mut bench = bench();
    let mut client = bench.client();
    client.write_all(b"x").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(bench.typed(1), b"x");
    bench.sink.print(b"seen");
    expect(&mut client, "seen");
}

#[test]
fn the_guest_waits_for_no_client_and_the_oldest_is_dropped() {
    let mut bench = bench();
    let mut slow = bench.client();
    expect_connected(&mut bench, &mut slow);
    let line = [b'x'; 1024];
    let start = Instant::now();
    for _ in 0..20_000 {
        bench.sink.print(&line);
    }
    assert!(start.elapsed() < Duration::from_secs(10));
    bench.sink.print(b"the end");
    assert!(bench.sink.hub.kept() <= RING);
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        slow.read_to_end(&mut all).unwrap();
        all
    });
    drop(bench.sink);
    let all = reader.join().unwrap();
    assert!(all.ends_with(b"the end") && all.len() < 20_000 * 1024);
}

fn expect_connected(bench: &mut Bench, client: &mut UnixStream) {
    bench.sink.print(b"hello");
    expect(client, "hello");
}

#[test]
fn a_guest_that_does_not_read_keeps_clients_waiting_and_loses_nothing() {
    let mut bench = bench();
    let mut fast = bench.client();
    let sent: Vec<u8> = (0..2_000_000u32).map(|at| (at % 251) as u8).collect();
    let copy = sent.clone();
    let sender = thread::spawn(move || {
        fast.write_all(&copy).unwrap();
    });
    thread::sleep(Duration::from_millis(100));
    assert!(!sender.is_finished(), "there is not room for all of it");
    // It may leave while all of that is on its way.
    assert!(bench.typed(sent.len()) == sent);
    sender.join().unwrap();
}

#[test]
fn it_ends_with_the_machine_even_if_clients_do_not_read() {
    let mut bench = bench();
    let mut asleep = bench.client();
    expect_connected(&mut bench, &mut asleep);
    for _ in 0..1000 {
        bench.sink.print(&[b'x'; 1024]);
    }
    let start = Instant::now();
    drop(bench.sink);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(UnixStream::connect(&bench.path).is_err());
}

#[test]
fn more_clients_than_there_is_room_for_are_sent_away() {
    let mut bench = bench();
    bench.sink.print(b"x");
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| bench.client()).collect();
    for client in &mut clients {
        expect(client, "x");
    }
    assert_eq!(bench.client().read(&mut [0]).unwrap(), 0);
    clients.pop();
    thread::sleep(Duration::from_millis(50));
    expect(&mut bench.client(), "x");
}

/// A client that the control socket hands over sees the last lines as plain text, then all that the
/// guest prints as it is, and says more than bytes.
#[test]
fn a_client_that_is_handed_over_speaks_in_frames() {
    let mut bench = bench();
    bench.sink.print(b"boot\x1b[6n\nlogin: ");
    let (mut client, other) = UnixStream::pair().unwrap();
    bench.sink.hub.join(other).unwrap();
    expect(&mut client, "boot\r\nlogin: ");
    bench.sink.print(b"\x1b[1m$ ");
    expect(&mut client, "\x1b[1m$ ");
    let size = WindowSize {
        columns: 100,
        rows: 30,
    };
    let strokes = vec![Stroke::Byte(b'l'), Stroke::Break, Stroke::Byte(b'h')];
    let said = [Said::Resized(size), Said::Typed(strokes.clone())];
    for said in said {
        client.write_all(&said.to_bytes()).unwrap();
    }
    assert_eq!(bench.typed(3), b"l\0h");
    assert_eq!(bench.source.window_size(), Some(size));
    client.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest);
    assert_eq!(rest, b"", "what cannot be understood is sent away");
    let mut plain = bench.client();
    expect(&mut plain, "boot");
}

#[test]
fn what_a_client_has_sent_that_is_gone_is_typed() {
    let mut bench = bench();
    for round in 0..50 {
        bench.sink.print(b"what it is to be sent");
        let mut client = bench.client();
        client.write_all(&[round; 3000]).unwrap();
        drop(client);
        assert_eq!(bench.typed(3000), vec![round; 3000]);
    }
}

#[test]
fn clients_of_a_machine_that_parts_are_told_so_and_lose_nothing() {
    let mut bench = bench();
    bench.sink.print(b"$ ");
    let mut client = bench.client();
    expect(&mut client, "$ ");
    client.write_all(&[b'x'; 2 * ROOM]).unwrap();
    let hub = bench.sink.hub.clone();
    assert!(!hub.part(b"moved"));
    expect(&mut client, "moved");
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "no more comes");
    client.write_all(b"y").unwrap();
    assert!(!hub.part(b"moved"), "it may have more to say");
    drop(client);
    let typed = bench.typed(2 * ROOM + 1);
    assert_eq!(typed.last(), Some(&b'y'));
    let start = Instant::now();
    while !hub.part(b"moved") {
        assert!(start.elapsed() < Duration::from_secs(10));
        thread::yield_now();
    }
    assert!(UnixStream::connect(&bench.path).is_ok(), "it is sent away");
    assert!(hub.join(UnixStream::pair().unwrap().0).is_err());
}
