//! What is told of a run: traces while it goes on, and at its end what it came to.

use mirrorball_runtime::vm::state;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::insight::Process;
use mirrorball_runtime::memory::machine::MachineMemory;
use mirrorball_runtime::vm::Vm;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::cache::perf;
use crate::cli::{CliError, Exit, complain, say};
use crate::engine::AnyEngine;
use crate::report::{
    NamedRecord, OutFile, Record, Report, monitor, outcome_name, processes, table,
};
use crate::timeline::Translations;

/// What `--trace` can print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceTopic {
    /// Every exception and interrupt taken
    Exceptions,
    /// TLB writes and refills
    Tlb,
    /// Blocks when they are first met and translated
    Blocks,
    /// Accesses to device registers
    Devices,
    /// Hypercalls and their answers
    Hypercalls,
}

/// What is told of a run.
#[derive(Debug)]
pub struct Reports {
    /// Whether to print the table of counters at the end.
    pub stats: bool,
    /// Whether to print the guest's processes at the end.
    pub ps: bool,
    /// Whether to print instruction count and hash at the end.
    pub hash: bool,
    /// Where to write the record of the run.
    pub file: Option<OutFile>,
    /// Where to write the machine when it has come to its limit or was quit.
    pub snapshot: Option<OutFile>,
    /// Where to record what reaches the machine.
    pub record: Option<PathBuf>,
    /// The instruction count at which the run is to end.
    pub until: Option<u64>,
    /// What to print while it happens.
    pub trace: Vec<TraceTopic>,
    /// Whether perf is to find names for translated code.
    pub perf_map: bool,
}

/// What a machine came to.
#[derive(Clone, Debug)]
pub struct End {
    /// Why it stopped.
    pub outcome: Outcome,
    /// What its script still waited for.
    pub unfinished: Option<String>,
    /// Whether its script ended it.
    pub scripted_out: bool,
    /// The difference that lockstep found, or how a replay departs from its record.
    pub difference: Option<String>,
    /// What the host refused.
    pub failure: Option<String>,
    /// A hash of registers and memory.
    pub state: u64,
    /// The guest's processes.
    pub processes: Vec<Process>,
    /// Its counters.
    pub report: Report,
}

/// What became of one of several machines.
#[derive(Debug)]
pub struct Finished {
    /// The machine's name.
    pub name: String,
    /// What it came to, or why it could not.
    pub end: Result<End, CliError>,
}

impl End {
    /// What `vm` came to on `engine` in a run that took `host`. The state hash takes a look at all
    /// memory that was touched, and is left out (0) unless `hashed`.
    #[must_use]
    pub fn gather(
        vm: &Vm,
        engine: &AnyEngine,
        host: Duration,
        outcome: Outcome,
        hashed: bool,
    ) -> Self {
        let state = if hashed { state::hash(vm) } else { 0 };
        Self {
            outcome: state::outcome_after(vm, outcome),
            unfinished: None,
            scripted_out: false,
            difference: engine.difference().map(str::to_owned),
            failure: vm.ram.failure().map(ToString::to_string),
            state,
            processes: vm.processes(),
            report: Report::gather(vm, engine, host),
        }
    }

    /// How a run of this machine alone ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let exit = Exit::from(self.outcome);
        match self.unfinished {
            Some(_) => exit.with_unfinished_script(),
            None => exit,
        }
    }

    /// Why and when the run ended, and with which exit code; nothing if the guest powered off or a
    /// person ended it.
    fn told(&self) -> Option<String> {
        let why = match self.outcome {
            Outcome::Reset => "the guest reset its machine",
            Outcome::Limit => "the limit is reached",
            Outcome::Halted => "the guest waits for what cannot come",
            Outcome::Quit if self.scripted_out => "the script quit",
            Outcome::Moved => "the machine has moved to another monitor",
            Outcome::Reached => "the count of --until is reached",
            _ => return None,
        };
        let (instructions, seconds) = (self.report.instructions, self.report.guest_seconds);
        let code = self.exit() as u8;
        Some(format!(
            "{why} after {instructions} instructions and {seconds:.3} s of its time; exit code {code}"
        ))
    }

    fn record(&self) -> Record {
        Record {
            outcome: self.outcome.into(),
            unfinished: self.unfinished.clone(),
            state: format!("{:016x}", self.state),
            report: self.report.clone(),
        }
    }

    fn in_words(&self) -> String {
        let words = outcome_name(self.outcome);
        match self.unfinished {
            Some(_) => format!("{words}, script unfinished"),
            None => words.to_owned(),
        }
    }
}

impl Finished {
    fn exit(&self) -> Exit {
        match &self.end {
            Ok(end) => end.exit(),
            Err(error) => error.exit(),
        }
    }
}

impl Reports {
    /// Whether the state hash is wanted.
    pub(super) const fn want_state(&self) -> bool {
        self.hash || self.file.is_some()
    }

    /// Tells what the one machine of a run came to.
    pub(super) fn tell(&self, end: &End) -> Result<Exit, CliError> {
        if let Some(difference) = &end.difference {
            say(difference);
        }
        if let Some(told) = end.told() {
            complain(&told);
        }
        if self.stats {
            say(&table::render(&end.report));
        }
        if self.ps {
            say(&processes::render(&end.processes));
        }
        if self.hash {
            say(&format!("{}\n", hash(end)));
        }
        if let Some(file) = &self.file {
            file.write(&end.record().to_json()?)?;
        }
        if let Some(failure) = &end.failure {
            complain(failure);
        }
        if let Some(unfinished) = &end.unfinished {
            complain(unfinished);
        }
        Ok(end.exit())
    }

    /// Tells what became of several machines, and answers with how the run ends: as the machine
    /// with the gravest news.
    ///
    /// # Errors
    ///
    /// When the record of the run cannot be written.
    pub fn tell_all(&self, machines: &[Finished]) -> Result<Exit, CliError> {
        for Finished { name, end } in machines {
            match end {
                Ok(end) => self.tell_named(name, end),
                Err(error) => complain(&format!("{name}: {error}")),
            }
        }
        if let Some(file) = &self.file {
            let ended = machines.iter().filter_map(|machine| {
                let end = machine.end.as_ref().ok()?;
                Some(NamedRecord {
                    name: machine.name.clone(),
                    record: end.record(),
                })
            });
            file.write(&NamedRecord::list_to_json(&ended.collect::<Vec<_>>())?)?;
        }
        say(&ends(machines));
        let exits = machines.iter().map(Finished::exit);
        Ok(exits.fold(Exit::Done, Exit::graver))
    }

    /// Tells what the monitor did.
    pub(super) fn tell_of_monitor(&self, memory: &MachineMemory, switches: u64) {
        if self.stats {
            say(&monitor::render(memory, switches));
        }
    }

    fn tell_named(&self, name: &str, end: &End) {
        if let Some(difference) = &end.difference {
            say(&format!("{name}: {difference}"));
        }
        if self.stats {
            say(&format!("{name}\n{}\n", table::render(&end.report)));
        }
        if self.ps {
            say(&format!("{name}\n{}\n", processes::render(&end.processes)));
        }
        if self.hash {
            say(&format!("{name}: {}\n", hash(end)));
        }
        if let Some(unfinished) = &end.unfinished {
            complain(&format!("{name}: {unfinished}"));
        }
    }

    /// Has all told that is told while machines run; `translations` is told of these.
    ///
    /// # Errors
    ///
    /// If the host refuses the file for perf.
    pub(super) fn start(&self, translations: Option<Translations>) -> Result<(), CliError> {
        self.start_trace(translations);
        if self.perf_map {
            perf::begin()?;
        }
        Ok(())
    }

    /// Has what `--trace` names printed from now on, every warning, and `translations` told of those.
    fn start_trace(&self, translations: Option<Translations>) {
        let names = self.trace.iter().filter_map(ValueEnum::to_possible_value);
        let targets: Targets = names
            .map(|name| (name.get_name().to_owned(), Level::TRACE))
            .collect();
        // What cannot be told on standard error cannot be told at all.
        let traces = fmt::layer().log_internal_errors(false);
        let traces = traces.with_writer(io::stderr).without_time();
        let traces = traces.with_level(false).with_filter(targets);
        let warnings = fmt::layer().log_internal_errors(false);
        let warnings = warnings.with_writer(io::stderr).without_time();
        let warnings = warnings
            .with_target(false)
            .with_filter(Targets::new().with_target("mirrorball", Level::WARN));
        let translations = translations
            .map(|layer| layer.with_filter(Targets::new().with_target("blocks", Level::TRACE)));
        // Fails if there is a trace already, which is as good.
        let _ = tracing_subscriber::registry()
            .with(traces)
            .with(translations)
            .with(warnings)
            .try_init();
    }
}

fn hash(end: &End) -> String {
    let instructions = end.report.instructions;
    format!("instructions {instructions} state {:016x}", end.state)
}

/// A line for each machine: its name, how it ended, its instructions and its state hash.
fn ends(machines: &[Finished]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["name", "outcome", "instructions", "state"]);
    for Finished { name, end } in machines {
        table.add_row(match end {
            Ok(end) => [
                name.clone(),
                end.in_words(),
                end.report.instructions.to_string(),
                format!("{:016x}", end.state),
            ],
            Err(_) => [name.clone(), "failed".into(), String::new(), String::new()],
        });
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{}\n", table.trim_fmt())
}
