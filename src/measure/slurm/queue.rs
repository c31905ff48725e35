//! Slurm's commands: `sbatch` submits a job array, `squeue` says whether it is at its end.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::super::MeasureError;

/// How jobs are submitted.
#[derive(Debug)]
pub struct Queue {
    /// More switches for `sbatch`.
    pub switches: Vec<String>,
    /// The command line that, with a number behind it, does the runs of that point.
    pub command: Vec<String>,
}

impl Queue {
    /// Submits a job for each of `points`. Gives the array's number.
    pub(super) fn submit(&self, points: &[usize], logs: &Path) -> Result<String, MeasureError> {
        let mut command = Command::new("sbatch");
        command.args(self.arguments(points, logs));
        let said = succeeded("sbatch", &run("sbatch", command, &self.script())?)?;
        // Behind a semicolon comes the name of the cluster.
        let job = said.trim().split(';').next().unwrap_or_default();
        Ok(job.to_owned())
    }

    /// Whether jobs of an array are to begin or to end.
    pub(super) fn has(&self, job: &str) -> Result<bool, MeasureError> {
        let mut command = Command::new("squeue");
        command.args(["--noheader", "--format=%i", "--jobs", job]);
        let output = run("squeue", command, "")?;
        // Of jobs that ended long ago it says that there are none.
        let forgotten = String::from_utf8_lossy(&output.stderr).contains("Invalid job id");
        Ok(!forgotten && !succeeded("squeue", &output)?.trim().is_empty())
    }

    /// What is submitted, as one would at a shell.
    pub(super) fn shown(&self, points: &[usize], logs: &Path) -> String {
        let arguments = self.arguments(points, logs);
        format!(
            "sbatch {} <<'END'\n{}END\n",
            joined(&arguments),
            self.script()
        )
    }

    fn arguments(&self, points: &[usize], logs: &Path) -> Vec<String> {
        let mut arguments = vec![
            "--parsable".to_owned(),
            "--job-name=mirrorball".to_owned(),
            format!("--array={}", ranges(points)),
            format!("--output={}", logs.display()),
            "--open-mode=truncate".to_owned(),
        ];
        arguments.extend(self.switches.iter().cloned());
        arguments
    }

    fn script(&self) -> String {
        let command = joined(&self.command);
        format!("#!/bin/sh\nexec {command} \"$SLURM_ARRAY_TASK_ID\"\n")
    }
}

/// Words for a shell. A NUL, which cannot be quoted, cannot be in an argument.
fn joined(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// Numbers in order, as in `0-3,7`.
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let shown = runs.filter_map(|run| match run {
        [one] => Some(one.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
        [] => None,
    });
    shown.collect::<Vec<_>>().join(",")
}

fn run(name: &'static str, mut command: Command, input: &str) -> Result<Output, MeasureError> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => MeasureError::NoSlurm(name),
        _ => MeasureError::Host(error),
    };
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // If it does not read that, it says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output().map_err(failed)
}

/// What a command printed, if it did what it should.
fn succeeded(command: &'static str, output: &Output) -> Result<String, MeasureError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().collect::<Vec<_>>().join("; ");
    Err(MeasureError::Slurm { command, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_a_range() {
        assert_eq!(ranges(&[0, 1, 2, 3, 7]), "0-3,7");
        assert_eq!(ranges(&[5]), "5");
        assert_eq!(ranges(&[1, 3, 4]), "1,3-4");
    }

    #[test]
    fn a_script_quotes_what_a_shell_would_read_otherwise() {
        let queue = Queue {
            switches: vec!["--partition=a b".to_owned()],
            command: ["mirrorball", "bench", "-s", "jit --hot 7", "--point"]
                .map(str::to_owned)
                .to_vec(),
        };
        let shown = queue.shown(&[0, 1], Path::new("/f/%a.log"));
        assert_eq!(
            shown,
            "sbatch --parsable '--job-name=mirrorball' '--array=0-1' '--output=/f/%a.log' \
             '--open-mode=truncate' '--partition=a b' <<'END'\n#!/bin/sh\nexec mirrorball bench -s \
             'jit --hot 7' --point \"$SLURM_ARRAY_TASK_ID\"\nEND\n"
        );
    }
}
