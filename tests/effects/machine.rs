//! A machine whose state is put and taken as a whole.

use super::common::program_on;
use fastrand::Rng;
use mirrorball::interp::Step;
use mirrorball::interp::block::{Meaning, meaning, predecode};
use mirrorball::isa::{Fields, Info, Operand};
use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::cpu::cp0::{Cp0, STATUS_CU1, STATUS_EXL, STATUS_FR, STATUS_IE};
use mirrorball_runtime::cpu::fpu::Fcsr;
use mirrorball_runtime::vm::Vm;
use mirrorball_runtime::vm::state;
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// Where the bytes lie that instructions access, as the CPU sees them, and how many there are.
pub const DATA: u32 = 0x8020_0000;
pub const BYTES: usize = 64;
/// Where the TLB maps pages.
const PAIRS: u32 = 0x7654_0000;

/// All that instructions change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    pub gpr: [u64; 32],
    pub hi: u64,
    pub lo: u64,
    pub pc: u64,
    pub fpr: [u64; 32],
    pub fcsr: u32,
    pub link: (u32, u32, u32),
    pub cp0: Cp0,
    pub memory: [u8; BYTES],
    /// A number that tells the TLB from others. It is taken, and not put.
    pub tlb: u64,
}

/// The machine.
pub struct Machine {
    vm: Box<Vm>,
    /// The state that hashes are taken in.
    plain: State,
}

impl Machine {
    pub fn new(model: &str) -> Self {
        let mut vm = program_on(model, &[0], 0);
        vm.cpu.cp0.status |= STATUS_CU1;
        vm.select_space();
        let plain = Self::without_tlb(&vm);
        // No address of the programs is mapped.
        for index in 0..vm.cpu.model.tlb_entries as u32 {
            vm.cpu.cp0.index = index;
            vm.cpu.cp0.entry_hi = PAIRS + ((32 + index) << 13);
            vm.tlb_write_indexed().expect("no duplicate");
        }
        Self { vm, plain }
    }

    /// Executes the instruction `word`, unless that has no meaning.
    pub fn run(&mut self, word: u32) -> Option<Step> {
        let meaning = meaning(word, self.vm.cpu.model, self.vm.cpu.space_key());
        if !matches!(meaning, Meaning::Insn(_)) {
            return None;
        }
        let op = predecode(word, meaning, self.vm.cpu.model.width, 1);
        self.vm.cpu.stop = 0;
        Some((op.run)(&mut self.vm, &op))
    }

    pub fn put(&mut self, state: &State) {
        let cpu = &mut self.vm.cpu;
        cpu.gpr[..32].copy_from_slice(&state.gpr);
        (cpu.hi, cpu.lo, cpu.pc) = (state.hi, state.lo, state.pc);
        (cpu.fpr, cpu.fcsr) = (state.fpr, Fcsr(state.fcsr));
        (cpu.ll_bit, cpu.ll_value) = (state.link.0, state.link.1);
        cpu.ll_address = Va(state.link.2.into());
        cpu.cp0 = state.cp0.clone();
        self.vm.select_space();
        self.vm.view().write_physical(place(), &state.memory);
    }

    pub fn take(&mut self) -> State {
        let mut state = Self::without_tlb(&self.vm);
        self.put(&self.plain.clone());
        let mut hasher = FxHasher::default();
        state::hash_registers(&self.vm.cpu, &mut hasher);
        state.tlb = hasher.finish();
        self.put(&state);
        state
    }

    fn without_tlb(vm: &Vm) -> State {
        let cpu = &vm.cpu;
        let mut memory = [0; BYTES];
        vm.ram.read_physical(place(), &mut memory);
        State {
            gpr: std::array::from_fn(|n| cpu.gpr[n]),
            hi: cpu.hi,
            lo: cpu.lo,
            pc: cpu.pc,
            fpr: cpu.fpr,
            fcsr: cpu.fcsr.0,
            link: (cpu.ll_bit, cpu.ll_value, cpu.ll_address.0 as u32),
            cp0: cpu.cp0.clone(),
            memory,
            tlb: 0,
        }
    }

    /// Has an entry of the TLB be another: perhaps that of the address in EntryHi.
    pub fn change_tlb(&mut self, rng: &mut Rng) {
        let before = self.vm.cpu.cp0.clone();
        let entries = self.vm.cpu.model.tlb_entries as u32;
        let cp0 = &mut self.vm.cpu.cp0;
        cp0.index = rng.u32(..entries);
        cp0.entry_lo = [rng.u32(..) & 0xffff, rng.u32(..) & 0xffff];
        if rng.bool() {
            cp0.entry_hi = PAIRS + ((32 + cp0.index) << 13);
        }
        // It may be refused, and then nothing is changed.
        let _ = self.vm.tlb_write_indexed();
        self.vm.cpu.cp0 = before;
    }

    /// A state at random, for the instruction `word`.
    pub fn state(&mut self, rng: &mut Rng, info: &Info, word: u32) -> State {
        let mut state = self.plain.clone();
        let last = value(rng);
        for n in 1..32 {
            let same = rng.u32(..3) == 0;
            let value = if same { last } else { value(rng) };
            let upper = if self.vm.cpu.model.is_wide() {
                value
            } else {
                0
            };
            state.gpr[n] = u64::from(upper) << 32 | u64::from(value);
        }
        (state.hi, state.lo) = (value(rng).into(), value(rng).into());
        state.pc = 0x8010_0008;
        let last = number(rng);
        state.fpr = std::array::from_fn(|_| if rng.bool() { last } else { number(rng) });
        state.fcsr = fcsr(rng);
        state.memory = std::array::from_fn(|_| rng.u8(..));
        state.cp0 = cp0(rng, &self.plain.cp0);
        let va = aim(rng, &mut state, info, Fields(word));
        if let Some(base) = based(info, Fields(word)) {
            state.gpr[base] = self.vm.cpu.held(state.gpr[base] as u32);
        }
        state.link = link(rng, va, &state.memory);
        state
    }
}

fn place() -> Pa {
    Pa(u64::from(DATA & 0x1fff_ffff))
}

/// A number for a general register: no address of a device.
pub fn value(rng: &mut Rng) -> u32 {
    let value = match rng.u32(..8) {
        0 => 0,
        1 => rng.u32(..64),
        2 => !rng.u32(..64),
        3 => 0x8000_0000 | rng.u32(..4),
        4 => DATA + rng.u32(..BYTES as u32),
        _ => rng.u32(..),
    };
    if value >> 29 == 5 { value >> 3 } else { value }
}

/// A number for an FPU register: of any format.
pub fn number(rng: &mut Rng) -> u64 {
    let single = |rng: &mut Rng| match rng.u32(..4) {
        0 => (rng.i32(-40..40) as f32 / 4.0).to_bits(),
        1 => 0x7f80_0000 | rng.u32(..) >> 9,
        _ => rng.u32(100..150) << 23 | rng.u32(..) & 0x807f_ffff,
    };
    match rng.u32(..4) {
        0 => (rng.i32(-40..40) as f64 / 4.0).to_bits(),
        1 => rng.u64(900..1100) << 52 | rng.u64(..) & 0x800f_ffff_ffff_ffff,
        2 => rng.u64(..) >> rng.u32(..64),
        _ => u64::from(single(rng)) << 32 | u64::from(single(rng)),
    }
}

fn fcsr(rng: &mut Rng) -> u32 {
    let conditions = rng.u32(..) & 0xfe80_0000;
    let enables = rng.u32(..) & rng.u32(..) & rng.u32(..) & 0x1f << 7;
    let cause = rng.u32(..) & rng.u32(..) & 0x3f << 12;
    conditions | cause | enables | rng.u32(..4) | rng.u32(..) & rng.u32(..) & 0x7c
}

/// Twice a page of user space that no program accesses, with an ASID.
fn page_pair(rng: &mut Rng) -> u32 {
    PAIRS + (rng.u32(..4) << 13) + rng.u32(..2)
}

/// Coprocessor 0, in kernel mode.
fn cp0(rng: &mut Rng, plain: &Cp0) -> Cp0 {
    let mut cp0 = plain.clone();
    for bit in [STATUS_FR, STATUS_EXL, STATUS_IE] {
        cp0.status = cp0.status & !bit | (u32::from(rng.bool()) * bit);
    }
    cp0.cause = rng.u32(..4) << 8;
    change_cp0(rng, &mut cp0);
    cp0
}

/// Changes what does not decide on the meaning of instructions.
pub fn change_cp0(rng: &mut Rng, cp0: &mut Cp0) {
    cp0.epc = rng.u32(..) & !3;
    cp0.error_epc = rng.u32(..) & !3;
    cp0.bad_vaddr = rng.u32(..);
    cp0.context = rng.u32(..);
    cp0.entry_hi = page_pair(rng);
    cp0.entry_lo = [rng.u32(..) & 0xffff, rng.u32(..) & 0xffff];
    cp0.index = rng.u32(..4);
    cp0.random = rng.u32(..);
    cp0.count_base = rng.u32(..);
    cp0.compare = rng.u32(..);
    // The software's interrupts.
    cp0.cause ^= rng.u32(..4) << 8;
    cp0.status ^= rng.u32(..4) << 8 | STATUS_IE;
}

/// Has the address that an instruction computes be, mostly, one of the data: that one. Has what is
/// compared with an immediate often be as large.
fn aim(rng: &mut Rng, state: &mut State, info: &Info, fields: Fields) -> u32 {
    let aligned = if rng.bool() { !7 } else { !0 };
    let va = DATA + 16 + (rng.u32(..32) & aligned);
    let (base, index) = (fields.rs() as usize, fields.rt() as usize);
    let added = if info.takes(Operand::Offset) {
        fields.simm()
    } else if info.takes(Operand::Indexed) && base != index {
        state.gpr[index] &= 0xff;
        state.gpr[index] as u32
    } else {
        if info.takes(Operand::Signed) && base != 0 && rng.bool() {
            state.gpr[base] = fields.simm().into();
        }
        return va;
    };
    if base != 0 && rng.u32(..8) != 0 {
        state.gpr[base] = u64::from(va.wrapping_sub(added));
    }
    va
}

/// The register that an instruction adds an offset to.
fn based(info: &Info, fields: Fields) -> Option<usize> {
    info.takes(Operand::Offset).then(|| fields.rs() as usize)
}

/// What LL may have noted: mostly the address that will be met, with what is there.
fn link(rng: &mut Rng, va: u32, memory: &[u8; BYTES]) -> (u32, u32, u32) {
    let at = (va - DATA) as usize;
    let bytes = memory[at..at + 4].try_into().expect("four bytes");
    let value = u32::from_le_bytes(bytes) ^ u32::from(rng.u32(..4) == 0);
    let bit = u32::from(rng.u32(..4) != 0);
    (bit, value, va ^ (u32::from(rng.u32(..4) == 0) * 8))
}
