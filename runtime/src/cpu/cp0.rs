//! Coprocessor 0: the registers, what MFC0 reads and which bits MTC0 writes.
//!
//! MIPS32 Architecture Volume III, chapter "Coprocessor 0 Registers". What a write means beyond
//! the register itself (another address space, a pending interrupt) is the VM's business:
//! [`Vm::move_to_cp0`](crate::vm::Vm::move_to_cp0).

use super::model::Model;
use super::{Cpu, extended};
use serde::{Deserialize, Serialize};

use crate::addr::Va;
use crate::clock::Cycles;

/// Status.IE: interrupts enabled.
pub const STATUS_IE: u32 = 1;
/// Status.EXL: exception level.
pub const STATUS_EXL: u32 = 1 << 1;
/// Status.ERL: error level.
pub const STATUS_ERL: u32 = 1 << 2;
/// Status.KSU, shifted: 0 kernel, 1 supervisor, 2 user.
pub const STATUS_KSU_SHIFT: u32 = 3;
/// Status.UX: 64-bit operations and addresses in user mode. As SX, KX and PX only on a 64-bit model.
pub const STATUS_UX: u32 = 1 << 5;
/// Status.SX: the same in supervisor mode.
pub const STATUS_SX: u32 = 1 << 6;
/// Status.KX: 64-bit addresses in kernel mode, which always has the operations.
pub const STATUS_KX: u32 = 1 << 7;
/// Status.PX: 64-bit operations in user mode, without the addresses.
pub const STATUS_PX: u32 = 1 << 23;
/// Status.NMI and Status.SR: software can only clear them.
pub const STATUS_CLEAR_ONLY: u32 = 1 << 19 | 1 << 20 | STATUS_TS;
/// Status.TS: the TLB has shut down (a duplicate was refused).
pub const STATUS_TS: u32 = 1 << 21;
/// Status.BEV: bootstrap exception vectors.
pub const STATUS_BEV: u32 = 1 << 22;
/// Status.FR: 64-bit FPU registers.
pub const STATUS_FR: u32 = 1 << 26;
/// Status.CU0: coprocessor 0 usable in user mode.
pub const STATUS_CU0: u32 = 1 << 28;
/// Status.CU1: the FPU is usable.
pub const STATUS_CU1: u32 = 1 << 29;

/// Cause.IP0 and IP1: the software interrupts.
pub const CAUSE_IP_SOFT: u32 = 3 << 8;
/// All of Cause.IP.
pub const CAUSE_IP: u32 = 0xff << 8;
/// Cause.IP7, where the timer interrupt arrives (IntCtl.IPTI).
pub const CAUSE_IP7: u32 = 1 << 15;
/// Cause.IV: interrupts use the special vector.
pub const CAUSE_IV: u32 = 1 << 23;
/// Cause.DC: Count is stopped.
pub const CAUSE_DC: u32 = 1 << 27;
/// Cause.TI: a timer interrupt is pending.
pub const CAUSE_TI: u32 = 1 << 30;
/// Cause.BD: the exception was in a delay slot.
pub const CAUSE_BD: u32 = 1 << 31;

/// EntryHi.ASID.
pub const ENTRYHI_ASID: u32 = 0xff;
/// The bits of EntryHi that exist.
const ENTRYHI: u32 = 0xffff_e000 | ENTRYHI_ASID;
/// Config.K0: how kseg0 is cached.
const CONFIG_K0: u32 = 7;
/// EntryLo bits that exist: a 20-bit PFN (32 physical address bits), C, D, V, G.
pub(super) const ENTRYLO_MASK: u32 = 0x03ff_ffff;
/// PageMask bits that exist: 4 KiB to 256 MiB.
const PAGEMASK_MASK: u32 = 0x1fff_e000;
/// EBase bits that software writes.
pub(super) const EBASE_MASK: u32 = 0x3fff_f000;
/// HWREna: the hardware registers that exist (0 to 3).
pub(super) const HWRENA_MASK: u32 = 0xf;
/// IntCtl.IPTI = 7 and IPPCI = 7: where timer and performance counter interrupts arrive.
const INTCTL_FIXED: u32 = 7 << 29 | 7 << 26;
/// IntCtl.VS.
const INTCTL_VS: u32 = 0x3e0;

/// The CP0 registers of one CPU.
#[repr(C)]
#[derive(Clone, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub struct Cp0 {
    /// Status (12).
    pub status: u32,
    /// Cause (13), without the hardware interrupt lines: see [`Cp0::cause`].
    pub cause: u32,
    /// The levels of the hardware interrupt lines, as Cause.IP bits.
    pub lines: u32,
    /// EPC (14).
    pub epc: u32,
    /// ErrorEPC (30).
    pub error_epc: u32,
    /// BadVAddr (8), without [`Cpu::bad_beyond`].
    pub bad_vaddr: u32,
    /// EntryHi (10).
    pub entry_hi: u32,
    /// EntryLo0 and EntryLo1 (2, 3).
    pub entry_lo: [u32; 2],
    /// Context (4).
    pub context: u32,
    /// PageMask (5).
    pub page_mask: u32,
    /// Index (0).
    pub index: u32,
    /// Wired (6).
    pub wired: u32,
    /// The state of the generator behind Random (1).
    pub random: u32,
    /// HWREna (7).
    pub hwrena: u32,
    /// What Count (9) would be at cycle 0; its value itself while Cause.DC is set.
    pub count_base: u32,
    /// Compare (11).
    pub compare: u32,
    /// EBase (15, 1).
    pub ebase: u32,
    /// IntCtl (12, 1).
    pub int_ctl: u32,
    /// Config (16).
    pub config0: u32,
    /// TagLo, DataLo, TagHi, DataHi (28 and 29): plain storage for the cache's index operations.
    pub tags: [u32; 4],
    /// The cycle of the next timer interrupt.
    pub timer: u64,
}

impl Cp0 {
    /// The registers after reset.
    #[must_use]
    pub fn new(model: &Model, big_endian: bool) -> Self {
        let mut cp0 = Self {
            status: STATUS_BEV | STATUS_ERL,
            cause: 0,
            lines: 0,
            epc: 0,
            error_epc: 0xbfc0_0000,
            bad_vaddr: 0,
            entry_hi: 0,
            entry_lo: [0; 2],
            context: 0,
            page_mask: 0,
            index: 0,
            wired: 0,
            random: 1,
            hwrena: 0,
            count_base: 0,
            compare: 0,
            ebase: 0x8000_0000,
            int_ctl: if model.release >= 2 { INTCTL_FIXED } else { 0 },
            config0: model.config0 | u32::from(big_endian) << 15,
            tags: [0; 4],
            timer: 0,
        };
        cp0.schedule_timer(Cycles(0));
        cp0
    }

    /// Cause with the hardware interrupt lines.
    #[inline]
    #[must_use]
    pub fn cause(&self) -> u32 {
        self.cause | self.lines
    }

    /// The current ASID.
    #[inline]
    #[must_use]
    pub fn asid(&self) -> u8 {
        self.entry_hi as u8
    }

    /// Whether an interrupt is pending, unmasked and enabled.
    #[inline]
    #[must_use]
    pub fn interrupt_pending(&self) -> bool {
        self.cause() & self.status & CAUSE_IP != 0
            && self.status & (STATUS_IE | STATUS_EXL | STATUS_ERL) == STATUS_IE
    }

    /// The value of Random, without advancing it.
    fn random_index(&self, entries: usize) -> u32 {
        let wired = self.wired.min(entries as u32 - 1);
        wired + (self.random >> 16) % (entries as u32 - wired)
    }

    /// The TLB index that TLBWR uses now. Each call moves on: what follows is reproducible, but
    /// not in step with any loop of the guest.
    pub fn next_random(&mut self, entries: usize) -> usize {
        self.random = self.random.wrapping_mul(1_103_515_245).wrapping_add(12345);
        self.random_index(entries) as usize
    }
}

impl Cpu {
    /// What MFC0 of register (`reg`, `sel`) reads at time `now`, but for LLAddr, which the VM
    /// knows. Registers that do not exist read as zero.
    #[must_use]
    pub fn read_cp0(&self, reg: u32, sel: u32, now: Cycles) -> u32 {
        let (cp0, model) = (&self.cp0, self.model);
        match (reg, sel) {
            (0, 0) => cp0.index,
            (1, 0) => cp0.random_index(model.tlb_entries),
            (2, 0) => cp0.entry_lo[0],
            (3, 0) => cp0.entry_lo[1],
            (4, 0) => cp0.context,
            (5, 0) => cp0.page_mask,
            (6, 0) => cp0.wired,
            (7, 0) if model.release >= 2 => cp0.hwrena,
            (8, 0) => cp0.bad_vaddr,
            (9, 0) => cp0.count(now),
            (10, 0) => cp0.entry_hi,
            (11, 0) => cp0.compare,
            (12, 0) => cp0.status,
            (12, 1) if model.release >= 2 => cp0.int_ctl,
            (13, 0) => cp0.cause(),
            (14, 0) => cp0.epc,
            (15, 0) => model.prid,
            (15, 1) if model.release >= 2 => cp0.ebase,
            (16, 0) => cp0.config0,
            (16, 1) => model.config1,
            (16, 2) => model.config2,
            (16, 3) => model.config3,
            (28, 0) => cp0.tags[0],
            (28, 1) => cp0.tags[1],
            (29, 0) => cp0.tags[2],
            (29, 1) => cp0.tags[3],
            (30, 0) => cp0.error_epc,
            _ => 0,
        }
    }

    /// What DMFC0 reads there: all of BadVAddr, and of any other the sign extension.
    #[must_use]
    pub fn read_cp0_whole(&self, reg: u32, sel: u32, now: Cycles) -> u64 {
        match (reg, sel) {
            (8, 0) => {
                let beyond = u64::from(self.bad_beyond) << 32;
                Va(beyond | u64::from(self.cp0.bad_vaddr)).in_register()
            }
            _ => extended(self.read_cp0(reg, sel, now)),
        }
    }

    /// Writes register (`reg`, `sel`) at time `now`, as far as software may.
    pub fn write_cp0(&mut self, reg: u32, sel: u32, value: u32, now: Cycles) {
        let (cp0, model) = (&mut self.cp0, self.model);
        let merge = |old: u32, mask: u32| old & !mask | value & mask;
        match (reg, sel) {
            (0, 0) => {
                let mask = (model.tlb_entries as u32).next_power_of_two() - 1;
                cp0.index = merge(cp0.index, mask);
            }
            (2, 0) => cp0.entry_lo[0] = value & ENTRYLO_MASK,
            (3, 0) => cp0.entry_lo[1] = value & ENTRYLO_MASK,
            (4, 0) => cp0.context = merge(cp0.context, 0xff80_0000),
            (5, 0) => cp0.page_mask = legal_page_mask(value),
            (6, 0) if (value as usize) < model.tlb_entries => cp0.wired = value,
            (7, 0) if model.release >= 2 => cp0.hwrena = value & HWRENA_MASK,
            (9, 0) => cp0.set_count(value, now),
            (10, 0) => cp0.entry_hi = value & ENTRYHI,
            (11, 0) => cp0.set_compare(value, now),
            (12, 0) => {
                let mask = model.status_mask;
                let cleared = !value & STATUS_CLEAR_ONLY & mask;
                cp0.status = merge(cp0.status, mask & !STATUS_CLEAR_ONLY) & !cleared;
            }
            // As on QEMU's 24K, whose Config3 does not tell of it.
            (12, 1) if model.release >= 2 => {
                cp0.int_ctl = merge(cp0.int_ctl, INTCTL_VS);
            }
            (13, 0) => {
                let mut mask = CAUSE_IP_SOFT | CAUSE_IV;
                if model.release >= 2 {
                    mask |= CAUSE_DC;
                }
                cp0.write_cause(merge(cp0.cause, mask), now);
            }
            (14, 0) => cp0.epc = value,
            (15, 1) if model.release >= 2 => cp0.ebase = merge(cp0.ebase, EBASE_MASK),
            (16, 0) => cp0.config0 = merge(cp0.config0, CONFIG_K0),
            (28, 0) => cp0.tags[0] = value,
            (28, 1) => cp0.tags[1] = value,
            (29, 0) => cp0.tags[2] = value,
            (29, 1) => cp0.tags[3] = value,
            (30, 0) => cp0.error_epc = value,
            _ => {}
        }
    }
}

impl Cpu {
    /// Whether what a guest cannot write in the registers is as in this CPU, and the rest such as it can
    /// write, at time `now`.
    #[must_use]
    pub(crate) fn could_have(&self, cp0: &Cp0, now: Cycles) -> bool {
        let (own, model) = (&self.cp0, self.model);
        let status = model.status_mask | STATUS_CLEAR_ONLY;
        let stopped = cp0.cause & CAUSE_DC != 0;
        let timer = if stopped {
            cp0.timer == u64::MAX
        } else {
            cp0.timer <= now.0.saturating_add(1 << 32)
        };
        let fixed = |own: u32, other: u32, mask: u32| (own ^ other) & !mask == 0;
        timer
            && cp0.status & !status == 0
            && cp0.lines & !CAUSE_IP == 0
            && (cp0.wired as usize) < model.tlb_entries
            && legal_page_mask(cp0.page_mask) == cp0.page_mask
            && cp0.entry_hi & !ENTRYHI == 0
            && cp0.entry_lo.iter().all(|lo| lo & !ENTRYLO_MASK == 0)
            && fixed(own.ebase, cp0.ebase, EBASE_MASK)
            && fixed(own.int_ctl, cp0.int_ctl, INTCTL_VS)
            && fixed(own.config0, cp0.config0, CONFIG_K0)
            && cp0.hwrena & !HWRENA_MASK == 0
    }
}

/// PageMask as the hardware keeps it: pairs of bits, all ones up to the highest. An illegal
/// pattern selects 4 KiB pages.
pub(crate) fn legal_page_mask(value: u32) -> u32 {
    let pages = (value & PAGEMASK_MASK) >> 13;
    let contiguous = pages & (pages + 1) == 0;
    let pairs = (pages.trailing_ones() & 1) == 0;
    if contiguous && pairs { pages << 13 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_mask_takes_only_the_architecture_s_sizes() {
        for bits in [0u32, 2, 4, 6, 8, 10, 12, 14, 16] {
            let mask = ((1u32 << bits) - 1) << 13;
            assert_eq!(legal_page_mask(mask), mask);
        }
        assert_eq!(legal_page_mask(1 << 13), 0);
        assert_eq!(legal_page_mask(0xff << 20), 0);
        assert_eq!(legal_page_mask(u32::MAX), PAGEMASK_MASK);
    }

    #[test]
    fn random_stays_between_wired_and_the_last_entry() {
        let mut cp0 = Cp0::new(Model::find("24Kf").unwrap(), false);
        cp0.wired = 3;
        let mut seen = [false; 16];
        for _ in 0..1000 {
            seen[cp0.next_random(16)] = true;
        }
        assert_eq!(seen.iter().position(|&s| s), Some(3));
        assert!(seen[3..].iter().all(|&s| s));
    }
}
