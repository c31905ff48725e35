//! `mirrorball tune`: which setting suits a guest best.

use std::path::PathBuf;

use clap::Args;

use super::measure::{MachineArgs, verdict};
use super::slurm::SlurmArgs;
use super::{CliError, Exit, print};
use crate::measure::MeasureError;
use crate::measure::tune::page::{self, Page};
use crate::measure::tune::{Dimension, Sweep};

/// Find the JIT's settings that suit a guest best
///
/// Varies one switch at a time around the default, and two of them together, and writes a page
/// with curves of time, hit rate, evictions and compile time and with a map of the two. Each run
/// is a process of its own, and the settings take turns. Standard output gets the command line
/// with the best setting.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct TuneArgs {
    /// Image, or a name in guests/prebuilt [default: the tour]
    guest: Option<String>,
    /// Vary this switch of run: SWITCH or SWITCH=VALUE,VALUE,.. Once for each [default: hot,
    /// region and all others that there are usual values for]
    #[arg(long, value_name = "SWITCH[=VALUES]")]
    vary: Vec<String>,
    /// Two switches to vary together, as in hot,region [default: the first two]
    #[arg(long, value_name = "SWITCH,SWITCH")]
    grid: Option<String>,
    /// How often the guest runs with each setting
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,

    #[command(flatten)]
    machine: MachineArgs,

    #[command(flatten)]
    cluster: SlurmArgs,

    /// Write the page to FILE
    #[arg(
        long,
        value_name = "FILE",
        default_value = "tune.html",
        help_heading = "Reports"
    )]
    html: PathBuf,
    /// Write all results to FILE, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    json: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  mirrorball tune
      the tour, all that can be varied; then look at tune.html
  mirrorball tune bench-sort.u.el --vary hot=10,100,1000 --rounds 5
      one switch, with values of your own
  mirrorball tune bench-dispatch.u.el --vary region --vary hot --grid region,hot --html d.html
      two switches, each over its usual values
  mirrorball tune guests/debian/cache/vmlinux --initrd guests/debian/cache/initrd.gz \\
      --append 'console=ttyS0 rdinit=/bin/sh' --limit 500M --rounds 1
      the first 500 million instructions of a Linux boot
  mirrorball tune bench-sort.u.el --slurm runs --sbatch '--partition=short --time=10' --dry-run
      what would be submitted to a Slurm cluster

A guest that runs for less than a second is mostly start-up and translation. Close what else runs
on the host, and give more --rounds where the best setting is hard to tell from the default.";

/// Measures what the arguments ask for.
pub(super) fn execute(args: TuneArgs) -> Result<Exit, CliError> {
    let dimensions = Dimension::parse_all(&args.vary).map_err(MeasureError::from)?;
    let sweep = Sweep::new(dimensions, args.grid.as_deref()).map_err(MeasureError::from)?;
    let guests: Vec<String> = args.guest.into_iter().collect();
    let rounds = args.rounds.into();
    let campaign = args
        .machine
        .campaign(&guests, sweep.settings.clone(), 0, rounds)?;
    let [guest] = campaign.guests.all.as_slice() else {
        let name = guests.into_iter().next().unwrap_or_default();
        return Err(MeasureError::ManyGuests(name).into());
    };
    if args.cluster.is_aside(&campaign)? {
        return Ok(Exit::Done);
    }
    let reports = [
        ("the page", Some(&args.html)),
        ("the JSON", args.json.as_ref()),
    ];
    let [html, json] = args.machine.open(&campaign, reports)?;
    let results = args.cluster.measure(&campaign)?;
    let best = &campaign.settings[Sweep::best(&results)];
    let script = args.machine.script();
    let command = campaign
        .machine
        .shown(guest, &best.flags, script.as_deref());
    let page = Page {
        sweep: &sweep,
        results: &results,
        best_command: &command,
    };
    if let Some(html) = html {
        html.write(&page.html())?;
    }
    if let Some(json) = json {
        json.write(&results.to_json()?)?;
    }
    let verdict_in_words = page::verdict(&results);
    print(&format!(
        "{command}\n{verdict_in_words}\n{} shows all of it.\n",
        args.html.display()
    ))?;
    verdict(&results)
}
