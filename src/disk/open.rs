//! From what the user says of a disk to what holds its bytes: which format a file has, which files
//! it may name, and what is locked.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::{Path, PathBuf};

use imago::FormatAccess;
use imago::raw::Raw as RawLayer;
use mirrorball_runtime::device::disk::SECTOR;

use super::error::OpenError;
use super::header::{Header, MAGIC};
use super::medium::Medium;
use super::qcow2::{self, Base, Image, Layer};
use super::raw::Raw;
use super::storage::ImageFile;
use super::{Format, lock};

/// How many images may be based on each other.
const MOST: usize = 16;

/// A file that was opened and locked.
pub(super) struct Opened {
    path: PathBuf,
    file: File,
    writes: bool,
}

impl Opened {
    /// Opens the file at `path`, and locks it.
    pub(super) fn open(path: &Path, writes: bool) -> Result<Self, OpenError> {
        let failed = |source| io_error(path, source);
        let kind = fs::metadata(path).map_err(failed)?.file_type();
        // Opening others may wait for what is at their other end.
        if !kind.is_file() && !kind.is_block_device() {
            let path = shown(path);
            return Err(OpenError::Kind { path });
        }
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(writes)
            .open(path)
            .map_err(failed)?;
        let alone = match writes {
            true => lock::for_writing(&file),
            false => lock::for_reading(&file),
        };
        if !alone.map_err(failed)? {
            let path = shown(path);
            return Err(OpenError::InUse { path });
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            writes,
        })
    }

    fn failed(&self, source: io::Error) -> OpenError {
        io_error(&self.path, source)
    }

    /// The format: what the user says, or what the name says. The content is not asked: the guest
    /// writes that of a raw image, and a header of qcow2 there would have it read other files in
    /// the next run.
    pub(super) fn format(&self, said: Option<Format>) -> Result<Format, OpenError> {
        let mut start = [0; MAGIC.len()];
        let like_qcow2 = self.file.read_exact_at(&mut start, 0).is_ok() && start == MAGIC;
        let called_qcow2 = Format::by_name(&self.path) == Format::Qcow2;
        match said {
            Some(format) => Ok(format),
            None if called_qcow2 => Ok(Format::Qcow2),
            None if !like_qcow2 => Ok(Format::Raw),
            None => Err(OpenError::Ambiguous {
                path: shown(&self.path),
            }),
        }
    }

    fn header(&self) -> Result<Header, OpenError> {
        let header = Header::read(&self.file).map_err(|source| self.failed(source))?;
        header.map_err(|why| self.not_qcow2(why.to_owned()))
    }

    /// The bytes of the disk.
    pub(super) fn size(&self, format: Format) -> Result<u64, OpenError> {
        match format {
            Format::Qcow2 => Ok(self.header()?.size),
            Format::Raw => {
                let raw = self.file.try_clone().and_then(Raw::new);
                Ok(raw.map_err(|source| self.failed(source))?.size())
            }
        }
    }

    fn not_qcow2(&self, why: String) -> OpenError {
        OpenError::NotQcow2 {
            path: shown(&self.path),
            why,
        }
    }

    /// The image that a qcow2 image names as its base.
    pub(super) fn base(&self) -> Result<Option<Base>, OpenError> {
        let cluster = self.header()?.cluster;
        qcow2::base(&self.file, cluster).map_err(|error| self.not_qcow2(error.to_string()))
    }

    /// What holds the bytes of the disk, of which the user says that it is based on `backing`.
    pub(super) fn medium(
        self,
        format: Format,
        backing: Option<&Path>,
    ) -> Result<Box<dyn Medium>, OpenError> {
        let path = shown(&self.path);
        let medium: Box<dyn Medium> = match format {
            Format::Raw => {
                if let Some(base) = backing {
                    return Err(self.has_no_base(base));
                }
                let failed = |source| io_error(Path::new(&path), source);
                Box::new(Raw::new(self.file).map_err(failed)?)
            }
            Format::Qcow2 => {
                let cluster = self.header()?.cluster;
                Box::new(Image::new(self.qcow2(backing, MOST)?, cluster))
            }
        };
        match medium.size() {
            0 => Err(OpenError::Empty { path }),
            bytes if !bytes.is_multiple_of(SECTOR) => Err(OpenError::Torn { path, bytes }),
            _ => Ok(medium),
        }
    }

    fn has_no_base(&self, base: &Path) -> OpenError {
        OpenError::NoBase {
            path: shown(&self.path),
            base: shown(base),
        }
    }

    /// A qcow2 image, which may be based on others, up to `depth` one on the other.
    fn qcow2(self, backing: Option<&Path>, depth: usize) -> Result<Layer, OpenError> {
        let header = self.header()?;
        let base = match (self.base()?, backing) {
            (Some(base), _) => Some(self.below(&base, backing, depth)?),
            (None, Some(base)) => return Err(self.has_no_base(base)),
            (None, None) => None,
        };
        let path = shown(&self.path);
        let image = qcow2::open(self.file, header.cluster, self.writes, base);
        image.map_err(|error| OpenError::NotQcow2 {
            path,
            why: error.to_string(),
        })
    }

    /// The image that this one is based on, opened as such.
    fn below(&self, base: &Base, said: Option<&Path>, depth: usize) -> Result<Layer, OpenError> {
        let path = shown(&self.path);
        let depth = depth.checked_sub(1);
        let depth = depth.ok_or(OpenError::Deep { path, most: MOST })?;
        let below = Self::open(&self.allowed(&base.name, said)?, false)?;
        match self.format_of(base)? {
            Format::Qcow2 => below.qcow2(None, depth),
            Format::Raw => {
                let failed = |source| io_error(&below.path, source);
                let file = ImageFile::new(below.file, SECTOR).map_err(failed)?;
                let raw = RawLayer::open_image(file, false).map_err(failed)?;
                Ok(FormatAccess::new(raw))
            }
        }
    }

    fn format_of(&self, base: &Base) -> Result<Format, OpenError> {
        let path = shown(&self.path);
        match base.format.as_deref() {
            Some("qcow2") => Ok(Format::Qcow2),
            Some("raw" | "file") => Ok(Format::Raw),
            Some(format) => Err(OpenError::UnknownFormat {
                path,
                format: format.to_owned(),
            }),
            None => Err(OpenError::BaseFormat {
                path,
                base: base.name.clone(),
            }),
        }
    }

    /// The file that this image may be based on if it names `name`: what the user said, or what
    /// lies in the image's own folder.
    fn allowed(&self, name: &str, said: Option<&Path>) -> Result<PathBuf, OpenError> {
        if let Some(said) = said {
            return Ok(said.to_owned());
        }
        let own = fs::canonicalize(&self.path).map_err(|source| self.failed(source))?;
        let folder = own.parent().unwrap_or(Path::new("/"));
        let named = folder.join(name);
        let base = fs::canonicalize(&named).unwrap_or_else(|_| named.clone());
        if base.parent() == Some(folder) {
            return Ok(base);
        }
        Err(OpenError::Elsewhere {
            path: shown(&self.path),
            base: shown(&named),
        })
    }
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

pub(super) fn io_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        path: shown(path),
        source,
    }
}
