//! Address spaces: where a virtual address leads, and the software TLBs that remember it.

use super::Vcpu;
use crate::account::Holding;
use crate::addr::{Pa, Va};
use crate::cpu::cp0::{STATUS_CU0, STATUS_CU1, STATUS_FR, STATUS_PX, STATUS_SX, STATUS_UX};
use crate::cpu::exception::Exception;
use crate::memory::Ram;
use crate::memory::pmap::Access as Page;
use crate::mmu::Access;
use crate::mmu::segment::{Mode, Segment, far, segment};
use crate::mmu::soft::{CodeSlot, SoftTlb, Space, SpaceKey};
use std::ptr::null_mut;

/// Where a virtual address leads.
pub(crate) struct Translation {
    pub pa: Pa,
    /// Whether stores are allowed.
    pub writable: bool,
}

/// The CPU has left one address space or mode for another.
#[derive(Clone, Copy, Debug)]
pub struct SpaceChange {
    /// The one that it left.
    pub old: SpaceKey,
    /// The one that it is in now.
    pub new: SpaceKey,
}

/// What a space's key says of 64-bit operations: STATUS_PX where these bits of Status allow them, and
/// nothing for the kernel, which always has them.
#[inline]
const fn doublewords(status: u32) -> u32 {
    let allowed = match status & (STATUS_SX | STATUS_UX | STATUS_PX) {
        0 => false,
        bits => match Mode::of(status) {
            Mode::Kernel | Mode::KernelError => false,
            Mode::Supervisor => bits & STATUS_SX != 0,
            Mode::User => bits & (STATUS_UX | STATUS_PX) != 0,
        },
    };
    if allowed { STATUS_PX } else { 0 }
}

impl Vcpu {
    /// The key of the current address space.
    #[must_use]
    pub fn space_key(&self) -> SpaceKey {
        let cp0 = &self.cp0;
        SpaceKey {
            asid: cp0.asid(),
            mode: Mode::of(cp0.status),
            status: cp0.status & (STATUS_CU0 | STATUS_CU1 | STATUS_FR) | doublewords(cp0.status),
        }
    }

    /// Points the CPU at the software TLB of its current address space and mode. Says which change
    /// that was, if it was one.
    pub fn select_space(&mut self) -> Option<SpaceChange> {
        let new = self.space_key();
        // SAFETY: as in `space`, once there is one.
        let old = unsafe { self.space.as_ref() }.map(|space| space.key);
        if old == Some(new) {
            return None;
        }
        // A system call and its return, the kernel and the process in use: most changes lead back.
        let previous = std::mem::replace(&mut self.previous_space, self.space);
        // SAFETY: as in `space`; one that has been given to another has its key.
        let back = unsafe { previous.as_ref() }.is_some_and(|space| space.key == new);
        self.space = if back {
            previous
        } else {
            self.soft.select(new)
        };
        if self.soft.refused().is_some() {
            self.request_stop();
        }
        old.map(|old| SpaceChange { old, new })
    }

    /// Empties all software TLBs.
    pub(crate) fn clear_spaces(&mut self) {
        // Only the space that is entered is sure to stay.
        self.previous_space = null_mut();
        self.soft.clear(self.space);
    }

    /// The current address space's software TLB.
    #[inline(always)]
    #[must_use]
    pub fn space(&self) -> &Space {
        // SAFETY: `space` points into a box that `soft` owns and never drops; it is set in `new`.
        unsafe { &*self.space }
    }

    /// The current address space's software TLB, to be filled.
    #[inline(always)]
    fn space_mut(&mut self) -> &mut Space {
        // SAFETY: as in `space`; `&mut self` keeps every other access away.
        unsafe { &mut *self.space }
    }

    /// What all software TLBs take of the host's memory.
    pub(crate) fn held_by_spaces(&self) -> Holding {
        self.soft.held()
    }

    /// All software TLBs.
    pub fn soft_tlb(&mut self) -> &mut SoftTlb {
        &mut self.soft
    }

    /// Translates `va` as the architecture says.
    pub(crate) fn translate(&self, va: Va, access: Access) -> Result<Translation, Exception> {
        self.translate_in(self.mode(), va, access)
    }

    /// The same for code that runs in `mode`.
    #[inline]
    fn translate_in(&self, mode: Mode, va: Va, access: Access) -> Result<Translation, Exception> {
        let write = access == Access::Write;
        let choose = |load, store| if write { store } else { load };
        match segment(va, mode) {
            Segment::Forbidden => Err(choose(Exception::AddressLoad, Exception::AddressStore)),
            Segment::Direct(pa) => Ok(Translation { pa, writable: true }),
            Segment::Far => {
                let pa = far(va, self.cp0.status).map(|pa| pa.of_ram_below(self.ram_bytes));
                pa.map(|pa| Translation { pa, writable: true })
                    .ok_or(choose(Exception::AddressLoad, Exception::AddressStore))
            }
            Segment::Mapped => {
                let asid = self.cp0.asid();
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

    /// Where an instruction fetch from `va` goes, for people who look at code: no exception, no
    /// side effect.
    #[must_use]
    pub fn peek(&self, va: Va) -> Option<Pa> {
        self.translate(va, Access::Fetch).ok().map(|page| page.pa)
    }

    /// Where `va` leads in the current address space if the kernel used it, for a debugger: no
    /// exception, no side effect.
    #[must_use]
    pub fn place(&self, va: Va) -> Option<Pa> {
        let mode = match self.mode() {
            Mode::KernelError => Mode::KernelError,
            _ => Mode::Kernel,
        };
        let page = self.translate_in(mode, va, Access::Read);
        page.ok().map(|page| page.pa)
    }

    /// The physical address that LL last loaded from, as far as it is mapped.
    #[must_use]
    pub fn linked(&self) -> Pa {
        let page = self.translate(self.ll_address, Access::Read);
        page.map_or(Pa(0), |page| page.pa)
    }

    /// Puts a page of RAM into the software TLB, in the space of `key`, unless a debugger watches it.
    pub(crate) fn learn(
        &mut self,
        ram: &mut Ram,
        key: SpaceKey,
        va: Va,
        translation: &Translation,
        page: Page,
    ) {
        let pa = translation.pa;
        // Tables of the software TLB reach 4 GiB.
        if va.is_far() || self.stops.watches_page(va) {
            return;
        }
        let watched = ram.written.is_some() || ram.pmap.is_code(pa);
        let writable = translation.writable && page.writable && !watched;
        ram.pmap.note_space(pa, va.is_direct(), writable);
        if va.is_direct() && ram.pmap.is_at_home(pa, page.ma.into()) {
            ram.grants.allow(pa, writable);
        }
        if let Some(space) = self.soft.find(key) {
            let host = ram.host(page.ma.page());
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
        // Spaces that are emptied stay where they are.
        let _ = self.soft.grow();
    }
}
