//! Programs in a guest: a list of commands, each timed in one booted guest, with every setting.
//!
//! A [`ProgramCampaign`] is a [`Campaign`] of one guest whose shell runs the [`list`]; its
//! [`ProgramResults`] have a program where others have a guest, so that tables and plots are the
//! same.

pub mod list;
mod results;
mod shell;

use std::path::Path;
use std::process::Command;

use list::{BOOT, Preparation, Program};
use results::Pass;
use shell::{Shell, Timing};
use tempfile::NamedTempFile;

pub use results::{Aging, Disagreement, Output, ProgramResults, Worst, plot, table};

use super::{Campaign, MeasureError, Progress, Runner, Setting, qemu};
use crate::report::Record;

/// What to measure: programs in one guest.
#[derive(Debug)]
pub struct ProgramCampaign {
    /// The guest, its machine, the settings. Its timeout is that of each program.
    pub campaign: Campaign,
    /// The programs.
    pub programs: Vec<&'static Program>,
    /// Whether all run a second time in the same guest.
    pub again: bool,
}

/// What a guest did, from its boot to its end.
#[derive(Debug, Default)]
struct Session {
    first: Pass,
    again: Pass,
    record: Option<Record>,
}

impl ProgramCampaign {
    /// Measures.
    ///
    /// # Errors
    /// When QEMU is not installed, a guest does not boot, hangs or ends, or the host fails. That
    /// a program fails, or prints something else with another setting, is no error here: the
    /// results say so.
    pub fn run(&self) -> Result<ProgramResults, MeasureError> {
        let results = self.campaign.blank()?;
        let mut results = ProgramResults::new(results, &self.programs, self.again);
        let passes = 1 + usize::from(self.again);
        let preparations = list::preparations(&self.programs);
        let sessions = self.campaign.rounds * self.campaign.settings.len();
        let steps = passes * self.programs.len() + preparations.len();
        let mut progress = Progress::counting("step", sessions * steps);
        for _ in 0..self.campaign.rounds {
            for (index, setting) in self.campaign.settings.iter().enumerate() {
                let session = self.session(setting, &preparations, |name| {
                    progress.next(&format!("{name} in {setting}"));
                })?;
                results.add(index, session.first, session.again);
                results.records.extend(session.record);
            }
        }
        results.finish(self.campaign.baseline);
        Ok(results)
    }

    /// Boots a guest, runs the programs, and ends it.
    fn session(
        &self,
        setting: &Setting,
        preparations: &[&Preparation],
        mut next: impl FnMut(&str),
    ) -> Result<Session, MeasureError> {
        let report = NamedTempFile::new()?;
        let failed = |name: &str, problem: String| MeasureError::Run {
            guest: name.to_owned(),
            setting: setting.name.clone(),
            problem,
        };
        let mut session = Session::default();
        next(BOOT);
        let command = self.command(setting, report.path());
        let (mut shell, boot) = Shell::boot(command, self.campaign.timeout)
            .map_err(|problem| failed(BOOT, problem.to_string()))?;
        if self.programs.iter().any(|program| program.name == BOOT) {
            session.first.push((BOOT, Ok(boot)));
        }
        for preparation in preparations {
            next(preparation.name);
            shell
                .run(preparation.command, preparation.text)
                .map_err(|problem| failed(preparation.name, problem.to_string()))?;
        }
        let mut pass = |pass: &mut Pass| {
            for program in self.programs.iter().filter(|program| program.name != BOOT) {
                next(program.name);
                pass.push((program.name, self.once(&mut shell, program, setting)?));
            }
            Ok::<_, MeasureError>(())
        };
        pass(&mut session.first)?;
        if self.again {
            pass(&mut session.again)?;
        }
        shell.power_off();
        session.record = match setting.runner {
            Runner::Engine(_) => record(report.path()),
            Runner::Qemu => None,
        };
        Ok(session)
    }

    /// Runs a program; that it fails is not what stops the others, that the guest hangs or ends is.
    fn once(
        &self,
        shell: &mut Shell,
        program: &Program,
        setting: &Setting,
    ) -> Result<Result<Timing, String>, MeasureError> {
        match shell.run(program.command, None) {
            Ok(timing) => Ok(Ok(timing)),
            Err(problem) => {
                let error = MeasureError::Run {
                    guest: program.name.to_owned(),
                    setting: setting.name.clone(),
                    problem: problem.to_string(),
                };
                if problem.is_of_the_program() {
                    Ok(Err(error.to_string()))
                } else {
                    Err(error)
                }
            }
        }
    }

    /// What runs the guest with `setting`.
    fn command(&self, setting: &Setting, report: &Path) -> Command {
        let guest = &self.campaign.guests.all[0];
        let mut command = match setting.runner {
            Runner::Engine(_) => Command::new(&self.campaign.program),
            Runner::Qemu => Command::new(qemu::program(guest.big_endian)),
        };
        command.args(self.campaign.machine.arguments(guest, setting, report));
        command
    }
}

/// What mirrorball reported of a session, if it ended as it should.
fn record(report: &Path) -> Option<Record> {
    let text = std::fs::read_to_string(report).ok()?;
    serde_json::from_str(&text).ok()
}
