//! Guests made from random numbers.
//!
//! Memory is full of words of which most are instructions; registers point into memory, at devices
//! and nowhere; the exception handlers are random too, but many of them return.

use fastrand::Rng;
use mirrorball::isa::{Destination, Flow, Info, Operand, TABLE, Unit};
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
    /// The words twice over, in guest order: a guest's memory may start anywhere in the first half.
    bytes: Vec<u8>,
    big_endian: bool,
}

impl Pool {
    /// Words for guests of one byte order with up to `pages` of memory.
    pub fn new(seed: u64, pages: u32, big_endian: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let place = Place {
            memory: pages * 4096,
            code: KSEG0,
            mapped: 0x40_0000,
        };
        let words: Vec<u32> = (0..pages * 1024).map(|_| place.word(&mut rng)).collect();
        Self {
            bytes: to_bytes(&words, big_endian).repeat(2),
            big_endian,
        }
    }

    fn pages(&self) -> u32 {
        self.bytes.len() as u32 / 2 / 4096
    }

    fn slice(&self, from: u32, pages: u32) -> &[u8] {
        &self.bytes[from as usize * 4096..][..pages as usize * 4096]
    }
}

/// A guest before its first instruction.
pub struct Guest<'a> {
    config: VmConfig,
    ram: &'a [u8],
    /// What lies over it: code and handlers.
    code: Vec<(Pa, Vec<u8>)>,
    gpr: [u32; 32],
    hi_lo: [u32; 2],
    fpr: [u64; 32],
    fcsr: u32,
    /// The guest's TLB: EntryHi, EntryLo0, EntryLo1, PageMask for each index.
    tlb: Vec<[u32; 4]>,
    /// Further CP0 registers, with selects.
    cp0: Vec<(u32, u32, u32)>,
    pc: u32,
}

impl<'a> Guest<'a> {
    /// The guest that `seed` stands for.
    pub fn new(seed: u64, pool: &'a Pool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let more = if rng.u32(..4) == 0 {
            pool.pages() - 256
        } else {
            0
        };
        let pages = 256 + rng.u32(..=more);
        let model = &MODELS[rng.usize(..MODELS.len())];
        let config = VmConfig {
            model,
            memory: u64::from(pages) * 4096,
            big_endian: pool.big_endian,
            second_tlb: usize::from(rng.bool()) * 16,
            hypercalls: !seed.is_multiple_of(8),
            rtc_base: rng.u64(..1 << 32),
        };
        let ebase = if rng.u32(..8) == 0 {
            rng.u32(..pages) * 4096
        } else {
            0
        };
        let code_pa = rng.u32(1..pages - 2) * 4096;
        let user = rng.u32(..3) == 0;
        let place = Place {
            memory: pages * 4096,
            code: if user { 0x40_0000 } else { KSEG0 + code_pa },
            mapped: 0x40_0000,
        };

        let ram = pool.slice(rng.u32(..=pool.pages()), pages);
        let words: Vec<u32> = (0..2048).map(|_| place.word(&mut rng)).collect();
        let mut code = vec![(Pa(code_pa.into()), to_bytes(&words, pool.big_endian))];
        for vector in [0, 0x180, 0x200] {
            let words = place.handler(&mut rng, vector == 0);
            let pa = Pa((ebase + vector).into());
            code.push((pa, to_bytes(&words, pool.big_endian)));
        }
        let page = code_pa >> 12;
        Self {
            ram,
            code,
            gpr: std::array::from_fn(|number| place.register(&mut rng, number)),
            hi_lo: [rng.u32(..), rng.u32(..)],
            fpr: std::array::from_fn(|_| rng.u64(..) << (rng.u32(..2) * 32)),
            fcsr: if rng.bool() {
                0
            } else {
                rng.u32(..) & 0xff83_ffff
            },
            tlb: tlb(&mut rng, model.tlb_entries as u32, pages, page),
            cp0: cp0(&mut rng, ebase, page, user),
            pc: place.code + rng.u32(..64) * 4,
            config,
        }
    }

    /// The machine that the guest starts on.
    pub fn machine(&self) -> Box<Vm> {
        let mut vm = Vm::new(self.config.clone()).expect("the host has memory");
        vm.view().write_physical(Pa(0), self.ram);
        for (pa, bytes) in &self.code {
            vm.view().write_physical(*pa, bytes);
        }
        for (register, &value) in self.gpr.iter().enumerate().skip(1) {
            vm.cpu.gpr[register] = match value >> 28 {
                // Where memory is seen above 4 GiB.
                0xa if vm.cpu.model.is_wide() => 0x9800_0001_0000_0000 | u64::from(value << 4 >> 4),
                _ => vm.cpu.held(value),
            };
        }
        [vm.cpu.hi, vm.cpu.lo] = self.hi_lo.map(u64::from);
        vm.cpu.fpr = self.fpr;
        vm.cpu.fcsr = Fcsr(self.fcsr);
        for (index, entry) in self.tlb.iter().enumerate() {
            for (register, value) in [10, 2, 3, 5].into_iter().zip(entry) {
                vm.move_to_cp0(register, 0, *value, 0);
            }
            vm.move_to_cp0(0, 0, index as u32, 0);
            // A duplicate is refused, which is as good.
            let _ = vm.tlb_write_indexed();
        }
        for &(register, select, value) in &self.cp0 {
            vm.move_to_cp0(register, select, value, 0);
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

fn tlb(rng: &mut Rng, entries: u32, pages: u32, code: u32) -> Vec<[u32; 4]> {
    let entry = |rng: &mut Rng, index: u32| {
        let hi = match rng.u32(..8) {
            0 => rng.u32(..) & !0x1fff,
            1 => 0xc000_0000 + index * 0x8000,
            _ => 0x40_0000 + index * 0x2000,
        };
        let lo = |rng: &mut Rng| rng.u32(..pages) << 6 | rng.u32(..64) | rng.u32(..4) << 1;
        let mask = if rng.u32(..6) == 0 { 3 << 13 } else { 0 };
        let asid = if rng.u32(..6) == 0 { rng.u32(..4) } else { 1 };
        [hi | asid, lo(rng), lo(rng), mask]
    };
    let mut entries: Vec<_> = (0..entries).map(|index| entry(rng, index)).collect();
    let bits = 2 | rng.u32(..) & 0x3d;
    entries[0] = [0x40_0001, code << 6 | bits, (code + 1) << 6 | bits, 0];
    entries
}

/// What CP0 registers hold at first: number, select, value.
fn cp0(rng: &mut Rng, ebase: u32, code: u32, user: bool) -> Vec<(u32, u32, u32)> {
    let mut rare = |bit: u32, odds: u32| u32::from(rng.u32(..odds) == 0) << bit;
    // ERL, EXL, BEV.
    let mut status = rare(2, 20) | rare(1, 10) | rare(22, 40);
    // Of 64-bit models: UX and KX.
    status |= rng.u32(..) & 0x3400_ff01 | 0xa0;
    if rng.u32(..8) != 0 {
        status |= 0x8001;
    }
    if user {
        status |= [8, 16, 16, 16][rng.usize(..4)];
    }
    let near = rng.u32(..2_000);
    let compare = if rng.u32(..8) != 0 { near } else { rng.u32(..) };
    let stopped = u32::from(rng.u32(..16) == 0) << 27;
    vec![
        (10, 0, 1),
        (2, 0, code << 6 | 7),
        (3, 0, code << 6 | 7),
        (4, 0, rng.u32(..)),
        (5, 0, 0),
        (6, 0, rng.u32(..20)),
        (7, 0, rng.u32(..)),
        (9, 0, rng.u32(..64)),
        (11, 0, compare),
        (12, 1, rng.u32(..)),
        (13, 0, rng.u32(..) & 0x0080_0300 | stopped),
        (14, 0, KSEG0 + code * 4096 + rng.u32(..1024) * 4),
        (15, 1, KSEG0 + ebase),
        (30, 0, KSEG0 + code * 4096 + rng.u32(..1024) * 4),
        // Last: it may take coprocessor 0 away.
        (12, 0, status),
    ]
}

/// Registers that code seldom writes, and uses as bases.
const BASES: std::ops::Range<u32> = 16..24;
/// Registers that code seldom writes, and jumps to.
const TARGETS: std::ops::Range<u32> = 24..26;
const K0: u32 = 26;
/// Holds where the code is.
const K1: u32 = 27;
/// Holds a random number.
const GP: u32 = 28;

const ERET: u32 = 0x4200_0018;
const TLBWR: u32 = 0x4200_0006;
const MFC0_K0_EPC: u32 = 0x4000_0000 | K0 << 16 | 14 << 11;
const MTC0_K0_EPC: u32 = 0x4080_0000 | K0 << 16 | 14 << 11;
const MFC0_K0_COUNT: u32 = 0x4000_0000 | K0 << 16 | 9 << 11;
const MTC0_K0_COMPARE: u32 = 0x4080_0000 | K0 << 16 | 11 << 11;
const MTC0_ZERO_CAUSE: u32 = 0x4080_0000 | 13 << 11;
/// Keeps $gp changing.
const MIX_GP: [u32; 4] = [
    GP << 16 | K0 << 11 | 2 << 6,
    0x0000_0021 | GP << 21 | K0 << 16 | GP << 11,
    MFC0_K0_COUNT,
    0x0000_0021 | GP << 21 | K0 << 16 | GP << 11,
];
const SRL_K0_GP_8: u32 = 0x0000_0002 | GP << 16 | K0 << 11 | 8 << 6;
const ADDIU_K0: u32 = 0x2400_0000 | K0 << 21 | K0 << 16;
const ANDI_K0: u32 = 0x3000_0000 | K0 << 21 | K0 << 16;
const OR_K0_K1: u32 = 0x0000_0025 | K0 << 21 | K1 << 16 | K0 << 11;

/// What random code has to know of where it is.
struct Place {
    /// The size of memory.
    memory: u32,
    /// Where the code runs.
    code: u32,
    /// Where its pages are mapped.
    mapped: u32,
}

impl Place {
    /// What a register holds at first.
    fn register(&self, rng: &mut Rng, number: usize) -> u32 {
        let number = number as u32;
        let aligned = |value: u32| value & !7;
        if number == K1 {
            return self.code;
        }
        if TARGETS.contains(&number) {
            return self.code + rng.u32(..1024) * 4;
        }
        let odds = if BASES.contains(&number) { 12 } else { 20 };
        match rng.u32(..odds) {
            0..=2 => self.code + aligned(rng.u32(..0x2000)),
            3..=4 => KSEG0 + aligned(rng.u32(..self.memory)),
            5 => 0xa000_0000 + aligned(rng.u32(..self.memory)),
            6..=9 => self.mapped + aligned(rng.u32(..0x4000)),
            10 | 11 => DEVICES[rng.usize(..DEVICES.len())],
            12..=14 => rng.u32(..64),
            15 => 0_u32.wrapping_sub(rng.u32(..64)),
            16 => 1 << rng.u32(..32),
            _ => rng.u32(..),
        }
    }

    /// A handler: sometimes a few random words, and then most often a way back.
    fn handler(&self, rng: &mut Rng, refill: bool) -> Vec<u32> {
        let random = rng.usize(..80).saturating_sub(72);
        let mut code: Vec<u32> = (0..random).map(|_| self.word(rng)).collect();
        // Behind the instruction, or behind the one after that: it may be a delay slot.
        let step = 4 * rng.u32(1..4);
        let slice = rng.u32(100..2000);
        let again = [
            MFC0_K0_COUNT,
            ADDIU_K0 | slice,
            MTC0_K0_COMPARE,
            MTC0_ZERO_CAUSE,
        ];
        match rng.u32(..64) {
            0..=39 if refill => code.extend([TLBWR, ERET]),
            // On somewhere in the code: whatever loop it was in, it gets out.
            0..=55 => {
                code.extend(again);
                code.extend(MIX_GP);
                code.extend([SRL_K0_GP_8, ANDI_K0 | 0xffc, OR_K0_K1, MTC0_K0_EPC, ERET]);
            }
            // Behind, but in the code.
            56..=60 => {
                code.extend(again);
                code.extend([
                    MFC0_K0_EPC,
                    ADDIU_K0 | step,
                    ANDI_K0 | 0xffc,
                    OR_K0_K1,
                    MTC0_K0_EPC,
                    ERET,
                ]);
            }
            61 => code.extend([MFC0_K0_EPC, ADDIU_K0 | step, MTC0_K0_EPC, ERET]),
            62 => code.push(ERET),
            _ => {}
        }
        code
    }

    /// A word of memory: most often an instruction.
    fn word(&self, rng: &mut Rng) -> u32 {
        match rng.u32(..64) {
            0..=1 => rng.u32(..),
            2 => KSEG0 + rng.u32(..self.memory),
            _ => self.instruction(rng),
        }
    }

    fn instruction(&self, rng: &mut Rng) -> u32 {
        let info = pick(rng);
        let mut word = info.value | rng.u32(..) & !info.mask;
        let set = |word: &mut u32, shift: u32, width: u32, value: u32| {
            let mask = ((1_u64 << width) - 1) as u32 & !(info.mask >> shift);
            *word = *word & !(mask << shift) | (value & mask) << shift;
        };
        let often = |rng: &mut Rng| rng.u32(..16) != 0;
        // Spare the registers that hold addresses.
        let spared = |register: u32| (BASES.start..=GP).contains(&register);
        if let Some(Destination::Field(field)) = info.destination()
            && spared(word >> field.shift() & 31)
            && often(rng)
        {
            set(&mut word, field.shift(), 5, rng.u32(1..16));
        }
        if info.takes(Operand::Branch) && often(rng) {
            set(&mut word, 0, 16, rng.i32(-40..40) as u32);
        } else if info.takes(Operand::Offset) && often(rng) {
            set(&mut word, 21, 5, rng.u32(BASES));
            let unaligned = u32::from(rng.u32(..8) == 0) * rng.u32(..4);
            set(&mut word, 0, 16, (rng.i32(-32..64) * 4) as u32 | unaligned);
        } else if info.takes(Operand::Jump) && often(rng) {
            set(&mut word, 0, 26, self.code / 4 + rng.u32(..1024));
        } else if info.takes(Operand::Selected) && often(rng) {
            set(&mut word, 0, 3, 0);
            if word >> 11 & 31 == 12 && often(rng) {
                set(&mut word, 11, 5, 4);
            }
        } else if info.mnemonic == "hypcall" && often(rng) {
            set(&mut word, 11, 10, 0);
        } else if matches!(info.mnemonic, "jr" | "jalr") && often(rng) {
            set(&mut word, 21, 5, rng.u32(TARGETS));
        }
        word
    }
}

fn pick(rng: &mut Rng) -> &'static Info {
    loop {
        let info = &TABLE[rng.usize(..TABLE.len())];
        let odds = match info.unit {
            _ if info.mnemonic == "wait" => 30,
            Unit::Cpu if info.flow == Flow::Next => 1,
            Unit::Cpu => 2,
            Unit::Cop0 => 5,
            Unit::Fpu | Unit::Fpu64 => 6,
        };
        if rng.u32(..odds) == 0 {
            return info;
        }
    }
}
