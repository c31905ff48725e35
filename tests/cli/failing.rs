//! Each call to the host fails in turn: then the program says so in a line and with its exit code, or
//! goes on as if nothing had been. The calls are made to fail with ptrace.

use crate::common::program::{Folder, command};
use nix::errno::Errno;
use nix::libc::{self, c_long};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// The calls that are made to fail, and how.
const CALLS: [(c_long, Errno); 14] = [
    (libc::SYS_mmap, Errno::ENOMEM),
    (libc::SYS_mremap, Errno::ENOMEM),
    (libc::SYS_mprotect, Errno::ENOMEM),
    (libc::SYS_madvise, Errno::ENOMEM),
    (libc::SYS_memfd_create, Errno::EMFILE),
    (libc::SYS_ftruncate, Errno::ENOSPC),
    (libc::SYS_fallocate, Errno::ENOSPC),
    (libc::SYS_clone3, Errno::EAGAIN),
    (libc::SYS_openat, Errno::EMFILE),
    (libc::SYS_read, Errno::EIO),
    (libc::SYS_pread64, Errno::EIO),
    (libc::SYS_write, Errno::EIO),
    (libc::SYS_pwrite64, Errno::ENOSPC),
    (libc::SYS_fsync, Errno::EIO),
];

/// The codes that say that it went wrong: the host, an unusable file.
const FAILED: [i32; 2] = [1, 2];

/// How many calls of a kind fail each in turn. Of those after them, which are writes of translated code,
/// every one that is an eighth further on does.
const EACH: usize = 100;

/// The longest that a run may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What x86-64 has in RAX when a call begins.
const BEGINS: u64 = -(libc::ENOSYS as i64) as u64;

/// Which call is to fail: of this kind, the n-th since the program began.
#[derive(Clone, Copy)]
struct Failing {
    call: c_long,
    errno: Errno,
    number: usize,
}

/// A run.
struct Run {
    status: WaitStatus,
    /// How many calls of the kind there were.
    calls: usize,
    out: String,
    said: String,
}

impl Run {
    /// Runs the program, and has a call fail.
    fn new(arguments: &[&str], failing: Failing) -> Self {
        let folder = Folder::new();
        let (out, said) = (folder.path("out"), folder.path("said"));
        let program = command(arguments);
        let mut stopped = Command::new("sh");
        stopped
            .args(["-c", "kill -STOP $$; exec \"$@\"", "sh"])
            .arg(program.get_program())
            .args(program.get_args())
            .env_clear()
            .current_dir(program.get_current_dir().expect("the project"))
            .stdin(File::open("/dev/null").expect("it is there"))
            .stdout(File::create(&out).expect("room on the disk"))
            .stderr(File::create(&said).expect("room on the disk"));
        let mut process = stopped.spawn().expect("there is a shell");
        let child = Pid::from_raw(process.id() as i32);
        let (done, waits) = channel::<()>();
        let killer = thread::spawn(move || {
            if waits.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = kill(child, Signal::SIGKILL);
            }
        });
        let (status, calls) = trace(child, failing);
        // It has been waited for.
        let _ = process.wait();
        drop(done);
        killer.join().expect("it only waits");
        let text = |path| fs::read_to_string(path).expect("text");
        Self {
            status,
            calls,
            out: text(&out),
            said: text(&said),
        }
    }

    /// Why this is no good end, if it is none, where the run without a failure printed `expected`.
    fn complaint(&self, call: c_long, expected: &str) -> Option<&'static str> {
        // What ends Rust's own start, before the program's, and a library that reads what the kernel
        // says of itself.
        let ends = ["fatal runtime error", "auxv.rs"];
        let is_anothers = ends.iter().any(|end| self.said.contains(end));
        match self.status {
            WaitStatus::Exited(_, 0) if in_order(&self.out) == in_order(expected) => None,
            WaitStatus::Exited(_, 0) => Some("printed something else, and no error"),
            WaitStatus::Exited(_, code) if FAILED.contains(&code) => {
                // The line itself may be what was not written.
                let told = call == libc::SYS_write || self.said.contains("mirrorball: ");
                (!told).then_some("says nothing")
            }
            _ if is_anothers => None,
            WaitStatus::Exited(..) => Some("has another code"),
            _ => Some("was killed"),
        }
    }
}

/// The lines in an order of their own: machines print side by side.
fn in_order(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// Follows a stopped process to its end. Says how many calls of the kind there were.
fn trace(child: Pid, failing: Failing) -> (WaitStatus, usize) {
    let stopped = waitpid(child, Some(WaitPidFlag::WUNTRACED));
    assert_eq!(stopped, Ok(WaitStatus::Stopped(child, Signal::SIGSTOP)));
    let options = Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(child, options).expect("a process may trace its own child");
    kill(child, Signal::SIGCONT).expect("it is there");
    let (mut began, mut calls) = (false, 0);
    let mut fails = None;
    loop {
        // Other tests have children, too.
        let own = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        let status = waitpid(Pid::from_raw(-1), Some(own)).expect("it has not ended");
        let (thread, signal) = match status {
            WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) if pid == child => {
                return (status, calls);
            }
            WaitStatus::PtraceSyscall(thread) => {
                let Ok(mut registers) = ptrace::getregs(thread) else {
                    continue;
                };
                let call = registers.orig_rax as c_long;
                if fails == Some(thread) {
                    fails = None;
                    registers.rax = -i64::from(failing.errno as i32) as u64;
                    ptrace::setregs(thread, registers).expect("it is stopped");
                } else if registers.rax == BEGINS {
                    // The loader has done its work: Rust looks at the standard streams first.
                    began |= call == libc::SYS_poll;
                    if began && call == failing.call {
                        calls += 1;
                        if calls == failing.number {
                            fails = Some(thread);
                            registers.orig_rax = u64::MAX;
                            ptrace::setregs(thread, registers).expect("it is stopped");
                        }
                    }
                }
                (thread, None)
            }
            WaitStatus::PtraceEvent(thread, ..) => (thread, None),
            WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
            _ => continue,
        };
        // One that was killed meanwhile is told of next.
        let _ = ptrace::syscall(thread, signal);
    }
}

/// Has each call of a run fail in turn.
fn fail_each(arguments: &[&str]) {
    let whole = command(arguments).output().expect("the program starts");
    assert!(whole.status.success());
    let expected = String::from_utf8(whole.stdout).expect("text");
    let mut complaints = Vec::new();
    let mut failed = 0;
    for (call, errno) in CALLS {
        let mut number = 1;
        loop {
            let run = Run::new(
                arguments,
                Failing {
                    call,
                    errno,
                    number,
                },
            );
            if let Some(complaint) = run.complaint(call, &expected) {
                let Run { status, said, .. } = &run;
                complaints.push(format!(
                    "call {call}, {number}: {complaint}: {status:?} {said}"
                ));
            }
            if run.calls < number {
                break;
            }
            failed += 1;
            number += if number < EACH { 1 } else { number / 8 };
        }
    }
    assert!(failed > 50, "{failed} calls failed");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn each_call_of_a_run_may_fail() {
    fail_each(&["run"]);
}

#[test]
fn each_call_of_a_run_with_files_may_fail() {
    let folder = Folder::new();
    let image = folder.file("image", &[0; 1 << 20]);
    let (snapshot, code) = (folder.path("snapshot"), folder.path("code"));
    let hello = "guests/prebuilt/hello.el.elf";
    let files = [
        "--disk",
        &image,
        "--snapshot",
        &snapshot,
        "--code-cache",
        &code,
    ];
    fail_each(&[&["run", hello, "--memory", "8M"][..], &files].concat());
}

#[test]
fn code_that_cannot_be_written_ends_the_machine() {
    // The functions around translations, and later a translation or a link.
    for number in [1, 200] {
        let (call, errno) = (libc::SYS_pwrite64, Errno::ENOSPC);
        let failing = Failing {
            call,
            errno,
            number,
        };
        let Run { status, said, .. } = Run::new(&["run"], failing);
        assert!(matches!(status, WaitStatus::Exited(_, 1 | 2)), "{status:?}");
        let reason = "the host refused to write translated code: No space left";
        assert!(said.contains(reason), "{number}: {said}");
    }
}

#[test]
fn each_call_of_several_machines_may_fail() {
    let folder = Folder::new();
    let swap = folder.path("");
    let hello = "guests/prebuilt/hello.el.elf,memory=8M";
    let machines = [
        "--vm",
        &format!("name=a,image={hello}"),
        "--vm",
        &format!("name=b,image={hello}"),
    ];
    let memory = ["--swap", &format!("16M:{swap}"), "--machine-memory", "12M"];
    fail_each(&[&["run"][..], &machines, &memory].concat());
}
