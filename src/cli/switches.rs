//! The switches that commands have from the table of settings.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::slice;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::CliError;
use crate::machine::form::{Allowed, Given};
use crate::machine::table::{Action, Entry, Row, Table, Taker};
use crate::machine::{At, ConsoleSpec, Files, MachineSpec, MonitorSettings, Settings, Uses};

/// The settings that the switches of a command say, of those that the table gives it.
#[derive(Clone, Debug)]
pub(super) struct Switches<S, const TAKER: u8>(pub S);

pub(super) type RunSwitches = Switches<Settings, { Taker::Run as u8 }>;
pub(super) type MonitorSwitches = Switches<MonitorSettings, { Taker::Run as u8 }>;
pub(super) type TraceSwitches = Switches<Settings, { Taker::Trace as u8 }>;
pub(super) type DisasmSwitches = Switches<Settings, { Taker::Disasm as u8 }>;
pub(super) type MeasureSwitches = Switches<Settings, { Taker::Measure as u8 }>;

impl<S: Table, const TAKER: u8> Switches<S, TAKER> {
    /// The rows that the command has a switch of.
    fn rows() -> impl Iterator<Item = &'static Row<S>> {
        let taken = |taker: &Taker| *taker as u8 == TAKER;
        S::ROWS
            .iter()
            .filter(move |row| row.entry.takers.iter().any(taken))
    }
}

impl<const TAKER: u8> Switches<Settings, TAKER> {
    /// The one machine with this image that they describe. Its console is nowhere unless they say where. A
    /// command that writes a file of its own says what that is, and its path.
    ///
    /// # Errors
    /// If there is no such machine, or its outputs would overwrite what it reads or each other.
    pub fn machine(
        &self,
        image: Option<&Path>,
        written: Option<(&'static str, &Path)>,
    ) -> Result<MachineSpec, CliError> {
        let mut settings = self.0.clone();
        settings.image = image.map(|image| At::switch(image.to_owned()));
        let nowhere = At::switch(ConsoleSpec::None);
        settings.console.get_or_insert(nowhere);
        let mut files = Files::default();
        let machine = settings.machine(&mut files)?;
        let mut uses = Uses::default();
        files.note(&mut uses);
        if let Some((what, path)) = written {
            uses.write(what, path);
        }
        uses.consoles(slice::from_ref(&machine));
        uses.disks(slice::from_ref(&machine));
        uses.captures(slice::from_ref(&machine));
        uses.are_apart()?;
        Ok(machine)
    }
}

impl<S: Table, const TAKER: u8> FromArgMatches for Switches<S, TAKER> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut read = Self(S::default());
        read.update_from_arg_matches(matches)?;
        Ok(read)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for row in Self::rows() {
            let name = row.entry.name;
            let flag = |text| matches.get_flag(name).then_some(OsStr::new(text));
            let texts: Vec<&OsStr> = match row.entry.action {
                Action::Value => {
                    let texts = matches.get_many::<OsString>(name).into_iter();
                    texts.flatten().map(OsString::as_os_str).collect()
                }
                Action::On => flag("on").into_iter().collect(),
                Action::Off(..) => flag("off").into_iter().collect(),
            };
            for text in texts {
                row.set(&mut self.0, &Given::switch(text))
                    .map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, error))?;
            }
        }
        Ok(())
    }
}

impl<S: Table, const TAKER: u8> Args for Switches<S, TAKER> {
    fn augment_args(command: Command) -> Command {
        command.args(Self::rows().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The argument that the switch of a row is to clap.
fn arg<S: Table>(row: &'static Row<S>) -> Arg {
    let entry = &row.entry;
    let arg = Arg::new(entry.name)
        .help_heading(entry.heading)
        .short(entry.short);
    let arg = match entry.needs {
        Some(needs) => arg.requires(needs),
        None => arg,
    };
    match entry.action {
        Action::Value => with_value(arg, row),
        Action::On => flag(arg, entry.name, entry.meaning()),
        Action::Off(name, about) => flag(arg, name, about),
    }
}

fn flag(arg: Arg, name: &'static str, about: &'static str) -> Arg {
    arg.long(name).action(ArgAction::SetTrue).help(about)
}

fn with_value<S: Table>(arg: Arg, row: &'static Row<S>) -> Arg {
    let entry = &row.entry;
    let action = match entry.is_list() {
        true => ArgAction::Append,
        false => ArgAction::Set,
    };
    arg.long(entry.name)
        .action(action)
        .value_name(entry.value_name)
        .value_parser(parser(row))
        .ignore_case(true)
        .allow_hyphen_values(matches!(entry.allowed, Allowed::Text))
        .help(help(entry, " ", " "))
        .long_help(help(entry, "\n\n", "\n"))
}

/// Refuses what the row refuses. The text goes on as it is: the row reads it in the end.
fn parser<S: Table>(row: &'static Row<S>) -> ValueParser {
    match row.entry.allowed {
        Allowed::Choices(choices) => PossibleValuesParser::new(choices())
            .map(OsString::from)
            .into(),
        _ => OsStringValueParser::new()
            .try_map(|text| row.check(&Given::switch(&text)).map(|()| text))
            .into(),
    }
}

/// What the switch of `entry` means, and between `first` and `more` what it may be and what it is
/// by default. Choices clap adds itself.
fn help(entry: &Entry, first: &str, more: &str) -> String {
    let allowed = match entry.allowed {
        Allowed::Choices(_) => None,
        allowed => allowed.in_words(),
    };
    let notes = [
        ("values", allowed.unwrap_or_default()),
        ("default", entry.default.to_owned()),
    ];
    let notes = notes.iter().filter(|(_, note)| !note.is_empty());
    let notes: Vec<String> = notes
        .map(|(name, note)| format!("[{name}: {note}]"))
        .collect();
    let text = [entry.meaning(), notes.join(more).as_str()].join(first);
    text.trim_end().to_owned()
}
