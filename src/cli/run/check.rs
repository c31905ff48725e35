//! `--check`: the machines as they would run, for people to look at.

use comfy_table::Table;
use comfy_table::presets::NOTHING;

use crate::cli::{CliError, Exit, print};
use crate::machine::MachineSpec;

/// What the network ports of a machine are connected to.
fn networks(machine: &MachineSpec) -> String {
    let ports = machine.networks.iter().map(|port| port.kind.to_string());
    ports.collect::<Vec<_>>().join(" ")
}

/// Shows machines that were found to be good.
pub(super) fn show(machines: &[MachineSpec]) -> Result<Exit, CliError> {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header([
        "name", "image", "cpu", "memory", "share", "console", "network",
    ]);
    for machine in machines {
        table.add_row([
            machine.name.clone(),
            machine.image.name.clone(),
            machine.cpu.name.to_owned(),
            machine.memory.to_string(),
            machine.share.to_string(),
            machine.console.shown(),
            networks(machine),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    print(&format!("{}\n", table.trim_fmt()))
}
