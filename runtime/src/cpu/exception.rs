//! Exceptions: entry, vectors, EPC and BD, and the way back by ERET.
//!
//! MIPS32 Architecture Volume III, chapter "Interrupts and Exceptions". A guest fault is not an
//! error of the monitor: it is a value that the guest receives.

use super::Cpu;
use super::cp0::{CAUSE_BD, CAUSE_IP, CAUSE_IV, STATUS_BEV, STATUS_ERL, STATUS_EXL, STATUS_TS};

/// Why the guest's kernel is entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Exception {
    /// An interrupt.
    Interrupt,
    /// A store to a page that is not dirty.
    TlbModified,
    /// No TLB entry matches a load or fetch.
    TlbRefillLoad,
    /// No TLB entry matches a store.
    TlbRefillStore,
    /// The entry that matches a load or fetch is not valid.
    TlbInvalidLoad,
    /// The entry that matches a store is not valid.
    TlbInvalidStore,
    /// A load or fetch from a forbidden or unaligned address.
    AddressLoad,
    /// A store to a forbidden or unaligned address.
    AddressStore,
    /// A fetch from an address where nothing answers.
    BusFetch,
    /// A load or store to an address where nothing answers.
    BusData,
    /// SYSCALL.
    Syscall,
    /// BREAK.
    Breakpoint,
    /// An encoding that this CPU does not have.
    ReservedInstruction,
    /// A coprocessor that is absent or not enabled.
    CoprocessorUnusable(u8),
    /// Signed overflow.
    Overflow,
    /// A trap instruction whose condition holds.
    Trap,
    /// A floating-point exception that is enabled.
    FloatingPoint,
    /// A TLB write that would have made a duplicate.
    MachineCheck,
    /// A debugger watches what the instruction accesses. The guest never takes it: its machine stops
    /// before the instruction.
    Watch,
}

impl Exception {
    /// Cause.ExcCode.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Exception::Interrupt => 0,
            Exception::TlbModified => 1,
            Exception::TlbRefillLoad | Exception::TlbInvalidLoad => 2,
            Exception::TlbRefillStore | Exception::TlbInvalidStore => 3,
            Exception::AddressLoad => 4,
            Exception::AddressStore => 5,
            Exception::BusFetch => 6,
            Exception::BusData => 7,
            Exception::Syscall => 8,
            Exception::Breakpoint => 9,
            Exception::ReservedInstruction => 10,
            Exception::CoprocessorUnusable(_) => 11,
            Exception::Overflow => 12,
            Exception::Trap => 13,
            Exception::FloatingPoint => 15,
            Exception::Watch => 23,
            Exception::MachineCheck => 24,
        }
    }

    /// Whether BadVAddr is written.
    const fn has_address(self) -> bool {
        matches!(self, Exception::AddressLoad | Exception::AddressStore) || self.is_tlb()
    }

    /// Whether Context and EntryHi are written as well.
    const fn is_tlb(self) -> bool {
        self.is_refill()
            || matches!(
                self,
                Exception::TlbModified | Exception::TlbInvalidLoad | Exception::TlbInvalidStore
            )
    }

    /// Whether the refill vector is used.
    const fn is_refill(self) -> bool {
        matches!(self, Exception::TlbRefillLoad | Exception::TlbRefillStore)
    }
}

/// The vector offset of everything that has no vector of its own.
const GENERAL: u32 = 0x180;
/// The vector offset of interrupts with Cause.IV.
const INTERRUPT: u32 = 0x200;

impl Cpu {
    /// Takes `exception` for the instruction at `pc`, which is in the delay slot of the branch
    /// before it if `slot`.
    pub fn raise(&mut self, exception: Exception, pc: u64, slot: bool) {
        let vector = self.vector(exception);
        let cp0 = &mut self.cp0;
        if cp0.status & STATUS_EXL == 0 {
            cp0.epc = if slot { pc.wrapping_sub(4) } else { pc } as u32;
            cp0.cause = cp0.cause & !CAUSE_BD | u32::from(slot) << 31;
        }
        if exception.has_address() {
            let va = self.bad_address.0 as u32;
            cp0.bad_vaddr = va;
            self.bad_beyond = (self.bad_address.0 >> 32) as u32;
            if exception.is_tlb() {
                cp0.context = cp0.context & 0xff80_0000 | va >> 9 & 0x007f_fff0;
                cp0.entry_hi = va & 0xffff_e000 | cp0.entry_hi & 0xff;
            }
        }
        let unit = if let Exception::CoprocessorUnusable(unit) = exception {
            unit
        } else {
            0
        };
        cp0.cause = cp0.cause & !(0x3000_007c) | u32::from(unit) << 28 | exception.code() << 2;
        if exception == Exception::MachineCheck {
            cp0.status |= STATUS_TS;
        }
        cp0.status |= STATUS_EXL;
        self.pc = u64::from(vector);
    }

    /// Where `exception` enters the kernel, as the registers stand before it is taken.
    fn vector(&self, exception: Exception) -> u32 {
        let cp0 = &self.cp0;
        let base = if cp0.status & STATUS_BEV != 0 {
            0xbfc0_0200
        } else if self.model.release >= 2 {
            cp0.ebase & 0xffff_f000
        } else {
            0x8000_0000
        };
        let offset = if exception.is_refill() && cp0.status & STATUS_EXL == 0 {
            0
        } else if exception == Exception::Interrupt && cp0.cause & CAUSE_IV != 0 {
            INTERRUPT + self.interrupt_vector_offset()
        } else {
            GENERAL
        };
        base.wrapping_add(offset)
    }

    /// Vectored interrupts: the highest pending line, IntCtl.VS apart.
    fn interrupt_vector_offset(&self) -> u32 {
        let cp0 = &self.cp0;
        let spacing = cp0.int_ctl & 0x3e0;
        if spacing == 0 || cp0.status & STATUS_BEV != 0 {
            return 0;
        }
        let pending = (cp0.cause() & cp0.status & CAUSE_IP) >> 8;
        spacing * pending.checked_ilog2().unwrap_or(0)
    }

    /// ERET: back to where the exception came from.
    pub fn eret(&mut self) {
        let cp0 = &mut self.cp0;
        if cp0.status & STATUS_ERL != 0 {
            self.pc = u64::from(cp0.error_epc);
            cp0.status &= !STATUS_ERL;
        } else {
            self.pc = u64::from(cp0.epc);
            cp0.status &= !STATUS_EXL;
        }
        self.ll_bit = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Va;
    use crate::cpu::model::Model;

    fn cpu() -> Cpu {
        let mut cpu = Cpu::new(Model::find("24Kf").unwrap(), false);
        cpu.cp0.status = 0;
        cpu
    }

    #[test]
    fn interrupts_enter_apart_if_the_guest_says_so() {
        let mut cpu = cpu();
        cpu.cp0.status = 0x8001;
        cpu.cp0.cause = CAUSE_IV | 0x8000;
        cpu.write_cp0(12, 1, 1 << 5, crate::clock::Cycles(0));
        cpu.raise(Exception::Interrupt, 0x8010_0000, false);
        assert_eq!(cpu.pc, 0x8000_0000 + 0x200 + 7 * 0x20);
    }

    #[test]
    fn a_fault_in_a_delay_slot_points_at_the_branch() {
        let mut cpu = cpu();
        cpu.bad_address = Va(0x1234_5678);
        cpu.raise(Exception::TlbRefillLoad, 0x40_0104, true);
        assert_eq!(cpu.pc, 0x8000_0000);
        assert_eq!(cpu.cp0.epc, 0x40_0100);
        assert_eq!(cpu.cp0.cause, CAUSE_BD | 2 << 2);
        assert_eq!(cpu.cp0.bad_vaddr, 0x1234_5678);
        assert_eq!(cpu.cp0.entry_hi, 0x1234_4000);
        assert_eq!(cpu.cp0.context, 0x1234_5678 >> 13 << 4);
    }

    #[test]
    fn a_refill_at_exception_level_is_general_and_keeps_epc() {
        let mut cpu = cpu();
        cpu.raise(Exception::Syscall, 0x100, false);
        cpu.raise(Exception::TlbRefillStore, 0x8000_0200, true);
        assert_eq!(cpu.pc, 0x8000_0180);
        assert_eq!(cpu.cp0.epc, 0x100);
        assert_eq!(cpu.cp0.cause & CAUSE_BD, 0);
    }

    #[test]
    fn vectored_interrupts_enter_by_the_highest_line() {
        let mut cpu = cpu();
        cpu.cp0.cause = CAUSE_IV | 1 << 8;
        cpu.cp0.lines = 1 << 12;
        cpu.cp0.int_ctl |= 1 << 5;
        cpu.cp0.status = CAUSE_IP | 1;
        cpu.raise(Exception::Interrupt, 0x100, false);
        assert_eq!(cpu.pc, 0x8000_0000 + 0x200 + 4 * 0x20);
    }
}
