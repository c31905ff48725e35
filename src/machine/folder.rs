//! What users say of a shared folder, `PATH,KEY=VALUE,..`, and what it comes to.

use std::path::PathBuf;

use super::error::SpecError;
use super::form::{FLAG, Form, Given, NAME, path};
use super::place::{At, Place, said};
use super::resolve::is_folder;
use super::short;
use super::table::{Entry, Row, Table, settings};
use super::values::ValueError;
use crate::folder::FolderSpec;

/// How many folders a machine can share.
pub(super) const MOST: usize = 4;

settings! {
    /// What the user asked of a shared folder.
    pub struct FolderSettings {
        /// Where it was named.
        place: Place,
    }

    /// The folder of the host, which needs no key in front of it when it comes first.
    path: PathBuf, path("PATH") => { name: "path" }

    /// What the guest knows it by: `mount -t 9p` takes it for a device.
    tag: String, NAME => { name: "tag", default: "folder and a number from 0" }

    /// The guest cannot change anything in it.
    readonly: bool, FLAG => { name: "readonly", default: "false" }
}

/// Reads what is said of a shared folder.
pub(super) fn parse(given: &Given<'_>) -> Result<FolderSettings, ValueError> {
    let mut settings = FolderSettings {
        place: given.place.clone(),
        ..FolderSettings::default()
    };
    short::read(&mut settings, given, Some("path"))
        .map_err(|problem| ValueError::Part(problem.to_string()))?;
    match settings.path {
        Some(_) => Ok(settings),
        None => Err(ValueError::Part("no folder; name it first".to_owned())),
    }
}

impl FolderSettings {
    /// The folder that this comes to, the `number`th of a machine.
    pub(super) fn spec(&self, number: usize) -> Result<FolderSpec, SpecError> {
        let path = said(&self.path).unwrap_or_default();
        is_folder(&path, &self.place)?;
        let tag = said(&self.tag).unwrap_or_else(|| format!("folder{number}"));
        let readonly = said(&self.readonly).unwrap_or(false);
        Ok(FolderSpec::new(path, tag, readonly))
    }
}
