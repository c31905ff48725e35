//! The program as people meet it: started, and held to what it says of bad input.

use super::project;
use std::fs;
use std::process::{Command, Output, Stdio};

/// Bad usage or a bad input file.
pub const USAGE: i32 = 2;
/// The host failed.
pub const HOST: i32 = 1;

/// The program in the project's folder, with nothing typed. It keeps no translations for later
/// runs unless it is told to: what a test finds must not depend on what ran before.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorball"));
    command
        .args(arguments)
        .env_remove("HOME")
        .env_remove("XDG_CACHE_HOME")
        .stdin(Stdio::null())
        .current_dir(project(""));
    command
}

pub fn mirrorball(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

/// A folder with files for the program, which goes when this does.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// Where a file of this name is.
    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Writes a file, and says where it is.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).expect("room on the disk");
        path
    }
}

/// Says that `arguments` are refused with `code` and one line that has all of `parts`.
#[track_caller]
pub fn refused(arguments: &[&str], code: i32, parts: &[&str]) {
    is_refusal(&mirrorball(arguments), arguments, code, parts);
}

/// Says that what `arguments` led to is such a refusal.
#[track_caller]
pub fn is_refusal(output: &Output, arguments: &[&str], code: i32, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert_eq!(output.stdout, b"", "{arguments:?}");
    assert_eq!(said.matches('\n').count(), 1, "{arguments:?}: {said}");
    assert!(
        said.starts_with("mirrorball: ") && said.ends_with('\n'),
        "{said}"
    );
    for part in parts {
        assert!(
            said.contains(part),
            "{arguments:?}: {said:?} has no {part:?}"
        );
    }
}
