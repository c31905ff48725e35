//! A measurement: every guest with every setting, in turn and several times.

use std::fs;
use std::io::Stderr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::process::{self, End as Ended, Finished};
use super::results::{Difference, End, GuestResults, Measured, Results, SettingInfo};
use super::{Guest, Guests, Machine, MeasureError, Progress, Runner, Sample, Setting, qemu};
use crate::report::{Ending, Record};

/// What to measure.
#[derive(Debug)]
pub struct Campaign {
    /// The guests.
    pub guests: Guests,
    /// The settings: a guest runs with the first, the second and so on, and then again.
    pub settings: Vec<Setting>,
    /// The index of the one that speeds are relative to.
    pub baseline: usize,
    /// The machine around the guests.
    pub machine: Machine,
    /// How often each guest runs with each setting.
    pub rounds: usize,
    /// How long a run may take.
    pub timeout: Duration,
    /// The program to measure: this one.
    pub program: PathBuf,
}

/// What a run took, and what it reported.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Run {
    wall: f64,
    cpu: f64,
    record: Option<Record>,
}

/// The runs of a guest: those with each setting, in the order of the settings.
pub(super) type Runs = Vec<Vec<Run>>;

impl Campaign {
    /// How many runs there are to do.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.guests.all.len() * self.settings.len() * self.rounds
    }

    /// Measures.
    ///
    /// # Errors
    /// When QEMU is not installed, the only guest fails, or the host does. That settings end
    /// differently, or that one of several guests fails, is no error here: the results say so.
    pub fn run(&self) -> Result<Results, MeasureError> {
        let mut progress = Progress::new(self.runs());
        self.results(|guest| {
            let runs = self.in_turn(guest, &mut progress);
            if runs.is_err() {
                progress.skip(self.settings.len() * self.rounds);
            }
            runs
        })
    }

    /// Results of the runs that `runs` does or has of each guest.
    ///
    /// # Errors
    /// As those of [`Campaign::run`].
    pub(super) fn results(
        &self,
        mut runs: impl FnMut(&Guest) -> Result<Runs, MeasureError>,
    ) -> Result<Results, MeasureError> {
        let mut results = self.blank()?;
        for guest in &self.guests.all {
            match runs(guest) {
                Ok(runs) => {
                    results.differences.extend(self.differences(guest, &runs));
                    results.guests.push(self.gathered(guest, runs));
                }
                // The others are worth having; a guest alone is not.
                Err(error @ MeasureError::Run { .. }) if self.guests.all.len() > 1 => {
                    results.failures.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        results.summarize();
        Ok(results)
    }

    /// Results of nothing yet.
    ///
    /// # Errors
    /// When QEMU is to be measured and is not installed.
    pub(super) fn blank(&self) -> Result<Results, MeasureError> {
        Ok(Results {
            mirrorball: env!("CARGO_PKG_VERSION"),
            qemu: self.qemu()?,
            host: host(),
            host_threads: thread::available_parallelism().map_or(1, usize::from),
            rounds: self.rounds,
            baseline: self.settings[self.baseline].name.clone(),
            settings: self.settings.iter().map(info).collect(),
            guests: Vec::new(),
            differences: Vec::new(),
            failures: Vec::new(),
        })
    }

    /// The version of QEMU, if there is a setting for it.
    fn qemu(&self) -> Result<Option<String>, MeasureError> {
        if self.settings.iter().all(|s| s.runner != Runner::Qemu) {
            return Ok(None);
        }
        let mut version = None;
        for big_endian in [false, true] {
            let mut guests = self.guests.all.iter();
            if guests.any(|guest| guest.big_endian == big_endian) {
                version = Some(qemu::version(big_endian)?);
            }
        }
        Ok(version)
    }

    /// Runs a guest with every setting in turn, and again.
    fn in_turn(
        &self,
        guest: &Guest,
        progress: &mut Progress<Stderr>,
    ) -> Result<Runs, MeasureError> {
        let mut runs: Runs = self.settings.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.rounds {
            for (setting, runs) in self.settings.iter().zip(&mut runs) {
                progress.next(&format!("{} in {setting}", guest.name));
                runs.push(self.run_once(guest, setting)?);
            }
        }
        Ok(runs)
    }

    /// Which runs of a guest ended differently from its first.
    fn differences(&self, guest: &Guest, runs: &Runs) -> Vec<Difference> {
        let in_turn = (0..self.rounds).flat_map(|round| {
            let of_round = move |(setting, runs): (&Setting, &Vec<Run>)| {
                let record = runs.get(round)?.record.as_ref()?;
                Some(End::new(&setting.name, record))
            };
            self.settings.iter().zip(runs).filter_map(of_round)
        });
        let mut ends = in_turn.collect::<Vec<_>>().into_iter();
        let Some(expected) = ends.next() else {
            return Vec::new();
        };
        let different = ends.filter(|found| !found.is_like(&expected));
        let difference = |found| Difference {
            guest: guest.name.clone(),
            expected: expected.clone(),
            found,
        };
        different.map(difference).collect()
    }

    fn gathered(&self, guest: &Guest, runs: Runs) -> GuestResults {
        let mut results = GuestResults {
            name: guest.name.clone(),
            image: guest.path.display().to_string(),
            measured: self.settings.iter().zip(runs).map(gather).collect(),
        };
        results.compare(self.baseline);
        results
    }

    /// Runs a guest to its end.
    pub(super) fn run_once(&self, guest: &Guest, setting: &Setting) -> Result<Run, MeasureError> {
        let file = NamedTempFile::new()?;
        let failed = |problem: String| MeasureError::Run {
            guest: guest.name.clone(),
            setting: setting.name.clone(),
            problem,
        };
        let (program, session) = match setting.runner {
            Runner::Engine(_) => (self.program.clone(), None),
            Runner::Qemu => (
                qemu::program(guest.big_endian).into(),
                self.machine.session.as_ref().map(|s| s.script.clone()),
            ),
        };
        let mut command = Command::new(&program);
        command.args(self.machine.arguments(guest, setting, file.path()));
        let finished = process::run(command, session, self.timeout);
        let finished = finished.map_err(|source| MeasureError::Start {
            program: program.display().to_string(),
            source,
        })?;
        let record = match setting.runner {
            Runner::Engine(_) => Some(record(&file, &finished, self.timeout).map_err(failed)?),
            Runner::Qemu => {
                complete(&finished, self.timeout).map_err(failed)?;
                None
            }
        };
        Ok(Run {
            wall: finished.wall.as_secs_f64(),
            cpu: finished.cpu.as_secs_f64(),
            record,
        })
    }
}

/// What mirrorball wrote of its run, or what went wrong with it.
fn record(file: &NamedTempFile, finished: &Finished, timeout: Duration) -> Result<Record, String> {
    let text = fs::read_to_string(file.path()).unwrap_or_default();
    let record: Record = match finished.end {
        Ended::Itself => serde_json::from_str(&text).map_err(|_| ended(finished))?,
        _ => return Err(late(timeout)),
    };
    match (&record.unfinished, record.outcome) {
        (Some(unfinished), _) => Err(unfinished.clone()),
        (None, Ending::Halted) => Err("the guest waits for what cannot come".to_owned()),
        (None, Ending::Difference | Ending::Starved | Ending::HostFailure | Ending::Moved) => {
            Err(ended(finished))
        }
        (
            None,
            Ending::PowerOff | Ending::Reset | Ending::Limit | Ending::Quit | Ending::Reached,
        ) => Ok(record),
    }
}

/// Whether QEMU came to where it had to.
fn complete(finished: &Finished, timeout: Duration) -> Result<(), String> {
    match &finished.end {
        Ended::Session => Ok(()),
        Ended::Itself if finished.status.success() => Ok(()),
        Ended::Itself => Err(ended(finished)),
        Ended::Unfinished(unfinished) => Err(format!("{unfinished}; {}", ended(finished))),
        Ended::Timeout => Err(late(timeout)),
    }
}

fn late(timeout: Duration) -> String {
    format!(
        "it did not end in {} s; a guest has to power off, or a script to end it; --timeout gives \
         it longer",
        timeout.as_secs()
    )
}

/// How a program ended, in words of its own if it has any.
fn ended(finished: &Finished) -> String {
    let said = finished.said.lines().last().unwrap_or_default();
    format!("{}: {said}", status(finished.status))
}

fn status(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("it ended with exit code {code}"),
        None => "a signal ended it".to_owned(),
    }
}

fn gather((setting, runs): (&Setting, Vec<Run>)) -> Measured {
    let wall = Sample::of(runs.iter().map(|run| run.wall).collect());
    let cpu = Sample::of(runs.iter().map(|run| run.cpu).collect());
    let records: Vec<Record> = runs.into_iter().filter_map(|run| run.record).collect();
    Measured {
        setting: setting.name.clone(),
        wall,
        cpu,
        record: records.last().cloned(),
        records,
        ..Measured::default()
    }
}

fn info(setting: &Setting) -> SettingInfo {
    let first = match &setting.runner {
        Runner::Engine(engine) => vec!["--engine".to_owned(), engine.clone()],
        Runner::Qemu => vec!["qemu".to_owned()],
    };
    SettingInfo {
        name: setting.name.clone(),
        command: [first, setting.flags.clone()].concat(),
        speed: 0.0,
        cpu_speed: 0.0,
    }
}

/// The host's CPU, as it calls itself.
pub(super) fn host() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = model.and_then(|line| line.split_once(": "));
    name.map_or("an unknown CPU", |(_, name)| name.trim())
        .to_owned()
}
