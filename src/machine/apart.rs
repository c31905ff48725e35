//! Keeps the files of a run apart: what it writes is none of those that it reads, and no two
//! outputs are one file.
//!
//! Files are compared by device and inode, so that links do not hide that two paths are one file.
//! What is not there yet is known by its folder and its name.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::error::{Problem, SpecError};
use super::place::Place;
use super::spec::MachineSpec;
use crate::disk::Access;

/// What a run has a file for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Something that is read: the kernel, for example.
    Input(&'static str),
    /// Something that is written: the report, for example.
    Output(&'static str),
    /// The console of the machine with this name.
    Console(String),
    /// A disk that is written; nothing is made beside it.
    Disk,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(what) | Self::Output(what) => f.write_str(what),
            Self::Console(name) => write!(f, "the console of {name}"),
            Self::Disk => f.write_str("a disk that is written"),
        }
    }
}

/// A use of a file.
#[derive(Clone, Debug)]
struct Use {
    role: Role,
    path: PathBuf,
    /// As the user wrote it.
    shown: String,
    place: Place,
}

/// The files of a run, each with what it is for.
#[derive(Clone, Debug, Default)]
pub struct Uses(Vec<Use>);

/// What makes a file the same as another, whatever its path.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    There { device: u64, inode: u64 },
    New { folder: PathBuf, name: OsString },
}

impl Uses {
    /// Adds a file that is read.
    pub fn read(&mut self, what: &'static str, path: &Path) {
        let shown = path.display().to_string();
        self.add(Role::Input(what), path, shown, &Place::Switch);
    }

    /// Adds a file that is written, or a socket that is made.
    pub fn write(&mut self, what: &'static str, path: &Path) {
        let shown = path.display().to_string();
        self.add(Role::Output(what), path, shown, &Place::Switch);
    }

    /// Adds the consoles of `machines`.
    pub fn consoles(&mut self, machines: &[MachineSpec]) {
        for machine in machines {
            if let Some(path) = machine.console.path() {
                let role = Role::Console(machine.name.clone());
                self.add(role, path, machine.console.shown(), &machine.place);
            }
        }
    }

    /// Adds the disks of `machines`: those that are written are outputs.
    pub fn disks(&mut self, machines: &[MachineSpec]) {
        for machine in machines {
            for disk in &machine.disks {
                let role = match disk.access {
                    Access::Write => Role::Disk,
                    Access::Read | Access::Snapshot => Role::Input("a disk"),
                };
                let shown = disk.path.display().to_string();
                self.add(role, &disk.path, shown, &machine.place);
            }
        }
    }

    /// Adds the files that what goes through network ports of `machines` is written to.
    pub fn captures(&mut self, machines: &[MachineSpec]) {
        for machine in machines {
            for path in machine.networks.iter().filter_map(|it| it.pcap.as_ref()) {
                let shown = path.display().to_string();
                let role = Role::Output("a packet capture");
                self.add(role, path, shown, &machine.place);
            }
        }
    }

    fn add(&mut self, role: Role, path: &Path, shown: String, place: &Place) {
        self.0.push(Use {
            role,
            path: path.to_owned(),
            shown,
            place: place.clone(),
        });
    }

    /// The places in the file system where a run writes: the folder of each output, or the output
    /// itself if that is a device or a pipe, beside which nothing is to be made. Disks say
    /// themselves what they reach.
    #[must_use]
    pub fn written(&self) -> Vec<PathBuf> {
        let outputs = self
            .0
            .iter()
            .filter(|file| !matches!(file.role, Role::Input(_) | Role::Disk));
        outputs.map(|file| place_of(&file.path)).collect()
    }

    /// Whether all outputs are files of their own. Nothing is opened.
    ///
    /// # Errors
    ///
    /// When an output is a file that has another use.
    pub fn are_apart(&self) -> Result<(), SpecError> {
        let is_input = |file: &&Use| matches!(file.role, Role::Input(_));
        let (inputs, outputs): (Vec<&Use>, Vec<&Use>) = self.0.iter().partition(is_input);
        let mut seen: FxHashMap<Identity, &Use> = FxHashMap::default();
        for file in inputs {
            seen.extend(identity(&file.path).map(|identity| (identity, file)));
        }
        for file in outputs {
            let other = identity(&file.path).and_then(|identity| seen.insert(identity, file));
            if let Some(other) = other {
                return Err(clash(other, file).at(&file.place));
            }
        }
        Ok(())
    }
}

fn place_of(path: &Path) -> PathBuf {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let kind = path.metadata().map(|data| data.file_type());
    if kind.is_ok_and(|kind| kind.is_char_device() || kind.is_fifo()) {
        return path;
    }
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn clash(first: &Use, second: &Use) -> Problem {
    match (&first.role, &second.role) {
        (Role::Console(name), Role::Console(_)) => Problem::Console {
            console: second.shown.clone(),
            name: name.clone(),
        },
        (role, other) => Problem::SameFile {
            path: second.shown.clone(),
            role: other.clone(),
            first: first.shown.clone(),
            first_role: role.clone(),
        },
    }
}

/// Which file is at `path`; nothing if it is one that nothing is lost in, such as `/dev/null` or a
/// pipe, or if opening it will fail anyway.
fn identity(path: &Path) -> Option<Identity> {
    match fs::metadata(path) {
        Ok(meta) => keeps(&meta).then(|| Identity::There {
            device: meta.dev(),
            inode: meta.ino(),
        }),
        Err(_) => new(path, LINKS),
    }
}

fn keeps(meta: &Metadata) -> bool {
    let kind = meta.file_type();
    !kind.is_char_device() && !kind.is_fifo()
}

/// As many links as the host follows.
const LINKS: u32 = 40;

/// The file that opening `path` would make: the one that a link leads to, if it is a link.
fn new(path: &Path, links: u32) -> Option<Identity> {
    let folder = match path.parent()? {
        folder if folder.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    };
    match fs::read_link(path) {
        Ok(target) => new(&folder.join(target), links.checked_sub(1)?),
        Err(_) => Some(Identity::New {
            folder: folder.canonicalize().ok()?,
            name: path.file_name()?.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Whether `run` can write to `output` when it reads `input`.
    fn apart(input: &Path, output: &Path) -> Result<(), String> {
        let mut uses = Uses::default();
        uses.write("the report", output);
        uses.read("the kernel", input);
        uses.are_apart().map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_the_same_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("kernel"), "x").unwrap();
        fs::hard_link(at("kernel"), at("hard")).unwrap();
        symlink("kernel", at("soft")).unwrap();
        symlink(folder.path(), at("folder")).unwrap();
        for name in ["kernel", "hard", "soft", "folder/kernel", "./kernel"] {
            let line = apart(&at("kernel"), &at(name)).unwrap_err();
            for part in [name, "the report", "the kernel", "the same file"] {
                assert!(line.contains(part), "{line}");
            }
        }
        fs::write(at("other"), "x").unwrap();
        assert_eq!(apart(&at("kernel"), &at("other")), Ok(()));
        assert_eq!(apart(&at("kernel"), &at("new")), Ok(()));
    }

    #[test]
    fn two_files_that_are_not_there_may_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink(folder.path(), at("folder")).unwrap();
        symlink("new", at("link")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let both = |first: &str, second: &str| {
            let mut uses = Uses::default();
            uses.write("the report", &at(first));
            uses.write("the control socket", &at(second));
            uses.are_apart().is_ok()
        };
        for name in ["new", "folder/new", "link", "folder/link"] {
            assert!(!both("new", name), "{name}");
        }
        assert!(both("new", "newer") && both("new", "loop") && both("loop", "loop"));
    }

    #[test]
    fn nothing_is_lost_in_a_device() {
        let null = Path::new("/dev/null");
        assert_eq!(apart(null, null), Ok(()));
    }
}
