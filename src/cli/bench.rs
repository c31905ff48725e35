//! `mirrorball bench`: guests under several settings, side by side.

use std::path::PathBuf;

use clap::Args;

use super::measure::{MachineArgs, verdict, verdict_of_programs};
use super::slurm::SlurmArgs;
use super::{CliError, Exit, fetch, print};
use crate::measure::programs::{self, ProgramCampaign, list};
use crate::measure::{MeasureError, Runner, Setting, bench};

/// Measure guests under several settings, side by side
///
/// Each guest runs with the first setting, the second and so on, then all over again, each time in
/// a process of its own. The table has medians, ranges, CPU time, and how many times as fast a
/// setting is as the first one, or as QEMU. All settings must end with the same instruction count
/// and state, else the exit code is 13. What earlier runs translated is not used, unless a setting
/// names a --code-cache.
///
/// With --programs, a guest with Debian's programs boots with each setting, and runs commands at its
/// shell: compressors, interpreters, shells, a compiler and others. Each is timed on the host's
/// clock, from its being typed to its end. They must print the same with all settings, else the
/// exit code is 13.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct BenchArgs {
    /// Images, folders of images, or names in guests/prebuilt, where * stands for anything
    /// [default: the tour]
    guest: Vec<String>,
    /// Measure with this: [NAME=]ENGINE and switches of run, in quotes; ENGINE is jit, interp,
    /// lockstep or qemu. Once for each setting [default: jit and interp]
    #[arg(
        long = "setting",
        short,
        value_name = "SETTING",
        allow_hyphen_values = true
    )]
    settings: Vec<String>,
    /// Measure QEMU as well, and make it what speeds are relative to
    #[arg(long)]
    qemu: bool,
    /// Measure programs in one guest: Debian's kernel and programs.gz, which 'fetch debian
    /// --programs' brings, unless a kernel and --initrd are given [default setting: jit]
    #[arg(long, conflicts_with_all = ["script", "limit", "slurm"], help_heading = "Programs")]
    programs: bool,
    /// Measure only programs whose names match PATTERN, where * stands for anything. Once for each
    /// pattern
    #[arg(
        long,
        value_name = "PATTERN",
        requires = "programs",
        help_heading = "Programs"
    )]
    only: Vec<String>,
    /// Run all programs a second time in the same guest, and compare
    #[arg(long, requires = "programs", help_heading = "Programs")]
    again: bool,
    /// How often each guest runs with each setting
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,

    #[command(flatten)]
    machine: MachineArgs,

    #[command(flatten)]
    cluster: SlurmArgs,

    /// Write all results to FILE, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    json: Option<PathBuf>,
    /// Write a plot to FILE, as SVG
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    svg: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  mirrorball bench
      the tour, in the JIT and in the interpreter
  mirrorball bench 'bench-*.u.el' --setting jit --qemu --svg against-qemu.svg
      a set of guests, in the JIT and in QEMU
  mirrorball bench bench-sort.k.el -s jit -s 'blocks=jit --region 1' -s 'eager=jit --hot 10'
      what regions and early translation do for one guest
  mirrorball bench guests/debian/cache/vmlinux --initrd guests/debian/cache/initrd.gz \\
      --append 'console=ttyS0 rdinit=/bin/sh' --script boot.txt --setting jit --qemu --rounds 3
      a Linux boot, to the last text that boot.txt waits for: wait \"~ # \"
  mirrorball bench --programs -s jit --qemu --rounds 3 --json programs.json
      Debian's programs, in the JIT and in QEMU, each three times
  mirrorball bench --programs --only 'gcc *' --only bc --again
      some of them, twice in one guest: whether the second time is slower
  mirrorball bench kernel.elf --limit 300M --json results.json
      the first 300 million instructions
  mirrorball bench 'bench-*.u.el' -s jit --qemu --slurm runs --sbatch '--partition=short --exclusive'
      the runs as jobs of a Slurm cluster, kept in the folder runs

Close what else runs on the host. A difference that is smaller than the spread is none.";

/// Measures what the arguments ask for.
pub(super) fn execute(args: &BenchArgs) -> Result<Exit, CliError> {
    let (settings, baseline) = args.settings()?;
    let reports = [
        ("the JSON", args.json.as_ref()),
        ("the plot", args.svg.as_ref()),
    ];
    let rounds = args.rounds.into();
    if args.programs {
        let campaign = args.program_campaign(settings, baseline, rounds)?;
        let [json, svg] = args.machine.open(&campaign.campaign, reports)?;
        let measured = campaign.run()?;
        if let Some(json) = json {
            json.write(&measured.to_json()?)?;
        }
        if let Some(svg) = svg {
            svg.write(&programs::plot(&measured))?;
        }
        print(&programs::table(&measured))?;
        return verdict_of_programs(&measured);
    }
    let campaign = args
        .machine
        .campaign(&args.guest, settings, baseline, rounds)?;
    if args.cluster.is_aside(&campaign)? {
        return Ok(Exit::Done);
    }
    let [json, svg] = args.machine.open(&campaign, reports)?;
    let results = args.cluster.measure(&campaign)?;
    if let Some(json) = json {
        json.write(&results.to_json()?)?;
    }
    if let Some(svg) = svg {
        svg.write(&bench::plot(&results))?;
    }
    print(&bench::table(&results))?;
    verdict(&results)
}

impl BenchArgs {
    /// A measurement of programs in one guest.
    fn program_campaign(
        &self,
        settings: Vec<Setting>,
        baseline: usize,
        rounds: usize,
    ) -> Result<ProgramCampaign, CliError> {
        let programs = list::select(&self.only).map_err(|pattern| MeasureError::NoProgram {
            pattern,
            names: list::names(),
        })?;
        let guests = match self.guest.as_slice() {
            [] => vec![cached(fetch::kernel())?.display().to_string()],
            [one] => vec![one.clone()],
            more => return Err(CliError::ManyKernels(more.join(", "))),
        };
        let initrd = match self.machine.initrd() {
            Some(initrd) => initrd,
            None => cached(fetch::programs())?,
        };
        let machine = self.machine.clone().with_shell(initrd);
        let campaign = machine.campaign(&guests, settings, baseline, rounds)?;
        if let [first, second, ..] = campaign.guests.all.as_slice() {
            let names = format!("{}, {}", first.name, second.name);
            return Err(CliError::ManyKernels(names));
        }
        Ok(ProgramCampaign {
            campaign,
            programs,
            again: self.again,
        })
    }

    /// The settings, and the index of the one to compare with.
    fn settings(&self) -> Result<(Vec<Setting>, usize), CliError> {
        let parsed: Result<Vec<Setting>, _> = self.settings.iter().map(|s| s.parse()).collect();
        let mut settings = parsed.map_err(MeasureError::from)?;
        if settings.is_empty() {
            // The interpreter takes minutes for what programs take seconds for.
            let engines = if self.programs {
                &["jit"][..]
            } else {
                &["jit", "interp"]
            };
            let engine = |engine: &&str| Setting::engine(engine, vec![]);
            settings = engines.iter().map(engine).collect();
        }
        if !self.qemu {
            return Ok((settings, 0));
        }
        let there = settings.iter().position(|s| s.runner == Runner::Qemu);
        let baseline = there.unwrap_or_else(|| {
            settings.push(Setting::qemu());
            settings.len() - 1
        });
        Ok((settings, baseline))
    }
}

/// A file that `fetch debian --programs` brings, if it is there.
fn cached(path: PathBuf) -> Result<PathBuf, CliError> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(CliError::NoPrograms(path.display().to_string()))
    }
}
