//! Blocks, found by what they depend on, and dropped when their page changes.

mod drop;

use super::key::{BlockKey, View};
use super::slots::Slots;
use crate::interp::Block;
use crate::interp::block::Source;
use mirrorball_runtime::account::Holding;
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::mmu::soft::{
    CODE_BLOCKS, CODE_PAGES, CODE_WORDS, CodePage, CodePages, CodeSlot, word_of,
};
use mirrorball_runtime::vm::Vm;
use rustc_hash::FxHashMap;
use std::mem::{size_of, size_of_val};

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
