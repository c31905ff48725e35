//! `mirrorball disk`: makes disk images, and says what they are.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CliError, Exit, print};
use crate::disk::{Creation, Format, Info};
use crate::machine::values::{self, ValueError};

/// Make disk images, or say what they are
#[derive(Debug, Args)]
pub(super) struct DiskArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(CreateArgs),
    Info(InfoArgs),
}

/// Make an empty disk, or one that is based on another image
///
/// What the file is called says its format: NAME.qcow2 is a qcow2 image, all others are raw. Neither
/// takes more of the host's disk than was written. A qcow2 image with --backing holds what differs
/// from its base, which must not be written any more; many images can have one base.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
struct CreateArgs {
    /// The image, which is not there yet
    file: PathBuf,
    /// How large the disk is: a number of MiB, or a number with M, G or T [default: as the base]
    #[arg(value_parser = size, required_unless_present = "backing")]
    size: Option<u64>,
    /// The image that it is based on
    #[arg(long, value_name = "BASE")]
    backing: Option<PathBuf>,
}

/// Say what a disk image is
#[derive(Debug, Args)]
struct InfoArgs {
    /// The image
    file: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  mirrorball disk create data.img 2G
      a raw disk of 2 GB
  mirrorball disk create mine.qcow2 --backing debian.img
      a disk that starts as debian.img is, and leaves that as it is";

fn size(text: &str) -> Result<u64, ValueError> {
    values::size(text)
}

/// Does what the arguments say.
pub(super) fn execute(args: &DiskArgs) -> Result<Exit, CliError> {
    match &args.action {
        Action::Create(args) => create(args),
        Action::Info(args) => print(&told(&Info::of(&args.file)?)),
    }
}

fn create(args: &CreateArgs) -> Result<Exit, CliError> {
    let format = Format::by_name(&args.file);
    if args.backing.is_some() && format == Format::Raw {
        let path = args.file.display().to_string();
        return Err(CliError::RawWithBase { path });
    }
    let creation = Creation {
        path: &args.file,
        format,
        size: args.size,
        base: args.backing.as_deref(),
    };
    creation.make()?;
    print(&told(&Info::of(&args.file)?))
}

/// What there is to say of an image, in lines.
fn told(info: &Info) -> String {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let mut text = format!(
        "{}: {}, a disk of {} MiB, {} MiB of which are on the host\n",
        info.path.display(),
        info.format.name(),
        mib(info.size),
        mib(info.taken)
    );
    if let Some(base) = &info.base {
        text += &format!("based on {base}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    fn run(line: &[&str]) -> Result<Exit, CliError> {
        let line = ["mirrorball", "disk"].iter().chain(line);
        match cli::parse(line).unwrap().command {
            cli::Command::Disk(args) => execute(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn images_are_made_and_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let (base, top) = (at("a.img"), at("b.qcow2"));
        run(&["create", &base, "64M"]).unwrap();
        run(&["create", &top, "--backing", &base]).unwrap();
        let text = told(&Info::of(top.as_ref()).unwrap());
        assert!(
            text.starts_with(&format!("{top}: qcow2, a disk of 64 MiB, ")),
            "{text}"
        );
        assert!(text.ends_with("\nbased on a.img\n"), "{text}");
        assert!(told(&Info::of(base.as_ref()).unwrap()).contains("a disk of 64 MiB, 0 MiB"));

        let again = run(&["create", &base, "64M"]).unwrap_err().to_string();
        assert!(
            again.ends_with("; name a file that is not there yet"),
            "{again}"
        );
        let raw = run(&["create", &at("c.img"), "--backing", &base])
            .unwrap_err()
            .to_string();
        assert!(raw.ends_with("; call it .qcow2"), "{raw}");
        assert!(cli::parse(["mirrorball", "disk", "create", "x"]).is_err());
    }
}
