//! The second-level TLB: guests take fewer refills and notice nothing else, in every engine alike.

mod common;

use common::{End, Kind, boot_with, project};
use mirrorball_runtime::exit::Outcome;
use std::fs;

/// Guests with a TLB-refill handler of their own.
const GUESTS: [&str; 5] = [
    "tour",
    "bench-tlbrefill.u",
    "bench-pagefault.u",
    "bench-ctxswitch.u",
    "bench-smc.u",
];

/// Runs a guest; returns its end and the refills that it took.
fn execute(kind: Kind, name: &str, entries: usize) -> (End, u64) {
    let stem = format!("{name}.el");
    let image = fs::read(project(&format!("guests/prebuilt/{stem}.elf"))).expect("an image");
    let mut vm = boot_with(&stem, &image, entries);
    let end = common::run(kind, &mut vm, u64::MAX);
    (end, vm.counters.refills.iter().sum())
}

#[test]
fn guests_do_the_same_with_fewer_refills() {
    for name in GUESTS {
        let expected = fs::read(project(&format!("guests/expected/{name}.el.txt"))).expect(name);
        let (without, refills) = execute(Kind::Jit, name, 0);
        let (with, fewer) = execute(Kind::Jit, name, 256);
        for end in [&without, &with] {
            assert_eq!(end.outcome, Outcome::PowerOff, "{name}");
        }
        assert_eq!(with.output, expected, "{name}");
        assert!(
            fewer < refills,
            "{name}: {fewer} refills instead of {refills}"
        );
        // The tour waits for ticks: what it does not spend on refills it spends on that.
        let clocked = name == "tour";
        assert!(
            clocked || with.instructions < without.instructions,
            "{name}"
        );
    }
}

#[test]
fn engines_agree_with_a_full_second_level_and_a_tiny_one() {
    for (name, entries) in [("tour", 4), ("tour", 256), ("bench-tlbrefill.u", 64)] {
        let (reference, _) = execute(Kind::Interpreter, name, entries);
        for kind in [Kind::EagerJit, Kind::Lockstep, Kind::Strides(211)] {
            assert_eq!(
                execute(kind, name, entries).0,
                reference,
                "{name} in {kind}"
            );
        }
    }
}

#[test]
fn the_instruction_set_is_the_same_at_any_size() {
    let names = [
        "alu", "branch", "cp0", "llsc", "manual", "memory", "muldiv", "smc", "tlb", "traps",
    ];
    for name in names.map(|name| format!("isa-{name}")) {
        let expected = fs::read(project(&format!("guests/expected/{name}.el.txt"))).expect("text");
        for entries in [4, 112, 1024] {
            for kind in [Kind::Interpreter, Kind::EagerJit, Kind::Strides(211)] {
                let (end, _) = execute(kind, &name, entries);
                assert_eq!(
                    end.outcome,
                    Outcome::PowerOff,
                    "{name} in {kind}: {entries}"
                );
                assert!(end.output == expected, "{name} in {kind}: {entries}");
            }
        }
    }
}
