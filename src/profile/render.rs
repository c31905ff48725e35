//! A profile for people: a table of its top, folded stacks, and a flame graph of these.

use std::collections::BTreeMap;
use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use inferno::flamegraph::{self, Options};
use mirrorball_runtime::addr::PAGE_SIZE;

use super::{Place, Process, Profile, Symbols};

/// How many lines the table has.
const TOP: usize = 20;
/// The first address that user mode cannot reach.
const KERNEL: u32 = 0x8000_0000;

/// What a sample is shown as: the frames of its stack, of which the last is where it was.
type Stack = Vec<String>;

/// A profile with names for its places.
pub struct Named(BTreeMap<Stack, u64>, Profile);

/// Names for a process's code, or for all code if there is no process.
pub type SymbolsOf = (Option<String>, Symbols);

impl Named {
    /// Names the places of `profile`. The first of `symbols` that knows one names it.
    #[must_use]
    pub fn new(profile: Profile, symbols: &[SymbolsOf]) -> Self {
        let mut stacks: BTreeMap<Stack, u64> = BTreeMap::new();
        for (place, samples) in profile.places() {
            *stacks.entry(stack(place, symbols)).or_default() += samples;
        }
        Self(stacks, profile)
    }

    /// The stacks in the folded form that flame graphs are made of: frames, and how many samples.
    #[must_use]
    pub fn folded(&self) -> String {
        let line = |(stack, samples): (&Stack, &u64)| format!("{} {samples}\n", stack.join(";"));
        self.0.iter().map(line).collect()
    }

    /// Writes a flame graph: a picture that opens in a browser, and is searched and enlarged there.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn flame_graph(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut options = Options::default();
        options.title = "Where the guest spends its time".to_owned();
        options.subtitle = Some(self.summary());
        options.count_name = "samples".to_owned();
        options.deterministic = true;
        let folded = self.folded();
        if folded.is_empty() {
            return writeln!(out, "{EMPTY}");
        }
        flamegraph::from_lines(&mut options, folded.lines(), out)
            .map_err(|error| io::Error::other(error.to_string()))
    }

    /// The places with most samples, and what there is in all.
    #[must_use]
    pub fn table(&self) -> String {
        let mut top: Vec<(&Stack, u64)> = self.0.iter().map(|(stack, &n)| (stack, n)).collect();
        top.sort_by_key(|&(_, samples)| std::cmp::Reverse(samples));
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header(["share", "samples", "process", "mode", "at"]);
        for (stack, samples) in top.iter().take(TOP) {
            let frame = |index: usize| stack.get(index).cloned().unwrap_or_default();
            table.add_row([
                percent(*samples, self.1.total()),
                samples.to_string(),
                frame(0),
                frame(1),
                frame(2),
            ]);
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for column in [0, 1] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let rest = top.len().saturating_sub(TOP);
        let rest = match rest {
            0 => String::new(),
            rest => format!("and {rest} more places\n"),
        };
        format!("{}\n{}\n{rest}", self.summary(), table.trim_fmt())
    }

    fn summary(&self) -> String {
        let total = self.1.total();
        let mut modes = [0; 4];
        for (place, samples) in self.1.places() {
            modes[match place {
                Place::User(..) => 0,
                Place::Kernel(..) => 1,
                Place::Idle => 2,
                Place::Other => 3,
            }] += samples;
        }
        let shares = ["user", "kernel", "idle", "elsewhere"].iter().zip(modes);
        let shares = shares.filter(|&(_, samples)| samples > 0);
        let shares: Vec<String> = shares
            .map(|(name, samples)| format!("{} {name}", percent(samples, total)))
            .collect();
        format!(
            "{total} samples, one each {:.2} µs of the guest's time: {}",
            self.1.micros(),
            shares.join(", ")
        )
    }
}

/// A picture of nothing.
const EMPTY: &str = r#"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="400" height="40"><text x="10" y="25">The run was shorter than the time between two samples.</text></svg>"#;

fn percent(part: u64, of: u64) -> String {
    format!("{:.2} %", 100.0 * part as f64 / of.max(1) as f64)
}

/// The frames of a place.
fn stack(place: Place, symbols: &[SymbolsOf]) -> Stack {
    let (process, mode, pc) = match place {
        Place::User(process, pc) => (process, "user", pc),
        Place::Kernel(process, pc) => (process, "kernel", pc),
        Place::Idle => return vec!["(idle)".to_owned()],
        Place::Other => return vec!["(elsewhere)".to_owned()],
    };
    let name = process_name(process);
    let at = symbol(&name, pc, symbols);
    vec![name, mode.to_owned(), at]
}

fn process_name(process: Process) -> String {
    match process {
        // What parts frames, and frames from their number, is no part of a frame.
        Process::Task(name) => name.text().replace([';', ' '], "_"),
        Process::Asid(asid) => format!("ASID {asid}"),
    }
}

/// The name of an address, or of its page if it has none.
fn symbol(process: &str, pc: u32, symbols: &[SymbolsOf]) -> String {
    let applies = |of: &Option<String>| match of {
        Some(of) => of == process && pc < KERNEL,
        None => true,
    };
    let found = symbols
        .iter()
        .filter(|(of, _)| applies(of))
        .find_map(|(_, symbols)| symbols.find(pc));
    let page = || format!("page {:#010x}", pc & !(PAGE_SIZE as u32 - 1));
    found.map_or_else(page, |name| name.replace([';', ' '], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named() -> Named {
        let mut profile = Profile::new(10_000);
        let shell = Process::Asid(3);
        profile.add(Place::Kernel(shell, 0x8010_1004), 6);
        profile.add(Place::Kernel(shell, 0x8010_1008), 1);
        profile.add(Place::User(shell, 0x0040_1004), 2);
        profile.add(Place::User(Process::Asid(4), 0x0040_1004), 1);
        profile.add(Place::Idle, 10);
        let symbols = |text| Symbols::of_text(text);
        Named::new(
            profile,
            &[
                (Some("ASID 3".to_owned()), symbols("00401000 T main\n")),
                (None, symbols("80101000 T schedule\n")),
            ],
        )
    }

    #[test]
    fn stacks_are_process_mode_and_symbol() {
        assert_eq!(
            named().folded(),
            "(idle) 10\nASID 3;kernel;schedule 7\nASID 3;user;main 2\n\
             ASID 4;user;page 0x00401000 1\n"
        );
    }

    #[test]
    fn the_table_begins_with_what_takes_most() {
        let text = named().table();
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some(
                "20 samples, one each 100.00 µs of the guest's time: 15.00 % user, 35.00 % kernel, 50.00 % idle"
            )
        );
        let words = |line: Option<&str>| {
            let words = line.unwrap_or_default().split_whitespace();
            words.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(lines.next()), "share samples process mode at");
        assert_eq!(words(lines.next()), "50.00 % 10 (idle)");
        assert_eq!(words(lines.next()), "35.00 % 7 ASID 3 kernel schedule");
    }

    #[test]
    fn a_flame_graph_is_xml_with_the_names() {
        for named in [named(), Named::new(Profile::new(1), &[])] {
            let mut svg = Vec::new();
            named.flame_graph(&mut svg).unwrap();
            let svg = String::from_utf8(svg).unwrap();
            let options = roxmltree::ParsingOptions {
                allow_dtd: true,
                ..Default::default()
            };
            let document = roxmltree::Document::parse_with_options(&svg, options).unwrap();
            assert_eq!(document.root_element().tag_name().name(), "svg");
            assert!(
                named.0.is_empty() || svg.contains("schedule (7 samples, 35.00%)"),
                "{svg}"
            );
        }
    }
}
