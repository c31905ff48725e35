//! What users say of a disk, `FILE,KEY=VALUE,..`, and what it comes to.

use std::path::PathBuf;

use super::error::{Problem, SpecError};
use super::form::{FLAG, Form, Given, SERIAL, choice, path};
use super::place::{At, Place, said};
use super::short;
use super::table::{Entry, Row, Table, settings};
use super::values::ValueError;
use crate::disk::{Access, Bus, Cache, DiskSpec, Format};

/// How many disks a machine can have.
pub(super) const MOST: usize = 4;

settings! {
    /// What the user asked of a disk.
    pub struct DiskSettings {
        /// Where its file was named.
        place: Place,
    }

    /// The image, which needs no key in front of it when it comes first.
    file: PathBuf, path("FILE") => { name: "file" }

    /// The guest cannot write; several machines can have the image.
    readonly: bool, FLAG => { name: "readonly", default: "false" }

    /// What the guest writes goes to a temporary file, and is gone with the machine; several
    /// machines can have the image.
    snapshot: bool, FLAG => { name: "snapshot", default: "false" }

    /// What the guest sees as serial number, by which it can tell its disks.
    serial: String, SERIAL => { name: "serial", default: "disk and a number from 0" }

    /// What connects the disk to the machine.
    bus: Bus, choice("BUS") => { name: "bus", default: "virtio" }

    /// How the file holds the disk's bytes.
    format: Format, choice("FORMAT") => { name: "format", default: "qcow2 if it is called .qcow2, else raw" }

    /// What is on the host's disk when the guest has flushed its own: all that it wrote, or with
    /// unsafe nothing, which is faster, for what can be made again.
    cache: Cache, choice("CACHE") => { name: "cache", default: "writeback" }

    /// The image that this one, a qcow2, is based on. It has to be said if it lies in another
    /// folder: an image from elsewhere could name any file of yours.
    backing: PathBuf, path("FILE") => { name: "backing", default: "the one that the image names, in its folder" }
}

/// Reads what is said of a disk.
pub(super) fn parse(given: &Given<'_>) -> Result<DiskSettings, ValueError> {
    let mut settings = DiskSettings {
        place: given.place.clone(),
        ..DiskSettings::default()
    };
    short::read(&mut settings, given, Some("file"))
        .map_err(|problem| ValueError::Part(problem.to_string()))?;
    match settings.file {
        Some(_) => Ok(settings),
        None => Err(ValueError::Part("no file; name the image first".to_owned())),
    }
}

impl DiskSettings {
    /// The disk that this comes to, the `number`th of a machine.
    pub(super) fn spec(&self, number: usize) -> Result<DiskSpec, SpecError> {
        let is = |flag: &Option<At<bool>>| said(flag).unwrap_or(false);
        let access = match (is(&self.readonly), is(&self.snapshot)) {
            (true, true) => return Err(Problem::SnapshotReadonly.at(&self.place)),
            (true, false) => Access::Read,
            (false, true) => Access::Snapshot,
            (false, false) => Access::Write,
        };
        Ok(DiskSpec {
            path: said(&self.file).unwrap_or_default(),
            format: said(&self.format),
            backing: said(&self.backing),
            access,
            cache: said(&self.cache).unwrap_or_default(),
            serial: said(&self.serial).unwrap_or_else(|| format!("disk{number}")),
            bus: said(&self.bus).unwrap_or_default(),
        })
    }
}
