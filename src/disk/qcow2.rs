//! qcow2 images, by the library `imago`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;

use imago::qcow2::Qcow2;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatCreateBuilder, FormatDriverBuilder};

use super::medium::{Medium, Reach, with_zeros};
use super::storage::ImageFile;

/// An image of any format, as the library has it.
pub(super) type Layer = FormatAccess<ImageFile>;

/// What an image says of the one that it is based on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Base {
    /// Its file's name.
    pub name: String,
    /// Its format's name, if it says one.
    pub format: Option<String>,
}

/// The base that the image in `file` names.
pub(super) fn base(file: &File, cluster: u64) -> io::Result<Option<Base>> {
    let image = ImageFile::new(file.try_clone()?, cluster)?;
    let image = Qcow2::<ImageFile>::open_image(image, false)?;
    Ok(image.implicit_backing_file().map(|name| Base {
        name: name.clone(),
        format: image.implicit_backing_format().cloned(),
    }))
}

/// Opens the image in `file`, which is based on `base`. Whatever file its header names, none is
/// opened.
pub(super) fn open(
    file: File,
    cluster: u64,
    writes: bool,
    base: Option<Layer>,
) -> io::Result<Layer> {
    let image = ImageFile::new(file, cluster)?;
    let image = Qcow2::<ImageFile>::builder(image)
        .write(writes)
        .backing(base)
        .open(DenyImplicitOpenGate::default())?;
    Ok(FormatAccess::new(image))
}

/// Makes an image of `size` bytes in the empty `file`, based on `base`.
pub(super) fn create(file: File, size: u64, base: Option<Base>) -> io::Result<()> {
    let image = ImageFile::new(file, 1)?;
    let builder = Qcow2::<ImageFile>::create_builder(image).size(size);
    match base {
        Some(Base { name, format }) => builder.backing(name, format.unwrap_or_default()),
        None => builder,
    }
    .create()
}

/// An image that a guest has.
///
/// Each table of clusters has a stretch of the disk. The library puts a new table into place before the
/// file says that the table's cluster is taken: in a later run, another one would be put there. So
/// the first write to each stretch is followed by all that the library holds back.
#[derive(Debug)]
pub(super) struct Image {
    layer: Layer,
    /// The bytes of a stretch, or a part of them.
    stretch: u64,
    /// The stretches that were written to.
    begun: BTreeSet<u64>,
}

impl Image {
    /// The image `layer`, with clusters of so many bytes.
    pub(super) fn new(layer: Layer, cluster: u64) -> Self {
        Self {
            layer,
            // A table is a cluster with entries of 8 bytes, or of 16.
            stretch: cluster * (cluster / 16),
            begun: BTreeSet::new(),
        }
    }

    /// Has the file be whole after something in `range` was written.
    fn settle(&mut self, range: Range<u64>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let stretches = range.start / self.stretch..=(range.end - 1) / self.stretch;
        match stretches.filter(|&it| self.begun.insert(it)).count() {
            0 => Ok(()),
            _ => self.layer.flush(),
        }
    }
}

impl Medium for Image {
    fn size(&self) -> u64 {
        self.layer.size()
    }

    fn read(&mut self, at: u64, into: &mut [u8], reach: Reach) -> io::Result<()> {
        match reach {
            Reach::Anywhere => self.layer.read(into, at),
            // The library does not say.
            Reach::AtHand => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn write(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        self.layer.write(data, at)?;
        self.settle(at..at + data.len() as u64)
    }

    fn zero(&mut self, range: Range<u64>) -> io::Result<()> {
        let layer = &self.layer;
        match layer.write_zeroes(range.start, range.end - range.start) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                with_zeros(range.clone(), |at, zeros| layer.write(zeros, at))
            }
            ended => ended,
        }?;
        self.settle(range)
    }

    fn discard(&mut self, range: Range<u64>) -> io::Result<()> {
        let bytes = range.end - range.start;
        match self.layer.discard_to_any(range.start, bytes) {
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
            ended => ended,
        }?;
        self.settle(range)
    }

    fn flush(&mut self) -> io::Result<()> {
        // The tables that it has in memory, and then what the host has.
        self.layer.flush()?;
        self.layer.sync()
    }
}
