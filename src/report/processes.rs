//! The guest's processes as a table.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use mirrorball_runtime::clock::Cycles;
use mirrorball_runtime::insight::Process;

/// The head of the table, one line for columns that belong together.
const HEAD: [&str; 9] = [
    "ASID", "TABLE", "CPU", "USER", "KERNEL", "REFILLS", "PAGES", "FROM", "TO",
];

/// The processes as text, for people: the guest's kernel before there was one, and each address
/// space since, in the order in which they were first seen.
#[must_use]
pub fn render(processes: &[Process]) -> String {
    let all: u64 = processes.iter().map(instructions).sum();
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(HEAD);
    for process in processes {
        table.add_row([
            process.asid.to_string(),
            process
                .table
                .map_or_else(|| "-".into(), |at| format!("{at:#010x}")),
            share(instructions(process), all),
            process.user.to_string(),
            process.kernel.to_string(),
            process.refills.to_string(),
            process.pages.to_string(),
            seconds(process.first),
            seconds(process.last),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{}\n", table.trim_fmt())
}

fn instructions(process: &Process) -> u64 {
    process.user + process.kernel
}

fn share(part: u64, all: u64) -> String {
    if all == 0 {
        return "-".into();
    }
    format!("{:.1}%", 100.0 * part as f64 / all as f64)
}

fn seconds(at: Cycles) -> String {
    format!("{:.3}", at.to_nanos().0 as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_a_line() {
        let kernel = Process {
            kernel: 750,
            last: Cycles(100_000_000),
            ..Process::default()
        };
        let shell = Process {
            asid: 3,
            table: Some(0x8123_4000),
            user: 200,
            kernel: 50,
            refills: 4,
            pages: 5,
            first: Cycles(100_000_000),
            last: Cycles(250_000_000),
        };
        let text = render(&[kernel, shell]);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines[0], HEAD);
        assert_eq!(
            lines[1],
            ["0", "-", "75.0%", "0", "750", "0", "0", "0.000", "1.000"]
        );
        let shell = [
            "3",
            "0x81234000",
            "25.0%",
            "200",
            "50",
            "4",
            "5",
            "1.000",
            "2.500",
        ];
        assert_eq!(lines[2], shell);
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_machine_that_never_ran_has_shares_of_nothing() {
        assert!(render(&[Process::default()]).contains(" - "));
    }
}
