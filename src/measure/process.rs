//! One run of a program, measured from outside: its time, and that of the CPU.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use mirrorball_runtime::device::stroke::Stroke;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::console::{Script, ScriptRunner};

/// How a run ended and what it took.
#[derive(Debug)]
pub(super) struct Finished {
    pub status: ExitStatus,
    pub end: End,
    /// On the host's clock.
    pub wall: Duration,
    /// In user mode and in the kernel, all threads together.
    pub cpu: Duration,
    /// What it said on standard error.
    pub said: String,
}

/// What ended a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The program itself.
    Itself,
    /// Its session was at its end.
    Session,
    /// It took too long.
    Timeout,
    /// The program itself, while its session still waited for something.
    Unfinished(String),
}

/// A child that does not outlive its measurement.
#[derive(Debug)]
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing to a child that has been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `command` to its end, or to that of the `session` at its standard input and output, but
/// not for longer than `timeout`.
pub(super) fn run(
    mut command: Command,
    session: Option<Script>,
    timeout: Duration,
) -> io::Result<Finished> {
    let pipe = || {
        session
            .as_ref()
            .map_or_else(Stdio::null, |_| Stdio::piped())
    };
    let mut said = tempfile::tempfile()?;
    command.stdin(pipe()).stdout(pipe());
    command.stderr(said.try_clone()?);
    let before = cpu_of_children()?;
    let start = Instant::now();
    let mut child = Running(command.spawn()?);
    let watch = pidfd_open(Pid::from_child(&child.0), PidfdFlags::empty())?;
    let until = start + timeout;
    let pipes = child.0.stdin.take().zip(child.0.stdout.take());
    let end = match session.zip(pipes) {
        Some((script, (stdin, stdout))) => converse(script, stdin, stdout, &watch, until)?,
        None if ready(&watch, until)? => End::Itself,
        None => End::Timeout,
    };
    if matches!(end, End::Session | End::Timeout) {
        child.0.kill()?;
    }
    let status = child.0.wait()?;
    Ok(Finished {
        status,
        end,
        wall: start.elapsed(),
        cpu: cpu_of_children()?.saturating_sub(before),
        said: text(&mut said)?,
    })
}

/// What was written to a file that others write to as well.
pub(super) fn text(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// The CPU time of all children that were waited for: what it grows by is the last one's.
fn cpu_of_children() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = |value: TimeVal| {
        Duration::from_secs(value.tv_sec().unsigned_abs())
            + Duration::from_micros(value.tv_usec().unsigned_abs())
    };
    Ok(time(usage.user_time()) + time(usage.system_time()))
}

/// Waits until there is something to be had from `what`; false if it is late by then.
pub(super) fn ready(what: &impl AsFd, until: Instant) -> io::Result<bool> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let span = Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(what, PollFlags::IN)], Some(&span)) {
            Ok(count) => return Ok(count > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What a pipe carries of what is typed, which is all but breaks.
fn as_bytes(strokes: &[Stroke]) -> io::Result<Vec<u8>> {
    let unsupported = || {
        let problem = "a pipe carries no break; leave that step out of the script";
        io::Error::new(io::ErrorKind::Unsupported, problem)
    };
    let bytes = strokes.iter().map(|&stroke| match stroke {
        Stroke::Byte(byte) | Stroke::Piped(byte) => Ok(byte),
        Stroke::Break => Err(unsupported()),
    });
    bytes.collect()
}

/// Types what `script` says, as the program answers. The program's output ends when it does.
fn converse(
    script: Script,
    mut stdin: ChildStdin,
    mut stdout: ChildStdout,
    watch: &OwnedFd,
    until: Instant,
) -> io::Result<End> {
    let (mut script, first) = ScriptRunner::start(script);
    let mut typed = first.unwrap_or_default();
    let mut buffer = [0; 4096];
    loop {
        match stdin.write_all(&as_bytes(&typed)?) {
            // It is about to end; its output says why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            result => result?,
        }
        if script.quits() {
            return Ok(End::Session);
        }
        if !ready(&stdout, until)? {
            return Ok(End::Timeout);
        }
        let count = stdout.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        let answers = buffer[..count]
            .iter()
            .filter_map(|&byte| script.output(byte));
        typed = answers.flatten().collect();
    }
    Ok(match script.unfinished() {
        _ if !ready(watch, until)? => End::Timeout,
        Some(unfinished) => End::Unfinished(unfinished.to_string()),
        None => End::Itself,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn shell(line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        command
    }

    #[test]
    fn a_run_is_measured() {
        let work = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo oh no >&2; exit 3";
        let finished = run(shell(work), None, LONG).unwrap();
        assert_eq!(finished.status.code(), Some(3));
        assert_eq!((finished.end, &*finished.said), (End::Itself, "oh no"));
        assert!(finished.cpu > Duration::ZERO && finished.wall > Duration::ZERO);
    }

    #[test]
    fn a_break_cannot_be_typed_into_a_pipe() {
        let script = Script::parse("s", "break").unwrap();
        let error = run(shell("sleep 60"), Some(script), LONG).unwrap_err();
        assert!(error.to_string().contains("no break"), "{error}");
    }

    #[test]
    fn a_run_that_takes_too_long_is_ended() {
        let finished = run(shell("sleep 60"), None, Duration::from_millis(50)).unwrap();
        assert_eq!(finished.end, End::Timeout);
        assert!(!finished.status.success());
    }

    #[test]
    fn a_session_ends_a_run() {
        let script = |text: &str| Some(Script::parse("s", text).unwrap());
        let steps = "wait \"name? \"\nsend \"Bo\\n\"\nwait \"hello Bo\"\nquit";
        let line = "printf 'name? '; read name; echo hello $name; sleep 60";
        let finished = run(shell(line), script(steps), LONG).unwrap();
        assert_eq!(finished.end, End::Session);
        let finished = run(shell("echo hello"), script(steps), LONG).unwrap();
        let End::Unfinished(text) = finished.end else {
            panic!("{finished:?}")
        };
        assert!(text.starts_with("s line 1: "), "{text}");
        let steps = "wait \"hello\"\nsend \"x\"";
        let finished = run(shell("echo hello"), script(steps), LONG).unwrap();
        assert_eq!(finished.end, End::Itself);
    }
}
