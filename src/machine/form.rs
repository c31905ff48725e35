//! The forms that values have: how each is read, of which type it is in a machine file, and what
//! help says that it may be.
//!
//! A value comes as text, also from a file, where its kind says which types may stand for it. So
//! a value means the same wherever it is written.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::model::{MODELS, Model};

use super::kinds::{self, CodeCache, ConsoleSpec};
use super::place::Place;
use super::values::{self, RtcStart, ValueError, listed_or};
use crate::image::MemorySize;

/// Which types a value has in a machine file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// A whole number, or a string that holds one with a unit.
    Amount,
    /// A whole number, or a string that holds one in hexadecimal.
    Address,
    /// A date and time, or a string.
    Date,
    /// True or false.
    Flag,
}

impl Kind {
    /// What a value has to be, for messages.
    #[must_use]
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::Text => "a string in quotes",
            Self::Number => "a whole number",
            Self::Amount => "a whole number, or one with a unit in quotes",
            Self::Address => "an address such as 0x80100000",
            Self::Date => "a date such as 2026-01-01T00:00:00",
            Self::Flag => "true or false",
        }
    }
}

/// Which values there are.
#[derive(Clone, Copy, Debug)]
pub enum Allowed {
    /// All that are of the kind.
    Any,
    /// Those that these words describe.
    Words(&'static str),
    /// The whole numbers from one to another.
    Range(i64, i64),
    /// Those with these names, in any case of letters.
    Choices(fn() -> Vec<PossibleValue>),
}

impl Allowed {
    /// The values in words, if there is more to say than their kind.
    #[must_use]
    pub fn in_words(self) -> Option<String> {
        match self {
            Self::Any => None,
            Self::Words(words) => Some(words.to_owned()),
            Self::Range(least, most) => Some(format!("{least} to {most}")),
            Self::Choices(choices) => {
                let choices = choices();
                let names: Vec<&str> = choices.iter().map(PossibleValue::get_name).collect();
                Some(listed_or(&names))
            }
        }
    }
}

/// A value as it was written.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Its text.
    pub text: &'a OsStr,
    /// Where it was written.
    pub place: &'a Place,
    /// Where a relative path starts.
    pub folder: &'a Path,
}

impl<'a> Given<'a> {
    /// A value that a switch of the program's has.
    #[must_use]
    pub fn switch(text: &'a OsStr) -> Self {
        Self {
            text,
            place: &Place::Switch,
            folder: Path::new(""),
        }
    }

    fn text(&self) -> Result<&'a str, ValueError> {
        self.text.to_str().ok_or(ValueError::Text)
    }

    fn path(&self) -> Result<PathBuf, ValueError> {
        if self.text.is_empty() {
            return Err(ValueError::Path);
        }
        Ok(self.folder.join(self.text))
    }

    fn code_cache(&self) -> Result<CodeCache, ValueError> {
        if self.text == "off" {
            return Ok(CodeCache::Off);
        }
        self.path().map(CodeCache::Folder)
    }

    fn console(&self) -> Result<ConsoleSpec, ValueError> {
        let console = ConsoleSpec::parse(self.text()?)?;
        Ok(console.map_path(|path| self.folder.join(path)))
    }
}

/// How the values of a setting are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form<T> {
    pub kind: Kind,
    /// What stands for a value in help.
    pub name: &'static str,
    pub allowed: Allowed,
    pub read: fn(&Given<'_>) -> Result<T, ValueError>,
}

/// A whole number from `LEAST` to `MOST`.
pub(super) const fn number<const LEAST: i64, const MOST: i64>() -> Form<u32> {
    Form {
        kind: Kind::Number,
        name: "N",
        allowed: Allowed::Range(LEAST, MOST),
        read: |given| values::number(given.text()?, LEAST..=MOST),
    }
}

/// A path; help calls it `name`.
pub(super) const fn path(name: &'static str) -> Form<PathBuf> {
    Form {
        kind: Kind::Text,
        name,
        allowed: Allowed::Any,
        read: |given| given.path(),
    }
}

/// One of the choices that `T` has; help calls it `name`.
pub(super) const fn choice<T: ValueEnum>(name: &'static str) -> Form<T> {
    Form {
        kind: Kind::Text,
        name,
        allowed: Allowed::Choices(kinds::choices::<T>),
        read: |given| kinds::choice(given.text()?),
    }
}

const fn of_kind<T>(
    kind: Kind,
    name: &'static str,
    allowed: Allowed,
    read: fn(&Given<'_>) -> Result<T, ValueError>,
) -> Form<T> {
    Form {
        kind,
        name,
        allowed,
        read,
    }
}

pub(super) const TEXT: Form<String> = of_kind(Kind::Text, "TEXT", Allowed::Any, |given| {
    given.text().map(str::to_owned)
});

pub(super) const FLAG: Form<bool> = of_kind(Kind::Flag, "on|off", Allowed::Any, |given| {
    values::flag(given.text()?)
});

pub(super) const NAME: Form<String> = of_kind(
    Kind::Text,
    "NAME",
    Allowed::Words("1 to 64 letters, digits, '-', '_' and '.', first a letter or a digit"),
    |given| values::name(given.text()?),
);

/// A number of instructions.
pub(super) const COUNT: Form<u64> = of_kind(
    Kind::Amount,
    "N",
    Allowed::Words("1 up, with k, M or G for thousands, as in 300M"),
    |given| values::count(given.text()?),
);

/// Bytes of the host's.
pub(super) const BYTES: Form<usize> = of_kind(
    Kind::Amount,
    "BYTES",
    Allowed::Words("4K to 1G: a number with b, K, M or G"),
    |given| values::bytes(given.text()?),
);

/// Memory or disk for all machines.
pub(super) const SIZE: Form<u64> = of_kind(
    Kind::Amount,
    "SIZE",
    Allowed::Words("1M to 1T: a number of MiB, or a number with b, K, M, G or T"),
    |given| values::size(given.text()?),
);

/// The memory of a machine.
pub(super) const MEMORY: Form<MemorySize> = of_kind(
    Kind::Amount,
    "SIZE",
    Allowed::Words("1M to 2G: a number of MiB, or a number with b, K, M or G"),
    |given| Ok(given.text()?.parse()?),
);

pub(super) const ADDRESS: Form<Va> = of_kind(
    Kind::Address,
    "ADDRESS",
    Allowed::Words("0x and up to 8 hexadecimal digits"),
    |given| values::address(given.text()?),
);

pub(super) const DATE: Form<RtcStart> = of_kind(
    Kind::Date,
    "DATE",
    Allowed::Words("YYYY-MM-DDTHH:MM:SS from 1970 to 2099, in UTC, or now"),
    |given| given.text()?.parse(),
);

pub(super) const MODEL: Form<&'static Model> =
    of_kind(Kind::Text, "MODEL", Allowed::Choices(models), |given| {
        model(given.text()?)
    });

pub(super) const CODE_CACHE: Form<CodeCache> = of_kind(
    Kind::Text,
    "DIR",
    Allowed::Words("a folder, or off"),
    |given| given.code_cache(),
);

pub(super) const CONSOLE: Form<ConsoleSpec> = of_kind(
    Kind::Text,
    "CONSOLE",
    Allowed::Words("terminal, none, file:PATH or socket:PATH"),
    |given| given.console(),
);

/// The CPU models, by the names that the monitor's table gives them.
fn models() -> Vec<PossibleValue> {
    let models = MODELS.iter();
    models.map(|model| PossibleValue::new(model.name)).collect()
}

fn model(text: &str) -> Result<&'static Model, ValueError> {
    let names = MODELS.iter().map(|model| model.name.to_owned());
    Model::find(text).ok_or_else(|| ValueError::choice(text, names))
}
