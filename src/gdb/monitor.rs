//! The commands behind GDB's `monitor`: what there is to see of a machine that GDB has no words for.

use std::fmt::Write;

use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::vm::{Vm, debug};

use super::registers::OWN;
use crate::report::processes;

/// What a command prints, given the words behind its name.
type Show = fn(&Vm, &[&str]) -> Result<String, String>;

/// All commands: name, arguments, what it shows, and how.
const COMMANDS: &[(&str, &str, &str, Show)] = &[
    ("help", "", "these commands", |_, _| Ok(help())),
    ("tlb", "", "the entries of the guest's TLB", |vm, _| {
        Ok(tlb(vm))
    }),
    (
        "ps",
        "",
        "the guest's processes, as far as a monitor sees them",
        |vm, _| Ok(processes::render(&vm.processes())),
    ),
    ("registers", "", "coprocessor 0", |vm, _| Ok(registers(vm))),
    (
        "devices",
        "",
        "how often each device was read and written",
        |vm, _| Ok(devices(vm)),
    ),
    (
        "translate",
        "ADDRESS",
        "where a virtual address leads",
        translate,
    ),
    (
        "xp",
        "ADDRESS [WORDS]",
        "words at a physical address",
        words,
    ),
    (
        "history",
        "",
        "the checkpoints of the guest's past, by their instruction counts",
        |vm, _| Ok(history(vm)),
    ),
    (
        "count",
        "",
        "how many instructions have run, and the guest's time",
        |vm, _| Ok(count(vm)),
    ),
];

/// The answer to a command.
pub(super) fn answer(vm: &Vm, line: &str) -> String {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or("help");
    let words: Vec<&str> = words.collect();
    let command = COMMANDS.iter().find(|(command, ..)| *command == name);
    let shown = command.map_or_else(
        || {
            Err(format!(
                "there is no command {name:?}; 'monitor help' lists them"
            ))
        },
        |(.., show)| show(vm, &words),
    );
    shown.unwrap_or_else(|problem| format!("{problem}\n"))
}

fn help() -> String {
    let mut text = String::new();
    for (name, arguments, about, _) in COMMANDS {
        let usage = format!("monitor {name} {arguments}");
        let _ = writeln!(text, "{usage:<32}{about}");
    }
    text
}

fn tlb(vm: &Vm) -> String {
    let mut text = String::new();
    for (index, entry) in vm.cpu.tlb().entries().iter().enumerate() {
        let _ = writeln!(text, "{index:2}: {entry}");
    }
    text
}

fn registers(vm: &Vm) -> String {
    let mut text = String::new();
    for line in OWN.chunks(4) {
        for (name, register) in line {
            let _ = write!(text, "{name:>9} {:08x}", debug::register(vm, *register));
        }
        text.push('\n');
    }
    text
}

fn devices(vm: &Vm) -> String {
    let mut text = format!("{:24}{:>12}{:>12}\n", "DEVICE", "READS", "WRITES");
    let used = |&(_, reads, writes): &(_, u64, u64)| reads + writes > 0;
    for (name, reads, writes) in vm.board.accesses().filter(used) {
        let _ = writeln!(text, "{name:24}{reads:12}{writes:12}");
    }
    text
}

fn count(vm: &Vm) -> String {
    let (count, time) = (vm.cpu.retired(), vm.cpu.now(0).to_nanos());
    let seconds = time.0 as f64 / 1e9;
    format!("{count} instructions, {seconds:.6} s of the guest's time\n")
}

fn history(vm: &Vm) -> String {
    let Some(past) = vm.past() else {
        return "nothing is kept of the past\n".to_owned();
    };
    let mut text = String::new();
    for count in &past.checkpoints {
        let _ = writeln!(text, "{count:>16}");
    }
    let _ = writeln!(text, "{} KiB of pages", past.bytes >> 10);
    text
}

/// Reads a number as C has it.
fn number(text: &str) -> Result<u32, String> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let number = match hex {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| format!("{text:?} is no number of 32 bits, such as 0x80100000"))
}

fn translate(vm: &Vm, words: &[&str]) -> Result<String, String> {
    let [text] = words else {
        return Err("give one virtual address: monitor translate 0x80100000".to_owned());
    };
    let va = Va(number(text)?.into());
    Ok(match vm.cpu.place(va) {
        Some(pa) if vm.ram.is_ram(pa) => format!("{va} is {pa}, RAM\n"),
        Some(pa) => format!("{va} is {pa}, no RAM\n"),
        None => format!("{va} is not in the TLB\n"),
    })
}

/// The most words that are shown at once.
const MOST_WORDS: u32 = 1024;

fn words(vm: &Vm, words: &[&str]) -> Result<String, String> {
    let (at, count) = match words {
        [at] => (number(at)?, 4),
        [at, count] => (number(at)?, number(count)?.min(MOST_WORDS)),
        _ => return Err("give a physical address: monitor xp 0x100000 16".to_owned()),
    };
    let mut text = String::new();
    for index in 0..count {
        let pa = Pa(u64::from(at & !3) + u64::from(4 * index));
        if index % 4 == 0 {
            let _ = write!(text, "{}{pa}:", if index > 0 { "\n" } else { "" });
        }
        if vm.ram.is_ram(pa) {
            let _ = write!(text, " {:08x}", vm.ram.word(pa));
        } else {
            text.push_str(" ........");
        }
    }
    text.push('\n');
    Ok(text)
}
