use super::*;
use crate::device::testing::{Ram, lend};

const START_AT: Nanos = Nanos(5_000);

fn set(copier: &mut Copier, source: u64, destination: u64, length: u32) {
    let words = [
        (0x00, source as u32),
        (0x04, (source >> 32) as u32),
        (0x08, destination as u32),
        (0x0c, (destination >> 32) as u32),
        (0x10, length),
    ];
    for (offset, word) in words {
        copier.write_bar(REGISTERS, offset, Width::Word, word, START_AT);
    }
}

fn started(source: u64, destination: u64, length: u32) -> Copier {
    let mut copier = Copier::new();
    set(&mut copier, source, destination, length);
    copier.write_bar(PORTS, 0, Width::Byte, 1, START_AT);
    copier
}

/// What the status is when a copy's time is over.
fn copied(memory: &mut Ram, source: u64, destination: u64, length: u32) -> u8 {
    let mut copier = started(source, destination, length);
    assert_eq!(copier.status(), BUSY);
    assert!(!copier.wants_bus() && !copier.interrupt());
    let due = copier.deadline().expect("a copy takes time");
    assert_eq!(due.0, START_AT.0 + 1000 + u64::from(length));
    copier.advance(Nanos(due.0 - 1));
    assert!(!copier.wants_bus(), "not before its time");
    copier.advance(due);
    assert_eq!(copier.deadline(), None);
    assert!(copier.wants_bus());
    lend(&mut copier, memory, due);
    assert!(!copier.wants_bus());
    assert!(copier.interrupt());
    copier.status()
}

#[test]
fn bytes_are_copied_when_time_is_over() {
    let mut memory = Ram::new(0x4000);
    let source = memory.at(0x1003, 5000).to_vec();
    let beside = memory.at(0x2ffe, 2).to_vec();
    assert_eq!(copied(&mut memory, 0x1003, 0x2000, 4094), DONE);
    assert_eq!(memory.at(0x2000, 4094), &source[..4094]);
    assert_eq!(memory.at(0x2ffe, 2), beside);
}

#[test]
fn ranges_may_overlap() {
    for (from, to) in [(0x100, 0x101), (0x101, 0x100), (0x100, 0x1f0)] {
        let mut memory = Ram::new(0x1000);
        let source = memory.at(from, 0x200).to_vec();
        assert_eq!(
            copied(&mut memory, from.into(), to.into(), 0x200),
            DONE,
            "{from:#x} to {to:#x}"
        );
        assert_eq!(memory.at(to, 0x200), source);
    }
}

#[test]
fn what_leaves_memory_fails_and_writes_nothing() {
    for (from, to, length) in [
        (0xfff, 0, 2),
        (0, 0xfff, 2),
        (1 << 32, 0, 4),
        (0, 1 << 32, 4),
        (u64::MAX, 0, 4),
        (0, u64::MAX - 1, 8),
        (0, 0, LONGEST + 1),
    ] {
        let mut memory = Ram::new(0x1000);
        let before = memory.0.clone();
        let status = copied(&mut memory, from, to, length);
        assert_eq!(status, FAILED, "{from:#x} to {to:#x}");
        assert_eq!(memory.0, before);
    }
    assert_eq!(copied(&mut Ram::new(2 * LONGEST), 0, 9, LONGEST), DONE);
}

#[test]
fn the_registers_are_free_while_a_copy_runs() {
    let mut memory = Ram::new(0x1000);
    let source = memory.at(0, 16).to_vec();
    let mut copier = started(0, 0x800, 16);
    set(&mut copier, 0x100, 0x900, 8);
    copier.write_bar(PORTS, 0, Width::Byte, 1, Nanos(5_100));
    copier.advance(Nanos(6_016));
    lend(&mut copier, &mut memory, Nanos(6_016));
    assert_eq!(memory.at(0x800, 16), source, "the copy that was started");
    assert_eq!(copier.status(), DONE, "starting a busy copier does nothing");
}

#[test]
fn ones_clear_the_status_and_the_interrupt() {
    let mut memory = Ram::new(64);
    let mut copier = started(0, 32, 0);
    copier.advance(Nanos(6_000));
    lend(&mut copier, &mut memory, Nanos(6_000));
    copier.write_bar(PORTS, 4, Width::Word, 1, Nanos(6_000));
    assert!(copier.interrupt());
    let status = copier.read_bar(PORTS, 4, Width::Word, Nanos(6_000));
    copier.write_bar(PORTS, 4, Width::Word, status, Nanos(6_000));
    assert!(!copier.interrupt());
    assert_eq!(copier.read_bar(PORTS, 4, Width::Byte, Nanos(6_000)), 0);
}

#[test]
fn a_reset_forgets_the_copy() {
    let mut copier = started(0, 32, 8);
    copier.advance(Nanos(1 << 40));
    copier.reset();
    assert!(!copier.wants_bus());
    assert_eq!((copier.status(), copier.deadline()), (0, None));
    assert_eq!(copier.read_bar(REGISTERS, 0x10, Width::Word, START_AT), 0);
}
