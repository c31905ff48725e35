//! The guest program that a command works on, as the command line names it.

use std::path::Path;

use clap::Args;
use mirrorball_runtime::addr::Va;

use crate::image::{Image, ImageError, elf, flat};
use crate::machine::values;

/// How to read an image that is no ELF file.
#[derive(Clone, Debug, Args)]
pub(super) struct FormatArgs {
    /// IMAGE is a flat binary that lies and starts at ADDRESS (in kseg0 or kseg1)
    #[arg(long, value_name = "ADDRESS", value_parser = values::address, requires = "image")]
    pub(super) flat: Option<Va>,
    /// The flat binary is big-endian
    #[arg(long, requires = "flat")]
    pub(super) big_endian: bool,
}

impl FormatArgs {
    pub fn open(&self, image: &Path) -> Result<Image, ImageError> {
        match self.flat {
            Some(address) => flat::open(image, address, self.big_endian),
            None => elf::open(image),
        }
    }
}

/// Where the image has code and data, for a message.
pub(super) fn extent(image: &Image) -> String {
    let parts: Vec<_> = image
        .segments
        .iter()
        .map(|segment| {
            format!(
                "{}-{}",
                segment.va,
                Va(segment.va.0 + segment.bytes.len() as u64)
            )
        })
        .collect();
    parts.join(", ")
}
