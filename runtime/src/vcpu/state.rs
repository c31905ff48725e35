//! The state of a CPU as plain data.

use super::{Idle, Vcpu};
use crate::addr::Va;
use crate::clock::Cycles;
use crate::cpu::cp0::Cp0;
use crate::cpu::fpu::Fcsr;
use crate::mmu::second::SecondTlb;
use crate::mmu::tlb::Tlb;
use crate::sound::{Sound, is_count};
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
    /// 0 but on a 64-bit model.
    bad_beyond: u32,
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
            bad_beyond: cpu.bad_beyond,
            tlb: cpu.tlb.clone(),
            second: cpu.second.clone(),
            idle: cpu.idle.clone(),
        }
    }

    /// Whether `cpu` could be in this state.
    fn is_of(&self, cpu: &Vcpu) -> bool {
        let others = [self.hi, self.lo, self.link.2];
        let narrow = |value: u64| u32::try_from(value).is_ok();
        let idle = &self.idle;
        let all_narrow = || self.gpr.into_iter().chain(others).all(narrow) && self.bad_beyond == 0;
        self.tlb.size() == cpu.tlb.size()
            && self.second.is_like(&cpu.second)
            && self.gpr[0] == 0
            && narrow(self.pc)
            && (cpu.model.is_wide() || all_narrow())
            && Fcsr(self.fcsr).is_possible()
            && self.now.is_sound()
            && is_count(self.retired)
            && self.skipped <= self.now.0
            && cpu.could_have(&self.cp0, self.now)
            && self.tlb.is_sound()
            && self.second.is_sound()
            && idle.waiting.is_none_or(|it| it <= self.now)
            && idle.wake_at.is_none_or(|it| it.0 <= Cycles::LAST.0 * 2)
    }

    /// How many instructions had run.
    #[must_use]
    pub fn retired(&self) -> u64 {
        self.retired
    }

    /// Gives `cpu` this state. False, and nothing is done, if the CPU could not be in it.
    #[must_use]
    pub fn load(&self, cpu: &mut Vcpu) -> bool {
        if !self.is_of(cpu) {
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
        cpu.bad_beyond = self.bad_beyond;
        cpu.tlb = self.tlb.clone();
        cpu.second = self.second.clone();
        cpu.idle = self.idle.clone();
        cpu.stop = 0;
        cpu.clear_spaces();
        cpu.select_space();
        true
    }
}
