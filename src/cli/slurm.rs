//! Where the runs of `bench` and `tune` are done: here, or on a cluster.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, print};
use crate::measure::slurm::{Cluster, Queue};
use crate::measure::{Campaign, MeasureError, Results};

/// The switches for a cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct SlurmArgs {
    /// Have Slurm do the runs, each guest with each setting as a job of one array, and keep them in
    /// FOLDER, which all hosts must see. The same command again does what is missing there
    #[arg(long, value_name = "FOLDER")]
    slurm: Option<PathBuf>,
    /// Switches for sbatch, in quotes, as in '--partition=short --time=10 --mem=2G'
    #[arg(
        long,
        value_name = "SWITCHES",
        requires = "slurm",
        allow_hyphen_values = true,
        default_value = "",
        hide_default_value = true
    )]
    sbatch: String,
    /// Print what would be submitted, and submit nothing
    #[arg(long, requires = "slurm")]
    dry_run: bool,
    /// Do the runs of this point alone: what jobs are for
    #[arg(long, value_name = "N", requires = "slurm", hide = true)]
    point: Option<usize>,
}

impl SlurmArgs {
    /// Does what needs no results, if that is all that is asked for: the runs of a point, or to
    /// say what would be submitted.
    pub fn is_aside(&self, campaign: &Campaign) -> Result<bool, CliError> {
        let Some(cluster) = self.cluster()? else {
            return Ok(false);
        };
        if let Some(number) = self.point {
            cluster.run_point(campaign, number)?;
        } else if self.dry_run {
            print(&cluster.plan(campaign)?)?;
        }
        Ok(self.dry_run || self.point.is_some())
    }

    /// Measures, here or there.
    pub fn measure(&self, campaign: &Campaign) -> Result<Results, CliError> {
        Ok(match self.cluster()? {
            Some(cluster) => cluster.run(campaign)?,
            None => campaign.run()?,
        })
    }

    fn cluster(&self) -> Result<Option<Cluster>, CliError> {
        let Some(folder) = self.slurm.clone() else {
            return Ok(None);
        };
        let Some(switches) = shlex::split(&self.sbatch) else {
            return Err(CliError::Quote(self.sbatch.clone()));
        };
        let program = std::env::current_exe().map_err(MeasureError::Host)?;
        let words = std::env::args_os().skip(1).map(|word| word.into_string());
        let words: Result<Vec<_>, _> = words.collect();
        let words = words.map_err(|word| CliError::Word(word.display().to_string()))?;
        let mut command = vec![program.display().to_string()];
        command.extend(words.into_iter().filter(|word| word != "--dry-run"));
        command.push("--point".to_owned());
        let queue = Queue { switches, command };
        Ok(Some(Cluster { folder, queue }))
    }
}
