//! Sequences as steps in the three columns of the textbooks: process, operating system and monitor, or on
//! a machine without a monitor the hardware in its place. Time runs downward, and the step is the actor's.

use std::collections::BTreeMap;
use std::fmt::Write;

use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::mmu::Access;
use mirrorball_runtime::mmu::tlb::Entry;

use super::{Event, Flow, Mapped, Sequence, Stage, Timed, Work};
use crate::isa::disasm::disassemble;

/// What a guest runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under {
    /// The monitor: what happened.
    Monitor,
    /// Hardware alone: what a bare machine does at the same events, which look the same to the guest.
    Hardware,
}

impl Under {
    /// What the three columns are.
    #[must_use]
    pub fn columns(self) -> [&'static str; 3] {
        match self {
            Self::Monitor => ["Process", "Operating system", "Monitor"],
            Self::Hardware => ["Process", "Operating system", "Hardware"],
        }
    }
}

/// A sequence, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Which it is.
    pub title: String,
    /// What the columns are.
    pub columns: [&'static str; 3],
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// What it cost in all.
    pub totals: String,
}

/// A turn of one of the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How many instructions the machine had run when it began.
    pub at: u64,
    /// The text in each column. The first that is not empty is the actor's, and has the step's number.
    pub texts: [String; 3],
}

impl Story {
    /// The story of `sequence`.
    #[must_use]
    pub fn of(flow: Flow, under: Under, sequence: &Sequence) -> Self {
        let lines = told(&sequence.events).flat_map(|timed| {
            lines(under, &timed.event)
                .into_iter()
                .map(|line| (timed.at, line))
        });
        let steps = (1..).zip(lines).map(|(number, (at, line))| {
            let mut texts = [line.process, line.system, line.third];
            if let Some(text) = texts.iter_mut().find(|text| !text.is_empty()) {
                text.insert_str(0, &format!("{number}. "));
            }
            Step { at, texts }
        });
        Self {
            title: title(flow, sequence),
            columns: under.columns(),
            steps: steps.collect(),
            totals: totals(under, sequence),
        }
    }
}

/// The text in each column of a step.
#[derive(Default)]
struct Line {
    process: String,
    system: String,
    /// Of the monitor, or of the hardware.
    third: String,
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

    fn third(text: String) -> Self {
        Self {
            third: text,
            ..Self::default()
        }
    }
}

/// The events that a step is due to: all but a process's going on with what it then does again.
fn told(events: &[Timed]) -> impl Iterator<Item = &Timed> {
    let next = events.iter().skip(1).map(|timed| Some(&timed.event));
    let next = next.chain([None]);
    let goes_on = |event: &Event| matches!(event, Event::Resume { .. });
    events
        .iter()
        .zip(next)
        .filter(move |(timed, next)| {
            !(goes_on(&timed.event) && matches!(next, Some(Event::Again { .. })))
        })
        .map(|(timed, _)| timed)
}

fn title(flow: Flow, sequence: &Sequence) -> String {
    let what = match flow {
        Flow::Syscall => "System call",
        Flow::Tlb => "TLB miss",
    };
    let task = sequence
        .task
        .map(|task| format!(", process {:?}", task.text()))
        .unwrap_or_default();
    let table = sequence
        .table
        .map(|at| format!(", page table {at:#010x}"))
        .unwrap_or_default();
    format!(
        "{what} {}, after {} instructions{task}, in ASID {}{table}",
        sequence.number, sequence.at, sequence.asid
    )
}

/// What an event is in the columns: mostly one line.
fn lines(under: Under, event: &Event) -> Vec<Line> {
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
            Line::third(match under {
                Under::Monitor => format!(
                    "Software TLB: no entry for the page of {address:#010x}.\nGuest's TLB: none in either level."
                ),
                Under::Hardware => format!("TLB: no entry for the page of {address:#010x}."),
            }),
        ],
        Event::Exception { .. } => vec![Line::third(exception(under, event))],
        Event::Kernel(ref stage) => vec![kernel(under, stage)],
        Event::TlbWrite {
            pc,
            random,
            entry,
            page,
            kept,
        } => tlb_write(under, (pc, random), &entry, page, kept),
        Event::Return { pc, to, asid } => vec![
            Line::system(format!("{pc:#010x} eret")),
            Line::third(match under {
                Under::Monitor => format!(
                    "EXL cleared: user mode\nSpace: that of ASID {asid}. On at EPC, {to:#010x}"
                ),
                Under::Hardware => format!("EXL cleared: user mode\nOn at EPC, {to:#010x}"),
            }),
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
        } => again(under, pc, (kind, address), soft_misses, refused),
    }
}

fn exception(under: Under, event: &Event) -> String {
    let &Event::Exception {
        kind,
        epc,
        cause,
        status,
        address,
        vector,
    } = event
    else {
        return String::new();
    };
    let address = address
        .map(|address| format!("\nBadVAddr {address:#010x}"))
        .unwrap_or_default();
    let on = match under {
        Under::Monitor => "Space: the kernel's. On at the guest's vector",
        Under::Hardware => "On at the vector",
    };
    format!(
        "Exception: {}\nEPC {epc:#010x}, Cause {cause:#x}\nStatus {status:#x}: EXL set, kernel mode{address}\n{on} {vector:#010x}",
        name(kind)
    )
}

/// The operating system writes an entry of its TLB, with the instruction at an address, which is TLBWR
/// or TLBWI.
fn tlb_write(
    under: Under,
    (pc, random): (u32, bool),
    entry: &Entry,
    page: Option<Mapped>,
    kept: bool,
) -> Vec<Line> {
    let mnemonic = if random { "tlbwr" } else { "tlbwi" };
    let mut system = format!("{pc:#010x} {mnemonic}");
    if let Some(page) = page {
        let valid = if page.valid { "" } else { ", not valid" };
        let (vpn, pfn) = (page.virtual_page >> 12, page.physical_page >> 12);
        let _ = write!(system, "\nVPN {vpn:#x} -> PFN {pfn:#x}{valid}");
    }
    let third = match under {
        Under::Hardware => format!("TLB: {entry}"),
        Under::Monitor => format!(
            "Guest's TLB: {entry}\n{}, {}",
            displaced(kept),
            installed(page)
        ),
    };
    vec![Line::system(system), Line::third(third)]
}

fn displaced(kept: bool) -> &'static str {
    if kept {
        "Second level: keeps what this displaces.\nSoftware TLB: that stays"
    } else {
        "Software TLB: what this displaces goes"
    }
}

fn installed(page: Option<Mapped>) -> String {
    let entered = page.and_then(|page| Some((page.virtual_page >> 12, page.installed?)));
    match entered {
        Some((vpn, frame)) => format!(
            "the page that was missed is entered:\nVPN {vpn:#x} -> machine frame {:#x}",
            frame.0
        ),
        None => "nothing is entered".to_owned(),
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

fn again(
    under: Under,
    pc: u32,
    access: (Access, u32),
    soft_misses: u64,
    refused: bool,
) -> Vec<Line> {
    let process = Line::process(format!("{pc:#010x} once more"));
    let answer = match access {
        _ if refused => return vec![process],
        (_, address) if under == Under::Hardware => format!("TLB: hit for {address:#010x}."),
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
    vec![process, Line::third(answer)]
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

fn kernel(under: Under, stage: &Stage) -> Line {
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
    let (alone, emulated) = (&privileged.alone, &privileged.emulated);
    let parts = match under {
        Under::Hardware => vec![("", privileged.all())],
        Under::Monitor => vec![
            (", done by translated code", alone.clone()),
            (", done by the monitor", emulated.clone()),
        ],
    };
    for (by, counts) in parts.iter().filter(|(_, counts)| !counts.is_empty()) {
        let _ = write!(system, "\nprivileged{by}: {}", list(counts));
    }
    let third = match under {
        Under::Hardware => String::new(),
        Under::Monitor => done(monitor, privileged.totals()[1]),
    };
    Line {
        system,
        third,
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
fn totals(under: Under, sequence: &Sequence) -> String {
    let (mut instructions, mut alone, mut emulated, mut entries) = (0, 0, 0, 0);
    for timed in &sequence.events {
        match &timed.event {
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
    let privileged = match under {
        Under::Monitor => {
            format!("{alone} privileged by translated code, {emulated} by the monitor")
        }
        Under::Hardware => format!("{} privileged", alone + emulated),
    };
    format!(
        "In all: {} of the operating system; {privileged}; {}{whole}",
        count(instructions, "instruction"),
        count(entries, "exception"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted_in_words() {
        assert_eq!(count(1, "software-TLB miss"), "1 software-TLB miss");
        assert_eq!(count(2, "software-TLB miss"), "2 software-TLB misses");
        assert_eq!(count(2, "device access"), "2 device accesses");
        assert_eq!(count(3, "change of space"), "3 changes of space");
    }
}
