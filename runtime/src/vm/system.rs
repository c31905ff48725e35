//! Privileged operations: what CP0, TLB and cache instructions do to the machine.
//!
//! They exist once; the interpreter and translated code both end up here.

use super::Vm;
use crate::addr::{Pa, Va};
use crate::cpu::cp0::{CAUSE_IP, STATUS_CU0, STATUS_IE};
use crate::cpu::exception::Exception;
use crate::device::Width;
use crate::mmu::Access;
use crate::mmu::segment::{Segment, segment};
use crate::mmu::tlb::Entry;

impl Vm {
    /// Whether privileged instructions may run: kernel mode, or Status.CU0.
    #[must_use]
    pub fn coprocessor0_usable(&self) -> bool {
        self.mode().is_kernel() || self.cpu.cp0.status & STATUS_CU0 != 0
    }

    /// MFC0.
    #[must_use]
    pub fn read_cp0(&self, reg: u32, sel: u32, owed: u32) -> u32 {
        match (reg, sel) {
            // LLAddr.
            (17, 0) => (self.linked().0 >> 4) as u32,
            _ => self.cpu.read_cp0(reg, sel, self.cpu.now(owed)),
        }
    }

    /// MTC0, with all that follows from it: another address space, an interrupt that may now be
    /// taken, another deadline.
    pub fn write_cp0(&mut self, reg: u32, sel: u32, value: u32, owed: u32) {
        let now = self.cpu.now(owed);
        self.cpu.write_cp0(reg, sel, value, now);
        match reg {
            // EntryHi, Status: another address space or mode.
            10 => self.select_space(),
            12 => {
                self.select_space();
                self.check_interrupts();
            }
            // Count, Compare, Cause: another deadline, or a software interrupt.
            9 | 11 | 13 => {
                self.check_interrupts();
                if self.cpu.cp0.timer < self.cpu.horizon {
                    self.request_stop();
                }
            }
            // Wired resets Random.
            6 => {
                self.cpu.cp0.random = 1;
                for gone in self.second.clear() {
                    self.soft.forget_entry(&gone);
                }
            }
            _ => {}
        }
    }

    /// Stops the engine if an interrupt may be taken now.
    fn check_interrupts(&mut self) {
        if self.cpu.cp0.interrupt_pending() {
            self.request_stop();
        }
    }

    /// DI and EI: sets Status.IE and returns what Status was.
    pub fn set_interrupt_enable(&mut self, enable: bool) -> u32 {
        let status = self.cpu.cp0.status;
        self.cpu.cp0.status = status & !STATUS_IE | u32::from(enable);
        self.check_interrupts();
        status
    }

    /// ERET.
    pub fn eret(&mut self) {
        self.cpu.eret();
        self.select_space();
        self.check_interrupts();
    }

    /// Whether WAIT has nothing to wait for: an interrupt is pending that Status.IM lets through.
    #[must_use]
    pub fn wakes(&self) -> bool {
        self.cpu.cp0.cause() & self.cpu.cp0.status & CAUSE_IP != 0
    }

    /// TLBWI.
    ///
    /// # Errors
    /// Machine Check if the entry would be a duplicate.
    pub fn tlb_write_indexed(&mut self) -> Result<(), Exception> {
        let index = self.cpu.cp0.index as usize & 0x3f;
        let old = self.tlb_write(index)?;
        let gone = self.second.known(index, self.cpu.cp0.wired as usize);
        for entry in old.iter().chain(&gone) {
            self.soft.forget_entry(entry);
        }
        self.refill(index);
        Ok(())
    }

    /// TLBWR. What it displaces may live on in the second level.
    ///
    /// # Errors
    /// Machine Check if the entry would be a duplicate.
    pub fn tlb_write_random(&mut self) -> Result<(), Exception> {
        let index = self.cpu.cp0.next_random(self.cpu.model.tlb_entries);
        let old = self.tlb_write(index)?;
        if let Some(old) = old {
            let new = *self.tlb.read(index);
            let gone = self.second.keep(old, &new);
            self.counters.second_kept += u64::from(gone != Some(old));
            if let Some(gone) = gone {
                self.soft.forget_entry(&gone);
            }
        }
        self.refill(index);
        Ok(())
    }

    /// Writes a TLB entry. Returns what it replaces, if that was another.
    fn tlb_write(&mut self, index: usize) -> Result<Option<Entry>, Exception> {
        let cp0 = &self.cpu.cp0;
        let entry = Entry::from_registers(cp0.entry_hi, cp0.entry_lo, cp0.page_mask);
        let old = self
            .tlb
            .write(index, entry)
            .ok_or(Exception::MachineCheck)?;
        self.counters.tlb_writes += 1;
        self.processes.note_entry(&entry);
        tracing::trace!(target: "tlb", "write {index}: {entry}");
        for gone in self.second.overwritten(&entry) {
            self.soft.forget_entry(&gone);
        }
        Ok((old != entry).then_some(old))
    }

    /// The guest has written TLB entry `index`. If it is the one that a space missed, the access
    /// that will be made again need not come to the monitor.
    fn refill(&mut self, index: usize) {
        let va = Va(u64::from(self.cpu.cp0.bad_vaddr));
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
        let page = self.pmap.resident(pa).filter(|_| half.valid);
        if let Some(page) = page {
            self.learn(key, va, pa, page, half.dirty);
        }
    }

    /// TLBR.
    pub fn tlb_read(&mut self) {
        let index = self.cpu.cp0.index as usize & 0x3f;
        let entry = *self.tlb.read(index);
        for gone in self.second.known(index, self.cpu.cp0.wired as usize) {
            self.soft.forget_entry(&gone);
        }
        let cp0 = &mut self.cpu.cp0;
        cp0.entry_hi = entry.entry_hi();
        cp0.page_mask = entry.page_mask();
        cp0.entry_lo = [entry.entry_lo(0), entry.entry_lo(1)];
        self.select_space();
    }

    /// TLBP.
    pub fn tlb_probe(&mut self) {
        let cp0 = &self.cpu.cp0;
        let (va, asid) = (Va(u64::from(cp0.entry_hi & !0x1fff)), cp0.asid());
        let found = self.tlb.probe(va, asid);
        if found.is_none()
            && let Some(gone) = self.second.missed(va, asid)
        {
            self.soft.forget_entry(&gone);
        }
        self.cpu.cp0.index = found.map_or(1 << 31, |index| index as u32);
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
            self.cpu.bad_address = va;
            return Err(exception);
        }
        Ok(())
    }

    /// LL: loads a word and watches it.
    ///
    /// # Errors
    /// The exception that the load takes.
    pub fn load_linked(&mut self, va: Va, owed: u32) -> Result<u32, Exception> {
        let value = match self.space().probe_read(va, 4) {
            Some(host) => self.read_host(host, Width::Word),
            None => self.load(va, Width::Word, owed)?,
        };
        self.cpu.ll_bit = 1;
        self.cpu.ll_value = value;
        self.cpu.ll_address = va;
        Ok(value)
    }

    /// The physical address that LL last loaded from, as far as it is mapped.
    #[must_use]
    pub fn linked(&self) -> Pa {
        let page = self.translate(self.cpu.ll_address, Access::Read);
        page.map_or(Pa(0), |page| page.pa)
    }

    /// SC: stores a word if nothing has broken the link, and says whether it did.
    ///
    /// The link is broken by ERET, by another address, and by a store that changed the word.
    ///
    /// # Errors
    /// The exception that the store takes.
    pub fn store_conditional(&mut self, va: Va, value: u32, owed: u32) -> Result<bool, Exception> {
        if va.0 & 3 != 0 {
            self.cpu.bad_address = va;
            return Err(Exception::AddressStore);
        }
        let host = self.space().probe_write(va, 4);
        let page = match host {
            Some(_) => None,
            None => Some(
                self.translate(va, Access::Write)
                    .inspect_err(|_| self.cpu.bad_address = va),
            ),
        };
        let linked = std::mem::take(&mut self.cpu.ll_bit) != 0;
        let page = page.transpose()?;
        if !linked || va != self.cpu.ll_address {
            return Ok(false);
        }
        if let Some(host) = host {
            let holds = self.read_host(host, Width::Word) == self.cpu.ll_value;
            if holds {
                self.write_host(host, Width::Word, value);
            }
            return Ok(holds);
        }
        // Outside RAM the link always holds.
        let pa = page.map_or(Pa(u64::MAX), |page| page.pa);
        if self.pmap.is_ram(pa) && self.instruction(pa) != self.cpu.ll_value {
            return Ok(false);
        }
        self.store(va, Width::Word, value, owed)?;
        Ok(true)
    }
}
