//! Machine files: TOML with a table `[monitor]` and a table `[[vm]]` for each machine.
//!
//! The document is walked as it was parsed, with the place of each key and value, so that every
//! mistake is told with its line and column. What a key means is the business of `super::settings`.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::ops::Range;
use std::path::Path;
use std::slice;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::error::{Hint, Problem, SpecError};
use super::form::{Given, Kind};
use super::place::Place;
use super::settings::{MonitorSettings, Settings};
use super::table::Table;
use crate::image::file;

/// What a machine file says.
#[derive(Clone, Debug, Default)]
pub struct MachineFile {
    /// Of the monitor.
    pub monitor: MonitorSettings,
    /// Of the machines, in their order.
    pub machines: Vec<Settings>,
}

impl MachineFile {
    /// Reads the machine file at `path`. Relative paths in it start from its folder.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no TOML, or has wrong keys or values.
    pub fn open(path: &Path) -> Result<Self, SpecError> {
        let name = path.display().to_string();
        let bytes = file::read(path).map_err(|error| Problem::from(error).at(&Place::Switch))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&name, folder, &text),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
                Err(Problem::NotText.at(&Place::in_file(&name.into(), &text, valid)))
            }
        }
    }

    /// Reads the machine file `text`, which messages call `name`, and in which relative paths
    /// start from `folder`.
    ///
    /// # Errors
    ///
    /// When it is no TOML, or has wrong keys or values.
    pub fn parse(name: &str, folder: &Path, text: &str) -> Result<Self, SpecError> {
        let reader = Reader {
            file: name.into(),
            folder,
            text,
        };
        let document = DeTable::parse(text).map_err(|error| {
            let place = reader.place(error.span().unwrap_or_default());
            let lines: Vec<&str> = error.message().lines().map(str::trim).collect();
            Problem::Syntax(lines.join("; ")).at(&place)
        })?;
        reader.document(document.get_ref())
    }
}

/// A file that is being read.
struct Reader<'a> {
    file: Arc<str>,
    folder: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place::in_file(&self.file, self.text, span.start)
    }

    fn document(&self, document: &DeTable<'_>) -> Result<MachineFile, SpecError> {
        let mut read = MachineFile::default();
        for (key, value) in in_order(document) {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("monitor", DeValue::Table(table)) => {
                    self.table(table, "", &mut read.monitor)?;
                }
                ("vm", DeValue::Array(tables)) => {
                    for table in tables {
                        read.machines.push(self.machine(table)?);
                    }
                }
                ("vm", DeValue::Table(_)) => {
                    let problem = Problem::OneTable("vm".to_owned());
                    return Err(problem.at(&self.place(key.span())));
                }
                ("monitor", _) => return Err(self.wrong_type("monitor", value, "[monitor]")),
                ("vm", _) => return Err(self.wrong_type("vm", value, "[[vm]]")),
                (name, _) => {
                    let problem = Problem::Key {
                        key: name.to_owned(),
                        hint: match Hint::new(name, &["monitor", "vm"]) {
                            Hint::All(_) => Hint::All("[monitor] and [[vm]]".to_owned()),
                            meant => meant,
                        },
                    };
                    return Err(problem.at(&self.place(key.span())));
                }
            }
        }
        if read.machines.is_empty() {
            let end = self.text.len();
            return Err(Problem::NoMachine.at(&self.place(end..end)));
        }
        Ok(read)
    }

    fn machine(&self, value: &Spanned<DeValue<'_>>) -> Result<Settings, SpecError> {
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.wrong_type("vm", value, "[[vm]]"));
        };
        let mut settings = Settings {
            place: self.place(value.span()),
            ..Settings::default()
        };
        self.table(table, "", &mut settings)?;
        Ok(settings)
    }

    /// Has `settings` be what `table` says, whose keys' names start with `prefix`.
    fn table<S: Table>(
        &self,
        table: &DeTable<'_>,
        prefix: &str,
        settings: &mut S,
    ) -> Result<(), SpecError> {
        for (key, value) in in_order(table) {
            let name = format!("{prefix}{}", key.get_ref());
            let inner = format!("{name}.");
            if S::ROWS.iter().any(|row| row.entry.name.starts_with(&inner)) {
                let DeValue::Table(table) = value.get_ref() else {
                    return Err(self.wrong_type(&name, value, "a table in braces"));
                };
                self.table(table, &inner, settings)?;
                continue;
            }
            let row = S::row(&name).map_err(|problem| problem.at(&self.place(key.span())))?;
            let kind = row.entry.kind;
            for value in values(kind, value) {
                let Some(text) = text(kind, value.get_ref()) else {
                    return Err(self.wrong_type(&name, value, kind.wanted()));
                };
                let given = Given {
                    text: OsStr::new(text.as_ref()),
                    place: &self.place(value.span()),
                    folder: self.folder,
                };
                row.set(settings, &given)?;
            }
        }
        Ok(())
    }

    fn wrong_type(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        wanted: &'static str,
    ) -> SpecError {
        Problem::Type {
            key: key.to_owned(),
            shown: shown(self.text.get(value.span()).unwrap_or_default()),
            found: type_name(value.get_ref()),
            wanted,
        }
        .at(&self.place(value.span()))
    }
}

/// The entries of `table` as they follow each other in the file.
fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t Spanned<Cow<'i, str>>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The values of `kind` that `value` holds.
fn values<'v, 'i>(kind: Kind, value: &'v Spanned<DeValue<'i>>) -> &'v [Spanned<DeValue<'i>>] {
    match (kind, value.get_ref()) {
        (Kind::Texts, DeValue::Array(values)) => values,
        _ => slice::from_ref(value),
    }
}

/// A value of `kind` as text; nothing if it is of another type.
fn text<'v>(kind: Kind, value: &'v DeValue<'_>) -> Option<Cow<'v, str>> {
    match (kind, value) {
        (Kind::Number | Kind::Flag, DeValue::String(_)) => None,
        (_, DeValue::String(text)) => Some(Cow::Borrowed(text)),
        (Kind::Number | Kind::Amount, DeValue::Integer(number)) => {
            Some(integer(number)?.to_string().into())
        }
        (Kind::Address, DeValue::Integer(number)) => {
            Some(format!("{:#x}", integer(number)?).into())
        }
        (Kind::Date, DeValue::Datetime(date)) => Some(date.to_string().into()),
        (Kind::Flag, DeValue::Boolean(on)) => Some(on.to_string().into()),
        _ => None,
    }
}

fn integer(number: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

const fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The start of what was written, for a message.
fn shown(written: &str) -> String {
    const MOST: usize = 40;
    let line = written.lines().next().unwrap_or_default();
    let start: String = line.chars().take(MOST).collect();
    if start.len() < written.len() {
        format!("{start}...")
    } else {
        start
    }
}

#[cfg(test)]
mod tests;
