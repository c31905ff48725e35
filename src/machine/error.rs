//! What can be wrong with the description of a machine, one line each: the place, the value, the
//! way out.

use std::fmt;

use thiserror::Error;

use super::apart::Role;
use super::place::Place;
use super::values::{ValueError, did_you_mean, listed};
use crate::console::ScriptError;
use crate::image::{FileError, ImageError};
use crate::record::RecordError;
use crate::snapshot::SnapshotError;

/// Why machines cannot be what was asked for.
#[derive(Debug, Error)]
#[error("{place}{problem}")]
pub struct SpecError {
    /// Where it was asked for.
    pub place: Place,
    /// What is wrong with it.
    #[source]
    pub problem: Box<Problem>,
}

/// What is wrong.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum Problem {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error("is not UTF-8 text; write the file anew")]
    NotText,
    #[error("{0}")]
    Syntax(String),
    #[error("unknown key {key}{hint}")]
    Key { key: String, hint: Hint },
    #[error("{key} = {shown} is {found}; write {wanted}")]
    Type {
        key: String,
        shown: String,
        found: &'static str,
        wanted: &'static str,
    },
    #[error("{key} = {text:?}: {why}")]
    Value {
        key: String,
        text: String,
        why: ValueError,
    },
    #[error("{0} has no value; write {0}=VALUE")]
    NoValue(String),
    #[error("{0} is given twice; remove one")]
    Twice(String),
    #[error("a quote is not closed; close it, or write \\' or \\\" for the character itself")]
    Unclosed,
    #[error("ends in a backslash; write \\\\ for the character itself")]
    Backslash,
    #[error("a comma has nothing on one side; remove it, or put the value that it is in in quotes")]
    Empty,
    #[error("{0} is a table; write [[{0}]], once for each machine")]
    OneTable(String),
    #[error("has no machine; add a table [[vm]]")]
    NoMachine,
    #[error("{name:?} is the name of another machine as well{first}; give each a name of its own")]
    Name { name: String, first: Other },
    #[error("{console} is the console of {name} as well; name another one, or put {{n}} in it")]
    Console { console: String, name: String },
    #[error(
        "{path} is {role}, but {first} is {first_role} and the same file; write to another one"
    )]
    SameFile {
        path: String,
        role: Role,
        first: String,
        first_role: Role,
    },
    #[error("--engine lockstep compares engines in virtual time; leave out --realtime")]
    LockstepRealtime,
    #[error("realtime is the host's time, and fast-forward is not; leave one of them out")]
    TwoPaces,
    #[error("a disk is readonly or a snapshot; leave out one of them")]
    SnapshotReadonly,
    #[error("a machine has up to {0} disks; leave out some")]
    Disks(usize),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("{0} is what the snapshot says; leave it out")]
    Saved(&'static str),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("a record has all that reached the machine, and begins with a snapshot; leave out {0}")]
    Replayed(&'static str),
    #[error("a machine has up to {0} network ports; leave out some")]
    Networks(usize),
    #[error("a machine shares up to {0} folders; leave out some")]
    Folders(usize),
    #[error("an initrd needs a kernel; name an image")]
    InitrdAlone,
    #[error(
        "big-endian is for flat binaries, of which flat says the address, and for firmware without a kernel; leave it out"
    )]
    OrderAlone,
    #[error("flat is for an image; name one")]
    FlatAlone,
    #[error("a swap file needs a size; write swap = {{ size = \"1G\" }}")]
    SwapSize,
    #[error("{0}: is no folder; make it or name another one")]
    NoFolder(String),
}

/// What to write instead of an unknown key.
#[derive(Debug)]
pub enum Hint {
    /// This.
    Meant(String),
    /// One of these.
    All(String),
    /// A quoted value, of which this is a part.
    Quote,
}

impl Hint {
    /// A hint for `key`, where there are `names`.
    pub(super) fn new(key: &str, names: &[&str]) -> Self {
        match did_you_mean(key, names) {
            Some(name) => Self::Meant(name.to_owned()),
            None => Self::All(listed(names)),
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meant(name) => write!(f, "; did you mean {name}?"),
            Self::All(names) => write!(f, "; there are {names}"),
            Self::Quote => {
                write!(
                    f,
                    "; if the comma before it is part of a value, put the value in quotes"
                )
            }
        }
    }
}

/// The other place that a message is about.
#[derive(Debug)]
pub struct Other(pub(super) Place);

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::File { line, .. } => write!(f, " (line {line})"),
            Place::Switch | Place::Short(_) => Ok(()),
        }
    }
}

impl Problem {
    /// The error that this is at `place`.
    #[must_use]
    pub fn at(self, place: &Place) -> SpecError {
        SpecError {
            place: place.clone(),
            problem: Box::new(self),
        }
    }
}

impl SpecError {
    /// Whether the user has to change something, as opposed to the host having failed.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        !matches!(
            &*self.problem,
            Problem::File(FileError::Io { .. })
                | Problem::Image(ImageError::File(FileError::Io { .. }))
                | Problem::Script(ScriptError::File(FileError::Io { .. }))
        )
    }
}
