//! A shell in a guest, at whose console lines are typed: each is timed from its being typed to its
//! end.
//!
//! A line prints a marker before and after the command, with the command's number. The markers
//! are typed in two parts, `'[''begin 7]'`, so that an echo of the line is not mistaken for them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::measure::process::{self, Running};

/// What a command took, and what it said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timing {
    /// Seconds on the host's clock.
    pub wall: f64,
    /// Seconds of the host's CPUs, in hundredths.
    pub cpu: f64,
    /// What it printed.
    pub output: String,
}

/// Why a command was not timed.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum Problem {
    /// The command itself failed; the guest goes on.
    #[error("it ended with exit status {status}: {last}")]
    Status {
        /// The exit status.
        status: i32,
        /// The last line that it printed.
        last: String,
    },
    /// It took too long.
    #[error(
        "it did not end in {seconds} s; the guest printed last {last:?}; --timeout gives it longer"
    )]
    Late {
        /// How long it could take.
        seconds: u64,
        /// The last line that was printed.
        last: String,
    },
    /// The machine is no more.
    #[error("the machine ended: {status}: {said}")]
    Ended {
        /// How it ended.
        status: String,
        /// What it said of that.
        said: String,
    },
    /// The machine's program cannot be started.
    #[error("cannot start {program}: {why}")]
    Start {
        /// The program.
        program: String,
        /// Why not.
        why: String,
    },
    /// The host refused something else.
    #[error("the host refused what measuring needs: {0}")]
    Host(String),
}

impl Problem {
    /// Whether the program alone failed, so that the guest can run the next one.
    pub(super) fn is_of_the_program(&self) -> bool {
        matches!(self, Self::Status { .. })
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Host(error.to_string())
    }
}

/// A guest with a shell at its console.
#[derive(Debug)]
pub(super) struct Shell {
    child: Running,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// What the child says on standard error.
    said: File,
    /// What the guest printed since the last command ended.
    printed: Vec<u8>,
    /// The number of the last command.
    number: usize,
    /// How long a command may take.
    timeout: Duration,
}

/// The line that has the shell run `command`, and say where its output begins and ends.
fn typed(number: usize, command: &str, text: Option<&str>) -> String {
    let (text, end) = text.map_or(("", ""), |text| (text, "END\n"));
    format!(
        "echo '[''begin {number}]'; {{ {command}; }} 2>&1; echo '[''end {number} '$?']'\n\
         {text}{end}"
    )
}

/// What stands between the markers of a command, and its exit status, once both were printed.
fn answer(printed: &[u8], number: usize) -> Option<(String, i32)> {
    let text = String::from_utf8_lossy(printed).replace('\r', "");
    let (_, after) = text.split_once(&format!("[begin {number}]\n"))?;
    let (output, end) = after.split_once(&format!("[end {number} "))?;
    let (status, _) = end.split_once("]\n")?;
    Some((output.to_owned(), status.parse().ok()?))
}

impl Shell {
    /// Starts `command` and waits until its guest's shell has printed a prompt.
    ///
    /// # Errors
    /// When it cannot be started, ends, or takes longer than `timeout`: why.
    pub(super) fn boot(mut command: Command, timeout: Duration) -> Result<(Self, Timing), Problem> {
        let said = tempfile::tempfile()?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(said.try_clone()?);
        let start = Instant::now();
        let child = command.spawn();
        let mut child = Running(child.map_err(|error| Problem::Start {
            program: command.get_program().display().to_string(),
            why: error.to_string(),
        })?);
        let pipes = child.0.stdin.take().zip(child.0.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| Problem::Host("it has no pipes".to_owned()))?;
        let mut shell = Self {
            child,
            stdin,
            stdout,
            said,
            printed: Vec::new(),
            number: 0,
            timeout,
        };
        shell.until(start, |printed| printed.ends_with(b"# ").then_some(()))?;
        let timing = Timing {
            wall: start.elapsed().as_secs_f64(),
            cpu: shell.cpu(),
            output: String::new(),
        };
        shell.printed.clear();
        shell.type_in("stty -echo; PS1=; PS2=; echo '[''ready]'\n")?;
        shell.until(Instant::now(), |printed| {
            printed.ends_with(b"[ready]\r\n").then_some(())
        })?;
        Ok((shell, timing))
    }

    /// Runs `command`, with `text` as its here-document if there is one.
    ///
    /// # Errors
    /// When it fails, takes too long, or the machine ends: why.
    pub(super) fn run(&mut self, command: &str, text: Option<&str>) -> Result<Timing, Problem> {
        self.number += 1;
        self.printed.clear();
        let number = self.number;
        let line = typed(number, command, text);
        let (before, start) = (self.cpu(), Instant::now());
        self.type_in(&line)?;
        let (output, status) = self.until(start, |printed| answer(printed, number))?;
        let timing = Timing {
            wall: start.elapsed().as_secs_f64(),
            cpu: self.cpu() - before,
            output,
        };
        match status {
            0 => Ok(timing),
            _ => Err(Problem::Status {
                status,
                last: timing.output.lines().last().unwrap_or_default().to_owned(),
            }),
        }
    }

    /// Ends the machine, and answers with whether it ended well.
    pub(super) fn power_off(mut self) -> bool {
        let typed = self.type_in("poweroff -f\n");
        let start = Instant::now();
        while typed.is_ok() && start.elapsed() < self.timeout {
            match self.read(start) {
                Ok(true) => {}
                Ok(false) => return self.child.0.wait().is_ok_and(|status| status.success()),
                Err(_) => break,
            }
        }
        false
    }

    fn type_in(&mut self, text: &str) -> Result<(), Problem> {
        // A machine that has ended says so when its output is read.
        match self.stdin.write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Waits until what was printed has what is `wanted`.
    fn until<T>(
        &mut self,
        start: Instant,
        wanted: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, Problem> {
        loop {
            if let Some(found) = wanted(&self.printed) {
                return Ok(found);
            }
            if !self.read(start)? {
                let status = self.child.0.wait()?.to_string();
                let said = process::text(&mut self.said).unwrap_or_default();
                let said = said.lines().last().unwrap_or_default().to_owned();
                return Err(Problem::Ended { status, said });
            }
        }
    }

    /// Reads what the guest prints; false if it has ended.
    fn read(&mut self, start: Instant) -> Result<bool, Problem> {
        if !process::ready(&self.stdout, start + self.timeout)? {
            return Err(self.late());
        }
        let mut buffer = [0; 4096];
        let count = self.stdout.read(&mut buffer)?;
        self.printed.extend_from_slice(&buffer[..count]);
        Ok(count > 0)
    }

    fn late(&self) -> Problem {
        let printed = String::from_utf8_lossy(&self.printed);
        let last = printed.lines().rfind(|line| !line.trim().is_empty());
        Problem::Late {
            seconds: self.timeout.as_secs(),
            last: last.unwrap_or_default().trim().to_owned(),
        }
    }

    /// The CPU time that the child has used, of all its threads; 0 if the host does not say.
    fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.0.id()));
        stat.ok().and_then(|stat| cpu_of(&stat)).unwrap_or_default()
    }
}

/// The CPU time in a line of /proc/PID/stat: user and system, in hundredths of a second.
fn cpu_of(stat: &str) -> Option<f64> {
    // The second field is a name in brackets, which may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    Some(f64::from(next()? + next()?) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A shell of the host in the place of a guest's. Its echo is that of a terminal.
    fn host(line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        command
    }

    /// What plays a guest: it prints what was typed, then does it.
    const GUEST: &str = "printf 'booting\\n# '; stty() { :; }; \
        while read -r line; do printf '%s\\r\\n' \"$line\"; eval \"$line\" | sed 's/$/\\r/'; done";

    #[test]
    fn an_echo_is_not_taken_for_a_marker() {
        let line = typed(3, "md5sum x", None);
        assert_eq!(
            line,
            "echo '[''begin 3]'; { md5sum x; } 2>&1; echo '[''end 3 '$?']'\n"
        );
        assert_eq!(answer(line.as_bytes(), 3), None);
        let text = typed(4, "cat >x <<'END'", Some("a\nb\n"));
        assert!(text.ends_with("$?']'\na\nb\nEND\n"), "{text}");
    }

    #[test]
    fn an_answer_stands_between_its_own_markers() {
        let printed = b"noise[begin 12]\r\n7 x\r\nlast[end 12 1]\r\nmore";
        assert_eq!(answer(printed, 12), Some(("7 x\nlast".to_owned(), 1)));
        assert_eq!(answer(printed, 1), None);
        assert_eq!(answer(b"[begin 1]\r\nx\r\n[end 1 0", 1), None);
        assert_eq!(answer(b"x\r\n[end 1 0]\r\n", 1), None);
    }

    #[test]
    fn commands_are_timed_and_read() {
        let (mut shell, boot) = Shell::boot(host(GUEST), LONG).unwrap();
        assert!(boot.wall > 0.0);
        let slow = shell.run("sleep 0.3; echo slow", None).unwrap();
        assert_eq!(slow.output, "slow\n");
        assert!(slow.wall >= 0.3, "{slow:?}");
        assert!(shell.run("echo quick", None).unwrap().wall < slow.wall);
        assert_eq!(
            shell
                .run("echo oh no; (exit 3)", None)
                .unwrap_err()
                .to_string(),
            "it ended with exit status 3: oh no"
        );
        assert_eq!(shell.run("echo on", None).unwrap().output, "on\n");
    }

    #[test]
    fn a_machine_that_hangs_or_ends_says_so() {
        let short = Duration::from_millis(300);
        let late = Shell::boot(host("echo so far; sleep 60"), short)
            .unwrap_err()
            .to_string();
        assert_eq!(
            late,
            "it did not end in 0 s; the guest printed last \"so far\"; --timeout gives it longer"
        );
        let ended = Shell::boot(host("echo no kernel >&2; exit 2"), LONG)
            .unwrap_err()
            .to_string();
        assert_eq!(ended, "the machine ended: exit status: 2: no kernel");
        let missing = Shell::boot(Command::new("/no/program"), LONG)
            .unwrap_err()
            .to_string();
        assert!(
            missing.starts_with("cannot start /no/program: "),
            "{missing}"
        );
    }

    #[test]
    fn cpu_time_is_read_behind_the_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 1 0 9 0";
        assert_eq!(cpu_of(stat), Some(1.75));
        assert_eq!(cpu_of("7"), None);
    }
}
