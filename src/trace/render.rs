//! Sequences as text, in the three columns of the textbooks: process, operating system, monitor.
//! Time runs downward, and the line is the actor's.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::mmu::Access;

use super::{Event, Flow, Sequence, Stage, Work};
use crate::isa::disasm::disassemble;

/// The columns' widths, the space between them included.
const WIDTHS: [u16; 3] = [28, 36, 36];

/// How many of them are space.
const SPACE: u16 = 2;

/// The text in each column of a line.
#[derive(Default)]
struct Line {
    process: String,
    system: String,
    monitor: String,
}

impl Line {
    fn process(text: String) -> Self {
        Self {
            process: text,
            ..Self::default()
        }
    }

    fn system(text: String) -> Self {
        Self {
            system: text,
            ..Self::default()
        }
    }

    fn monitor(text: String) -> Self {
        Self {
            monitor: text,
            ..Self::default()
        }
    }
}

/// A sequence as text.
#[must_use]
pub fn render(flow: Flow, sequence: &Sequence) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["Process", "Operating system", "Monitor"]);
    table.add_row(WIDTHS.map(|width| "-".repeat(usize::from(width - SPACE))));
    let lines = told(&sequence.events).flat_map(lines);
    for (index, mut line) in lines.enumerate() {
        let number = format!("{}. ", index + 1);
        let first = [&mut line.process, &mut line.system, &mut line.monitor]
            .into_iter()
            .find(|text| !text.is_empty());
        if let Some(text) = first {
            text.insert_str(0, &number);
        }
        table.add_row([line.process, line.system, line.monitor]);
    }
    for (column, width) in table.column_iter_mut().zip(WIDTHS) {
        column.set_padding((0, SPACE));
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    let mut text = format!("{}\n{}\n", title(flow, sequence), table.trim_fmt());
    text.push_str(&totals(sequence));
    text
}

/// The events that a line is due to: all but a process's going on with what it then does again.
fn told(events: &[Event]) -> impl Iterator<Item = &Event> {
    let next = events.iter().skip(1).map(Some).chain([None]);
    let goes_on = |event: &Event| matches!(event, Event::Resume { .. });
    events
        .iter()
        .zip(next)
        .filter(move |(event, next)| !(goes_on(event) && matches!(next, Some(Event::Again { .. }))))
        .map(|(event, _)| event)
}

fn title(flow: Flow, sequence: &Sequence) -> String {
    let what = match flow {
        Flow::Syscall => "System call",
        Flow::Tlb => "TLB miss",
    };
    let table = sequence
        .table
        .map(|at| format!(", page table {at:#010x}"))
        .unwrap_or_default();
    format!(
        "{what} {}, after {} instructions, in ASID {}{table}",
        sequence.number, sequence.at, sequence.asid
    )
}

/// What an event is in the table: mostly one line.
fn lines(event: &Event) -> Vec<Line> {
    match *event {
        Event::Call {
            pc,
            number,
            arguments: [a0, a1, a2, a3],
        } => vec![Line::process(format!(
            "{pc:#010x} syscall\nv0 {number}\na0 {a0:#x}, a1 {a1:#x}\na2 {a2:#x}, a3 {a3:#x}"
        ))],
        Event::Access {
            pc,
            word,
            kind,
            address,
        } => vec![
            Line::process(access(pc, word, kind, address)),
            Line::monitor(format!(
                "Software TLB: no entry for the page of {address:#010x}.\nGuest's TLB: none in either level."
            )),
        ],
        Event::Exception {
            kind,
            epc,
            cause,
            status,
            address,
            vector,
        } => {
            let address = address
                .map(|address| format!("\nBadVAddr {address:#010x}"))
                .unwrap_or_default();
            vec![Line::monitor(format!(
                "Exception: {}\nEPC {epc:#010x}, Cause {cause:#x}\nStatus {status:#x}: EXL set, kernel mode{address}\nSpace: the kernel's. On at the guest's vector {vector:#010x}",
                name(kind)
            ))]
        }
        Event::Kernel(ref stage) => vec![kernel(stage)],
        Event::TlbWrite {
            pc,
            random,
            entry,
            filled,
            kept,
        } => {
            let soft = if filled {
                "the page that was missed is entered"
            } else {
                "nothing is entered"
            };
            let displaced = if kept {
                "Second level: keeps what this displaces.\nSoftware TLB: that stays"
            } else {
                "Software TLB: what this displaces goes"
            };
            let mnemonic = if random { "tlbwr" } else { "tlbwi" };
            vec![
                Line::system(format!("{pc:#010x} {mnemonic}")),
                Line::monitor(format!("Guest's TLB: {entry}\n{displaced}, {soft}")),
            ]
        }
        Event::Return { pc, to, asid } => vec![
            Line::system(format!("{pc:#010x} eret")),
            Line::monitor(format!(
                "EXL cleared: user mode\nSpace: that of ASID {asid}. On at EPC, {to:#010x}"
            )),
        ],
        Event::Resume { pc, asid, same } => vec![Line::process(if same {
            format!("{pc:#010x} goes on")
        } else {
            format!("{pc:#010x} another process or program goes on, ASID {asid}")
        })],
        Event::Again {
            pc,
            kind,
            address,
            soft_misses,
            refused,
        } => again(pc, (kind, address), soft_misses, refused),
    }
}

fn access(pc: u32, word: Option<u32>, kind: Access, address: u32) -> String {
    let verb = match kind {
        Access::Fetch => return format!("{pc:#010x}\nfetches its next instruction"),
        Access::Read => "loads from",
        Access::Write => "stores to",
    };
    let instruction = word.map_or_else(|| "?".into(), |word| disassemble(word, pc));
    format!("{pc:#010x}\n{instruction}\n{verb} {address:#010x}")
}

fn again(pc: u32, access: (Access, u32), soft_misses: u64, refused: bool) -> Vec<Line> {
    let process = Line::process(format!("{pc:#010x} once more"));
    let answer = match access {
        _ if refused => return vec![process],
        (Access::Fetch, address) => {
            format!("Guest's TLB: hit for {address:#010x}.\nThe engine finds or makes the block.")
        }
        (_, address) if soft_misses == 0 => {
            format!("Software TLB: hit for {address:#010x}.\nThe monitor is not asked.")
        }
        (_, address) => format!(
            "Software TLB: miss for {address:#010x}.\nGuest's TLB: hit; the page is entered."
        ),
    };
    vec![process, Line::monitor(answer)]
}

fn name(exception: Exception) -> &'static str {
    match exception {
        Exception::Syscall => "system call",
        Exception::Interrupt => "interrupt",
        Exception::TlbRefillLoad => "TLB refill, load or fetch",
        Exception::TlbRefillStore => "TLB refill, store",
        Exception::TlbInvalidLoad => "TLB invalid, load or fetch",
        Exception::TlbInvalidStore => "TLB invalid, store",
        Exception::TlbModified => "TLB modified",
        Exception::AddressLoad | Exception::AddressStore => "address error",
        Exception::BusFetch | Exception::BusData => "bus error",
        Exception::Breakpoint => "breakpoint",
        Exception::ReservedInstruction => "reserved instruction",
        Exception::CoprocessorUnusable(_) => "coprocessor unusable",
        Exception::Overflow => "overflow",
        Exception::Trap => "trap",
        Exception::FloatingPoint => "floating point",
        Exception::Watch => "watchpoint",
        Exception::MachineCheck => "machine check",
    }
}

fn kernel(stage: &Stage) -> Line {
    let Stage {
        from,
        to,
        instructions,
        privileged,
        monitor,
    } = stage;
    let mut system = format!(
        "{from:#010x} to {to:#010x}\n{}",
        count(*instructions, "instruction")
    );
    if !privileged.alone.is_empty() {
        let _ = write!(
            system,
            "\nprivileged, done by translated code: {}",
            list(&privileged.alone)
        );
    }
    if !privileged.emulated.is_empty() {
        let _ = write!(
            system,
            "\nprivileged, done by the monitor: {}",
            list(&privileged.emulated)
        );
    }
    Line {
        system,
        monitor: done(monitor, privileged.totals()[1]),
        ..Line::default()
    }
}

/// What the monitor did while the operating system ran; nothing if it did nothing.
fn done(work: &Work, emulated: u64) -> String {
    let parts = [
        (emulated, "privileged instruction"),
        (work.soft_misses, "software-TLB miss"),
        (work.devices, "device access"),
        (work.exceptions, "more exception"),
        (work.switches, "change of space"),
    ];
    let parts = parts.iter().filter(|(n, _)| *n > 0);
    let text: Vec<String> = parts.map(|&(n, what)| count(n, what)).collect();
    if text.is_empty() {
        return String::new();
    }
    format!("meanwhile: {}", text.join(", "))
}

/// A number of things, in words.
fn count(n: u64, what: &str) -> String {
    let Some(first) = what.strip_prefix("change") else {
        return match (n, what.ends_with("ss")) {
            (1, _) => format!("1 {what}"),
            (_, true) => format!("{n} {what}es"),
            (..) => format!("{n} {what}s"),
        };
    };
    format!("{n} change{}{first}", if n == 1 { "" } else { "s" })
}

/// Instructions, each with how often it was executed.
fn list(counts: &BTreeMap<String, u64>) -> String {
    let each = counts.iter().map(|(name, &n)| {
        if n == 1 {
            name.clone()
        } else {
            format!("{name} x{n}")
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

/// What the sequence cost in all.
fn totals(sequence: &Sequence) -> String {
    let (mut instructions, mut alone, mut emulated, mut entries) = (0, 0, 0, 0);
    for event in &sequence.events {
        match event {
            Event::Kernel(stage) => {
                instructions += stage.instructions;
                let [by_code, by_monitor] = stage.privileged.totals();
                alone += by_code;
                emulated += by_monitor;
            }
            Event::Exception { .. } => entries += 1,
            _ => {}
        }
    }
    let whole = if sequence.whole {
        ""
    } else {
        "; the machine ended before the sequence did"
    };
    format!(
        "In all: {} of the operating system; {alone} privileged by translated code, {emulated} by the monitor; {}{whole}\n",
        count(instructions, "instruction"),
        count(entries, "exception"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(events: Vec<Event>) -> Sequence {
        Sequence {
            number: 7,
            at: 1234,
            asid: 3,
            table: Some(0x8200_0000),
            whole: true,
            events,
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
        let text = render(
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
        let text = render(Flow::Tlb, &sequence(vec![resume.clone(), again(false)]));
        assert_eq!(steps(&text), [(1, 0), (2, 64)], "{text}");
        assert!(text.contains("The monitor is not asked."), "{text}");
        let text = render(Flow::Tlb, &sequence(vec![resume, again(true)]));
        assert_eq!(steps(&text), [(1, 0)], "{text}");
    }

    #[test]
    fn a_sequence_that_was_cut_short_says_so() {
        let cut = Sequence {
            whole: false,
            ..sequence(Vec::new())
        };
        assert!(render(Flow::Tlb, &cut).ends_with("the machine ended before the sequence did\n"));
    }

    #[test]
    fn things_are_counted_in_words() {
        assert_eq!(count(1, "software-TLB miss"), "1 software-TLB miss");
        assert_eq!(count(2, "software-TLB miss"), "2 software-TLB misses");
        assert_eq!(count(2, "device access"), "2 device accesses");
        assert_eq!(count(3, "change of space"), "3 changes of space");
    }
}
