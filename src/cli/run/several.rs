//! The arguments of `mirrorball run` for several machines and the monitor that they share.

use std::path::PathBuf;

use clap::Args;

use crate::machine::monitor::swap;
use crate::machine::{At, MonitorSettings, values};

/// A swap file's size, and the folder that it is made in.
type Swap = (u64, Option<At<PathBuf>>);

/// Which machines there are, and what they share.
#[derive(Debug, Args)]
#[command(next_help_heading = "Several machines")]
pub(super) struct SeveralArgs {
    /// Run the machines that FILE describes, as docs/machine-file.md says
    #[arg(long, value_name = "FILE", conflicts_with = "image")]
    pub machines: Option<PathBuf>,
    /// Run a machine with these settings: KEY=VALUE,KEY=VALUE,.. with the keys of a machine file.
    /// A comma in quotes or behind a backslash is part of the value. Once for each machine
    #[arg(long = "vm", value_name = "SETTINGS", conflicts_with_all = ["image", "machines"])]
    pub vms: Vec<String>,
    /// Run N machines like the one that is described, called NAME-1, NAME-2 and so on; an n in
    /// braces in --append, --script and --console is the number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(values::COUNT),
          conflicts_with_all = ["machines", "vms"])]
    pub count: Option<u32>,
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
    /// Run guests on N threads of the host [default: its cores, at most one a machine]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(values::HOST_THREADS))]
    host_threads: Option<u32>,
    /// Give all machines together this much of the host's memory, 1M to 1T: a number of MiB, or a
    /// number with b, K, M, G or T [default: the sum of what they have]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    machine_memory: Option<u64>,
    /// Swap to a file of this size, which is made in DIR [default: DIR is for temporary files]
    #[arg(long, value_name = "SIZE[:DIR]", value_parser = swap)]
    swap: Option<Swap>,
    /// Be controlled at this Unix socket
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
    /// Keep pages with equal contents once [default: on with several machines]
    #[arg(long, value_name = "on|off", value_parser = values::flag)]
    share_pages: Option<bool>,
}

impl SeveralArgs {
    /// Whether they say which machines there are.
    pub fn names_guests(&self) -> bool {
        self.machines.is_some() || !self.vms.is_empty()
    }

    /// Whether there are none of them.
    pub fn is_empty(&self) -> bool {
        let one = !self.names_guests() && self.count.is_none() && !self.check;
        one && self.monitor.settings().is_empty()
    }
}

impl MonitorArgs {
    /// What they say of the monitor.
    pub fn settings(&self) -> MonitorSettings {
        let (swap_size, swap_path) = self.swap.clone().unzip();
        MonitorSettings {
            host_threads: self.host_threads,
            machine_memory: self.machine_memory,
            swap_path: swap_path.flatten(),
            swap_size,
            control: self.control.clone().map(At::switch),
            share_pages: self.share_pages,
            ..MonitorSettings::default()
        }
    }
}
