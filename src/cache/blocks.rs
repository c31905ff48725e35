//! Blocks, found by what they depend on, and dropped when their page changes.

use super::slots::Slots;
use crate::interp::Block;
use crate::interp::block::{Source, code_address};
use mirrorball_runtime::account::Holding;
use mirrorball_runtime::addr::{PAGE_BITS, PAGE_SIZE, Pa, Va};
use mirrorball_runtime::mmu::soft::{
    CODE_BLOCKS, CODE_PAGES, CODE_WORDS, CodePage, CodePages, CodeSlot, SpaceKey, word_of,
};
use mirrorball_runtime::vm::Vm;
use rustc_hash::FxHashMap;
use std::mem::{size_of, size_of_val};

/// Everything that the meaning of a block depends on, so that nothing stale can be found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockKey {
    /// The number of the physical page that it is fetched from.
    page: u32,
    /// The [`code_address`] that it starts at.
    pub pc: u32,
    /// The Status bits that decide which instructions there are, and in bit 0 whether privileged
    /// ones may run.
    pub mode: u32,
}

/// That bit, which is none of the Status bits that count.
const KERNEL: u32 = 1;

impl BlockKey {
    /// The key of another block that code of this one leads to: see
    /// [`linkable`](crate::interp::block::linkable).
    #[must_use]
    pub fn at(self, pc: u32) -> Self {
        let page = if pc >> 30 == 2 {
            (pc & 0x1fff_ffff) >> PAGE_BITS
        } else {
            self.page
        };
        Self { page, pc, ..self }
    }

    /// The key of the block at `pc`, fetched from `pa`, in a space.
    #[must_use]
    pub fn new(pc: Va, pa: Pa, space: SpaceKey) -> Self {
        Self {
            page: (pa.0 >> PAGE_BITS) as u32,
            pc: code_address(pc),
            mode: space.status | if space.mode.is_kernel() { KERNEL } else { 0 },
        }
    }

    /// Where its first instruction is fetched from.
    #[must_use]
    pub fn pa(self) -> Pa {
        Pa((u64::from(self.page) << PAGE_BITS) + Va(u64::from(self.pc)).page_offset())
    }

    /// Whether code of a block with this key that goes to the address of `other` always comes to
    /// that block.
    #[must_use]
    pub fn leads_to(self, other: Self) -> bool {
        self.mode == other.mode && (other.pc >> 30 == 2 || self.page == other.page)
    }

    /// Where the block is while the program counter of the CPU is in its page, or in kseg0 or kseg1
    /// if it is.
    #[must_use]
    pub fn va(self, vm: &Vm) -> Va {
        let offset = u64::from(self.pc);
        self.fixed_va()
            .unwrap_or_else(|| Va(Va(vm.cpu.pc).page().0 | offset))
    }

    /// Where the block always is, if it is in kseg0 or kseg1.
    #[must_use]
    pub fn fixed_va(self) -> Option<Va> {
        (self.pc >> 30 == 2).then_some(Va(u64::from(self.pc)))
    }

    /// What tells the code pages of one physical page apart.
    fn view(self) -> View {
        View {
            mode: self.mode,
            segment: if self.pc >> 30 == 2 { self.pc >> 29 } else { 0 },
        }
    }
}

/// What else the code of a page depends on: the mode, and whether it is seen in kseg0, in kseg1, or
/// mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct View {
    mode: u32,
    segment: u32,
}

/// The number of a block, never 0. It names another block once this one is dropped.
pub type BlockId = u32;

/// What an engine keeps with a block.
pub trait Keep: Default {
    /// What is left of it when its block is dropped to save memory.
    fn fade(&self) -> u8 {
        0
    }

    /// What there is of it when such a block is made again.
    fn revive(_faded: u8) -> Self {
        Self::default()
    }
}

impl Keep for () {}

/// A block and what an engine keeps with it. What is wanted when it runs comes first, and lies in
/// one cache line of the host.
#[repr(C, align(64))]
pub struct Cached<T> {
    /// The predecoded block.
    pub block: Block,
    /// The engine's own.
    pub extra: T,
    /// What it depends on.
    pub key: BlockKey,
    /// See [`Source::print`].
    pub print: u32,
}

/// The code page of a physical page in one view.
struct Viewed {
    view: View,
    slot: CodeSlot,
    /// The blocks in it.
    blocks: Vec<BlockId>,
    /// What is left of blocks that were dropped to save memory, by the word that they start at.
    faded: Option<Box<[u8; CODE_WORDS]>>,
}

/// Why there is no place for blocks.
#[derive(Debug, thiserror::Error)]
#[error("the host has no address space for tables of guest code: {0}; run fewer machines")]
pub struct BlocksError(std::io::Error);

/// All blocks of one VM.
pub struct Blocks<T> {
    slots: Slots<Cached<T>>,
    code: CodePages,
    by_page: FxHashMap<u32, Vec<Viewed>>,
    by_word: FxHashMap<Word, BlockId>,
    predecoded: u64,
    again: u64,
    bytes: usize,
    most: usize,
}

/// What the allocator and tables add to what a block takes.
const TABLES: usize = 16 + 2 * (size_of::<Word>() + size_of::<BlockId>()) + 6;

/// What a code page takes, and what is left of the blocks in it.
const CODE_PAGE_BYTES: usize = size_of::<CodePage>() + CODE_WORDS;

/// A word of a code page, by the number of both.
type Word = u32;
const _: () = assert!(CODE_PAGES * CODE_WORDS <= Word::MAX as usize);

#[inline(always)]
fn word(slot: CodeSlot, pc: Va) -> Word {
    (slot.index() * CODE_WORDS + word_of(pc)) as Word
}

impl<T: Keep> Blocks<T> {
    /// No blocks, and never more than so many bytes of them.
    ///
    /// # Errors
    /// If the host has no address space for them.
    pub fn new(most: usize) -> Result<Self, BlocksError> {
        let code = CodePages::new().map_err(|error| BlocksError(error.into()))?;
        Ok(Self {
            slots: Slots::default(),
            code,
            by_page: FxHashMap::default(),
            by_word: FxHashMap::default(),
            predecoded: 0,
            again: 0,
            bytes: 0,
            most,
        })
    }

    /// The block at the CPU's program counter. If the fetch is refused the guest gets its
    /// exception, for one cycle, and there is no block; nor is there one while the blocks are
    /// [full](Blocks::is_full).
    #[inline]
    pub fn at_pc(&mut self, vm: &mut Vm) -> Option<BlockId> {
        let pc = Va(vm.cpu.pc);
        let slot = vm.cpu.space().code_slot(pc);
        if !slot.is_empty()
            && pc.0 & 3 == 0
            && let Some(&id) = self.by_word.get(&word(slot, pc))
        {
            return Some(id);
        }
        self.find(vm)
    }

    #[cold]
    fn find(&mut self, vm: &mut Vm) -> Option<BlockId> {
        if self.is_full() {
            return None;
        }
        let pc = Va(vm.cpu.pc);
        let pa = match vm.fetch(pc) {
            Ok(pa) => pa,
            Err(exception) => {
                vm.cpu.left -= 1;
                vm.raise(exception, pc.0, false);
                return None;
            }
        };
        let key = BlockKey::new(pc, pa, vm.cpu.space_key());
        let id = self.ensure(vm, key);
        if let Some(viewed) = self.viewed(key) {
            vm.cpu.fill_code(pc, viewed.slot);
        }
        Some(id)
    }

    /// Whether there is hardly room for more blocks or pages with code: some have to be dropped.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let crowded = self.code.len() + 16 > CODE_PAGES || self.len() + 1024 > CODE_BLOCKS;
        crowded || self.bytes > self.most
    }

    fn viewed(&self, key: BlockKey) -> Option<&Viewed> {
        let views = self.by_page.get(&key.page)?;
        views.iter().find(|viewed| viewed.view == key.view())
    }

    /// The code page for a key, made now if there was none.
    fn view(&mut self, key: BlockKey) -> &mut Viewed {
        let views = self.by_page.entry(key.page).or_default();
        let there = views.iter().position(|viewed| viewed.view == key.view());
        let index = there.unwrap_or_else(|| {
            let slot = self.code.take();
            views.push(Viewed {
                view: key.view(),
                slot: slot.expect("an engine drops blocks before all code pages are used"),
                blocks: Vec::new(),
                faded: None,
            });
            views.len() - 1
        });
        &mut views[index]
    }

    /// The block with this key, predecoded now if it was not yet. The CPU is in the state that the
    /// key says, and its program counter in the page if that is mapped.
    pub fn ensure(&mut self, vm: &mut Vm, key: BlockKey) -> BlockId {
        match self.by_key(&key) {
            Some(id) => id,
            None => self.insert(vm, key),
        }
    }

    fn insert(&mut self, vm: &mut Vm, key: BlockKey) -> BlockId {
        let source = Source::find(vm, key.va(vm), key.pa());
        let pc = Va(u64::from(key.pc));
        let viewed = self.view(key);
        let (slot, faded) = (viewed.slot, viewed.faded.as_mut());
        let faded = faded.map(|faded| std::mem::take(&mut faded[word_of(pc)]));
        let cached = Cached {
            block: Block::predecode(&source),
            extra: faded.map_or_else(T::default, T::revive),
            key,
            print: source.print(),
        };
        tracing::trace!(target: "blocks", "block {} at {}: {} instructions", key.va(vm), key.pa(), source.code.len());
        vm.view().add_code(key.pa(), cached.block.bytes.into());
        self.predecoded += 1;
        self.again += u64::from(faded.is_some_and(|faded| faded > 0));
        self.bytes += Self::bytes_of(&cached);
        let id = self.slots.insert(cached);
        self.by_word.insert(word(slot, pc), id);
        self.view(key).blocks.push(id);
        id
    }

    /// The number of the block with this key, if it is kept.
    #[must_use]
    pub fn by_key(&self, key: &BlockKey) -> Option<BlockId> {
        let viewed = self.viewed(*key)?;
        let word = word(viewed.slot, Va(u64::from(key.pc)));
        self.by_word.get(&word).copied()
    }

    /// The blocks that start before the one with this key and have its first instruction, too.
    pub fn overlapping(&self, key: BlockKey) -> impl Iterator<Item = &Cached<T>> {
        let blocks = self.viewed(key).map_or(&[][..], |viewed| &viewed.blocks);
        let blocks = blocks.iter().filter_map(|&id| self.slots.get(id));
        blocks.filter(move |cached| {
            let start = cached.key.pc;
            (start..start + cached.block.cycles() as u32 * 4).contains(&key.pc) && start < key.pc
        })
    }

    /// Says where the code for the block with this key is: the offset that [`CodePage::codes`] wants,
    /// 0 for none.
    pub fn set_code(&mut self, key: &BlockKey, code: i32) {
        if let Some(slot) = self.viewed(*key).map(|viewed| viewed.slot) {
            self.code.page_mut(slot).codes[word_of(Va(u64::from(key.pc)))] = code;
        }
    }

    /// How many runs are left to the block with this number: see [`CodePages::runs`].
    #[must_use]
    pub fn runs(&self, id: BlockId) -> i16 {
        self.code.runs(id)
    }

    /// Leaves so many runs to the block with this number.
    pub fn set_runs(&mut self, id: BlockId, runs: i16) {
        self.code.set_runs(id, runs);
    }

    /// Where the runs of block 0 are, for translated code.
    #[must_use]
    pub fn runs_address(&self) -> usize {
        self.code.runs_address()
    }

    /// Where the code pages are, for translated code.
    #[must_use]
    pub fn code_pages(&self) -> usize {
        self.code.address()
    }

    /// The block with this number, if there is one.
    #[must_use]
    pub fn try_get(&self, id: BlockId) -> Option<&Cached<T>> {
        self.slots.get(id)
    }

    /// The block with this number, if there is one, to be changed.
    pub fn try_get_mut(&mut self, id: BlockId) -> Option<&mut Cached<T>> {
        self.slots.get_mut(id)
    }

    /// The block with this number.
    ///
    /// # Panics
    /// If there is none, which would be a mistake of the engine.
    #[inline]
    #[must_use]
    pub fn get(&self, id: BlockId) -> &Cached<T> {
        self.slots
            .get(id)
            .expect("a block that was dropped is not asked for")
    }

    /// The block with this number, to be changed.
    ///
    /// # Panics
    /// As [`Blocks::get`].
    #[inline]
    pub fn get_mut(&mut self, id: BlockId) -> &mut Cached<T> {
        self.slots
            .get_mut(id)
            .expect("a block that was dropped is not asked for")
    }

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

    /// All blocks.
    pub fn iter(&self) -> impl Iterator<Item = &Cached<T>> {
        self.slots.iter()
    }

    /// About how much memory a block takes.
    #[must_use]
    pub fn bytes_of(cached: &Cached<T>) -> usize {
        size_of::<Cached<T>>() + size_of_val(&*cached.block.ops) + TABLES
    }

    /// About how much memory all blocks take, without their code pages.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much memory code pages take, with what is remembered of blocks that were in them.
    #[must_use]
    pub fn code_bytes(&self) -> usize {
        self.code.len() * CODE_PAGE_BYTES
    }

    /// The same, and the most that it can be.
    #[must_use]
    pub fn code_held(&self) -> Holding {
        Holding::new(self.code_bytes(), CODE_PAGES * CODE_PAGE_BYTES)
    }

    /// The number of blocks that were ever predecoded.
    #[must_use]
    pub fn predecoded(&self) -> u64 {
        self.predecoded
    }

    /// How many of them had been dropped before to save memory, though they were of use.
    #[must_use]
    pub fn predecoded_again(&self) -> u64 {
        self.again
    }

    /// The number of blocks kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_word.len()
    }

    /// Whether no block is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_word.is_empty()
    }
}
