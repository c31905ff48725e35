//! Stories as text: a table with a column for each that takes a turn.

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};

use super::Story;

/// The columns' widths, the space between them included.
const WIDTHS: [u16; 3] = [28, 36, 36];

/// How many of them are space.
const SPACE: u16 = 2;

/// A story as text.
#[must_use]
pub fn render(story: &Story) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(story.columns);
    table.add_row(WIDTHS.map(|width| "-".repeat(usize::from(width - SPACE))));
    for step in &story.steps {
        table.add_row(&step.texts);
    }
    for (column, width) in table.column_iter_mut().zip(WIDTHS) {
        column.set_padding((0, SPACE));
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    format!("{}\n{}\n{}\n", story.title, table.trim_fmt(), story.totals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Event, Flow, Sequence, Timed, Under};
    use mirrorball_runtime::cpu::exception::Exception;
    use mirrorball_runtime::mmu::Access;

    fn told(flow: Flow, sequence: &Sequence) -> String {
        render(&Story::of(flow, Under::Monitor, sequence))
    }

    fn sequence(events: Vec<Event>) -> Sequence {
        Sequence {
            number: 7,
            at: 1234,
            task: None,
            asid: 3,
            table: Some(0x8200_0000),
            whole: true,
            events: (1234..)
                .zip(events)
                .map(|(at, event)| Timed { at, event })
                .collect(),
        }
    }

    /// The number and the column of each step.
    fn steps(text: &str) -> Vec<(usize, usize)> {
        let step = |line: &str| {
            let start = line.find(|c: char| c != ' ')?;
            let (number, _) = line[start..].split_once(". ")?;
            Some((number.parse().ok()?, start))
        };
        text.lines().filter_map(step).collect()
    }

    #[test]
    fn the_line_is_the_actors() {
        let resume = Event::Resume {
            pc: 0x40_0004,
            asid: 3,
            same: true,
        };
        let text = told(
            Flow::Syscall,
            &sequence(vec![
                Event::Call {
                    pc: 0x40_0000,
                    number: 4004,
                    arguments: [1, 2, 3, 4],
                },
                Event::Exception {
                    kind: Exception::Syscall,
                    epc: 0x40_0000,
                    cause: 0x20,
                    status: 0x13,
                    address: None,
                    vector: 0x8000_0180,
                },
                Event::Return {
                    pc: 0x8000_0400,
                    to: 0x40_0004,
                    asid: 3,
                },
                resume,
            ]),
        );
        let [system, monitor] = [28, 64];
        let expected = [(1, 0), (2, monitor), (3, system), (4, monitor), (5, 0)];
        assert_eq!(steps(&text), expected, "{text}");
        assert!(text.starts_with(
            "System call 7, after 1234 instructions, in ASID 3, page table 0x82000000\n"
        ));
        assert!(text.ends_with("; 1 exception\n"), "{text}");
    }

    #[test]
    fn an_access_that_comes_back_is_told_once() {
        let again = |refused| Event::Again {
            pc: 0x40_0000,
            kind: Access::Read,
            address: 0x50_0000,
            soft_misses: 0,
            refused,
        };
        let resume = Event::Resume {
            pc: 0x40_0000,
            asid: 3,
            same: true,
        };
        let text = told(Flow::Tlb, &sequence(vec![resume.clone(), again(false)]));
        assert_eq!(steps(&text), [(1, 0), (2, 64)], "{text}");
        assert!(text.contains("The monitor is not asked."), "{text}");
        let text = told(Flow::Tlb, &sequence(vec![resume, again(true)]));
        assert_eq!(steps(&text), [(1, 0)], "{text}");
    }

    #[test]
    fn a_sequence_that_was_cut_short_says_so() {
        let cut = Sequence {
            whole: false,
            ..sequence(Vec::new())
        };
        assert!(told(Flow::Tlb, &cut).ends_with("the machine ended before the sequence did\n"));
    }
}
