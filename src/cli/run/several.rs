//! The arguments of `mirrorball run` for several machines and the monitor that they share.

use std::path::PathBuf;

use clap::Args;

use crate::cli::switches::MonitorSwitches;
use crate::machine::monitor::swap;
use crate::machine::table::Table;
use crate::machine::{At, MonitorSettings};

/// A swap file's size, and the folder that it is made in.
type Swap = (u64, PathBuf);

/// Which machines there are, and what they share.
#[derive(Debug, Args)]
#[command(next_help_heading = "Several machines")]
pub(super) struct SeveralArgs {
    /// Run the machines that FILE describes, as docs/machine-file.md says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["image", "count"])]
    pub machines: Option<PathBuf>,
    /// Run a machine with these settings: KEY=VALUE,KEY=VALUE,.. with the keys of a machine file.
    /// A comma in quotes or behind a backslash is part of the value. Once for each machine
    #[arg(long = "vm", value_name = "SETTINGS", conflicts_with_all = ["image", "machines", "count"])]
    pub vms: Vec<String>,
    /// Check the machines and their files, show them, and run nothing
    #[arg(long)]
    pub check: bool,

    #[command(flatten)]
    pub monitor: MonitorArgs,
}

/// What the machines share.
#[derive(Debug, Args)]
#[command(next_help_heading = "Monitor")]
pub(super) struct MonitorArgs {
    #[command(flatten)]
    switches: MonitorSwitches,
    /// Swap to a file of this size, which is made in DIR [default: DIR is for temporary files]
    #[arg(long, value_name = "SIZE[:DIR]", value_parser = swap)]
    swap: Option<Swap>,
}

impl SeveralArgs {
    /// Whether they say which machines there are.
    pub fn names_guests(&self) -> bool {
        self.machines.is_some() || !self.vms.is_empty()
    }

    /// Whether there are none of them.
    pub fn is_empty(&self) -> bool {
        !self.names_guests() && !self.check && self.monitor.settings().is_empty()
    }
}

impl MonitorArgs {
    /// What they say of the monitor.
    pub fn settings(&self) -> MonitorSettings {
        let (swap_size, swap_path) = self.swap.clone().unzip();
        MonitorSettings {
            swap_path: swap_path.map(At::switch),
            swap_size: swap_size.map(At::switch),
            ..self.switches.0.clone()
        }
    }
}
