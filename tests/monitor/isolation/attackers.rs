//! Guests that are as unpleasant to have beside one as they can be, each in its way: a few words of
//! code that go on for ever.

use crate::common::asm::*;
use crate::common::place;
use mirrorball_runtime::hypercall::{BATCH_MOST, Number};
use mirrorball_runtime::vm::Vm;

/// Where their code is.
pub const CODE: u32 = 0x8010_0000;
/// The handlers of TLB refills, and of all other exceptions.
const REFILL: u32 = 0x8000_0000;
const GENERAL: u32 = 0x8000_0180;
/// Where their data is.
const DATA: u32 = 0x8020_0000;
const COMPARE: u32 = 11;
const STATUS: u32 = 12;

/// A guest: its name, what is placed where, and the MiB of RAM that it needs.
pub struct Attacker {
    pub name: &'static str,
    pub megabytes: u64,
    parts: Vec<(u32, Vec<u32>)>,
    /// Whether it takes interrupts of the timer.
    ticks: bool,
}

impl Attacker {
    fn new(name: &'static str, code: &[&[u32]]) -> Self {
        Self {
            name,
            megabytes: 16,
            parts: vec![(CODE, code.concat())],
            ticks: false,
        }
    }

    fn with(mut self, va: u32, words: Vec<u32>) -> Self {
        self.parts.push((va, words));
        self
    }

    /// Puts it into a machine that is about to run at [`CODE`].
    pub fn enter(&self, vm: &mut Vm) {
        for (va, words) in &self.parts {
            place(vm, *va, words);
        }
        if self.ticks {
            vm.move_to_cp0(COMPARE, 0, 1000, 0);
            vm.move_to_cp0(STATUS, 0, 0x8001, 0);
        }
    }
}

/// Goes back over so many instructions, for ever.
const fn again(instructions: i32) -> [u32; 2] {
    [beq(ZERO, ZERO, -instructions - 1), NOP]
}

/// What takes what it was promised: it adds, and reads half a MiB.
pub fn victim() -> Attacker {
    let round = [
        lw(T1, 0, S0),
        addu(T0, T0, T1),
        addiu(S0, S0, 64),
        addiu(S1, S1, -64),
    ];
    let start = [li(S0, DATA), li(S1, 0x8_0000)].concat();
    let whole = [&round[..], &[bne(S1, ZERO, -5), NOP]].concat();
    let back = again((start.len() + whole.len()) as i32);
    Attacker::new("victim", &[&start, &whole, &back])
}

/// Entries for pages of 32 address spaces, written over and over.
fn tlb_storm() -> Attacker {
    let start = [&li(S0, 0x0100_2001)[..], &li(S1, 0xffff), &[mtc0(ZERO, 5)]].concat();
    let low = [
        addiu(T0, ZERO, 0x0806),
        mtc0(T0, ENTRY_LO0),
        mtc0(T0, ENTRY_LO1),
    ];
    let round = [addu(T1, T1, S0), mtc0(T1, ENTRY_HI), TLBWR, mfc0(T2, INDEX)];
    Attacker::new("TLB storm", &[&start, &low, &round, &again(4)])
}

/// A timer that goes off again as soon as its interrupt is served.
fn interrupt_storm() -> Attacker {
    let handler = vec![mfc0(K0, COUNT), addiu(K0, K0, 20), mtc0(K0, COMPARE), ERET];
    Attacker {
        ticks: true,
        ..Attacker::new("interrupt storm", &[&[addiu(T0, T0, 1)], &again(1)])
    }
    .with(GENERAL, handler)
}

/// A function that is another one each time.
fn self_modifying() -> Attacker {
    let start = [li(S0, DATA), li(S1, jr(RA))].concat();
    let round = [
        addiu(T0, T0, 1),
        sw(S1, 0, S0),
        sw(T0, 64, S0),
        jalr(S0),
        NOP,
    ];
    Attacker::new("changing code", &[&start, &round, &again(5)])
}

/// Batches that give all memory there is to the balloon, and take it back.
fn hypercall_storm() -> Attacker {
    let pages = 200 << 8;
    let record = |index: u32| {
        let number = match index % 2 {
            0 => Number::BalloonGive,
            _ => Number::BalloonTake,
        };
        [number as u32, 2048, pages, 0, 0, 0, 0]
    };
    let records = (0..BATCH_MOST).flat_map(record).collect();
    let round = [
        &li(A0, DATA)[..],
        &[addiu(A1, ZERO, BATCH_MOST as i32)],
        &[addiu(V0, ZERO, Number::Batch as i32), HYPCALL],
    ]
    .concat();
    let back = again(round.len() as i32);
    Attacker {
        megabytes: 256,
        ..Attacker::new("hypercall storm", &[&round, &back])
    }
    .with(DATA, records)
}

/// Prints.
fn console_flood() -> Attacker {
    let start = [&li(S0, 0xb800_03f8)[..], &[addiu(T0, ZERO, 0x41)]].concat();
    Attacker::new("console flood", &[&start, &[sb(T0, 0, S0)], &again(1)])
}

/// Writes to every page of more memory than there is.
fn memory_hog() -> Attacker {
    let start = [li(S0, DATA), li(S1, DATA + (88 << 20))].concat();
    let round = [sw(S0, 0, S0), addiu(S0, S0, 4096), bne(S0, S1, -3), NOP];
    let back = again((start.len() + round.len()) as i32);
    Attacker {
        megabytes: 96,
        ..Attacker::new("memory hog", &[&start, &round, &back])
    }
}

/// Loads from addresses that are not mapped.
fn page_faults() -> Attacker {
    let start = li(S0, 0x0000_3000);
    let round = [addu(T1, T1, S0), lw(T2, 0, T1)];
    let handler = vec![mfc0(K0, EPC), addiu(K0, K0, 4), mtc0(K0, EPC), ERET];
    Attacker::new("page faults", &[&start, &round, &again(2)])
        .with(REFILL, handler.clone())
        .with(GENERAL, handler)
}

/// Reads and writes the real-time clock.
fn device_storm() -> Attacker {
    let start = li(S0, 0xb800_0070);
    let round = [sb(T0, 0, S0), lw(T1, 0, S0), addiu(T0, T0, 1)];
    Attacker::new("device storm", &[&start, &round, &again(3)])
}

/// Half a million functions, each of which runs until it is translated.
fn code_bomb() -> Attacker {
    let bytes = 4 << 20;
    let start = [li(S0, DATA), li(S1, DATA + bytes)].concat();
    let round = [
        addiu(T0, ZERO, 40),
        jalr(S0),
        addiu(T0, T0, -1),
        bne(T0, ZERO, -3),
        NOP,
        addiu(S0, S0, 8),
        bne(S0, S1, -7),
        NOP,
    ];
    let back = again((start.len() + round.len()) as i32);
    let functions = (0..bytes / 8).flat_map(|_| [jr(RA), NOP]).collect();
    Attacker::new("code bomb", &[&start, &round, &back]).with(DATA, functions)
}

/// All of them.
pub fn attackers() -> Vec<Attacker> {
    vec![
        Attacker {
            name: "another victim",
            ..victim()
        },
        tlb_storm(),
        interrupt_storm(),
        self_modifying(),
        hypercall_storm(),
        console_flood(),
        memory_hog(),
        page_faults(),
        device_storm(),
        code_bomb(),
    ]
}
