//! The keys of a VM and of the monitor, one row each, for machine files and `--vm` alike.
//!
//! A value comes as text, also from a file, where the row says which types may stand for it. So
//! a value means the same wherever it is written.

use std::path::{Path, PathBuf};

use mirrorball_runtime::cpu::model::{MODELS, Model};

use super::error::{Hint, Problem, SpecError};
use super::kinds::{CodeCache, ConsoleSpec, choice};
use super::monitor::MonitorSettings;
use super::place::{At, Place};
use super::settings::Settings;
use super::values::{self, ValueError};

/// Which types a value has in a machine file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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

/// A value as it was written.
pub(super) struct Given<'a> {
    pub text: &'a str,
    pub place: &'a Place,
    /// Where a relative path starts.
    pub folder: &'a Path,
}

impl Given<'_> {
    fn at<T>(&self, value: T) -> At<T> {
        At {
            value,
            place: self.place.clone(),
        }
    }

    fn path(&self) -> Result<PathBuf, ValueError> {
        if self.text.is_empty() {
            return Err(ValueError::Path);
        }
        Ok(self.folder.join(self.text))
    }

    fn path_at(&self) -> Result<At<PathBuf>, ValueError> {
        self.path().map(|path| self.at(path))
    }

    fn code_cache(&self) -> Result<CodeCache, ValueError> {
        Ok(match CodeCache::parse(self.text) {
            CodeCache::Folder(_) => CodeCache::Folder(self.path()?),
            other => other,
        })
    }

    fn flag_at(&self) -> Result<At<bool>, ValueError> {
        values::flag(self.text).map(|on| self.at(on))
    }

    fn console(&self) -> Result<At<ConsoleSpec>, ValueError> {
        let console = ConsoleSpec::parse(self.text)?;
        Ok(self.at(console.map_path(|path| self.folder.join(path))))
    }
}

type Setter<S> = fn(&mut S, &Given<'_>) -> Result<(), ValueError>;

/// A key.
pub(super) struct Key<S> {
    pub name: &'static str,
    pub kind: Kind,
    set: Setter<S>,
}

const fn key<S>(name: &'static str, kind: Kind, set: Setter<S>) -> Key<S> {
    Key { name, kind, set }
}

/// Stores a value that is one.
fn put<T>(slot: &mut Option<T>, value: Result<T, ValueError>) -> Result<(), ValueError> {
    *slot = Some(value?);
    Ok(())
}

fn model(text: &str) -> Result<&'static Model, ValueError> {
    let names = MODELS.iter().map(|model| model.name.to_owned());
    Model::find(text).ok_or_else(|| ValueError::choice(text, names))
}

/// The keys of a VM.
#[rustfmt::skip]
pub(super) static MACHINE: [Key<Settings>; 27] = [
    key("name", Kind::Text, |s, g| put(&mut s.name, values::name(g.text).map(|name| g.at(name)))),
    key("image", Kind::Text, |s, g| put(&mut s.image, g.path_at())),
    key("flat", Kind::Address, |s, g| put(&mut s.flat, values::address(g.text).map(|va| g.at(va)))),
    key("big-endian", Kind::Flag, |s, g| put(&mut s.big_endian, g.flag_at())),
    key("engine", Kind::Text, |s, g| put(&mut s.engine, choice(g.text))),
    key("cpu", Kind::Text, |s, g| put(&mut s.cpu, model(g.text))),
    key("memory", Kind::Amount, |s, g| put(&mut s.memory, g.text.parse().map_err(ValueError::from))),
    key("initrd", Kind::Text, |s, g| put(&mut s.initrd, g.path_at())),
    key("append", Kind::Text, |s, g| put(&mut s.append, Ok(g.text.to_owned()))),
    key("rtc", Kind::Date, |s, g| put(&mut s.rtc, g.text.parse())),
    key("second-tlb", Kind::Number, |s, g| put(&mut s.second_tlb, values::number(g.text, values::SECOND_TLB))),
    key("realtime", Kind::Flag, |s, g| put(&mut s.realtime, g.flag_at())),
    key("script", Kind::Text, |s, g| put(&mut s.script, g.path_at())),
    key("limit", Kind::Amount, |s, g| put(&mut s.limit, values::count(g.text))),
    key("hot", Kind::Number, |s, g| put(&mut s.hot, values::number(g.text, values::HOT))),
    key("baseline", Kind::Number, |s, g| put(&mut s.baseline, values::number(g.text, values::BASELINE))),
    key("region", Kind::Number, |s, g| put(&mut s.region, values::number(g.text, values::REGION))),
    key("jit-threads", Kind::Number, |s, g| put(&mut s.jit_threads, values::number(g.text, values::JIT_THREADS))),
    key("stride", Kind::Amount, |s, g| put(&mut s.stride, values::count(g.text))),
    key("cache-bytes", Kind::Amount, |s, g| put(&mut s.cache_bytes, values::bytes(g.text))),
    key("cache-unit", Kind::Amount, |s, g| put(&mut s.cache_unit, values::bytes(g.text))),
    key("cache-policy", Kind::Text, |s, g| put(&mut s.cache_policy, choice(g.text))),
    key("code-cache", Kind::Text, |s, g| put(&mut s.code_cache, g.code_cache())),
    key("share", Kind::Number, |s, g| put(&mut s.share, values::number(g.text, values::SHARE))),
    key("console", Kind::Text, |s, g| put(&mut s.console, g.console())),
    key("count", Kind::Number, |s, g| put(&mut s.count, values::number(g.text, values::COUNT))),
    key("hypercalls", Kind::Flag, |s, g| put(&mut s.hypercalls, values::flag(g.text))),
];

/// The keys of the monitor; those with a dot are in a table of their own.
#[rustfmt::skip]
pub(super) static MONITOR: [Key<MonitorSettings>; 9] = [
    key("host-threads", Kind::Number, |s, g| put(&mut s.host_threads, values::number(g.text, values::HOST_THREADS))),
    key("machine-memory", Kind::Amount, |s, g| put(&mut s.machine_memory, values::size(g.text))),
    key("swap.path", Kind::Text, |s, g| put(&mut s.swap_path, g.path_at())),
    key("swap.size", Kind::Amount, |s, g| put(&mut s.swap_size, values::size(g.text))),
    key("control", Kind::Text, |s, g| put(&mut s.control, g.path_at())),
    key("share-pages", Kind::Flag, |s, g| put(&mut s.share_pages, values::flag(g.text))),
    key("share-rate", Kind::Number, |s, g| put(&mut s.share_rate, values::number(g.text, values::SHARE_RATE))),
    key("jit-threads", Kind::Number, |s, g| put(&mut s.jit_threads, values::number(g.text, values::MONITOR_JIT_THREADS))),
    key("code-cache", Kind::Text, |s, g| put(&mut s.code_cache, g.code_cache())),
];

/// The key called `name`.
pub(super) fn find<'k, S>(keys: &'k [Key<S>], name: &str) -> Result<&'k Key<S>, Problem> {
    keys.iter().find(|key| key.name == name).ok_or_else(|| {
        let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
        Problem::Key {
            key: name.to_owned(),
            hint: Hint::new(name, &names),
        }
    })
}

impl<S> Key<S> {
    /// Has the value `given` be what `settings` say of this key.
    pub fn set(&self, settings: &mut S, given: &Given<'_>) -> Result<(), SpecError> {
        (self.set)(settings, given).map_err(|why| {
            Problem::Value {
                key: self.name.to_owned(),
                text: given.text.to_owned(),
                why,
            }
            .at(given.place)
        })
    }
}
