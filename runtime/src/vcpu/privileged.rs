//! Privileged operations: what CP0, TLB and cache instructions do to the CPU.
//!
//! The interpreter ends up here, and translated code for all but the few instructions that
//! `docs/architecture.md` names.

use super::Vcpu;
use super::spaces::Translation;
use crate::addr::Va;
use crate::cpu::cp0::{CAUSE_IP, CAUSE_IP_SOFT, STATUS_CU0, STATUS_IE};
use crate::cpu::exception::Exception;
use crate::memory::Ram;
use crate::mmu::Access;
use crate::mmu::segment::{Segment, segment};
use crate::mmu::tlb::Entry;

/// What a write of the TLB did.
#[derive(Clone, Copy, Debug)]
pub struct TlbWrite {
    /// The entry that was written.
    pub entry: Entry,
    /// Whether the second-level TLB keeps the entry that it displaced.
    pub kept: bool,
}

impl Vcpu {
    /// Whether privileged instructions may run: kernel mode, or Status.CU0.
    #[must_use]
    pub fn coprocessor0_usable(&self) -> bool {
        self.mode().is_kernel() || self.cp0.status & STATUS_CU0 != 0
    }

    /// MFC0.
    #[must_use]
    pub fn move_from_cp0(&self, reg: u32, sel: u32, owed: u32) -> u32 {
        match (reg, sel) {
            // LLAddr.
            (17, 0) => (self.linked().0 >> 4) as u32,
            _ => self.read_cp0(reg, sel, self.now(owed)),
        }
    }

    /// DMFC0.
    #[must_use]
    pub fn move_from_cp0_whole(&self, reg: u32, sel: u32, owed: u32) -> u64 {
        match (reg, sel) {
            (17, 0) => self.linked().0 >> 4,
            _ => self.read_cp0_whole(reg, sel, self.now(owed)),
        }
    }

    /// MTC0, with what follows from it: an interrupt that may now be taken, another deadline. The
    /// address space may have changed.
    pub(crate) fn move_to_cp0(&mut self, reg: u32, sel: u32, value: u32, owed: u32) {
        let now = self.now(owed);
        self.write_cp0(reg, sel, value, now);
        match reg {
            // Status.
            12 => self.check_interrupts(),
            // Count, Compare, Cause: another deadline, or a software interrupt.
            9 | 11 | 13 => {
                self.check_interrupts();
                if self.cp0.timer < self.horizon {
                    self.request_stop();
                }
            }
            // Wired resets Random.
            6 => {
                self.cp0.random = 1;
                for gone in self.second.clear() {
                    self.soft.forget_entry(&gone);
                }
            }
            _ => {}
        }
    }

    /// Stops the engine if an interrupt may be taken now.
    pub(crate) fn check_interrupts(&mut self) {
        if self.cp0.interrupt_pending() {
            self.request_stop();
        }
    }

    /// DI and EI: sets Status.IE and returns what Status was.
    pub fn set_interrupt_enable(&mut self, enable: bool) -> u32 {
        let status = self.cp0.status;
        self.cp0.status = status & !STATUS_IE | u32::from(enable);
        self.check_interrupts();
        status
    }

    /// Whether WAIT has nothing to wait for: an interrupt is pending that Status.IM lets through.
    #[must_use]
    pub fn wakes(&self) -> bool {
        self.cp0.cause() & self.cp0.status & CAUSE_IP != 0
    }

    /// Whether nothing can end a WAIT: Status.IM lets no interrupt through that comes from outside,
    /// and no end was set.
    #[must_use]
    pub fn is_deaf(&self) -> bool {
        self.cp0.status & CAUSE_IP & !CAUSE_IP_SOFT == 0 && self.idle.wake_at.is_none()
    }

    /// TLBWI.
    pub(crate) fn tlb_write_indexed(&mut self, ram: &mut Ram) -> Result<TlbWrite, Exception> {
        let index = self.cp0.index as usize & 0x3f;
        let (entry, old) = self.tlb_write(index)?;
        let gone = self.second.known(index, self.cp0.wired as usize);
        for entry in old.iter().chain(&gone) {
            self.soft.forget_entry(entry);
        }
        self.refill(index, ram);
        Ok(TlbWrite { entry, kept: false })
    }

    /// TLBWR. What it displaces may live on in the second level.
    pub(crate) fn tlb_write_random(&mut self, ram: &mut Ram) -> Result<TlbWrite, Exception> {
        let entries = self.model.tlb_entries;
        let index = self.cp0.next_random(entries);
        let (entry, old) = self.tlb_write(index)?;
        let mut kept = false;
        if let Some(old) = old {
            let gone = self.second.keep(old, &entry);
            kept = gone != Some(old);
            if let Some(gone) = gone {
                self.soft.forget_entry(&gone);
            }
        }
        self.refill(index, ram);
        Ok(TlbWrite { entry, kept })
    }

    /// Writes a TLB entry. Returns it, and what it replaces if that was another.
    fn tlb_write(&mut self, index: usize) -> Result<(Entry, Option<Entry>), Exception> {
        let cp0 = &self.cp0;
        let entry = Entry::from_registers(cp0.entry_hi, cp0.entry_lo, cp0.page_mask);
        let old = self
            .tlb
            .write(index, entry)
            .ok_or(Exception::MachineCheck)?;
        tracing::trace!(target: "tlb", "write {index}: {entry}");
        for gone in self.second.overwritten(&entry) {
            self.soft.forget_entry(&gone);
        }
        Ok((entry, (old != entry).then_some(old)))
    }

    /// The guest has written TLB entry `index`. If it is the one that a space missed, the access
    /// that will be made again need not come to the monitor.
    fn refill(&mut self, index: usize, ram: &mut Ram) {
        let va = Va(u64::from(self.cp0.bad_vaddr));
        let Some(key) = self.refilling.take() else {
            return;
        };
        if segment(va, key.mode) != Segment::Mapped {
            return;
        }
        let entry = self.tlb.read(index);
        if !entry.matches(va, key.asid) {
            return;
        }
        let (half, pa) = entry.translate(va);
        let page = ram.pmap.resident(pa);
        // What is in ROM may be hidden.
        let page = page.filter(|_| half.valid && ram.is_ram(pa));
        if let Some(page) = page {
            let writable = half.dirty;
            self.learn(ram, key, va, &Translation { pa, writable }, page);
        }
    }

    /// TLBR. The address space may have changed.
    pub(crate) fn tlb_read(&mut self) {
        let index = self.cp0.index as usize & 0x3f;
        let entry = *self.tlb.read(index);
        for gone in self.second.known(index, self.cp0.wired as usize) {
            self.soft.forget_entry(&gone);
        }
        let cp0 = &mut self.cp0;
        cp0.entry_hi = entry.entry_hi();
        cp0.page_mask = entry.page_mask();
        cp0.entry_lo = [entry.entry_lo(0), entry.entry_lo(1)];
    }

    /// TLBP.
    pub fn tlb_probe(&mut self) {
        let cp0 = &self.cp0;
        let (va, asid) = (Va(u64::from(cp0.entry_hi & !0x1fff)), cp0.asid());
        let found = self.tlb.probe(va, asid);
        if found.is_none()
            && let Some(gone) = self.second.missed(va, asid)
        {
            self.soft.forget_entry(&gone);
        }
        self.cp0.index = found.map_or(1 << 31, |index| index as u32);
    }

    /// CACHE with operation `operation` on `va`. There are no caches: what matters is that an
    /// operation by address translates it, and that index operations read back what tags hold.
    ///
    /// # Errors
    /// The exception that the address takes.
    pub fn cache(&mut self, operation: u32, va: Va) -> Result<(), Exception> {
        // Operations 0 to 3 are by index, 4 to 7 by address.
        if operation >> 2 >= 4
            && let Err(exception) = self.translate(va, Access::Read)
        {
            self.bad_address = va;
            return Err(exception);
        }
        Ok(())
    }
}
