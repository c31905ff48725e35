//! `mirrorball inspect`: a block of guest code and what the JIT makes of it.

use std::path::PathBuf;

use clap::Args;
use mirrorball_runtime::addr::Va;

use super::program::{FormatArgs, extent};
use super::{CliError, Exit, values};
use crate::image::Image;

/// Show a block of guest code, its Cranelift IR and its host code side by side
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// ELF executable, or a flat binary with --flat
    image: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
    /// Virtual address of the block's first instruction
    #[arg(value_parser = values::address)]
    address: Va,
}

/// Shows what the arguments ask for.
pub(super) fn execute(args: &InspectArgs) -> Result<Exit, CliError> {
    let image = args.format.open(&args.image)?;
    let address = args.address;
    if !address.0.is_multiple_of(4) || image.word(address).is_none() {
        let name = args.image.display().to_string();
        return Err(CliError::NoCode {
            image: name,
            address,
            code: extent(&image),
        });
    }
    show(&image, address)
}

/// Shows the block of `image` at `address`, which has been found to be code.
fn show(_image: &Image, _address: Va) -> Result<Exit, CliError> {
    Err(CliError::NotBuilt("the translator"))
}
