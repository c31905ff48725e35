//! Where two machines differ.

use std::fmt::Write;
use std::hash::Hasher;

use clap::ValueEnum;
use mirrorball_runtime::addr::{PAGE_SIZE, Pa};
use mirrorball_runtime::memory::differing;
use mirrorball_runtime::vm::{Vm, state};
use xxhash_rust::xxh3::Xxh3;

use super::registers::{held, named};

/// The most words of memory that are shown.
const MOST_WORDS: usize = 16;
/// The most entries of the TLB that are shown.
const MOST_ENTRIES: usize = 4;

/// What of two machines is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// Registers, TLB, time and all of memory
    #[default]
    State,
    /// Registers, TLB and time: what is otherwise in memory counts when an instruction loads it
    Registers,
}

/// Whether two machines differ. The second levels of their TLBs count if they are of one size.
#[must_use]
pub fn differ(a: &Vm, b: &Vm, scope: Scope) -> bool {
    registers_differ(a, b) || scope == Scope::State && differing(&a.ram, &b.ram).next().is_some()
}

fn registers_differ(a: &Vm, b: &Vm) -> bool {
    let alike = a.config().second_tlb == b.config().second_tlb;
    let hash = |vm: &Vm| {
        let mut hasher = Xxh3::new();
        match alike {
            true => state::hash_registers(&vm.cpu, &mut hasher),
            false => state::hash_visible(&vm.cpu, &mut hasher),
        }
        hasher.finish()
    };
    hash(a) != hash(b) || a.cpu.retired() != b.cpu.retired()
}

/// Something that two machines have otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is called.
    pub what: String,
    /// What each of them has.
    pub values: [String; 2],
}

/// What two machines have otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The first of it.
    pub rows: Vec<Row>,
    /// How many words of memory differ, and in how many pages.
    pub memory: (u64, u64),
}

impl Difference {
    /// What `a` and `b` have otherwise.
    #[must_use]
    pub fn of(a: &Vm, b: &Vm) -> Self {
        let mut found = Self::default();
        found.note_registers(a, b);
        found.note_time(a, b);
        found.note_tlb(a, b);
        if found.rows.is_empty() && registers_differ(a, b) {
            found.rows.push(Row {
                what: "what software cannot see".to_owned(),
                values: [
                    "the second-level TLB, or a pending part of",
                    "coprocessor 0",
                ]
                .map(str::to_owned),
            });
        }
        found.note_memory(a, b);
        found
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn note(&mut self, what: &str, a: &Vm, b: &Vm, text: impl Fn(&Vm) -> String) {
        let values = [text(a), text(b)];
        if values[0] != values[1] {
            let what = what.to_owned();
            self.rows.push(Row { what, values });
        }
    }

    fn note_registers(&mut self, a: &Vm, b: &Vm) {
        for (name, register) in named(a) {
            self.note(&name, a, b, |vm| held(vm, register));
        }
        let link = |vm: &Vm| format!("{} {:08x}", vm.cpu.ll_bit, vm.cpu.ll_value);
        self.note("LL bit and value", a, b, link);
    }

    fn note_time(&mut self, a: &Vm, b: &Vm) {
        self.note("instructions", a, b, |vm| vm.cpu.retired().to_string());
        let time = |vm: &Vm| format!("{:.9} s", vm.cpu.now(0).to_nanos().0 as f64 / 1e9);
        self.note("guest's time", a, b, time);
    }

    fn note_tlb(&mut self, a: &Vm, b: &Vm) {
        let entries = |vm: &Vm| vm.cpu.tlb().entries().to_vec();
        let pairs = entries(a).into_iter().zip(entries(b)).enumerate();
        let others: Vec<_> = pairs.filter(|(_, (a, b))| a != b).collect();
        for (index, (a, b)) in others.iter().take(MOST_ENTRIES) {
            self.rows.push(Row {
                what: format!("TLB entry {index}"),
                values: [a.to_string(), b.to_string()],
            });
        }
        if others.len() > MOST_ENTRIES {
            let count = others.len().to_string();
            self.rows.push(Row {
                what: "TLB entries in all".to_owned(),
                values: [count.clone(), count],
            });
        }
    }

    fn note_memory(&mut self, a: &Vm, b: &Vm) {
        for page in differing(&a.ram, &b.ram) {
            self.memory.1 += 1;
            for at in (page.0..page.0 + PAGE_SIZE).step_by(4).map(Pa) {
                let [left, right] = [a, b].map(|vm| vm.ram.word(at));
                if left == right {
                    continue;
                }
                self.memory.0 += 1;
                if self.memory.0 <= MOST_WORDS as u64 {
                    self.rows.push(Row {
                        what: format!("memory at {at}"),
                        values: [left, right].map(|word| format!("{word:08x}")),
                    });
                }
            }
        }
    }

    /// As a table, with these names of the two machines.
    #[must_use]
    pub fn render(&self, names: [&str; 2]) -> String {
        let widths = |column: fn(&Row) -> &str, head: &str| {
            let longest = self.rows.iter().map(|row| column(row).len()).max();
            longest.unwrap_or(0).max(head.len())
        };
        let what = widths(|row| &row.what, "");
        let first = widths(|row| &row.values[0], names[0]);
        let mut text = format!("  {:what$}  {:first$}  {}\n", "", names[0], names[1]);
        for Row { what: name, values } in &self.rows {
            let _ = writeln!(text, "  {name:what$}  {:first$}  {}", values[0], values[1]);
        }
        let (words, pages) = self.memory;
        if words > MOST_WORDS as u64 {
            let _ = writeln!(text, "  {words} words of memory in all, in {pages} pages");
        }
        text
    }
}
