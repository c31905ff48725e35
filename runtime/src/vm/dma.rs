//! The machine's memory as the board lends it to bus masters.
//!
//! It holds the parts of a machine that a write from outside the CPU changes, beside the board. A
//! write by DMA is a store: it takes code that was made from the bytes with it, and lockstep looks
//! at it.

use super::Vm;
use crate::addr::{PAGE_SIZE, Pa};
use crate::board::malta::Malta;
use crate::cpu::{STOP_CODE, STOP_SERVE};
use crate::device::{Memory, NoMemory};
use crate::memory::HostFailure;
use crate::memory::machine::MachineMemory;
use crate::memory::pmap::{Access, Pmap};
use crate::mmu::soft::SoftTlb;
use std::cell::OnceCell;

/// A machine's memory, and what notes that it is written to.
pub(super) struct Dma<'a> {
    pmap: &'a mut Pmap,
    machine: &'a MachineMemory,
    soft: &'a mut SoftTlb,
    stop: &'a mut u32,
    failure: &'a OnceCell<HostFailure>,
    shortages: &'a mut u64,
    modified: &'a mut Vec<(Pa, u64)>,
    code_writes: &'a mut u64,
    written: Option<&'a mut Vec<(Pa, u8)>>,
}

impl Vm {
    /// The board, and the memory for its bus masters.
    pub(super) fn board_and_memory(&mut self) -> (&mut Malta, Dma<'_>) {
        let memory = Dma {
            pmap: &mut self.pmap,
            machine: &self.machine,
            soft: &mut self.soft,
            stop: &mut self.cpu.stop,
            failure: &self.failure,
            shortages: &mut self.shortages,
            modified: &mut self.modified,
            code_writes: &mut self.counters.code_writes,
            written: self.written.as_mut(),
        };
        (&mut self.board, memory)
    }
}

impl Dma<'_> {
    /// Fails unless all of the range is RAM.
    fn expect_ram(&self, pa: Pa, bytes: usize) -> Result<(), NoMemory> {
        let end = pa.0.checked_add(bytes as u64).ok_or(NoMemory(pa))?;
        let mut page = pa.page();
        while page.0 < end {
            if !self.pmap.is_ram(page) {
                return Err(NoMemory(page));
            }
            page.0 += PAGE_SIZE;
        }
        Ok(())
    }

    /// What came of asking for a page. When the host fails, the machine ends before its next
    /// instruction; when machine memory is short, it stops there.
    fn page(
        &mut self,
        pa: Pa,
        ask: impl FnOnce(&mut Pmap, &MachineMemory) -> Result<Option<Access>, HostFailure>,
    ) -> Result<Access, NoMemory> {
        let had = self.pmap.counts().private;
        let access = ask(self.pmap, self.machine).unwrap_or_else(|failure| {
            // The first is the cause of those that follow.
            let _ = self.failure.set(failure);
            *self.stop |= STOP_SERVE;
            None
        });
        if self.pmap.counts().private > had && self.machine.is_short() {
            *self.shortages += 1;
            *self.stop |= STOP_SERVE;
        }
        access.ok_or(NoMemory(pa))
    }

    fn write_in_page(&mut self, pa: Pa, bytes: &[u8]) -> Result<(), NoMemory> {
        let access = self.page(pa, |pmap, machine| pmap.write(pa, machine))?;
        if let Some(left) = access.left {
            let mapped = self.pmap.take_mappings(pa);
            let host = self.machine.host(left.ma());
            self.soft.forget_frame(pa.page(), host, mapped);
        }
        self.machine.write(access.ma, bytes);
        self.note_write(pa, bytes.len() as u64);
        Ok(())
    }

    fn note_write(&mut self, pa: Pa, bytes: u64) {
        if self.pmap.has_code(pa, bytes) {
            self.modified.push((pa, bytes));
            *self.code_writes += 1;
            *self.stop |= STOP_CODE;
        }
        if let Some(written) = &mut self.written {
            // What lockstep compares at once is eight bytes.
            let pieces = (0..bytes).step_by(8);
            written.extend(pieces.map(|at| (Pa(pa.0 + at), (bytes - at).min(8) as u8)));
        }
    }
}

/// The pieces of `bytes` bytes at `pa` that lie in one page each: the address, and which they are.
fn pieces(pa: Pa, bytes: usize) -> impl Iterator<Item = (Pa, std::ops::Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let here = Pa(pa.0 + at as u64);
        let room = (PAGE_SIZE - here.page_offset()) as usize;
        let end = bytes.min(at + room);
        let piece = at..end;
        at = end;
        (!piece.is_empty()).then_some((here, piece))
    })
}

impl Memory for Dma<'_> {
    fn read(&mut self, pa: Pa, bytes: &mut [u8]) -> Result<(), NoMemory> {
        self.expect_ram(pa, bytes.len())?;
        for (at, piece) in pieces(pa, bytes.len()) {
            let access = self.page(at, |pmap, machine| pmap.read(at, machine))?;
            let start = at.page_offset() as usize;
            let content = &self.machine.frame(access.ma.into())[start..start + piece.len()];
            bytes[piece].copy_from_slice(content);
        }
        Ok(())
    }

    fn write(&mut self, pa: Pa, bytes: &[u8]) -> Result<(), NoMemory> {
        self.expect_ram(pa, bytes.len())?;
        for (at, piece) in pieces(pa, bytes.len()) {
            self.write_in_page(at, &bytes[piece])?;
        }
        Ok(())
    }
}
