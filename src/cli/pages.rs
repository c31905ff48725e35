//! `mirrorball completions` and `mirrorball man`: what shells and `man` know of the command line.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap_complete::Shell;

use super::{CliError, Exit, command, print};

/// Print what a shell needs to complete arguments
///
/// For bash: mirrorball completions bash > ~/.local/share/bash-completion/completions/mirrorball
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write manual pages, one a command
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The folder for them, which is made if it is not there, such as ~/.local/share/man/man1
    folder: PathBuf,
}

/// Prints the completions.
pub(super) fn complete(args: &CompletionsArgs) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "mirrorball", &mut text);
    print(&String::from_utf8_lossy(&text))
}

/// Writes the pages.
pub(super) fn write(args: &ManArgs) -> Result<Exit, CliError> {
    let pages = |folder: &Path| -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(command(), folder)
    };
    pages(&args.folder).map_err(|source| CliError::Pages {
        folder: args.folder.display().to_string(),
        source,
    })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_and_man_know_every_command() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("man1");
        let args = ManArgs {
            folder: folder.clone(),
        };
        assert_eq!(write(&args).unwrap(), Exit::Done);
        let mut text = Vec::new();
        clap_complete::generate(Shell::Bash, &mut command(), "mirrorball", &mut text);
        let completions = String::from_utf8(text).unwrap();
        for name in command().get_subcommands().map(clap::Command::get_name) {
            let page = folder.join(format!("mirrorball-{name}.1"));
            let page = std::fs::read_to_string(&page).unwrap();
            assert!(page.starts_with(".ie"), "{page}");
            assert!(
                completions.contains(&format!("mirrorball,{name})")),
                "{name}"
            );
        }
        assert!(completions.contains("--fast-forward"));
    }
}
