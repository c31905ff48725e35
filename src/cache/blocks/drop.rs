//! Dropping blocks: what the guest has written over, what breakpoints change, and what takes memory that
//! others need.

use super::{Blocks, Cached, Keep, word};
use crate::interp::block::code_address;
use mirrorball_runtime::addr::{PAGE_SIZE, Pa, Va};
use mirrorball_runtime::mmu::soft::{CODE_PAGES, CODE_WORDS, word_of};
use mirrorball_runtime::vm::Vm;

impl<T: Keep> Blocks<T> {
    /// Drops the blocks whose bytes the guest has written to. What the engine kept with them is
    /// returned.
    pub fn drop_modified(&mut self, vm: &mut Vm) -> Vec<Cached<T>> {
        let mut dropped = Vec::new();
        for (pa, bytes) in vm.cpu.take_modified() {
            let overlaps = |cached: &Cached<T>| {
                let (start, len) = (cached.key.pa(), u64::from(cached.block.bytes));
                start.0 + len > pa.0 && pa.0 + bytes > start.0
            };
            let page = pa.page_number() as u32;
            let before = dropped.len();
            dropped.extend(self.take_from(page, |cached| overlaps(cached)));
            if dropped.len() > before {
                self.note_code(vm, page);
            }
        }
        dropped
    }

    /// Drops the blocks that have code at one of these addresses, or would have it in the delay slot of
    /// a branch at their end: breakpoints were set there, or taken away. What the engine kept with
    /// them is returned.
    pub fn drop_at(&mut self, vm: &mut Vm, addresses: &[Va]) -> Vec<Cached<T>> {
        let places = addresses
            .iter()
            .flat_map(|&va| [va, va.offset(4u32.wrapping_neg())]);
        let places: Vec<u32> = places.map(code_address).collect();
        let has = |cached: &Cached<T>| {
            let (start, words) = (cached.key.pc, cached.block.cycles() as u32);
            let meets = |place: &u32| place.wrapping_sub(start) < 4 * words;
            places.iter().any(meets)
        };
        let mut dropped = Vec::new();
        let pages: Vec<u32> = self.by_page.keys().copied().collect();
        for page in pages {
            let gone = self.take_from(page, |cached| has(cached));
            if !gone.is_empty() {
                self.note_code(vm, page);
            }
            dropped.extend(gone);
        }
        dropped
    }

    /// Drops every block that the engine does not want to `keep`, and code pages that have none.
    pub fn drop_others(&mut self, vm: &mut Vm, mut keep: impl FnMut(&mut Cached<T>) -> bool) {
        let pages: Vec<u32> = self.by_page.keys().copied().collect();
        for page in pages {
            let gone = self.take_from(page, |cached| !keep(cached));
            if gone.is_empty() {
                continue;
            }
            for cached in gone {
                self.fade(&cached);
            }
            self.note_code(vm, page);
        }
        self.give_back_code(vm);
    }

    /// Remembers what the engine wants of a block that was dropped to save memory.
    fn fade(&mut self, cached: &Cached<T>) {
        let faded = cached.extra.fade();
        let key = cached.key;
        if faded > 0 {
            let word = word_of(Va(u64::from(key.pc)));
            let table = &mut self.view(key).faded;
            table.get_or_insert_with(|| Box::new([0; CODE_WORDS]))[word] = faded;
        }
    }

    /// Gives back code pages without blocks if many are in use.
    fn give_back_code(&mut self, vm: &mut Vm) {
        if self.code.len() < CODE_PAGES / 2 {
            return;
        }
        vm.cpu.soft_tlb().clear_code();
        let code = &mut self.code;
        self.by_page.retain(|_, views| {
            views.retain(|viewed| {
                if viewed.blocks.is_empty() {
                    code.give_back(viewed.slot);
                }
                !viewed.blocks.is_empty()
            });
            !views.is_empty()
        });
    }

    /// Takes away the blocks of a page that are `gone`.
    fn take_from(
        &mut self,
        page: u32,
        mut gone: impl FnMut(&mut Cached<T>) -> bool,
    ) -> Vec<Cached<T>> {
        let mut taken = Vec::new();
        for viewed in self.by_page.get_mut(&page).into_iter().flatten() {
            let slot = viewed.slot;
            viewed.blocks.retain(|&id| {
                if !self.slots.get_mut(id).is_some_and(&mut gone) {
                    return true;
                }
                if let Some(cached) = self.slots.remove(id) {
                    let pc = Va(u64::from(cached.key.pc));
                    self.by_word.remove(&word(slot, pc));
                    self.code.page_mut(slot).codes[word_of(pc)] = 0;
                    self.bytes -= Self::bytes_of(&cached);
                    taken.push(cached);
                }
                false
            });
        }
        taken
    }

    /// Says anew what code was made from on a page that has lost some.
    fn note_code(&self, vm: &mut Vm, page: u32) {
        let pa = Pa(u64::from(page) * PAGE_SIZE);
        let views = self.by_page.get(&page).into_iter().flatten();
        let mut blocks = views.flat_map(|viewed| &viewed.blocks).peekable();
        if blocks.peek().is_none() {
            return vm.ram.remove_code(pa);
        }
        vm.ram.clear_code(pa);
        for cached in blocks.filter_map(|&id| self.slots.get(id)) {
            vm.view()
                .add_code(cached.key.pa(), cached.block.bytes.into());
        }
    }
}
