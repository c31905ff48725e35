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
use mirrorball_runtime::device::network::Mac;

use Allowed::{Any, Choices, Range, Words};
use Kind::{Address, Amount, Date, Flag, Number, Text, Texts};

use super::disk::{self, DiskSettings};
use super::folder::{self, FolderSettings};
use super::kinds::{self, CodeCache, ConsoleSpec};
use super::network::{self, NetSettings};
use super::place::{At, Place};
use super::values::{self, RngSeed, RtcStart, ValueError, listed_or};
use crate::image::MemorySize;

/// Which types a value has in a machine file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A string, or a list of strings, each of which is a value.
    Texts,
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
            Self::Texts => "a string in quotes, or a list of them",
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
    /// Any text, also one that starts with a hyphen.
    Text,
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
            Self::Any | Self::Text => None,
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
    /// The same, but for the text.
    pub(super) fn with(self, text: &'a OsStr) -> Self {
        Self { text, ..self }
    }

    /// A value that a switch of the program's has.
    #[must_use]
    pub fn switch(text: &'a OsStr) -> Self {
        Self {
            text,
            place: &Place::Switch,
            folder: Path::new(""),
        }
    }

    fn path(&self) -> Result<PathBuf, ValueError> {
        if self.text.is_empty() {
            return Err(ValueError::Path);
        }
        Ok(self.folder.join(self.text))
    }
}

/// How a value is read.
enum Read<T> {
    Text(fn(&str) -> Result<T, ValueError>),
    /// With a path in it.
    Path(fn(&Given<'_>) -> Result<T, ValueError>),
}

/// How the values of a setting are written.
pub(super) struct Form<T> {
    pub kind: Kind,
    /// What stands for a value in help.
    pub name: &'static str,
    pub allowed: Allowed,
    read: Read<T>,
    /// What a value makes of one that was given before.
    join: fn(&mut At<T>, At<T>),
}

impl<T> Form<T> {
    const fn new(kind: Kind, name: &'static str, allowed: Allowed, read: Read<T>) -> Self {
        Self {
            kind,
            name,
            allowed,
            read,
            join: |old, new| *old = new,
        }
    }

    /// Has `setting` be the value that is given, or the one that there is and this.
    pub fn set(&self, setting: &mut Option<At<T>>, given: &Given<'_>) -> Result<(), ValueError> {
        let value = self.read(given)?;
        match setting {
            Some(old) => (self.join)(old, value),
            None => *setting = Some(value),
        }
        Ok(())
    }

    /// The value that is given.
    fn read(&self, given: &Given<'_>) -> Result<At<T>, ValueError> {
        let value = match self.read {
            Read::Text(read) => read(given.text.to_str().ok_or(ValueError::Text)?)?,
            Read::Path(read) => read(given)?,
        };
        let place = given.place.clone();
        Ok(At { value, place })
    }
}

/// A whole number from `LEAST` to `MOST`.
pub(super) const fn number<const LEAST: i64, const MOST: i64>() -> Form<u32> {
    let read = Read::Text(|text| values::number(text, LEAST..=MOST));
    Form::new(Number, "N", Range(LEAST, MOST), read)
}

/// A path; help calls it `name`.
pub(super) const fn path(name: &'static str) -> Form<PathBuf> {
    Form::new(Text, name, Any, Read::Path(|given| given.path()))
}

/// One of the choices that `T` has; help calls it `name`.
pub(super) const fn choice<T: ValueEnum>(name: &'static str) -> Form<T> {
    Form::new(
        Text,
        name,
        Choices(kinds::choices::<T>),
        Read::Text(kinds::choice),
    )
}

/// A value that `words` describe, in a text that `read` reads.
const fn text<T>(
    kind: Kind,
    name: &'static str,
    words: &'static str,
    read: fn(&str) -> Result<T, ValueError>,
) -> Form<T> {
    Form::new(kind, name, Words(words), Read::Text(read))
}

pub(super) const TEXT: Form<String> = Form::new(
    Text,
    "TEXT",
    Allowed::Text,
    Read::Text(|text| Ok(text.to_owned())),
);
pub(super) const FLAG: Form<bool> = Form::new(Flag, "on|off", Any, Read::Text(values::flag));
pub(super) const MODEL: Form<&'static Model> =
    Form::new(Text, "MODEL", Choices(models), Read::Text(model));
pub(super) const NAME: Form<String> = text(Text, "NAME", NAME_WORDS, values::name);
pub(super) const SERIAL: Form<String> = text(Text, "SERIAL", SERIAL_WORDS, values::serial);
pub(super) const COUNT: Form<u64> = text(Amount, "N", COUNT_WORDS, values::count);
pub(super) const BYTES: Form<usize> = text(Amount, "BYTES", BYTES_WORDS, values::bytes);
pub(super) const SIZE: Form<u64> = text(Amount, "SIZE", SIZE_WORDS, values::size);
pub(super) const MEMORY: Form<MemorySize> = text(Amount, "SIZE", MEMORY_WORDS, |s| Ok(s.parse()?));
pub(super) const ADDRESS: Form<Va> = text(Address, "ADDRESS", ADDRESS_WORDS, values::address);
pub(super) const DATE: Form<RtcStart> = text(Date, "DATE", DATE_WORDS, str::parse);
pub(super) const SEED: Form<RngSeed> = text(Text, "SEED", SEED_WORDS, str::parse);
pub(super) const CODE_CACHE: Form<CodeCache> = Form::new(
    Text,
    "DIR",
    Words("a folder, or off"),
    Read::Path(code_cache),
);
pub(super) const MAC: Form<Mac> = text(Text, "MAC", MAC_WORDS, values::mac);
/// A list, to which each value adds one. A copy's number may be in it.
pub(super) const FORWARD: Form<Vec<String>> = Form {
    join: |old, new| old.value.extend(new.value),
    ..text(Texts, "FORWARD", FORWARD_WORDS, |s| Ok(vec![s.to_owned()]))
};
pub(super) const NET: Form<Vec<NetSettings>> = Form {
    join: |old, new| old.value.extend(new.value),
    ..Form::new(
        Texts,
        "NET",
        Words(NET_WORDS),
        Read::Path(|given| Ok(vec![network::parse(given)?])),
    )
};
/// A list, to which each value adds one.
pub(super) const DISK: Form<Vec<DiskSettings>> = Form {
    join: |old, new| old.value.extend(new.value),
    ..Form::new(
        Texts,
        "FILE[,KEY=VALUE]",
        Words(DISK_WORDS),
        Read::Path(|given| Ok(vec![disk::parse(given)?])),
    )
};
/// A list, to which each value adds one.
pub(super) const FOLDER: Form<Vec<FolderSettings>> = Form {
    join: |old, new| old.value.extend(new.value),
    ..Form::new(
        Texts,
        "PATH[,KEY=VALUE]",
        Words(FOLDER_WORDS),
        Read::Path(|given| Ok(vec![folder::parse(given)?])),
    )
};
pub(super) const CONSOLE: Form<ConsoleSpec> =
    Form::new(Text, "CONSOLE", Words(CONSOLE_WORDS), Read::Path(console));

const NAME_WORDS: &str = "1 to 64 letters, digits, '-', '_' and '.', first a letter or a digit";
const SERIAL_WORDS: &str = "1 to 20 letters, digits, '-', '_' and '.'";
const COUNT_WORDS: &str = "1 up, with k, M or G for thousands, as in 300M";
const BYTES_WORDS: &str = "4K to 1G: a number with b, K, M or G";
const SIZE_WORDS: &str = "1M to 1T: a number of MiB, or a number with b, K, M, G or T";
const MEMORY_WORDS: &str = "1M to 2G: a number of MiB, or a number with b, K, M or G";
const ADDRESS_WORDS: &str = "0x and up to 8 hexadecimal digits";
const DATE_WORDS: &str = "YYYY-MM-DDTHH:MM:SS from 1970 to 2099, in UTC, or now";
const DISK_WORDS: &str =
    "FILE,KEY=VALUE,.. with keys readonly, snapshot, serial, bus, format, cache and backing";
const FOLDER_WORDS: &str = "PATH,KEY=VALUE,.. with keys tag and readonly";
const MAC_WORDS: &str = "six pairs of hexadecimal digits, as in 52:54:00:12:34:56";
const FORWARD_WORDS: &str = "tcp:[ADDRESS]:PORT-[GUEST]:PORT, as in tcp::2222-:22";
const NET_WORDS: &str =
    "user, subnet=NAME or tap=NAME, and KEY=VALUE,.. with keys hostfwd (of user), mac and pcap";
const SEED_WORDS: &str = "64 hexadecimal digits, or host";
const CONSOLE_WORDS: &str = "terminal, none, file:PATH or socket:PATH";

fn code_cache(given: &Given<'_>) -> Result<CodeCache, ValueError> {
    if given.text == "off" {
        return Ok(CodeCache::Off);
    }
    given.path().map(CodeCache::Folder)
}

fn console(given: &Given<'_>) -> Result<ConsoleSpec, ValueError> {
    let text = given.text.to_str().ok_or(ValueError::Text)?;
    Ok(ConsoleSpec::parse(text)?.map_path(|path| given.folder.join(path)))
}

/// The CPU models, by the names that the monitor's table gives them.
fn models() -> Vec<PossibleValue> {
    let value = |model: &Model| {
        let value = PossibleValue::new(model.name);
        if model.is_wide() {
            value.help("64-bit registers, as an experiment: a part of MIPS64, no guest kernels")
        } else {
            value
        }
    };
    MODELS.iter().map(value).collect()
}

fn model(text: &str) -> Result<&'static Model, ValueError> {
    let names = MODELS.iter().map(|model| model.name.to_owned());
    Model::find(text).ok_or_else(|| ValueError::choice(text, names))
}
