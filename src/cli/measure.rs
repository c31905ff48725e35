//! What `bench` and `tune` have in common: the machine around the guests, and how they are
//! measured.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mirrorball_runtime::cpu::model::Model;

use super::{CliError, Command, Exit, one_line, parse, run};
use crate::image::{Initrd, MemorySize};
use crate::machine::values;
use crate::measure::programs::ProgramResults;
use crate::measure::{
    Campaign, Guests, Machine, MeasureError, Results, Runner, ScriptFile, Setting,
};

/// The machine around the guests; all runs have it in common.
#[derive(Debug, Args)]
pub(super) struct MachineArgs {
    /// The CPU that the guests see [default: 24Kf]
    #[arg(long, value_name = "MODEL", value_parser = run::models(), ignore_case = true,
          help_heading = "Machine")]
    cpu: Option<&'static Model>,
    /// Memory, 1M to 2G [default: 256M]
    #[arg(long, short, value_name = "SIZE", help_heading = "Machine")]
    memory: Option<MemorySize>,
    /// Initial RAM disk
    #[arg(
        long,
        value_name = "FILE",
        requires = "guest",
        help_heading = "Machine"
    )]
    pub initrd: Option<PathBuf>,
    /// The kernel's command line
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        help_heading = "Machine"
    )]
    append: Option<String>,
    /// Type as FILE says; if its last step is a wait, the run ends there
    #[arg(long, value_name = "FILE", help_heading = "Machine")]
    pub script: Option<PathBuf>,
    /// End each run after N instructions (k, M, G for thousands)
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Machine")]
    pub limit: Option<u64>,
    /// Seconds that a run may take, or a program
    #[arg(long, value_name = "N", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..), help_heading = "Machine")]
    timeout: u64,
}

impl MachineArgs {
    /// The same with this `initrd`, whose shell is at the serial console unless the kernel is told
    /// something else.
    pub fn with_shell(mut self, initrd: PathBuf) -> Self {
        self.initrd = Some(initrd);
        self.append
            .get_or_insert_with(|| "console=ttyS0".to_owned());
        self
    }

    fn machine(&self) -> Result<Machine, CliError> {
        // Read once here, so that a mistake is found before anything runs.
        if let Some(path) = &self.initrd {
            Initrd::open(path).map_err(|error| MeasureError::Image(error.into()))?;
        }
        Ok(Machine {
            cpu: self.cpu.map(|model| model.name.to_owned()),
            memory: self.memory,
            initrd: self.initrd.clone(),
            append: self.append.clone(),
            session: self.script.as_deref().map(ScriptFile::open).transpose()?,
            limit: self.limit,
        })
    }

    /// A measurement of `guests` with `settings`, all of which are found to be good.
    pub fn campaign(
        &self,
        guests: &[String],
        settings: Vec<Setting>,
        baseline: usize,
        rounds: usize,
    ) -> Result<Campaign, CliError> {
        Setting::distinct(&settings).map_err(MeasureError::from)?;
        let machine = self.machine()?;
        for setting in &settings {
            check(setting, &machine)?;
        }
        Ok(Campaign {
            guests: Guests::find(guests)?,
            settings,
            baseline,
            machine,
            rounds,
            timeout: Duration::from_secs(self.timeout),
            program: std::env::current_exe().map_err(MeasureError::Host)?,
        })
    }
}

/// Refuses a setting whose switches `run` would refuse, or that cannot be compared.
fn check(setting: &Setting, machine: &Machine) -> Result<(), CliError> {
    let failed = |problem: String| CliError::Setting {
        setting: setting.name.clone(),
        problem,
    };
    match &setting.runner {
        Runner::Qemu if machine.limit.is_some() => Err(failed(
            "QEMU counts no instructions; leave out --limit, or measure without QEMU".to_owned(),
        )),
        Runner::Qemu => Ok(()),
        Runner::Engine(engine) => {
            let mut words = vec!["mirrorball".into()];
            words.extend(machine.run(None, engine, &setting.flags));
            match parse(words) {
                Ok(cli) => match cli.command {
                    Command::Run(args) if args.names_a_guest() => Err(failed(
                        "its switches name a guest; guests stand outside of settings".to_owned(),
                    )),
                    Command::Run(args) if !args.is_one() => Err(failed(
                        "its switches are for several machines; a setting is for one".to_owned(),
                    )),
                    _ => Ok(()),
                },
                Err(error) => Err(failed(one_line(&error.render().to_string()))),
            }
        }
    }
}

/// How a measurement of programs ends: badly, if some failed or did not print the same with all
/// settings.
pub(super) fn verdict_of_programs(found: &ProgramResults) -> Result<Exit, CliError> {
    verdict(&found.results)?;
    match found.disagreements.first() {
        Some(disagreement) => Err(CliError::Disagree(Box::new(disagreement.clone()))),
        None => Ok(Exit::Done),
    }
}

/// How a measurement ends: badly, if guests failed or settings did not end alike.
pub(super) fn verdict(results: &Results) -> Result<Exit, CliError> {
    match results.failures.as_slice() {
        [] => {}
        [failure] => return Err(CliError::Guests(failure.clone())),
        [failure, more @ ..] => {
            let more = more.len();
            let text = format!("{failure}; {more} more failed, which --json FILE lists");
            return Err(CliError::Guests(text));
        }
    }
    match results.differences.first() {
        Some(difference) => Err(CliError::Differ(Box::new(difference.clone()))),
        None => Ok(Exit::Done),
    }
}
