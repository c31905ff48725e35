//! What an instruction does that the software TLB could not answer, or that is privileged.
//!
//! The way of an access: segment → guest TLB (V→P) → pmap (P→M) or board. On success the
//! software TLB learns the page; on refusal the guest gets its exception.

use super::Vm;
use super::witness::Happening;
use crate::addr::{Pa, Va};
use crate::clock::Nanos;
use crate::cpu::exception::Exception;
use crate::device::Width;
use crate::memory::HostFailure;
use crate::mmu::Access;
use crate::vcpu::TlbWrite;

/// No device ends a loop, only an interrupt.
pub(super) const NEVER: Nanos = Nanos(u64::MAX);

/// Whether an access of this width must not be at `va`.
fn is_unaligned(va: Va, width: Width) -> bool {
    va.0 & (width.bytes() - 1) != 0
}

impl Vm {
    /// Notes the address for BadVAddr and hands the exception on.
    fn refuse(&mut self, va: Va, exception: Exception) -> Exception {
        self.cpu.bad_address = va;
        exception
    }

    /// Notes that the host failed. The exception only ends the instruction: the guest does not run
    /// any more.
    fn end_instruction(&mut self, failure: HostFailure) -> Exception {
        self.view().fail(failure);
        Exception::BusData
    }

    /// Refuses an access that a debugger wants the machine to stop before.
    #[inline]
    fn heed_watchpoints(
        &mut self,
        va: Va,
        width: Width,
        store: bool,
        owed: u32,
    ) -> Result<(), Exception> {
        let retired = self.cpu.retired().wrapping_sub(u64::from(owed));
        if self
            .cpu
            .stops
            .meet_access(va, width.bytes(), store, retired)
        {
            self.cpu.request_stop();
            return Err(Exception::Watch);
        }
        Ok(())
    }

    /// The physical address that the instruction at `pc` is fetched from.
    ///
    /// # Errors
    /// The exception that the fetch takes.
    pub fn fetch(&mut self, pc: Va) -> Result<Pa, Exception> {
        if pc.0 & 3 != 0 {
            return Err(self.refuse(pc, Exception::AddressLoad));
        }
        let translation = self.cpu.translate(pc, Access::Fetch);
        let pa = translation.map_err(|e| self.refuse(pc, e))?.pa;
        match self.view().page_to_read(pa) {
            Ok(Some(_)) => Ok(pa),
            Ok(None) => Err(self.refuse(pc, Exception::BusFetch)),
            Err(failure) => Err(self.end_instruction(failure)),
        }
    }

    /// As [`Vm::fetch`], after which the software TLB knows the page, so that code can look at the
    /// instruction.
    ///
    /// # Errors
    /// The exception that the fetch takes.
    pub fn fetch_to_see(&mut self, pc: Va) -> Result<Pa, Exception> {
        let pa = self.fetch(pc)?;
        if self.cpu.space().probe_read(pc, 4).is_none()
            && !self.board.hides(pa)
            && let Some(page) = self.ram.pmap.resident(pa)
            && let Ok(mut translation) = self.cpu.translate(pc, Access::Fetch)
        {
            translation.writable = false;
            let key = self.cpu.space().key;
            self.cpu.learn(&mut self.ram, key, pc, &translation, page);
        }
        Ok(pa)
    }

    /// Loads from `va`, zero-extended. `owed` as in [`Cpu::now`](crate::cpu::Cpu::now).
    ///
    /// # Errors
    /// The exception that the load takes.
    pub fn load(&mut self, va: Va, width: Width, owed: u32) -> Result<u32, Exception> {
        if is_unaligned(va, width) {
            return Err(self.refuse(va, Exception::AddressLoad));
        }
        let translation = self.cpu.translate(va, Access::Read);
        let translation = translation.map_err(|e| self.refuse(va, e))?;
        self.heed_watchpoints(va, width, false, owed)?;
        self.counters.soft_misses += 1;
        let shown = !self.board.hides(translation.pa);
        let page = shown.then(|| self.view().page_to_read(translation.pa));
        match page.unwrap_or(Ok(None)) {
            Ok(Some(page)) => {
                let key = self.cpu.space().key;
                self.cpu.learn(&mut self.ram, key, va, &translation, page);
                Ok(self.read_host(self.ram.host(page.ma), width))
            }
            Ok(None) => self.load_device(va, translation.pa, width, owed),
            Err(failure) => Err(self.end_instruction(failure)),
        }
    }

    /// Stores to `va`.
    ///
    /// # Errors
    /// The exception that the store takes.
    pub fn store(&mut self, va: Va, width: Width, value: u32, owed: u32) -> Result<(), Exception> {
        if is_unaligned(va, width) {
            return Err(self.refuse(va, Exception::AddressStore));
        }
        let translation = self.cpu.translate(va, Access::Write);
        let translation = translation.map_err(|e| self.refuse(va, e))?;
        self.heed_watchpoints(va, width, true, owed)?;
        self.counters.soft_misses += 1;
        let pa = translation.pa;
        let rom = self.ram.is_rom(pa);
        let page = (!rom).then(|| self.view().page_to_write(pa));
        match page.unwrap_or(Ok(None)) {
            Ok(Some(page)) => {
                self.view().note_code_write(pa, width.bytes());
                if let Some(written) = &mut self.ram.written {
                    written.push((pa, width.bytes() as u8));
                }
                let key = self.cpu.space().key;
                self.cpu.learn(&mut self.ram, key, va, &translation, page);
                self.write_host(self.ram.host(page.ma), width, value);
                Ok(())
            }
            Ok(None) => self.store_device(va, pa, width, value, owed),
            Err(failure) => Err(self.end_instruction(failure)),
        }
    }

    fn read_host(&self, host: *const u8, width: Width) -> u32 {
        let big = self.ram.big_endian();
        // SAFETY: `host` comes from machine memory for an aligned access of this width, which
        // cannot leave its page.
        unsafe {
            match width {
                Width::Byte => u32::from(*host),
                Width::Half => {
                    let value = host.cast::<u16>().read();
                    u32::from(if big { value.swap_bytes() } else { value })
                }
                Width::Word => {
                    let value = host.cast::<u32>().read();
                    if big { value.swap_bytes() } else { value }
                }
            }
        }
    }

    fn write_host(&mut self, host: *mut u8, width: Width, value: u32) {
        let big = self.ram.big_endian();
        // SAFETY: as in `read_host`.
        unsafe {
            match width {
                Width::Byte => *host = value as u8,
                Width::Half => {
                    let value = value as u16;
                    host.cast::<u16>()
                        .write(if big { value.swap_bytes() } else { value });
                }
                Width::Word => {
                    host.cast::<u32>()
                        .write(if big { value.swap_bytes() } else { value });
                }
            }
        }
    }

    fn load_device(&mut self, va: Va, pa: Pa, width: Width, owed: u32) -> Result<u32, Exception> {
        let now = self.cpu.now(owed).to_nanos();
        let value = self.board.read(pa, width, now);
        match &value {
            Ok(value) => tracing::trace!(target: "devices", "read {pa} {width:?} -> {value:#x}"),
            Err(_) => tracing::trace!(target: "devices", "read {pa} {width:?}: no device answers"),
        }
        self.tell(
            owed,
            Happening::Read(pa, width, value.as_ref().ok().copied()),
        );
        self.after_device(owed);
        value.map_err(|_| self.refuse(va, Exception::BusData))
    }

    fn store_device(
        &mut self,
        va: Va,
        pa: Pa,
        width: Width,
        value: u32,
        owed: u32,
    ) -> Result<(), Exception> {
        let now = self.cpu.now(owed).to_nanos();
        tracing::trace!(target: "devices", "write {pa} {width:?} <- {value:#x}");
        let shown = !self.board.hides(pa);
        let done = self.with_board(|board, outside| board.write(pa, width, value, outside, now));
        // The software TLB may lead to what is hidden now.
        if shown && self.board.hides(pa) {
            self.view().clear_spaces();
        }
        self.tell(owed, Happening::Write(pa, width, value));
        self.after_device(owed);
        done.map_err(|_| self.refuse(va, Exception::BusData))
    }

    /// After a device was touched: interrupts, deadlines and requests may have changed.
    fn after_device(&mut self, owed: u32) {
        self.counters.device_accesses += 1;
        self.collect_output(owed);
        self.refresh_lines();
        let deadline = self
            .board
            .deadline()
            .map_or(u64::MAX, |at| at.to_cycles().0);
        let nearer = deadline < self.cpu.horizon && deadline > self.cpu.now(owed).0;
        if nearer || deadline <= self.cpu.now(owed).0 || self.board.has_request() {
            self.cpu.request_stop();
        }
    }

    /// Takes what devices have printed.
    pub(super) fn collect_output(&mut self, owed: u32) {
        let output = self.board.take_output();
        if !output.is_empty() {
            self.write_console(output);
            let now = self.cpu.now(owed).to_nanos();
            self.with_board(|board, outside| board.redirect_input(outside, now));
        }
    }

    /// Bytes for the console, which the host gets when the engine comes back.
    pub(super) fn write_console(&mut self, bytes: Vec<u8>) {
        self.counters.console_bytes += bytes.len() as u64;
        self.console.write(bytes);
        self.cpu.request_stop();
    }

    /// Takes over the board's interrupt lines; stops the engine if one must be served.
    pub(super) fn refresh_lines(&mut self) {
        self.cpu.cp0.lines = u32::from(self.board.lines()) << 8;
        self.cpu.check_interrupts();
    }

    /// MTC0, with all that follows from it: another address space, an interrupt that may now be
    /// taken, another deadline.
    pub fn move_to_cp0(&mut self, reg: u32, sel: u32, value: u32, owed: u32) {
        self.cpu.move_to_cp0(reg, sel, value, owed);
        // EntryHi, Status: another address space or mode.
        if matches!(reg, 10 | 12) {
            self.select_space();
        }
    }

    /// ERET.
    pub fn eret(&mut self) {
        self.cpu.eret();
        self.tell(0, Happening::Return);
        self.select_space();
        self.cpu.check_interrupts();
    }

    /// TLBWI.
    ///
    /// # Errors
    /// Machine Check if the entry would be a duplicate.
    pub fn tlb_write_indexed(&mut self) -> Result<(), Exception> {
        let write = self.cpu.tlb_write_indexed(&mut self.ram)?;
        self.note_tlb_write(&write);
        Ok(())
    }

    /// TLBWR.
    ///
    /// # Errors
    /// Machine Check if the entry would be a duplicate.
    pub fn tlb_write_random(&mut self) -> Result<(), Exception> {
        let write = self.cpu.tlb_write_random(&mut self.ram)?;
        self.note_tlb_write(&write);
        Ok(())
    }

    fn note_tlb_write(&mut self, write: &TlbWrite) {
        self.counters.tlb_writes += 1;
        self.counters.second_kept += u64::from(write.kept);
        self.insight.processes.note_entry(&write.entry);
    }

    /// TLBR.
    pub fn tlb_read(&mut self) {
        self.cpu.tlb_read();
        self.select_space();
    }

    /// LL: loads a word and watches it.
    ///
    /// # Errors
    /// The exception that the load takes.
    pub fn load_linked(&mut self, va: Va, owed: u32) -> Result<u32, Exception> {
        let known = (!va.is_far()).then(|| self.cpu.space().probe_read(va, 4));
        let value = match known.flatten() {
            Some(host) => self.read_host(host, Width::Word),
            None => self.load(va, Width::Word, owed)?,
        };
        self.cpu.ll_bit = 1;
        self.cpu.ll_value = value;
        self.cpu.ll_address = va;
        Ok(value)
    }

    /// SC: stores a word if nothing has broken the link, and says whether it did.
    ///
    /// The link is broken by ERET, by another address, and by a store that changed the word.
    ///
    /// # Errors
    /// The exception that the store takes.
    pub fn store_conditional(&mut self, va: Va, value: u32, owed: u32) -> Result<bool, Exception> {
        if is_unaligned(va, Width::Word) {
            return Err(self.refuse(va, Exception::AddressStore));
        }
        let host = (!va.is_far()).then(|| self.cpu.space().probe_write(va, 4));
        let host = host.flatten();
        let page = match host {
            Some(_) => None,
            None => {
                let translation = self.cpu.translate(va, Access::Write);
                // What stops before the store leaves the link as it is.
                if translation.is_ok() {
                    self.heed_watchpoints(va, Width::Word, true, owed)?;
                }
                Some(translation.map_err(|e| self.refuse(va, e)))
            }
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
        if self.ram.is_ram(pa) && self.ram.word(pa) != self.cpu.ll_value {
            return Ok(false);
        }
        self.store(va, Width::Word, value, owed)?;
        Ok(true)
    }

    /// Before which moment every load of `width` from `va` gives what it gives now and changes
    /// nothing, if no event comes and nothing is stored; `None` if that cannot be said.
    pub fn steady_until(&mut self, va: Va, width: Width) -> Option<Nanos> {
        if is_unaligned(va, width) || self.cpu.stops.watches(va, width.bytes(), false) {
            return None;
        }
        let pa = self.cpu.translate(va, Access::Read).ok()?.pa;
        if self.ram.is_ram(pa) {
            return self.ram.is_touched(pa).then_some(NEVER);
        }
        let now = self.cpu.now(0).to_nanos();
        self.board.steady_until(pa, width, now)
    }

    /// Whether storing `value` to `va` would change nothing. Then a device counts it as stored.
    pub fn ignores(&mut self, va: Va, width: Width, value: u32) -> bool {
        if is_unaligned(va, width) || self.cpu.stops.watches(va, width.bytes(), true) {
            return false;
        }
        let Ok(page) = self.cpu.translate(va, Access::Write) else {
            return false;
        };
        if !self.ram.is_ram(page.pa) {
            return self.board.ignores(page.pa, width, value);
        }
        self.ram.is_touched(page.pa) && self.holds(page.pa, width) == value & width.mask()
    }

    /// What RAM holds at `pa`.
    fn holds(&self, pa: Pa, width: Width) -> u32 {
        let mut bytes = [0; 4];
        self.ram
            .read_physical(pa, &mut bytes[..width.bytes() as usize]);
        if self.ram.big_endian() {
            u32::from_be_bytes(bytes) >> (32 - 8 * width.bytes())
        } else {
            u32::from_le_bytes(bytes)
        }
    }
}
