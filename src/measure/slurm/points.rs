//! The folder of a measurement on a cluster: a file for the runs of each point that is done, one for
//! what its job said, the job array's number, and what is measured.

use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};

use super::super::campaign::{self, Run};
use super::super::{Campaign, MeasureError};
use crate::report::OutFile;

/// The runs of a point.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Point {
    /// The CPU of the host that did them.
    pub host: String,
    pub runs: Vec<Run>,
}

impl Point {
    /// Runs that were done here.
    pub fn new(runs: Vec<Run>) -> Self {
        Self {
            host: campaign::host(),
            runs,
        }
    }
}

/// The folder.
#[derive(Debug)]
pub(super) struct Points {
    folder: PathBuf,
    rounds: usize,
}

/// The file that says what is measured.
const WHAT: &str = "measurement";
/// The file with the number of the job array.
const JOB: &str = "job";

impl Points {
    /// The folder of `campaign`, which is made if it is not there.
    pub fn open(folder: &Path, campaign: &Campaign) -> Result<Self, MeasureError> {
        fs::create_dir_all(folder)?;
        let points = Self::look(folder, campaign)?;
        points.write(WHAT, &what(campaign)?)?;
        Ok(points)
    }

    /// The same, and nothing is made.
    pub fn look(folder: &Path, campaign: &Campaign) -> Result<Self, MeasureError> {
        match fs::read_to_string(folder.join(WHAT)) {
            Ok(text) if text != what(campaign)? => {
                Err(MeasureError::OtherRuns(folder.display().to_string()))
            }
            _ => Ok(Self {
                folder: fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()),
                rounds: campaign.rounds,
            }),
        }
    }

    /// Which points are not done, of the first `count`.
    pub fn missing(&self, count: usize) -> Vec<usize> {
        (0..count)
            .filter(|&point| self.get(point).is_none())
            .collect()
    }

    /// The runs of a point, if all of them are there.
    pub fn get(&self, point: usize) -> Option<Point> {
        let text = fs::read_to_string(self.folder.join(format!("{point}.json"))).ok()?;
        let point: Point = serde_json::from_str(&text).ok()?;
        (point.runs.len() == self.rounds).then_some(point)
    }

    /// Keeps the runs of a point.
    pub fn put(&self, point: usize, runs: &Point) -> Result<(), MeasureError> {
        let text = serde_json::to_string(runs).map_err(std::io::Error::from)?;
        self.write(&format!("{point}.json"), &text)
    }

    /// Where Slurm writes what jobs say, with its sign for the point's number.
    pub fn logs(&self) -> PathBuf {
        self.folder.join("%a.log")
    }

    /// Why the runs of a point are missing, as far as its job said.
    pub fn problem(&self, point: usize) -> String {
        let log = self.folder.join(format!("{point}.log"));
        let said = fs::read_to_string(&log).unwrap_or_default();
        match said.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!("its job failed twice: {line}"),
            None => format!("its job failed twice and said nothing in {}", log.display()),
        }
    }

    /// The job array that was submitted last.
    pub fn job(&self) -> Option<String> {
        fs::read_to_string(self.folder.join(JOB)).ok()
    }

    pub fn set_job(&self, job: &str) -> Result<(), MeasureError> {
        self.write(JOB, job)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), MeasureError> {
        Ok(OutFile::open(self.folder.join(name))?.write(text)?)
    }
}

/// What is measured, such that other runs would be needed if the text were another.
fn what(campaign: &Campaign) -> Result<String, MeasureError> {
    let machine = &campaign.machine;
    let script = machine.session.as_ref().map(|session| &session.script);
    let mut text = format!(
        "mirrorball {}\nrounds {}\nscript {script:?}\n",
        env!("CARGO_PKG_VERSION"),
        campaign.rounds
    );
    for setting in &campaign.settings {
        text += &format!("setting {:?} {:?}\n", setting.runner, setting.flags);
    }
    for guest in &campaign.guests.all {
        let mut hash = FxHasher::default();
        hash.write(&fs::read(&guest.path)?);
        let content = hash.finish();
        let command = machine.shown(guest, &[], None);
        text += &format!("guest {} {content:016x} {command}\n", guest.name);
    }
    Ok(text)
}
