//! Pages that the guest does without, for a while or until it asks for them.
//!
//! What holds of each function here: `pa` is the first address of a page of RAM. The page reads as
//! zeros from then on, at every address and in every address space, until something is stored to
//! it, and that store is as any other. For code that was made from the page it was a store to all
//! of it. What the page's frame becomes is the monitor's business and not visible to the guest.
//!
//! The page keeps its frame here, so that what the software TLB knows of it stays right.

use super::Vm;
use crate::addr::{PAGE_SIZE, Pa};

impl Vm {
    /// The guest does not need what the page holds, nor will it soon need the page.
    pub fn release_page(&mut self, pa: Pa) {
        self.zero_page(pa);
    }

    /// The guest wants the page to be zero, most likely because it is about to use it.
    pub fn zero_page(&mut self, pa: Pa) {
        // A page that was never touched is zero, and no code was made from it.
        if let Some(ma) = self.pmap.find(pa.page()) {
            self.note_code_write(pa.page(), PAGE_SIZE);
            self.machine.frame_mut(ma).fill(0);
        }
    }

    /// The guest gives the page to the monitor, and will not use it before it has taken it back.
    /// If it does nevertheless, it finds a page of zeros, which counts as given still.
    pub fn give_page(&mut self, pa: Pa) {
        self.release_page(pa);
        self.given.insert(pa.page_number());
    }

    /// The guest takes a page back that it gave. It is zero.
    pub fn take_page(&mut self, pa: Pa) {
        self.given.remove(&pa.page_number());
        self.zero_page(pa);
    }

    /// The number of pages that the guest has given and not taken back.
    #[must_use]
    pub fn pages_given(&self) -> u64 {
        self.given.len() as u64
    }
}
