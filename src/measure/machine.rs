//! The machine around the guests of a measurement, and the command lines that run a guest in it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{Guest, MeasureError, Runner, Setting, qemu};
use crate::console::Script;
use crate::image::MemorySize;

/// What all runs of a measurement have in common.
#[derive(Debug, Default)]
pub struct Machine {
    /// The CPU model, if not the usual one.
    pub cpu: Option<String>,
    /// How much memory there is, if not as much as usual.
    pub memory: Option<MemorySize>,
    /// The initial RAM disk.
    pub initrd: Option<PathBuf>,
    /// The kernel's command line.
    pub append: Option<String>,
    /// What is typed.
    pub session: Option<ScriptFile>,
    /// How many instructions a run may take.
    pub limit: Option<u64>,
}

/// A script, made such that the run ends with it if its last step is a wait: so that every
/// setting is measured to the same point.
#[derive(Debug)]
pub struct ScriptFile {
    /// The steps.
    pub script: Script,
    file: NamedTempFile,
}

impl ScriptFile {
    /// Reads the script at `path`.
    ///
    /// # Errors
    /// When it cannot be read or has a mistake.
    pub fn open(path: &Path) -> Result<Self, MeasureError> {
        let mut script = Script::open(path)?;
        let mut text = fs::read_to_string(path)?;
        if script.ends_waiting() {
            text.push_str("\nquit\n");
            script = Script::parse(&path.display().to_string(), &text)?;
        }
        let file = NamedTempFile::new()?;
        fs::write(file.path(), text)?;
        Ok(Self { script, file })
    }
}

impl Machine {
    /// The command line, without the program, that runs `guest` with `setting`. mirrorball writes
    /// its record to `record`; QEMU has none to give.
    #[must_use]
    pub fn arguments(&self, guest: &Guest, setting: &Setting, record: &Path) -> Vec<OsString> {
        match &setting.runner {
            Runner::Engine(engine) => {
                let mut arguments = self.run(Some(&guest.path), engine, &setting.flags);
                // What earlier runs translated is no part of a setting, unless it says so.
                let says = |flag: &String| flag.starts_with("--code-cache");
                if !setting.flags.iter().any(says) {
                    arguments.extend(["--code-cache", "off"].map(Into::into));
                }
                arguments.extend(["--report".into(), record.into()]);
                arguments
            }
            Runner::Qemu => qemu::arguments(self, guest, &setting.flags),
        }
    }

    /// The command line for mirrorball.
    #[must_use]
    pub fn run(&self, image: Option<&Path>, engine: &str, flags: &[String]) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["run".into()];
        arguments.extend(image.map(Into::into));
        let mut switch = |name: &str, value: Option<OsString>| {
            if let Some(value) = value {
                arguments.extend([name.into(), value]);
            }
        };
        switch("--engine", Some(engine.into()));
        switch("--cpu", self.cpu.as_ref().map(Into::into));
        let memory = self.memory.map(|memory| format!("{}b", memory.bytes()));
        switch("--memory", memory.map(Into::into));
        if image.is_some() {
            switch("--initrd", self.initrd.as_ref().map(Into::into));
        }
        switch("--append", self.append.as_ref().map(Into::into));
        let script = self.session.as_ref().map(|session| session.file.path());
        switch("--script", script.map(Into::into));
        switch("--limit", self.limit.map(|limit| limit.to_string().into()));
        arguments.push("--fast-forward".into());
        arguments.extend(flags.iter().map(Into::into));
        arguments
    }

    /// The same for people: nothing that can be left out, nothing that lies in a passing place.
    #[must_use]
    pub fn shown(&self, guest: &Guest, flags: &[String], script: Option<&Path>) -> String {
        let mut words = vec!["mirrorball".to_owned(), "run".to_owned()];
        if guest.name != "tour" {
            words.push(guest.path.display().to_string());
        }
        let mut switch = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.extend([name.to_owned(), value]);
            }
        };
        let path = |path: &Path| path.display().to_string();
        switch("--cpu", self.cpu.clone());
        switch("--memory", self.memory.map(|memory| memory.to_string()));
        switch("--initrd", self.initrd.as_deref().map(path));
        switch("--append", self.append.clone());
        switch("--script", script.map(path));
        switch("--limit", self.limit.map(|limit| limit.to_string()));
        words.extend(flags.iter().cloned());
        // A NUL, which cannot be quoted, cannot be in an argument.
        shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
    }
}
