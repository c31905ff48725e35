//! Makes disk images, and says what they are.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use super::Format;
use super::error::OpenError;
use super::open::{Opened, io_error, shown};
use super::qcow2::{self, Base};

/// A disk image that is to be made.
#[derive(Clone, Debug)]
pub struct Creation<'a> {
    /// Its file, which is not there yet.
    pub path: &'a Path,
    /// Its format.
    pub format: Format,
    /// The bytes of the disk; nothing for as many as the base has.
    pub size: Option<u64>,
    /// The image that it is based on.
    pub base: Option<&'a Path>,
}

impl Creation<'_> {
    /// Makes it; answers with the bytes of the disk.
    ///
    /// # Errors
    ///
    /// When the file is there, the host refuses, or the base is no image.
    pub fn make(&self) -> Result<u64, OpenError> {
        let base = self.base.map(Info::of).transpose()?;
        let size = self.size.or(base.as_ref().map(|base| base.size));
        let size = size.unwrap_or_default();
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create_new(true);
        let failed = |source| io_error(self.path, source);
        let file = options.open(self.path).map_err(failed)?;
        let filled = match self.format {
            Format::Raw => file.set_len(size),
            Format::Qcow2 => {
                let base = base.as_ref().map(|base| self.named(base));
                qcow2::create(file, size, base)
            }
        };
        filled.map_err(|error| {
            // Half an image is none; that it could not be made is told, not that it stays.
            let _ = fs::remove_file(self.path);
            failed(error)
        })?;
        Ok(size)
    }

    /// How the image is to name its base: by its name alone if they are in one folder, so that both
    /// can be moved.
    fn named(&self, base: &Info) -> Base {
        let whole = fs::canonicalize(&base.path).unwrap_or_else(|_| base.path.clone());
        let folder = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")));
        let name = match (folder, whole.parent(), whole.file_name()) {
            (Ok(own), Some(folder), Some(name)) if own == folder => PathBuf::from(name),
            _ => whole,
        };
        Base {
            name: shown(&name),
            format: Some(base.format.name().to_owned()),
        }
    }
}

/// What there is to say of a disk image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its file.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// The bytes of the disk.
    pub size: u64,
    /// The bytes that it takes of the host's disk.
    pub taken: u64,
    /// The image that it is based on, as it names it.
    pub base: Option<String>,
}

impl Info {
    /// What there is to say of the image at `path`.
    ///
    /// # Errors
    ///
    /// When it is none, or is being written.
    pub fn of(path: &Path) -> Result<Self, OpenError> {
        use std::os::unix::fs::MetadataExt;
        let opened = Opened::open(path, false)?;
        let format = opened.format(None)?;
        let base = match format {
            Format::Raw => None,
            Format::Qcow2 => opened.base()?.map(|base| base.name),
        };
        let size = opened.size(format)?;
        let meta = File::open(path).and_then(|file| file.metadata());
        let meta = meta.map_err(|source| io_error(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            format,
            size,
            taken: meta.blocks() * 512,
            base,
        })
    }
}
