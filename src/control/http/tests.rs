use super::*;

/// What is read of `sent` when it comes in pieces and then ends.
fn request(sent: &[u8]) -> Result<Request, HttpError> {
    let (mut there, here) = UnixStream::pair().unwrap();
    let sent = sent.to_vec();
    let sender = std::thread::spawn(move || {
        for piece in sent.chunks(1000) {
            if there.write_all(piece).is_err() {
                break;
            }
        }
    });
    let read = Connection::new(&here, Duration::from_secs(5)).request();
    drop(here);
    sender.join().unwrap();
    read
}

fn status(sent: &[u8]) -> Option<u16> {
    request(sent).unwrap_err().status()
}

#[test]
fn a_request_is_read_as_it_was_sent() {
    let sent = Request {
        method: "PUT".to_owned(),
        target: "/vms/a%20b/share?x".to_owned(),
        upgrade: Some("gdb-remote".to_owned()),
        body: vec![b'x'; 5000],
    };
    assert_eq!(request(&sent.to_bytes()).unwrap(), sent);
}

#[test]
fn what_is_no_request_is_refused() {
    for sent in [
        &b"\0\0\0\0"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        assert_eq!(status(sent), Some(400), "{sent:?}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1 << 20));
    assert_eq!(status(long.as_bytes()), Some(431));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100));
    assert_eq!(status(many.as_bytes()), Some(431));
    for length in ["70000", "99999999999999999999999999"] {
        let body = format!("PUT / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(status(body.as_bytes()), Some(413));
    }
    let chunked = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(status(chunked), Some(501));
}

#[test]
fn what_ends_too_early_gets_no_answer() {
    for sent in [
        &b""[..],
        b"GET / HT",
        b"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
    ] {
        assert_eq!(status(sent), None);
    }
}

#[test]
fn no_request_takes_longer_than_the_time() {
    let (mut there, here) = UnixStream::pair().unwrap();
    let slow = std::thread::spawn(move || {
        while there.write_all(b"G").is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let start = Instant::now();
    let read = Connection::new(&here, Duration::from_millis(60)).request();
    assert_eq!(read.unwrap_err().status(), Some(408));
    assert!(start.elapsed() < Duration::from_secs(3));
    drop(here);
    slow.join().unwrap();
}
