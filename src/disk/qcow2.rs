//! qcow2 images, by the library `imago`.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;

use imago::qcow2::Qcow2;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatCreateBuilder, FormatDriverBuilder};

use super::medium::{Medium, with_zeros};
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

impl Medium for Layer {
    fn size(&self) -> u64 {
        Layer::size(self)
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> io::Result<()> {
        Layer::read(self, into, at)
    }

    fn write(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        Layer::write(self, data, at)
    }

    fn zero(&mut self, range: Range<u64>) -> io::Result<()> {
        match self.write_zeroes(range.start, range.end - range.start) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                with_zeros(range, |at, zeros| Layer::write(self, zeros, at))
            }
            ended => ended,
        }
    }

    fn discard(&mut self, range: Range<u64>) -> io::Result<()> {
        match self.discard_to_any(range.start, range.end - range.start) {
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
            ended => ended,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // The tables that it has in memory, and then what the host has.
        Layer::flush(self)?;
        self.sync()
    }
}
