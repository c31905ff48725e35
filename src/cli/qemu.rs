//! QEMU's switches, which people type out of habit, and what to write here instead.
//!
//! The table of settings says which of its switches do the same; the other rows are here.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::machine::Settings;
use crate::machine::table::Table;

/// Switches of QEMU's, and the way to the same thing, or the reason why there is none.
const ROWS: &[(&[&str], &str)] = &[
    (
        &["-kernel"],
        "name the kernel without a switch: mirrorball run FILE",
    ),
    (
        &["-nographic"],
        "leave it out: the serial console is the terminal unless --console says otherwise",
    ),
    (
        &["-display", "-vga"],
        "not here, because the machine has no screen; --console says where its serial console is",
    ),
    (
        &["-smp"],
        "not here, because a machine has one CPU; --count N runs several machines",
    ),
    (
        &["-s"],
        "write --gdb and GDB can connect, to port 1234 of this host",
    ),
    (
        &["-gdb"],
        "write --gdb with what QEMU has behind tcp: or unix: as =PORT or =socket:PATH",
    ),
    (
        &["-S"],
        "write --gdb-wait and the guest waits for GDB before its first instruction",
    ),
    (&["-snapshot"], "say it of each disk: --disk FILE,snapshot"),
    (
        &["-cdrom"],
        "not here, because the machine has no CD drive; --disk FILE,readonly makes a disk of the \
         image",
    ),
    (
        &["-netdev", "-nic", "-net"],
        "write --net user, or --net user,hostfwd=tcp::2222-:22 for a way to the guest's port 22; \
         --net subnet=NAME connects machines, --net tap=NAME takes a tap device",
    ),
    (
        &["-device"],
        "not here, because devices are those of a Malta board; --disk FILE and --net user add \
         disks and network ports, which are virtio devices",
    ),
    (
        &["-M", "-machine"],
        "leave it out: every machine is a Malta board",
    ),
    (
        &["-monitor"],
        "give --control SOCKET, and steer machines with 'mirrorball ctl' and 'mirrorball top'",
    ),
    (
        &["-icount"],
        "leave it out: time is the number of instructions; --realtime makes it the host's",
    ),
    (
        &["-dtb"],
        "not here, because kernels know a Malta board without a device tree, or bring their own",
    ),
    (
        &["-accel", "-enable-kvm"],
        "leave it out: --engine jit, which translates, is the default",
    ),
    (
        &["-no-reboot"],
        "leave it out: a guest that resets itself ends the run with exit code 10, or write --on-reset restart",
    ),
    (
        &["-d"],
        "give --trace TOPIC; 'mirrorball inspect' shows a block and what is made of it",
    ),
    (
        &["-D"],
        "--trace prints to standard error; write 2> FILE for a file",
    ),
    (
        &["-singlestep"],
        "give --engine interp, which runs one instruction after the other",
    ),
    (&["-version"], "write mirrorball --version"),
];

/// What to write instead of QEMU's switch `name`.
fn advice(name: &str) -> Option<String> {
    let row = ROWS.iter().find(|(names, _)| names.contains(&name));
    if let Some((_, advice)) = row {
        return Some((*advice).to_owned());
    }
    let mut entries = Settings::ROWS.iter().map(|row| &row.entry);
    let entry = entries.find(|entry| entry.qemu.contains(&name))?;
    Some(format!(
        "write mirrorball run --{} {}",
        entry.name, entry.value_name
    ))
}

/// What to say of a command line that clap makes `error` of, if it fails by a switch of QEMU's.
/// clap reads `-hda` as the switches `-h`, `-d` and `-a`, so the word is looked for in `arguments`.
/// Commands that run no guest as QEMU does have nothing to do with it.
pub(super) fn explain(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    let refused = refused(error)?;
    let words = arguments.iter().skip(1).filter_map(|word| word.to_str());
    let mut words = words.take_while(|&word| word != "--").peekable();
    let command = words.peek().copied()?;
    if !matches!(command, "run" | "trace") && !command.starts_with('-') {
        return None;
    }
    let word = words.find(|word| word.starts_with(&refused))?;
    let name = word.split('=').next()?;
    let name = name
        .strip_prefix('-')
        .filter(|name| name.starts_with('-'))
        .unwrap_or(name);
    let advice = advice(name)?;
    Some(format!("{word} is a switch of QEMU's; {advice}"))
}

/// How the argument starts that clap stumbled over.
fn refused(error: &clap::Error) -> Option<String> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::DisplayHelp => Some("-h".to_owned()),
        ErrorKind::UnknownArgument => context(ContextKind::InvalidArg).map(str::to_owned),
        // A short switch, with the rest of the word for its value.
        ErrorKind::ValueValidation => {
            let short = context(ContextKind::InvalidArg)?
                .strip_prefix("--")?
                .chars()
                .next()?;
            Some(format!("-{short}{}", context(ContextKind::InvalidValue)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    fn said(line: &str) -> Option<String> {
        let words = std::iter::once("mirrorball").chain(line.split_whitespace());
        let arguments: Vec<OsString> = words.map(OsString::from).collect();
        explain(&cli::parse(&arguments).unwrap_err(), &arguments)
    }

    /// Every row, with and without a command, with one hyphen and with two.
    #[test]
    fn each_switch_of_qemu_has_its_line() {
        let entries = Settings::ROWS.iter().map(|row| row.entry.qemu);
        let rows = ROWS.iter().map(|(names, _)| *names).chain(entries);
        let names: Vec<&str> = rows.flatten().copied().collect();
        assert!(names.len() > 35, "{names:?}");
        for name in &names {
            let line = format!("{name} is a switch of QEMU's; {}", advice(name).unwrap());
            assert_eq!(said(&format!("{name} x")), Some(line.clone()));
            if *name != "-m" {
                assert_eq!(said(&format!("run kernel {name} x")), Some(line));
            }
        }
        assert!(
            said("run --kernel=vmlinux")
                .unwrap()
                .contains("mirrorball run FILE")
        );
    }

    #[test]
    fn the_switches_that_are_told_are_there() {
        let help = cli::command()
            .find_subcommand_mut("run")
            .unwrap()
            .render_long_help()
            .to_string();
        for name in ROWS.iter().flat_map(|(names, _)| *names) {
            let advice = advice(name).unwrap();
            let words = advice.split(|c: char| c.is_whitespace() || c == ';');
            for switch in words.filter(|word| word.starts_with("--") && *word != "--version") {
                assert!(
                    help.split_whitespace()
                        .any(|word| word.split("[=").next() == Some(switch)),
                    "{switch}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_qemus_is_told_as_ever() {
        for line in [
            "run -h",
            "run --help",
            "run -x",
            "ctl -s",
            "run -m 0",
            "run --append -s --x",
        ] {
            assert_eq!(said(line), None, "{line}");
        }
    }
}
