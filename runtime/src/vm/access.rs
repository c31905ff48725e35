//! Loads, stores and fetches that the software TLB could not answer.
//!
//! The way of an access: segment → guest TLB (V→P) → pmap (P→M) or board. On success the
//! software TLB learns the page; on refusal the guest gets its exception.

use super::Vm;
use crate::addr::{Pa, Va};
use crate::cpu::exception::Exception;
use crate::device::Width;
use crate::memory::HostFailure;
use crate::memory::pmap::Access as Page;
use crate::mmu::Access;
use crate::mmu::segment::{Segment, segment};
use crate::mmu::soft::{CodeSlot, SpaceKey, is_direct};

/// Where a virtual address leads.
pub(super) struct Translation {
    pub pa: Pa,
    /// Whether stores are allowed.
    writable: bool,
}

impl Vm {
    /// Translates `va` as the architecture says.
    pub(super) fn translate(&self, va: Va, access: Access) -> Result<Translation, Exception> {
        let write = access == Access::Write;
        let choose = |load, store| if write { store } else { load };
        match segment(va, self.mode()) {
            Segment::Forbidden => Err(choose(Exception::AddressLoad, Exception::AddressStore)),
            Segment::Direct(pa) => Ok(Translation { pa, writable: true }),
            Segment::Mapped => {
                let asid = self.cpu.cp0.asid();
                let Some(entry) = self.tlb.lookup(va, asid) else {
                    // The second level only ever allows: a guest that is refused expects to find
                    // the entry that refused it.
                    let kept = self.second.find(va, asid).map(|entry| entry.translate(va));
                    return match kept {
                        Some((half, pa)) if half.valid && (half.dirty || !write) => {
                            Ok(Translation {
                                pa,
                                writable: half.dirty,
                            })
                        }
                        _ => Err(choose(Exception::TlbRefillLoad, Exception::TlbRefillStore)),
                    };
                };
                let (half, pa) = entry.translate(va);
                if !half.valid {
                    Err(choose(
                        Exception::TlbInvalidLoad,
                        Exception::TlbInvalidStore,
                    ))
                } else if write && !half.dirty {
                    Err(Exception::TlbModified)
                } else {
                    Ok(Translation {
                        pa,
                        writable: half.dirty,
                    })
                }
            }
        }
    }

    /// Notes the address for BadVAddr and hands the exception on.
    fn refuse(&mut self, va: Va, exception: Exception) -> Exception {
        self.cpu.bad_address = va;
        exception
    }

    /// The physical address that the instruction at `pc` is fetched from.
    ///
    /// # Errors
    /// The exception that the fetch takes.
    pub fn fetch(&mut self, pc: Va) -> Result<Pa, Exception> {
        if pc.0 & 3 != 0 {
            return Err(self.refuse(pc, Exception::AddressLoad));
        }
        let pa = self
            .translate(pc, Access::Fetch)
            .map_err(|e| self.refuse(pc, e))?
            .pa;
        match self.page_to_read(pa) {
            Ok(Some(_)) => Ok(pa),
            Ok(None) => Err(self.refuse(pc, Exception::BusFetch)),
            Err(failure) => Err(self.end_instruction(failure)),
        }
    }

    /// Notes that the host failed. The exception only ends the instruction: the guest does not run
    /// any more.
    fn end_instruction(&mut self, failure: HostFailure) -> Exception {
        self.fail(failure);
        Exception::BusData
    }

    /// As [`Vm::fetch`], after which the software TLB knows the page, so that code can look at the
    /// instruction.
    ///
    /// # Errors
    /// The exception that the fetch takes.
    pub fn fetch_to_see(&mut self, pc: Va) -> Result<Pa, Exception> {
        let pa = self.fetch(pc)?;
        if self.space().probe_read(pc, 4).is_none()
            && let Some(page) = self.pmap.resident(pa)
        {
            self.learn(self.space().key, pc, pa, page, false);
        }
        Ok(pa)
    }

    /// Loads from `va`, zero-extended. `owed` as in [`Cpu::now`](crate::cpu::Cpu::now).
    ///
    /// # Errors
    /// The exception that the load takes.
    pub fn load(&mut self, va: Va, width: Width, owed: u32) -> Result<u32, Exception> {
        if va.0 & (width.bytes() - 1) != 0 {
            return Err(self.refuse(va, Exception::AddressLoad));
        }
        let page = self
            .translate(va, Access::Read)
            .map_err(|e| self.refuse(va, e))?;
        self.counters.soft_misses += 1;
        match self.page_to_read(page.pa) {
            Ok(Some(access)) => {
                self.learn(self.space().key, va, page.pa, access, page.writable);
                Ok(self.read_host(self.machine.host(access.ma), width))
            }
            Ok(None) => self.load_device(va, page.pa, width, owed),
            Err(failure) => Err(self.end_instruction(failure)),
        }
    }

    /// Stores to `va`.
    ///
    /// # Errors
    /// The exception that the store takes.
    pub fn store(&mut self, va: Va, width: Width, value: u32, owed: u32) -> Result<(), Exception> {
        if va.0 & (width.bytes() - 1) != 0 {
            return Err(self.refuse(va, Exception::AddressStore));
        }
        let page = self
            .translate(va, Access::Write)
            .map_err(|e| self.refuse(va, e))?;
        self.counters.soft_misses += 1;
        match self.page_to_write(page.pa) {
            Ok(Some(access)) => {
                self.note_code_write(page.pa, width.bytes());
                if let Some(written) = &mut self.written {
                    written.push((page.pa, width.bytes() as u8));
                }
                self.learn(self.space().key, va, page.pa, access, true);
                self.write_host(self.machine.host(access.ma), width, value);
                Ok(())
            }
            Ok(None) => self.store_device(va, page.pa, width, value, owed),
            Err(failure) => Err(self.end_instruction(failure)),
        }
    }

    /// Puts a page of RAM into the software TLB, in the space of `key`.
    pub(super) fn learn(&mut self, key: SpaceKey, va: Va, pa: Pa, page: Page, dirty: bool) {
        let watched = self.written.is_some() || self.pmap.is_code(pa);
        let writable = dirty && page.writable && !watched;
        self.pmap.note_space(pa, is_direct(va), writable);
        if is_direct(va) && self.pmap.is_at_home(pa, page.ma.into()) {
            self.soft.allow(pa, writable);
        }
        if let Some(space) = self.soft.find(key) {
            let host = self.machine.host(page.ma.page());
            if space.fill_data(va.page(), host, writable) {
                self.note_growth();
            }
        }
    }

    /// Says which code page the page of `pc` has in the current space.
    pub fn fill_code(&mut self, pc: Va, slot: CodeSlot) {
        if self.space_mut().fill_code(pc, slot) {
            self.note_growth();
        }
    }

    fn note_growth(&mut self) {
        if self.soft.grow(self.cpu.space) {
            // Only the space that is entered is sure to stay.
            self.previous_space = std::ptr::null_mut();
        }
    }

    pub(super) fn read_host(&self, host: *const u8, width: Width) -> u32 {
        let big = self.config.big_endian;
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

    pub(super) fn write_host(&mut self, host: *mut u8, width: Width, value: u32) {
        let big = self.config.big_endian;
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
        let (board, mut memory) = self.board_and_memory();
        let done = board.write(pa, width, value, &mut memory, now);
        self.after_device(owed);
        done.map_err(|_| self.refuse(va, Exception::BusData))
    }

    /// After a device was touched: interrupts, deadlines and requests may have changed.
    fn after_device(&mut self, owed: u32) {
        self.counters.device_accesses += 1;
        let console = self.board.console().take_output();
        if !console.is_empty() {
            self.counters.console_bytes += console.len() as u64;
            self.output.extend(console);
            self.request_stop();
        }
        self.refresh_lines();
        let deadline = self
            .board
            .deadline()
            .map_or(u64::MAX, |at| at.to_cycles().0);
        let nearer = deadline < self.cpu.horizon && deadline > self.cpu.now(owed).0;
        if nearer || deadline <= self.cpu.now(owed).0 || self.board.has_request() {
            self.request_stop();
        }
    }

    /// Takes over the board's interrupt lines; stops the engine if one must be served.
    pub(super) fn refresh_lines(&mut self) {
        self.cpu.cp0.lines = u32::from(self.board.lines()) << 8;
        if self.cpu.cp0.interrupt_pending() {
            self.request_stop();
        }
    }
}
