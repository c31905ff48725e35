//! The run confines itself once all inputs are read: what it still reaches are its outputs.

use std::env;
use std::path::PathBuf;

use clap::ValueEnum;

use super::options::Guests;
use crate::cache::{perf, persist};
use crate::cli::complain;
use crate::control::Claimed;
use crate::disk::DiskSpec;
use crate::engine::compiler;
use crate::machine::{CodeCache, ConsoleSpec, MachineSpec};
use crate::sandbox::{self, Duty};

/// `perf record` sets this for what it runs, and Cranelift then writes names there as well.
const RECORDS: &str = "PERF_BUILDID_DIR";

/// What the process leaves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SandboxMode {
    /// The files and system calls that the run needs.
    Strict,
    /// Everything that the user may do.
    Off,
}

/// The places in the file system that a run reaches after its start.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    written: Vec<PathBuf>,
    read: Vec<PathBuf>,
    /// The sockets among them: none can be connected to later.
    sockets: Vec<PathBuf>,
}

impl Reach {
    /// What is written while `guests` run, beside the outputs that the user named.
    pub(super) fn new(outputs: Vec<PathBuf>, guests: &Guests, perf_map: bool) -> Self {
        let mut reach = Self::of(outputs, guests.machines());
        if perf_map || env::var_os(RECORDS).is_some() {
            reach.written.push(perf::folder());
        }
        if let Guests::Many(monitor, _) = guests {
            reach.sockets.extend(monitor.control.clone());
            let swap = monitor.swap.as_ref();
            reach.written.extend(swap.map(|swap| swap.folder.clone()));
        }
        reach
    }

    /// What is reached while `machines` run without a monitor, beside these outputs.
    pub(in crate::cli) fn of(outputs: Vec<PathBuf>, machines: &[MachineSpec]) -> Self {
        let mut written = outputs;
        let mut sockets = Vec::new();
        written.extend(machines.iter().filter_map(code_cache));
        let disks = || machines.iter().flat_map(|machine| &machine.disks);
        written.extend(disks().filter_map(DiskSpec::written));
        let read = disks().flat_map(DiskSpec::read).collect();
        sockets.extend(
            machines
                .iter()
                .filter_map(|machine| match &machine.console {
                    ConsoleSpec::Socket(path) => Some(path.clone()),
                    _ => None,
                }),
        );
        Self {
            written,
            read,
            sockets,
        }
    }

    /// Confines this thread, and those that it starts from now on. What the host's kernel cannot
    /// enforce is said on standard error.
    pub(in crate::cli) fn confine(&self) {
        for path in &self.sockets {
            // What is in the way is told when the socket is made.
            let _ = Claimed::make_way(path);
        }
        // The program's own hash is part of the name of its code cache; the report says how much
        // memory the process had, and threads are started for the cores that there are.
        let own = env::current_exe().into_iter();
        let host = ["/proc/self", "/sys/fs/cgroup"].map(PathBuf::from);
        let read: Vec<PathBuf> = own.chain(host).chain(self.read.clone()).collect();
        for lacking in sandbox::confine(&read, &self.written) {
            complain(&format!("warning: {lacking}; --sandbox off asks for none"));
        }
        compiler::when_started(|| sandbox::narrow(Duty::Translate));
    }
}

/// The folder of a machine's code cache, which is made now: later nothing is made outside of it. If
/// it cannot be made, opening it says so.
fn code_cache(machine: &MachineSpec) -> Option<PathBuf> {
    let folder = machine.code_cache.folder()?;
    let _ = persist::make_folder(folder, matches!(machine.code_cache, CodeCache::User(_)));
    Some(folder.to_owned())
}
