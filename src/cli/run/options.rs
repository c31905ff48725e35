//! From arguments to machines that can start: every file is read, every value checked.

use std::path::{Path, PathBuf};
use std::slice;

use super::args::RunArgs;
use super::confine::{Reach, SandboxMode};
use super::debugger::DebuggerSpec;
use super::reports::Reports;
use super::seeing::Seeing;
use crate::cli::CliError;
use crate::gdb::GdbPlace;
use crate::machine::file::MachineFile;
use crate::machine::table::Table;
use crate::machine::{
    At, Files, MachineSpec, MonitorSettings, MonitorSpec, OnReset, Settings, Uses, short,
    tell_apart,
};
use crate::migration::Incoming;
use crate::report::OutFile;

/// A run that can start.
#[derive(Debug)]
pub struct RunOptions {
    /// What runs.
    pub guests: Guests,
    /// Whether nothing is to run, because the user only wants to know that it could.
    pub check: bool,
    /// Where a debugger may connect, if it may.
    pub debugger: Option<DebuggerSpec>,
    /// What it confines itself to, if it does.
    pub sandbox: Option<Reach>,
    /// The machine that comes from another monitor, if one does.
    pub incoming: Option<Incoming>,
    /// What is to be seen of it.
    pub seeing: Seeing,
    /// What is told of it.
    pub reports: Reports,
}

/// What runs.
#[derive(Debug)]
pub enum Guests {
    /// One machine, without a monitor.
    One(Box<MachineSpec>),
    /// Machines under a monitor.
    Many(MonitorSpec, Vec<MachineSpec>),
}

impl Guests {
    /// The machines.
    pub(super) fn machines(&self) -> &[MachineSpec] {
        match self {
            Self::One(machine) => slice::from_ref(machine),
            Self::Many(_, machines) => machines,
        }
    }
}

impl RunArgs {
    /// The run that the arguments ask for.
    pub fn validate(self) -> Result<RunOptions, CliError> {
        let mut files = Files::default();
        self.keeps_one()?;
        let incoming = self.wait()?;
        if let (Some(incoming), Some(path)) = (&incoming, &self.incoming) {
            files.has_come(path, incoming.head());
        }
        let guests = if self.is_one() && self.machine_file().is_none() {
            let mut machine = self.one()?.machine(&mut files)?;
            if self.until.is_some() {
                machine.ends();
            }
            Guests::One(Box::new(machine))
        } else {
            self.many(&mut files)?
        };
        if !self.seeing.is_empty() && matches!(guests, Guests::Many(..)) {
            return Err(CliError::SeeingOfMany);
        }
        let debugger = self.debugger.spec();
        if let (Some(_), Guests::Many(_, machines)) = (&debugger, &guests)
            && machines.len() > 1
        {
            return Err(CliError::DebuggerOfMany);
        }
        let uses = self.uses(&files, &guests);
        uses.are_apart()?;
        let mut written = uses.written();
        let files = [&self.report, &self.snapshot, &self.record];
        let files = files.into_iter().flatten();
        written.extend(files.filter_map(|path| OutFile::folder(path)));
        written.extend(self.seeing.outputs().filter_map(OutFile::folder));
        let sandbox = (self.sandbox == SandboxMode::Strict)
            .then(|| Reach::new(written, &guests, self.perf_map));
        let check = self.several.check;
        let out = |path: Option<PathBuf>| path.filter(|_| !check).map(OutFile::open).transpose();
        Ok(RunOptions {
            guests,
            check,
            debugger,
            sandbox,
            incoming,
            seeing: match check {
                true => Seeing::default(),
                false => self.seeing.open(self.image.as_deref())?,
            },
            reports: Reports {
                stats: self.stats,
                ps: self.ps,
                hash: self.hash,
                file: out(self.report)?,
                snapshot: out(self.snapshot)?,
                record: self.record,
                until: self.until,
                trace: self.trace,
                perf_map: self.perf_map,
            },
        })
    }

    /// Waits for a machine that is to come, if one is.
    fn wait(&self) -> Result<Option<Incoming>, CliError> {
        let Some(path) = &self.incoming else {
            return Ok(None);
        };
        let settings = &self.machine.0;
        let other = [
            (self.image.is_some(), "IMAGE"),
            (settings.restore.is_some(), "--restore"),
            (settings.replay.is_some(), "--replay"),
            (settings.count.is_some(), "--count"),
            (self.several.names_guests(), "other machines"),
            (self.several.check, "--check"),
        ];
        match other.into_iter().find(|(given, _)| *given) {
            Some((_, other)) => Err(CliError::IncomingOne(other)),
            None => Ok(Some(Incoming::wait(path)?)),
        }
    }

    /// Whether what is to be kept of the run can be.
    fn keeps_one(&self) -> Result<(), CliError> {
        let settings = &self.machine.0;
        let is_set = |flag: &Option<At<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        let restarts = (settings.on_reset.as_ref()).is_some_and(|on| on.value == OnReset::Restart);
        if self.snapshot.is_some() && !self.is_one() {
            return Err(CliError::SnapshotOfMany);
        }
        if self.until.is_some() && !self.is_one() {
            return Err(CliError::UntilOfMany);
        }
        let replays = settings.replay.is_some() && (!self.is_alone() || restarts);
        if replays || self.record.is_some() && (!self.is_one() || restarts) {
            return Err(CliError::RecordOfOne);
        }
        if self.record.is_some() && is_set(&settings.realtime) {
            return Err(CliError::RecordRealtime);
        }
        Ok(())
    }

    /// The machine that IMAGE and the switches describe.
    fn one(&self) -> Result<Settings, CliError> {
        if self.image.is_none() && self.machine.0.initrd.is_some() {
            return Err(CliError::NoImage);
        }
        let mut settings = self.settings();
        settings.image = self.image.clone().map(At::switch);
        // A machine that comes goes on as one from a file does.
        settings.restore = settings
            .restore
            .or_else(|| self.incoming.clone().map(At::switch));
        Ok(settings)
    }

    fn many(&self, files: &mut Files) -> Result<Guests, CliError> {
        let file = self.machine_file().map(MachineFile::open).transpose()?;
        let (asked, described) = match file {
            Some(_) if self.machine.0.count.is_some() => return Err(CliError::CountOfFile),
            Some(file) => (file.monitor, file.machines),
            None if self.several.vms.is_empty() => (MonitorSettings::default(), vec![self.one()?]),
            None => {
                let vms = self.several.vms.iter().map(|text| short::parse(text));
                (MonitorSettings::default(), vms.collect::<Result<_, _>>()?)
            }
        };
        let asked = self.several.monitor.settings().over(&asked);
        let base = asked.for_machines(self.settings());
        let mut machines = Vec::new();
        for settings in described {
            machines.extend(settings.over(&base).machines(files)?);
        }
        tell_apart(&machines)?;
        for machine in &machines {
            machine.fits()?;
        }
        Ok(Guests::Many(asked.spec(&machines)?, machines))
    }

    /// The files of the run.
    fn uses(&self, files: &Files, guests: &Guests) -> Uses {
        let mut uses = Uses::default();
        files.note(&mut uses);
        if let Some(path) = self.machine_file() {
            uses.read("the machine file", path);
        }
        if let Some(path) = &self.report {
            uses.write("the report", path);
        }
        if let Some(path) = &self.snapshot {
            uses.write("the snapshot", path);
        }
        self.seeing.note(&mut uses);
        if let Some(path) = &self.record {
            uses.write("the record", path);
        }
        if let Some(DebuggerSpec {
            place: GdbPlace::Unix(path),
            ..
        }) = &self.debugger.spec()
        {
            uses.write("the debugger's socket", path);
        }
        match guests {
            Guests::One(machine) => {
                uses.consoles(slice::from_ref(machine));
                uses.disks(slice::from_ref(machine));
                uses.captures(slice::from_ref(machine));
            }
            Guests::Many(monitor, machines) => {
                if let Some(path) = &monitor.control {
                    uses.write("the control socket", path);
                }
                uses.consoles(machines);
                uses.disks(machines);
                uses.captures(machines);
            }
        }
        uses
    }

    /// The machine file, however it was named.
    fn machine_file(&self) -> Option<&Path> {
        let named = self.several.machines.as_deref();
        named.or_else(|| {
            let image = self.image.as_deref()?;
            let toml = image
                .extension()
                .is_some_and(|extension| extension == "toml");
            toml.then_some(image)
        })
    }
}
