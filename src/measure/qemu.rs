//! QEMU, for comparison: the same guest on its Malta board.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{Command, Stdio};

use super::{Guest, Machine, MeasureError};

/// The program that runs guests of a byte order.
pub(super) fn program(big_endian: bool) -> &'static str {
    if big_endian {
        "qemu-system-mips"
    } else {
        "qemu-system-mipsel"
    }
}

/// The version of the program, as it says itself.
///
/// # Errors
/// When it is not installed.
pub(super) fn version(big_endian: bool) -> Result<String, MeasureError> {
    let program = program(big_endian);
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|source| match source.kind() {
            ErrorKind::NotFound => MeasureError::NoQemu(program),
            _ => MeasureError::Start {
                program: program.to_owned(),
                source,
            },
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// QEMU's command line for `guest`: the board as mirrorball has it, its console on the pipes.
pub(super) fn arguments(machine: &Machine, guest: &Guest, flags: &[String]) -> Vec<OsString> {
    let memory = machine.memory.unwrap_or_default();
    let cpu = machine.cpu.clone().unwrap_or_else(|| "24Kf".to_owned());
    let mut arguments: Vec<OsString> = [
        "-M malta -nographic -vga none -nic none -no-reboot -monitor none -serial stdio",
        "-rtc base=2026-01-01T00:00:00",
    ]
    .iter()
    .flat_map(|words| words.split(' ').map(Into::into))
    .collect();
    arguments.extend(["-cpu".into(), cpu.into()]);
    arguments.extend(["-m".into(), format!("{}k", memory.bytes() >> 10).into()]);
    arguments.extend(["-kernel".into(), guest.path.clone().into()]);
    if let Some(initrd) = &machine.initrd {
        arguments.extend(["-initrd".into(), initrd.into()]);
    }
    if let Some(append) = &machine.append {
        arguments.extend(["-append".into(), append.into()]);
    }
    arguments.extend(flags.iter().map(Into::into));
    arguments
}
