//! Guests made from random numbers.
//!
//! Memory is full of words of which most are instructions; registers point into memory, at devices
//! and nowhere; the exception handlers are random too, but many of them return.

use fastrand::Rng;
use mirrorball::isa::{Info, TABLE, Unit};
use mirrorball_runtime::addr::Pa;
use mirrorball_runtime::clock::Cycles;
use mirrorball_runtime::cpu::fpu::Fcsr;
use mirrorball_runtime::cpu::model::MODELS;
use mirrorball_runtime::vm::{Vm, VmConfig};

const KSEG0: u32 = 0x8000_0000;

/// Where devices are: ISA ports, PCI configuration, board registers, flash, and where nothing is.
const DEVICES: [u32; 12] = [
    0xb800_0000,
    0xb800_0020,
    0xb800_0040,
    0xb800_0070,
    0xb800_03f8,
    0xb800_1000,
    0xbbe0_0000,
    0xbbe0_0cf8,
    0xbf00_0000,
    0xbf00_0900,
    0xbe00_0000,
    0xa800_0000,
];

/// Words that many guests share: making them anew for each would take most of the time.
pub struct Pool {
    words: Vec<u32>,
    big_endian: bool,
}

impl Pool {
    /// Words for guests of one byte order with up to `bytes` of memory.
    pub fn new(seed: u64, bytes: u32, big_endian: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            words: (0..bytes / 4).map(|_| word(&mut rng, bytes)).collect(),
            big_endian,
        }
    }
}

/// A guest before its first instruction.
pub struct Guest {
    config: VmConfig,
    ram: Vec<u8>,
    gpr: [u32; 32],
    hi_lo: [u32; 2],
    fpr: [u64; 32],
    fcsr: u32,
    /// The guest's TLB: EntryHi, EntryLo0, EntryLo1, PageMask for each index.
    tlb: Vec<[u32; 4]>,
    /// Further CP0 registers, with selects.
    cp0: Vec<(u32, u32, u32)>,
    pc: u32,
    /// How often a block runs before the JIT translates it.
    pub hot: u32,
}

impl Guest {
    /// The guest that `seed` stands for.
    pub fn new(seed: u64, pool: &Pool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let pages = rng.u32(256..=pool.words.len() as u32 / 1024);
        let memory = pages * 4096;
        let config = VmConfig {
            model: &MODELS[rng.usize(..MODELS.len())],
            memory: memory.into(),
            big_endian: pool.big_endian,
            rtc_base: rng.u64(..1 << 32),
        };
        let mut words = pool.words.clone();
        let shift = rng.usize(..words.len());
        words.rotate_left(shift);
        words.truncate(memory as usize / 4);

        let ebase = if rng.u32(..8) == 0 {
            rng.u32(..pages) * 4096
        } else {
            0
        };
        let start = rng.u32(..memory / 4 - 1024) & !3;
        for offset in 0..1024 {
            words[(start + offset) as usize] = word(&mut rng, memory);
        }
        for vector in [0, 0x180, 0x200] {
            let first = (ebase + vector) as usize / 4;
            handler(&mut rng, &mut words[first..first + 16], memory);
        }
        let tlb = tlb(&mut rng, config.model.tlb_entries as u32, pages);
        let mapped = tlb[rng.usize(..tlb.len())][0] & !0x1fff;
        let pc = if rng.u32(..4) == 0 {
            mapped + rng.u32(..1024) * 4
        } else {
            KSEG0 + start * 4 + rng.u32(..64) * 4
        };
        Self {
            ram: to_bytes(&words, pool.big_endian),
            gpr: std::array::from_fn(|_| register(&mut rng, pc, mapped, memory)),
            hi_lo: [rng.u32(..), rng.u32(..)],
            fpr: std::array::from_fn(|_| rng.u64(..) << (rng.u32(..2) * 32)),
            fcsr: if rng.bool() {
                0
            } else {
                rng.u32(..) & 0xff83_ffff
            },
            cp0: cp0(&mut rng, ebase),
            hot: rng.u32(1..=5),
            config,
            tlb,
            pc,
        }
    }

    /// The machine that the guest starts on.
    pub fn machine(&self) -> Box<Vm> {
        let mut vm = Vm::new(self.config.clone()).expect("the host has memory");
        vm.write_physical(Pa(0), &self.ram);
        for (register, &value) in self.gpr.iter().enumerate().skip(1) {
            vm.cpu.gpr[register] = value.into();
        }
        [vm.cpu.hi, vm.cpu.lo] = self.hi_lo.map(u64::from);
        vm.cpu.fpr = self.fpr;
        vm.cpu.fcsr = Fcsr(self.fcsr);
        for (index, entry) in self.tlb.iter().enumerate() {
            for (register, value) in [10, 2, 3, 5].into_iter().zip(entry) {
                vm.write_cp0(register, 0, *value, 0);
            }
            vm.write_cp0(0, 0, index as u32, 0);
            // A duplicate is refused, which is as good.
            let _ = vm.tlb_write_indexed();
        }
        for &(register, select, value) in &self.cp0 {
            vm.write_cp0(register, select, value, 0);
        }
        vm.cpu.pc = self.pc.into();
        vm.cpu.set_horizon(Cycles(0));
        vm.select_space();
        vm
    }
}

fn to_bytes(words: &[u32], big_endian: bool) -> Vec<u8> {
    let bytes = |&word: &u32| {
        if big_endian {
            word.to_be_bytes()
        } else {
            word.to_le_bytes()
        }
    };
    words.iter().flat_map(bytes).collect()
}

/// What a register holds at first.
fn register(rng: &mut Rng, pc: u32, mapped: u32, memory: u32) -> u32 {
    let aligned = |value: u32| value & !7;
    match rng.u32(..16) {
        0..=3 => aligned(pc.wrapping_add(rng.u32(..0x4000)).wrapping_sub(0x2000)),
        4..=6 => KSEG0 + aligned(rng.u32(..memory)),
        7 => 0xa000_0000 + aligned(rng.u32(..memory)),
        8..=10 => mapped + aligned(rng.u32(..0x2000)),
        11 => DEVICES[rng.usize(..DEVICES.len())],
        12 => rng.u32(..64),
        13 => 0_u32.wrapping_sub(rng.u32(..64)),
        14 => 1 << rng.u32(..32),
        _ => rng.u32(..),
    }
}

fn tlb(rng: &mut Rng, entries: u32, pages: u32) -> Vec<[u32; 4]> {
    let asid = rng.u32(..256);
    let entry = |rng: &mut Rng, index: u32| {
        let hi = match rng.u32(..8) {
            0 => rng.u32(..) & !0x1fff,
            1 => 0xc000_0000 + index * 0x8000,
            _ => 0x40_0000 + index * 0x8000,
        };
        let lo = |rng: &mut Rng| rng.u32(..pages) << 6 | rng.u32(..64) | rng.u32(..4) << 1;
        let mask = if rng.u32(..6) == 0 { 3 << 13 } else { 0 };
        let asid = if rng.u32(..6) == 0 {
            rng.u32(..256)
        } else {
            asid
        };
        [hi | asid, lo(rng), lo(rng), mask]
    };
    (0..entries).map(|index| entry(rng, index)).collect()
}

fn cp0(rng: &mut Rng, ebase: u32) -> Vec<(u32, u32, u32)> {
    let mut rare = |bit: u32, odds: u32| u32::from(rng.u32(..odds) == 0) << bit;
    // ERL, EXL, BEV; KSU below.
    let mut status = rare(2, 12) | rare(1, 6) | rare(22, 24);
    status |= rng.u32(..) & 0x3400_ff01;
    if rng.u32(..3) == 0 {
        status |= [8, 16, 24][rng.usize(..3)];
    }
    let near = rng.u32(..40_000);
    let compare = if rng.bool() { near } else { rng.u32(..) };
    vec![
        (2, 0, rng.u32(..)),
        (3, 0, rng.u32(..)),
        (4, 0, rng.u32(..)),
        (6, 0, rng.u32(..20)),
        (7, 0, rng.u32(..)),
        (9, 0, rng.u32(..64)),
        (11, 0, compare),
        (12, 1, rng.u32(..)),
        (
            13,
            0,
            rng.u32(..) & 0x0080_0300 | u32::from(rng.u32(..16) == 0) << 27,
        ),
        (14, 0, KSEG0 + ebase + rng.u32(..0x2000) * 4),
        (15, 1, KSEG0 + ebase),
        (30, 0, KSEG0 + rng.u32(..0x2000) * 4),
        // Last: it may take coprocessor 0 away.
        (12, 0, status),
    ]
}

const K0: u32 = 26;
const ERET: u32 = 0x4200_0018;
const TLBWR: u32 = 0x4200_0006;
const EPC: u32 = 14 << 11;
const MFC0: u32 = 0x4000_0000;
const MTC0: u32 = 0x4080_0000;

/// A handler: a few random words, and then most often a way back.
fn handler(rng: &mut Rng, room: &mut [u32], memory: u32) {
    let random = rng.usize(..8);
    let mut code: Vec<u32> = (0..random).map(|_| word(rng, memory)).collect();
    match rng.u32(..8) {
        // On behind the instruction, or behind the one after that: it may be a delay slot.
        0..=4 => code.extend([
            MFC0 | K0 << 16 | EPC,
            0x2400_0000 | K0 << 21 | K0 << 16 | (4 * rng.u32(1..4)),
            MTC0 | K0 << 16 | EPC,
            ERET,
        ]),
        5 => code.extend([TLBWR, ERET]),
        6 => code.push(ERET),
        _ => {}
    }
    room[..code.len()].copy_from_slice(&code);
}

/// A word of memory: most often an instruction.
fn word(rng: &mut Rng, memory: u32) -> u32 {
    match rng.u32(..32) {
        0..=1 => rng.u32(..),
        2 => KSEG0 + rng.u32(..memory),
        _ => instruction(rng, memory),
    }
}

fn instruction(rng: &mut Rng, memory: u32) -> u32 {
    let info = pick(rng);
    let mut fields = rng.u32(..) & !info.mask;
    if info.operands.contains('b') && rng.u32(..4) != 0 {
        let distance = rng.i32(-24..24) as u32;
        fields = fields & !0xffff | distance & 0xffff;
    } else if info.operands.contains('o') && rng.u32(..8) != 0 {
        // Near its base and aligned.
        fields &= !0x7e03;
    } else if info.operands.contains('j') {
        fields = rng.u32(..memory / 4);
    } else if info.operands.contains('p') && rng.u32(..4) != 0 {
        fields &= !7;
    }
    info.value | fields
}

fn pick(rng: &mut Rng) -> &'static Info {
    loop {
        let info = &TABLE[rng.usize(..TABLE.len())];
        let odds = match info.unit {
            _ if info.mnemonic == "wait" => 16,
            Unit::Cpu if info.operands.contains('o') => 1,
            Unit::Cpu => 2,
            Unit::Cop0 => 3,
            Unit::Fpu | Unit::FpuD | Unit::Fpu64 => 4,
        };
        if rng.u32(..odds) == 0 {
            return info;
        }
    }
}
