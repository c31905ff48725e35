//! `mirrorball bench`: guests under several settings, side by side.

use std::path::PathBuf;

use clap::Args;

use super::measure::{MachineArgs, verdict};
use super::{CliError, Exit, print};
use crate::measure::{MeasureError, Runner, Setting, bench};
use crate::report::OutFile;

/// Measure guests under several settings, side by side
///
/// Each guest runs with the first setting, the second and so on, then all over again, each time in
/// a process of its own. The table has medians, ranges, CPU time, and how many times as fast a
/// setting is as the first one, or as QEMU. All settings must end with the same instruction count
/// and state, else the exit code is 13.
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
    /// How often each guest runs with each setting
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,

    #[command(flatten)]
    machine: MachineArgs,

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
  mirrorball bench kernel.elf --limit 300M --json results.json
      the first 300 million instructions

Close what else runs on the host. A difference that is smaller than the spread is none.";

/// Measures what the arguments ask for.
pub(super) fn execute(args: BenchArgs) -> Result<Exit, CliError> {
    let (settings, baseline) = args.settings()?;
    let json = args.json.map(OutFile::open).transpose()?;
    let svg = args.svg.map(OutFile::open).transpose()?;
    let rounds = args.rounds.into();
    let campaign = args
        .machine
        .campaign(&args.guest, settings, baseline, rounds)?;
    let results = campaign.run()?;
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
    /// The settings, and the index of the one to compare with.
    fn settings(&self) -> Result<(Vec<Setting>, usize), CliError> {
        let parsed: Result<Vec<Setting>, _> = self.settings.iter().map(|s| s.parse()).collect();
        let mut settings = parsed.map_err(MeasureError::from)?;
        if settings.is_empty() {
            settings = ["jit", "interp"].map(|e| Setting::engine(e, vec![])).into();
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
