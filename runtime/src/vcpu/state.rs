//! The state of a CPU as plain data.

use super::{Idle, Vcpu};
use crate::addr::Va;
use crate::clock::Cycles;
use crate::cpu::cp0::Cp0;
use crate::mmu::second::SecondTlb;
use crate::mmu::tlb::Tlb;
use serde::{Deserialize, Serialize};

/// Everything that a CPU is to its guest, and nothing that an engine or the monitor keeps about
/// it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CpuState {
    gpr: [u64; 32],
    hi: u64,
    lo: u64,
    pc: u64,
    fpr: [u64; 32],
    fcsr: u32,
    /// Whether LL has linked, what it loaded, and from where.
    link: (u32, u32, u64),
    now: Cycles,
    /// How many instructions had run.
    retired: u64,
    /// How much of the time the CPU waited.
    skipped: u64,
    cp0: Cp0,
    tlb: Tlb,
    second: SecondTlb,
    idle: Idle,
}

impl CpuState {
    /// The state of `cpu`, which is between two instructions.
    #[must_use]
    pub fn of(cpu: &Vcpu) -> Self {
        let mut gpr = [0; 32];
        gpr.copy_from_slice(&cpu.gpr[..32]);
        Self {
            gpr,
            hi: cpu.hi,
            lo: cpu.lo,
            pc: cpu.pc,
            fpr: cpu.fpr,
            fcsr: cpu.fcsr.0,
            link: (cpu.ll_bit, cpu.ll_value, cpu.ll_address.0),
            now: cpu.now(0),
            retired: cpu.retired(),
            skipped: cpu.skipped,
            cp0: cpu.cp0.clone(),
            tlb: cpu.tlb.clone(),
            second: cpu.second.clone(),
            idle: cpu.idle.clone(),
        }
    }

    /// How many instructions had run.
    #[must_use]
    pub fn retired(&self) -> u64 {
        self.retired
    }

    /// Gives `cpu` this state. False, and nothing is done, if it is of a CPU with other TLBs.
    #[must_use]
    pub fn load(&self, cpu: &mut Vcpu) -> bool {
        if self.tlb.size() != cpu.tlb.size() || !self.second.is_like(&cpu.second) {
            return false;
        }
        cpu.gpr[..32].copy_from_slice(&self.gpr);
        (cpu.hi, cpu.lo, cpu.pc) = (self.hi, self.lo, self.pc);
        cpu.fpr = self.fpr;
        cpu.fcsr.0 = self.fcsr;
        (cpu.ll_bit, cpu.ll_value) = (self.link.0, self.link.1);
        cpu.ll_address = Va(self.link.2);
        cpu.start_from(self.retired, self.now, 0);
        cpu.skipped = self.skipped;
        cpu.cp0 = self.cp0.clone();
        cpu.tlb = self.tlb.clone();
        cpu.second = self.second.clone();
        cpu.idle = self.idle.clone();
        cpu.stop = 0;
        cpu.clear_spaces();
        cpu.select_space();
        true
    }
}
