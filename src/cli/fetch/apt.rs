//! apt-get and dpkg-deb: packages of an architecture that is not the host's, without root.
//!
//! apt has package lists, a cache and settings of its own here, in a folder that is thrown away:
//! the host's lists and its architecture stay as they are.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{FetchError, failed, find};

/// Debian's archive, unless the user names another.
pub(super) const MIRROR: &str = "http://deb.debian.org/debian";
const SUITE: &str = "bookworm";
const ARCHITECTURE: &str = "mipsel";
/// The keys that the archive's signature is checked with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What has apt-get find out what belongs to packages.
const INSTALL: &[&str] = &["install", "-y", "--no-install-recommends"];

/// An archive of Debian 12, and what apt knows of it.
#[derive(Debug)]
pub(super) struct Archive {
    mirror: String,
    /// Where apt keeps what it knows.
    folder: PathBuf,
    apt_get: String,
}

impl Archive {
    /// Fetches the package lists of the archive at `mirror` with the program `apt_get`, which
    /// keeps them in `folder`.
    pub(super) fn open(mirror: &str, folder: PathBuf, apt_get: &str) -> Result<Self, FetchError> {
        // The address becomes a word of sources.list.
        let good = |c: char| c.is_ascii_graphic() && !"[]#\"".contains(c);
        if !mirror.contains(":/") || !mirror.chars().all(good) {
            return Err(FetchError::Mirror(mirror.to_owned()));
        }
        if !Path::new(KEYRING).is_file() {
            return Err(FetchError::NoKeyring(KEYRING));
        }
        for name in ["state/lists/partial", "cache/archives/partial"] {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(failed(&path))?;
        }
        let source = format!("deb [signed-by={KEYRING}] {mirror} {SUITE} main\n");
        for (name, text) in [("sources.list", source.as_str()), ("status", "")] {
            let path = folder.join(name);
            fs::write(&path, text).map_err(failed(&path))?;
        }
        let archive = Self {
            mirror: mirror.to_owned(),
            folder,
            apt_get: apt_get.to_owned(),
        };
        let output = archive.run(&["update", "-o", "APT::Update::Error-Mode=any"], None)?;
        if output.status.success() {
            return Ok(archive);
        }
        Err(FetchError::Lists {
            mirror: archive.mirror,
            why: complaint(&output),
        })
    }

    /// Downloads `package` into folder `to`, which has to be empty.
    pub(super) fn download(&self, package: &str, to: &Path) -> Result<PathBuf, FetchError> {
        let refused = |why: String| FetchError::Package {
            mirror: self.mirror.clone(),
            package: package.to_owned(),
            why,
        };
        let output = self.run(&["download", package], Some(to))?;
        if !output.status.success() {
            return Err(refused(complaint(&output)));
        }
        find(to, |name| name.ends_with(".deb"))
            .ok_or_else(|| refused("it left no package".to_owned()))
    }

    /// The files of packages that belong to the `wanted` ones, themselves among them.
    pub(super) fn files(&self, wanted: &[&str]) -> Result<Vec<String>, FetchError> {
        let words = [INSTALL, &["--print-uris"], wanted].concat();
        let output = self.done(&words)?;
        // Each is a line: the address in quotes, the file's name, its size and its sum.
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().filter(|line| line.starts_with('\''));
        let names = lines.filter_map(|line| line.split(' ').nth(1));
        Ok(names.map(str::to_owned).collect())
    }

    /// Downloads the `wanted` packages, and what belongs to them, into folder `to`. What is there of
    /// an earlier attempt need not be downloaded again.
    pub(super) fn collect(&self, wanted: &[&str], to: &Path) -> Result<(), FetchError> {
        let partial = to.join("partial");
        fs::create_dir_all(&partial).map_err(failed(&partial))?;
        let folder = fs::canonicalize(to).map_err(failed(to))?;
        let place = format!("Dir::Cache::archives={}", folder.display());
        let words = [INSTALL, &["--download-only", "-o", &place], wanted].concat();
        self.done(&words).map(|_| ())
    }

    /// Runs apt-get with `words`, the last of which names packages; it must not fail.
    fn done(&self, words: &[&str]) -> Result<Output, FetchError> {
        let output = self.run(words, None)?;
        if output.status.success() {
            return Ok(output);
        }
        Err(FetchError::Package {
            mirror: self.mirror.clone(),
            package: words.last().copied().unwrap_or_default().to_owned(),
            why: complaint(&output),
        })
    }

    fn run(&self, words: &[&str], folder: Option<&Path>) -> Result<Output, FetchError> {
        let mut command = Command::new(&self.apt_get);
        for option in self.options() {
            command.args([OsStr::new("-o"), &option]);
        }
        command.args(words);
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        start(&mut command, || FetchError::NoAptForPrograms)
    }

    /// What keeps apt in its folder.
    fn options(&self) -> Vec<OsString> {
        let fixed = [
            format!("APT::Architecture={ARCHITECTURE}"),
            format!("APT::Architectures={ARCHITECTURE}"),
            // Root's apt downloads as another user, which may not write here.
            "APT::Sandbox::User=root".to_owned(),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            "Acquire::Retries=3".to_owned(),
        ];
        let places = [
            ("Dir::State=", "state"),
            ("Dir::State::status=", "status"),
            ("Dir::Cache=", "cache"),
            ("Dir::Etc::sourcelist=", "sources.list"),
        ];
        let place = |(option, name): (&str, &str)| {
            let mut option = OsString::from(option);
            option.push(self.folder.join(name));
            option
        };
        let fixed = fixed.into_iter().map(OsString::from);
        fixed.chain(places.into_iter().map(place)).collect()
    }
}

/// Unpacks the package at `deb`, which messages call `package`, into folder `to`.
pub(super) fn unpack(deb: &Path, to: &Path, package: &str) -> Result<(), FetchError> {
    let mut command = Command::new("dpkg-deb");
    command.args([OsStr::new("-x"), deb.as_os_str(), to.as_os_str()]);
    let output = start(&mut command, || FetchError::NoDpkg)?;
    if output.status.success() {
        return Ok(());
    }
    Err(FetchError::Unpack {
        package: package.to_owned(),
        why: complaint(&output),
    })
}

/// Runs `command`, whose messages are in English then, to its end; if there is no such program,
/// that is what `missing` says.
pub(super) fn start(
    command: &mut Command,
    missing: impl FnOnce() -> FetchError,
) -> Result<Output, FetchError> {
    let output = command.env("LC_ALL", "C").output();
    output.map_err(|source| match source.kind() {
        ErrorKind::NotFound => missing(),
        _ => FetchError::Io {
            path: command.get_program().display().to_string(),
            source,
        },
    })
}

/// What a failed program complained of last.
pub(super) fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    last.map_or_else(|| output.status.to_string(), str::to_owned)
}
