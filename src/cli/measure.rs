//! What `bench` and `tune` have in common: the machine around the guests, and how they are
//! measured.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::switches::MeasureSwitches;
use super::{CliError, Command, Exit, one_line, parse};
use crate::image::Initrd;
use crate::machine::{At, Uses, said};
use crate::measure::programs::ProgramResults;
use crate::measure::{
    Campaign, Guests, Machine, MeasureError, Results, Runner, ScriptFile, Setting,
};
use crate::report::OutFile;

/// The machine around the guests; all runs have it in common.
#[derive(Clone, Debug, Args)]
#[command(
    mut_arg("initrd", |arg| arg.requires("guest")),
    mut_arg("script", |arg| arg.help(SCRIPT).long_help(SCRIPT))
)]
pub(super) struct MachineArgs {
    #[command(flatten)]
    settings: MeasureSwitches,
    /// Seconds that a run may take, or a program
    #[arg(long, value_name = "N", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..), help_heading = "Machine")]
    timeout: u64,
}

/// What help says of the script, whose end is more here than in `run`.
const SCRIPT: &str = "Type as FILE says; if its last step is a wait, the run ends there";

impl MachineArgs {
    /// The initial RAM disk.
    pub fn initrd(&self) -> Option<PathBuf> {
        said(&self.settings.0.initrd)
    }

    /// The file that says what is typed.
    pub fn script(&self) -> Option<PathBuf> {
        said(&self.settings.0.script)
    }

    /// The same with this `initrd`, whose shell is at the serial console unless the kernel is told
    /// something else.
    pub fn with_shell(mut self, initrd: PathBuf) -> Self {
        let settings = &mut self.settings.0;
        settings.initrd = Some(At::switch(initrd));
        settings
            .append
            .get_or_insert_with(|| At::switch("console=ttyS0".to_owned()));
        self
    }

    fn machine(&self) -> Result<Machine, CliError> {
        // Read once here, so that a mistake is found before anything runs.
        let initrd = self.initrd();
        if let Some(path) = &initrd {
            Initrd::open(path).map_err(|error| MeasureError::Image(error.into()))?;
        }
        let script = self.script();
        let settings = &self.settings.0;
        Ok(Machine {
            cpu: said(&settings.cpu).map(|model| model.name.to_owned()),
            memory: said(&settings.memory),
            initrd,
            append: said(&settings.append),
            session: script.as_deref().map(ScriptFile::open).transpose()?,
            limit: said(&settings.limit),
        })
    }

    /// The file for each of `reports`, which have names for messages, if there is to be one. All
    /// are files of their own, and none is one that `campaign` reads.
    pub fn open<const N: usize>(
        &self,
        campaign: &Campaign,
        reports: [(&'static str, Option<&PathBuf>); N],
    ) -> Result<[Option<OutFile>; N], CliError> {
        let mut uses = Uses::default();
        for guest in &campaign.guests.all {
            uses.read("a guest", &guest.path);
        }
        if let Some(path) = &campaign.machine.initrd {
            uses.read("the initrd", path);
        }
        if let Some(path) = self.script() {
            uses.read("the script", &path);
        }
        for (name, path) in reports {
            path.into_iter().for_each(|path| uses.write(name, path));
        }
        uses.are_apart()?;
        let mut files = [const { None }; N];
        for (file, (_, path)) in files.iter_mut().zip(reports) {
            *file = path.cloned().map(OutFile::open).transpose()?;
        }
        Ok(files)
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
