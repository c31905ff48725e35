//! Client and server with each other, and the server with clients that are up to no good.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use super::super::testing::{self, Fake};
use super::super::{Claimed, Server};
use super::*;
use crate::control::VmState;

struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
    client: Client,
    fake: Arc<Fake>,
    server: Server,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let fake = Arc::new(Fake::new(testing::status()));
    let server = Server::start(Claimed::new(&path).unwrap(), fake.clone()).unwrap();
    Bench {
        _folder: folder,
        client: Client::new(&path),
        path,
        fake,
        server,
    }
}

/// What is answered to `sent`, as text.
fn raw(path: &Path, sent: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(sent.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn refusal(error: ClientError) -> (u16, String) {
    match error {
        ClientError::Refused {
            status, message, ..
        } => (status, message),
        other => panic!("{other}"),
    }
}

#[test]
fn a_connection_can_become_a_console() {
    let bench = bench();
    let mut console = bench.client.attach("web").unwrap();
    console.write_all(b"x").unwrap();
    console.shutdown(Shutdown::Write).unwrap();
    let mut echo = Vec::new();
    console.read_to_end(&mut echo).unwrap();
    assert_eq!(echo, b"x");
    let error = bench.client.attach("other").unwrap_err();
    assert_eq!(refusal(error).0, 404);
    for method in ["GET", "HEAD"] {
        let ask = format!("{method} /vms/web/console HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = raw(&bench.path, &ask);
        assert!(
            answer.starts_with("HTTP/1.1 426 Upgrade Required"),
            "{answer}"
        );
    }
}

#[test]
fn what_is_large_comes_whole_or_not_at_all() {
    let bench = bench();
    let mut saved = Vec::new();
    bench.client.save("web", &mut saved).unwrap();
    let bytes = testing::status().vms[0].memory.private as usize;
    assert!(saved.len() == bytes && saved.iter().all(|&byte| byte == b'x'));
    let error = bench.client.save("other", &mut saved).unwrap_err();
    assert_eq!(refusal(error).0, 404);
    // A server that is gone in the middle of a chunk, or before the last one.
    let path = bench.path.with_file_name("short");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    for sent in ["5\r\nab", "2\r\nab\r\n", "", "zz\r\n"] {
        let client = Client::new(&path);
        let asking = std::thread::spawn(move || client.save("web", &mut Vec::new()));
        let (mut stream, _) = listener.accept().unwrap();
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream
            .write_all((head.to_owned() + sent).as_bytes())
            .unwrap();
        drop(stream);
        assert!(asking.join().unwrap().is_err(), "{sent}");
    }
}

#[test]
fn what_is_told_is_what_there_is() {
    let bench = bench();
    let client = &bench.client;
    assert_eq!(client.status().unwrap(), testing::status());
    assert_eq!(client.vms().unwrap(), testing::status().vms);
    assert_eq!(client.vm("db").unwrap(), testing::status().vms[1]);
    assert_eq!(client.processes("web").unwrap()[0].asid, 7);
    assert!(
        client
            .metrics()
            .unwrap()
            .contains("# TYPE mirrorball_info gauge")
    );
}

#[test]
fn vms_do_what_they_are_told() {
    let bench = bench();
    let act = |action| bench.client.act("web", action).unwrap();
    assert_eq!(act(Action::Pause).state, VmState::Paused);
    assert_eq!(act(Action::Resume).state, VmState::Running);
    assert_eq!(act(Action::Stop).state, VmState::Stopped);
    assert_eq!(act(Action::Start).state, VmState::Running);
    assert_eq!(act(Action::Reset).state, VmState::Running);
    assert_eq!(act(Action::Share(7)).share, 7);
    assert_eq!(
        act(Action::MemoryTarget(1 << 20)).memory.target,
        Some(1 << 20)
    );
    assert_eq!(bench.fake.change().vms[0].share, 7);
}

#[test]
fn refusals_say_why() {
    let bench = bench();
    let client = &bench.client;
    let (status, message) = refusal(client.vm("a/b c?").unwrap_err());
    assert_eq!(
        (status, message.as_str()),
        (404, "there is no VM \"a/b c?\"")
    );
    let (status, message) = refusal(client.act("db", Action::Pause).unwrap_err());
    assert_eq!(status, 409);
    assert_eq!(message, "db is stopped: this does not fit");
    let error = client.act("db", Action::Share(0)).unwrap_err();
    assert!(error.is_usage());
    assert_eq!(refusal(error), (400, "a share is 1 or more".to_owned()));
}

#[test]
fn names_may_hold_anything() {
    let bench = bench();
    for name in ["a b", "ä/ö", "%2f", "..", "x?y#z"] {
        bench.fake.change().vms[0].name = name.to_owned();
        assert_eq!(bench.client.vm(name).unwrap().name, name);
    }
}

#[test]
fn bad_requests_are_refused_and_do_nothing() {
    let bench = bench();
    for (sent, expected) in [
        ("nonsense\r\n\r\n", "400 Bad Request"),
        ("GET /nothing HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("GET //vms HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("GET vms HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("GET /vms/%ff HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("DELETE /vms HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
        ("PUT /vms/web/state HTTP/1.1\r\n\r\n", "400 Bad Request"),
        (
            "PUT /vms/web/state HTTP/1.1\r\nContent-Length: 16\r\n\r\n{\"action\":\"fly\"}",
            "400 Bad Request",
        ),
        (
            "PUT /vms/web/share HTTP/1.1\r\nContent-Length: 12\r\n\r\n{\"share\":-1}",
            "400 Bad Request",
        ),
        (
            "PUT /vms/web/share HTTP/1.1\r\nContent-Length: 999999\r\n\r\n",
            "413 Content Too Large",
        ),
    ] {
        let answer = raw(&bench.path, sent);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {expected}\r\n")),
            "{sent}: {answer}"
        );
        assert!(answer.contains("{\"error\":"), "{answer}");
    }
    let wrong = raw(&bench.path, "POST /vms/web/share HTTP/1.1\r\n\r\n");
    assert!(wrong.contains("\r\nAllow: PUT\r\n"), "{wrong}");
    let head = raw(&bench.path, "HEAD /vms?x=y HTTP/1.1\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert_eq!(bench.client.status().unwrap(), testing::status());
}

#[test]
fn clients_that_do_not_ask_keep_no_other_waiting() {
    let bench = bench();
    let start = Instant::now();
    let half = |_| {
        let mut stream = UnixStream::connect(&bench.path).unwrap();
        stream.write_all(b"GET / HT").unwrap();
        stream
    };
    let _idle: Vec<_> = (0..200).map(half).collect();
    assert!(bench.client.status().is_ok());
    drop(bench.server);
    assert!(start.elapsed() < Duration::from_secs(4), "it stops at once");
    assert!(!bench.path.exists());
}

#[test]
fn many_ask_at_once() {
    let bench = bench();
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| assert!(bench.client.vm("web").is_ok()));
        }
    });
}

#[test]
fn the_way_out_is_told() {
    let bench = bench();
    drop(bench.server);
    let error = bench.client.status().unwrap_err();
    assert!(matches!(error, ClientError::NoSocket(_)), "{error}");
    assert!(error.to_string().contains("--socket"), "{error}");
    drop(std::os::unix::net::UnixListener::bind(&bench.path).unwrap());
    let error = bench.client.status().unwrap_err();
    assert!(matches!(error, ClientError::Gone(_)), "{error}");
}

#[test]
fn another_protocol_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let ssh = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"SSH-2.0-x\r\n");
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let error = Client::new(&path).status().unwrap_err();
    assert!(matches!(error, ClientError::Answer { .. }), "{error}");
    ssh.join().unwrap();
}
