use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;

use super::*;

/// Does `work` on a thread of its own, which can confine itself without the other tests.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}

fn denied<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn only_what_is_named_is_reached() {
    let [mine, read, other] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let in_folder = |folder: &tempfile::TempDir| folder.path().join("file");
    for folder in [&mine, &read, &other] {
        fs::write(in_folder(folder), "text").unwrap();
    }
    apart(|| {
        let (reads, writes) = ([read.path().into()], [mine.path().into()]);
        assert!(
            folders::confine(&reads, &writes).unwrap(),
            "this host has Landlock"
        );
        fs::write(mine.path().join("new"), "text").unwrap();
        fs::rename(mine.path().join("new"), in_folder(&mine)).unwrap();
        assert_eq!(fs::read(in_folder(&read)).unwrap(), b"text");
        assert!(denied(fs::write(in_folder(&read), "")));
        assert!(denied(fs::remove_file(in_folder(&read))));
        assert!(denied(fs::read(in_folder(&other))));
        assert!(denied(fs::read("/etc/passwd")));
        // Threads inherit it.
        assert!(denied(apart(|| File::open(in_folder(&other)))));
    });
    assert!(
        fs::read(in_folder(&other)).is_ok(),
        "other threads are as they were"
    );
}

#[test]
fn no_duty_lets_a_thread_start_programs_or_listen() {
    let all = [
        Duty::Run,
        Duty::Translate,
        Duty::Serve,
        Duty::Debug,
        Duty::Files,
        Duty::Network,
        Duty::Tap,
    ];
    for duty in all {
        apart(|| {
            calls::confine(duty).unwrap();
            assert!(Command::new("/bin/true").status().is_err(), "{duty:?}");
            assert!(denied(TcpListener::bind("127.0.0.1:0")), "{duty:?}");
            assert!(
                denied(rustix::process::chroot("/").map_err(Into::into)),
                "{duty:?}"
            );
        });
    }
}

#[test]
fn what_serves_a_folder_reaches_no_other() {
    let [mine, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    apart(|| {
        confine_thread_to(Duty::Files, &[], &[mine.path().into()]);
        let (first, second) = (mine.path().join("a"), mine.path().join("b"));
        fs::write(&first, "text").unwrap();
        assert!(denied(fs::write(other.path().join("a"), "")));
        assert!(denied(fs::read("/etc/passwd")));
        assert!(denied(TcpStream::connect("127.0.0.1:1")));
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::chmodat(rustix::fs::CWD, &first, mode, rustix::fs::AtFlags::empty()).unwrap();
        assert!(denied(
            rustix::fs::mkfifoat(rustix::fs::CWD, &second, mode).map_err(Into::into)
        ));
    });
}

#[test]
fn one_duty_reaches_the_network_and_no_files() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    apart(|| {
        confine_thread(Duty::Network);
        let mut stream = TcpStream::connect(address).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        io::Write::write_all(&mut stream, b"x").unwrap();
        io::Read::read_exact(&mut other, &mut [0]).unwrap();
        // What it was given to listen with can be closed, and listen again.
        rustix::net::shutdown(&listener, rustix::net::Shutdown::Read).unwrap();
        assert!(TcpStream::connect(address).is_err());
        rustix::net::listen(&listener, 1).unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(denied(File::open("/dev/null")));
        assert!(denied(UnixStream::pair()));
        assert!(thread::Builder::new().spawn(|| ()).is_err());
    });
    for duty in [
        Duty::Run,
        Duty::Translate,
        Duty::Serve,
        Duty::Debug,
        Duty::Files,
        Duty::Tap,
    ] {
        apart(|| {
            calls::confine(duty).unwrap();
            assert!(denied(TcpStream::connect(address)), "{duty:?}");
        });
    }
}

#[test]
fn a_thread_has_what_its_duty_needs_and_no_more() {
    let (mut near, mut far) = UnixStream::pair().unwrap();
    let opens = || File::open("/dev/null").map(drop);
    apart(|| {
        calls::confine(Duty::Run).unwrap();
        opens().unwrap();
        // Memory and threads.
        assert_eq!(
            apart(|| vec![1_u8; 1 << 24]
                .iter()
                .filter(|byte| **byte == 1)
                .count()),
            1 << 24
        );
        apart(|| {
            calls::confine(Duty::Serve).unwrap();
            assert!(denied(opens()));
            io::Write::write_all(&mut near, b"x").unwrap();
            io::Read::read_exact(&mut far, &mut [0]).unwrap();
            assert!(denied(UnixStream::pair()));
            apart(|| ());
        });
        apart(|| {
            calls::confine(Duty::Translate).unwrap();
            assert!(denied(opens()));
            assert!(denied(far.set_nonblocking(true)));
            assert!(thread::Builder::new().spawn(|| ()).is_err());
        });
    });
}

#[test]
fn memory_is_never_writable_and_executable() {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
    apart(|| {
        calls::confine(Duty::Run).unwrap();
        let map = |prot| {
            // SAFETY: a new mapping is in the way of none.
            unsafe { mmap_anonymous(std::ptr::null_mut(), 4096, prot, MapFlags::PRIVATE) }
        };
        assert!(map(ProtFlags::READ | ProtFlags::EXEC).is_ok());
        assert!(map(ProtFlags::READ | ProtFlags::WRITE).is_ok());
        assert!(map(ProtFlags::READ | ProtFlags::WRITE | ProtFlags::EXEC).is_err());
    });
}
