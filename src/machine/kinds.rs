//! The choices that a VM's description has, by the names that users write.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::values::ValueError;
use crate::cache::units::Policy;

/// What executes the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// The interpreter
    Interp,
    /// Translation to host code, the interpreter for what is cold
    Jit,
    /// Both, compared after each block or way through a region; stops at the first difference
    Lockstep,
}

impl EngineKind {
    /// Its name, as users write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interp => "interp",
            Self::Jit => "jit",
            Self::Lockstep => "lockstep",
        }
    }
}

/// What becomes of a machine whose guest resets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnReset {
    /// It ends
    #[default]
    Exit,
    /// It starts anew, from its image
    Restart,
}

/// What goes when the code cache is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyName {
    /// All of it: simple, and the working set is translated again
    Flush,
    /// The unit that was filled first
    Fifo,
    /// The unit that was entered least of late
    LeastUsed,
}

impl From<PolicyName> for Policy {
    fn from(name: PolicyName) -> Self {
        match name {
            PolicyName::Flush => Self::Flush,
            PolicyName::Fifo => Self::Fifo,
            PolicyName::LeastUsed => Self::LeastUsed,
        }
    }
}

/// Where translations are kept for later runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum CodeCache {
    /// Nowhere.
    #[default]
    Off,
    /// In this folder, which the user named.
    Folder(PathBuf),
    /// In a folder of the user's that was not named. Its size is bounded, and the machine runs
    /// without it if it cannot be used.
    User(PathBuf),
}

impl CodeCache {
    /// The folder for translations in the user's cache folder, if the environment names one.
    #[must_use]
    pub fn of_user() -> Self {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        let absolute = |path: &PathBuf| path.is_absolute();
        let named = path("XDG_CACHE_HOME").filter(absolute);
        let usual = || Some(path("HOME").filter(absolute)?.join(".cache"));
        match named.or_else(usual) {
            Some(folder) => Self::User(folder.join("mirrorball")),
            None => Self::Off,
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Off => None,
            Self::Folder(path) | Self::User(path) => Some(path),
        }
    }
}

/// Where a guest's serial console is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConsoleSpec {
    /// At the terminal that the program was started from.
    #[default]
    Terminal,
    /// In a file, which is written anew; only a script types.
    File(PathBuf),
    /// At a Unix socket.
    Socket(PathBuf),
    /// Nowhere: what the guest prints goes to its script alone.
    None,
}

/// The most bytes that the path of a Unix socket has.
pub(super) const SOCKET_PATH: usize = 107;

impl ConsoleSpec {
    /// Reads `terminal`, `none`, `file:PATH` or `socket:PATH`.
    ///
    /// # Errors
    ///
    /// When it is none of them.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        match text.split_once(':') {
            None if text == "terminal" => Ok(Self::Terminal),
            None if text == "none" => Ok(Self::None),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("socket", path)) if !path.is_empty() => Ok(Self::Socket(path.into())),
            _ => Err(ValueError::Console),
        }
    }

    /// The file or socket.
    #[must_use]
    pub const fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) | Self::Socket(path) => Some(path),
            Self::Terminal | Self::None => None,
        }
    }

    /// The same, with what `change` makes of the path.
    pub(super) fn map_path(self, change: impl FnOnce(PathBuf) -> PathBuf) -> Self {
        match self {
            Self::File(path) => Self::File(change(path)),
            Self::Socket(path) => Self::Socket(change(path)),
            other => other,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Terminal => "terminal".to_owned(),
            Self::None => "none".to_owned(),
            Self::File(path) => format!("file:{}", path.display()),
            Self::Socket(path) => format!("socket:{}", path.display()),
        }
    }
}

/// The choices that there are.
pub(super) fn choices<T: ValueEnum>() -> Vec<PossibleValue> {
    let all = T::value_variants().iter();
    all.filter_map(ValueEnum::to_possible_value).collect()
}

/// The choice that `text` names, in any case of letters.
pub(super) fn choice<T: ValueEnum>(text: &str) -> Result<T, ValueError> {
    T::from_str(text, true).map_err(|_| {
        let names = choices::<T>().into_iter();
        ValueError::choice(text, names.map(|name| name.get_name().to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consoles_are_written_as_they_are_shown() {
        for text in ["terminal", "none", "file:/a:b", "socket:s"] {
            assert_eq!(ConsoleSpec::parse(text).unwrap().shown(), text);
        }
        for text in ["", "tty", "file", "file:", "socket:", "none:x"] {
            assert_eq!(ConsoleSpec::parse(text), Err(ValueError::Console), "{text}");
        }
    }

    #[test]
    fn a_wrong_choice_names_the_right_ones() {
        assert_eq!(choice("jit"), Ok(EngineKind::Jit));
        assert_eq!(
            choice::<EngineKind>("inter").unwrap_err().to_string(),
            "there are interp, jit and lockstep; did you mean interp?"
        );
    }
}
