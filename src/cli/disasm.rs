//! `mirrorball disasm`: instructions of an image, one a line.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use clap::Args;
use mirrorball_runtime::addr::Va;

use super::program::extent;
use super::switches::DisasmSwitches;
use super::{CliError, Exit};
use crate::image::Image;
use crate::isa::disasm::disassemble;
use crate::machine::values;

/// Print the instructions of an image
///
/// One line an instruction: its address, its word, what it means. Data prints as instructions too:
/// what a byte is for, an image does not tell.
#[derive(Debug, Args)]
pub(super) struct DisasmArgs {
    /// ELF executable, or a flat binary with --flat
    image: PathBuf,
    #[command(flatten)]
    format: DisasmSwitches,
    /// First address [default: the entry point]
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    from: Option<Va>,
    /// Number of instructions, with k, M or G for thousands; the end of the segment ends it too
    #[arg(long, value_name = "N", value_parser = values::count, default_value = "32")]
    count: u64,
}

/// Prints what the arguments ask for.
pub(super) fn execute(args: &DisasmArgs) -> Result<Exit, CliError> {
    let image = args.format.0.open(&args.image)?;
    let from = args.from.unwrap_or(image.entry);
    if image.word(from).is_none() {
        let image_name = args.image.display().to_string();
        return Err(CliError::NoCode {
            image: image_name,
            address: from,
            code: extent(&image),
        });
    }
    match print(&image, from, args.count, &mut io::stdout().lock()) {
        // The reader has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Done),
        result => result.map(|()| Exit::Done).map_err(CliError::Output),
    }
}

fn print(image: &Image, from: Va, count: u64, to: &mut impl Write) -> io::Result<()> {
    let mut va = from;
    for _ in 0..count {
        let Some(word) = image.word(va) else { break };
        writeln!(to, "{va}  {word:08x}  {}", disassemble(word, va.0 as u32))?;
        va = va.offset(4);
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{elf, testing::Elf};

    #[test]
    fn lines_end_with_the_count_or_the_segment() {
        let image = elf::parse("k", &Elf::new(true).bytes()).unwrap();
        let lines = |from, count| {
            let mut out = Vec::new();
            print(&image, Va(from), count, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(lines(0x8010_0000, 1).starts_with("0x80100000  636f6465  "));
        assert_eq!(lines(0x8010_0000, 1).lines().count(), 1);
        assert_eq!(lines(0x8010_0000, 1000).lines().count(), 2);
    }
}
