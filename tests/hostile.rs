//! A host that refuses: small limits, full streams, signals. What cannot go on says why in one line
//! and ends with a documented exit code; nothing panics, and no report is left half written.

mod common;

use common::program::{HOST, command};
use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const HELLO: &str = "guests/prebuilt/hello.el.elf";

/// What the program does with these arguments in a shell that has done `before`.
fn after(before: &str, arguments: &[&str]) -> Output {
    let program = command(&[]);
    let script = format!("{before}; exec \"$0\" \"$@\"");
    Command::new("sh")
        .args(["-c", &script])
        .arg(program.get_program())
        .args(arguments)
        .env_remove("HOME")
        .env_remove("XDG_CACHE_HOME")
        .stdin(Stdio::null())
        .current_dir(common::project(""))
        .output()
        .expect("a shell")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_small_stack_is_raised_or_explained() {
    let output = after("ulimit -S -s 64", &["run", HELLO]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("hello"));
    // Where the limit is hard, only a mighty user can raise it.
    let output = after("ulimit -s 64", &["run", HELLO]);
    let text = said(&output);
    match output.status.code() {
        Some(HOST) => assert!(
            text.contains("ulimit -s") && text.lines().count() == 1,
            "{text}"
        ),
        code => assert_eq!(code, Some(0), "{text}"),
    }
}

#[test]
fn a_bound_on_files_is_explained() {
    let output = after("ulimit -f 1000", &["run", HELLO, "--console", "none"]);
    assert_eq!(output.status.code(), Some(HOST), "{}", said(&output));
    let text = said(&output);
    assert!(
        text.contains("ulimit -f") && text.matches('\n').count() == 1,
        "{text}"
    );
}

#[test]
fn a_full_standard_error_changes_no_exit_code() {
    for (arguments, code) in [
        (
            &[
                "run",
                HELLO,
                "--limit",
                "1k",
                "--console",
                "none",
                "--hash",
                "--stats",
                "--ps",
            ][..],
            11,
        ),
        (&["run", "/nonexistent"], 2),
        (
            &[
                "run",
                "--count",
                "2",
                HELLO,
                "--console",
                "none",
                "--hash",
                "--stats",
            ],
            0,
        ),
        (&["ctl", "--socket", "/nonexistent", "list"], 2),
    ] {
        let output = after("exec 2>/dev/full", arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_crash() {
    let arguments = ["run", "guests/prebuilt/vmm-noisy.el.elf", "--limit", "1G"];
    let mut command = command(&arguments);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it is ours");
    assert!(
        output.status.code().is_some_and(|code| code < 101),
        "{}",
        said(&output)
    );
}

/// A guest that runs for ever.
fn endless(more: &[&str]) -> Child {
    let endless = [
        "run",
        "guests/prebuilt/vmm-victim.el.elf",
        "--console",
        "none",
    ];
    let append = ["--append", "rounds=1000000000", "--hash", "--stats"];
    let mut command = command(&[&endless[..], &append, more].concat());
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.expect("the program starts");
    thread::sleep(Duration::from_millis(500));
    child
}

/// Sends the program a signal, and waits for its end.
fn end_by(signal: &str, child: Child) -> Output {
    let id = child.id().to_string();
    let kill = Command::new("kill").args(["-s", signal, &id]).status();
    assert!(kill.expect("a program").success());
    child.wait_with_output().expect("it is ours")
}

#[test]
fn a_report_that_a_bound_cuts_off_leaves_the_older_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report");
    fs::write(&path, "an older one").expect("room");
    let child = endless(&["--report", &path.display().to_string()]);
    let pid = rustix::process::Pid::from_child(&child);
    let most = rustix::process::Rlimit {
        current: Some(100),
        maximum: Some(100),
    };
    rustix::process::prlimit(Some(pid), rustix::process::Resource::Fsize, most).expect("ours");
    let output = end_by("TERM", child);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(HOST), "{text}");
    assert!(
        text.contains("report: cannot be written: File too large"),
        "{text}"
    );
    assert_eq!(
        fs::read_to_string(&path).expect("it is there"),
        "an older one"
    );
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_signal_ends_a_run_with_its_reports() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("report"), "an older one").expect("room");
    for (signal, code, count) in [("TERM", 143, "1"), ("HUP", 129, "2"), ("INT", 130, "1")] {
        let start = Instant::now();
        let (report, control) = (path("report"), path("control"));
        let more = ["--count", count, "--report", &report, "--control", &control];
        let output = end_by(signal, endless(&more));
        let text = said(&output);
        assert_eq!(output.status.code(), Some(code), "{signal}: {text}");
        assert!(
            text.contains("instructions ") && text.contains("MIPS"),
            "{text}"
        );
        let report = fs::read_to_string(&report).expect("a report");
        assert!(
            report.contains("instructions") && report.contains("quit"),
            "{report}"
        );
        assert!(!folder.path().join("control").exists(), "{signal}");
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_program_without_threads_says_so() {
    // As another user: the limit counts for those.
    let runs = Command::new("setpriv").arg("--version").output();
    if runs.is_err() || !rustix::process::geteuid().is_root() {
        return;
    }
    let program = command(&[]);
    let program = program.get_program().display().to_string();
    // The folder of the program may be closed to others.
    let copy = tempfile::tempdir().expect("a folder");
    let (own, image) = (
        copy.path().join("mirrorball"),
        copy.path().join("hello.elf"),
    );
    fs::copy(program, &own).expect("room");
    fs::copy(common::project(HELLO), &image).expect("room");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(copy.path(), open).expect("ours");
    let several = "--count 3 --host-threads 4";
    for more in ["", several] {
        let script = format!(
            "ulimit -u 1; exec {} run --jit-threads 0 --console none {more} {}",
            own.display(),
            image.display()
        );
        let user = ["--reuid=65534", "--clear-groups", "sh", "-c", &script];
        let output = Command::new("setpriv")
            .args(user)
            .output()
            .expect("a program");
        let text = said(&output);
        assert!(!text.contains("panicked"), "{text}");
        assert!(
            [Some(0), Some(HOST)].contains(&output.status.code()),
            "{text}"
        );
    }
}
