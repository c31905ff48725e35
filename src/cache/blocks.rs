//! Blocks, found by what they depend on, and dropped when their page changes.

use super::slots::Slots;
use crate::interp::Block;
use crate::interp::block::Source;
use mirrorball_runtime::addr::{PAGE_BITS, PAGE_SIZE, Pa, Va};
use mirrorball_runtime::mmu::soft::SpaceKey;
use mirrorball_runtime::vm::Vm;
use rustc_hash::FxHashMap;
use std::mem::{size_of, size_of_val};

/// Everything that the meaning of a block depends on, so that nothing stale can be found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockKey {
    /// The number of the physical page that it is fetched from.
    page: u32,
    /// The virtual address that it runs at.
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
            pc: pc.0 as u32,
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
}

/// The number of a block. It names another block once this one is dropped.
pub type BlockId = u32;

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
}

/// All blocks of one VM.
pub struct Blocks<T> {
    slots: Slots<Cached<T>>,
    by_key: FxHashMap<BlockKey, BlockId>,
    by_page: FxHashMap<u64, Vec<BlockId>>,
    predecoded: u64,
    bytes: usize,
}

/// What a block takes in the tables, and what the allocator adds.
const TABLES: usize = 4 + 2 * (size_of::<BlockKey>() + 4) + 8 + 32;

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self {
            slots: Slots::default(),
            by_key: FxHashMap::default(),
            by_page: FxHashMap::default(),
            predecoded: 0,
            bytes: 0,
        }
    }
}

impl<T: Default> Blocks<T> {
    /// The block at the CPU's program counter. If the fetch is refused the guest gets its
    /// exception, for one cycle, and there is no block.
    #[inline]
    pub fn at_pc(&mut self, vm: &mut Vm) -> Option<BlockId> {
        match vm.space().probe_code(Va(vm.cpu.pc)) {
            Some(entry) => Some(entry.block),
            None => self.find(vm),
        }
    }

    #[cold]
    fn find(&mut self, vm: &mut Vm) -> Option<BlockId> {
        let pc = Va(vm.cpu.pc);
        let pa = match vm.fetch(pc) {
            Ok(pa) => pa,
            Err(exception) => {
                vm.cpu.left -= 1;
                vm.raise(exception, pc.0, false);
                return None;
            }
        };
        let key = BlockKey::new(pc, pa, vm.space_key());
        let id = self.ensure(vm, key);
        vm.space_mut().fill_code(pc, id, 0);
        Some(id)
    }

    /// The block with this key, predecoded now if it was not yet. The CPU is in the state that the
    /// key says.
    pub fn ensure(&mut self, vm: &mut Vm, key: BlockKey) -> BlockId {
        match self.by_key.get(&key) {
            Some(&id) => id,
            None => self.insert(vm, key),
        }
    }

    fn insert(&mut self, vm: &mut Vm, key: BlockKey) -> BlockId {
        let source = Source::find(vm, Va(u64::from(key.pc)), key.pa());
        let cached = Cached {
            block: Block::predecode(&source),
            extra: T::default(),
            key,
        };
        tracing::trace!(target: "blocks", "block {:#010x} at {}: {} instructions", key.pc, key.pa(), source.code.len());
        vm.add_code(key.pa(), cached.block.bytes.into());
        self.predecoded += 1;
        self.bytes += Self::bytes_of(&cached);
        let id = self.slots.insert(cached);
        self.by_key.insert(key, id);
        self.by_page
            .entry(u64::from(key.page))
            .or_default()
            .push(id);
        id
    }

    /// The number of the block with this key, if it is kept.
    #[must_use]
    pub fn by_key(&self, key: &BlockKey) -> Option<BlockId> {
        self.by_key.get(key).copied()
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
        for (pa, bytes) in vm.take_modified() {
            self.drop_from_page(vm, pa.page_number(), &mut dropped, |cached| {
                let (start, len) = (cached.key.pa(), u64::from(cached.block.bytes));
                start.0 + len <= pa.0 || pa.0 + bytes <= start.0
            });
        }
        dropped
    }

    /// Drops every block that the engine does not want to `keep`.
    pub fn drop_others(&mut self, vm: &mut Vm, mut keep: impl FnMut(&mut Cached<T>) -> bool) {
        let pages: Vec<u64> = self.by_page.keys().copied().collect();
        for page in pages {
            self.drop_from_page(vm, page, &mut Vec::new(), &mut keep);
        }
        self.by_key.shrink_to_fit();
    }

    /// Drops the blocks of a page that are not to be kept.
    fn drop_from_page(
        &mut self,
        vm: &mut Vm,
        page: u64,
        dropped: &mut Vec<Cached<T>>,
        mut keep: impl FnMut(&mut Cached<T>) -> bool,
    ) {
        let Some(mut ids) = self.by_page.remove(&page) else {
            return;
        };
        let before = ids.len();
        ids.retain(|&id| {
            let kept = keep(self.get_mut(id));
            if !kept {
                dropped.extend(self.remove(vm, id));
            }
            kept
        });
        if ids.len() == before {
            self.by_page.insert(page, ids);
            return;
        }
        let pa = Pa(page * PAGE_SIZE);
        if ids.is_empty() {
            return vm.remove_code(pa);
        }
        vm.clear_code(pa);
        for &id in &ids {
            let cached = self.get(id);
            vm.add_code(cached.key.pa(), cached.block.bytes.into());
        }
        self.by_page.insert(page, ids);
    }

    fn remove(&mut self, vm: &mut Vm, id: BlockId) -> Option<Cached<T>> {
        let cached = self.slots.remove(id)?;
        self.bytes -= Self::bytes_of(&cached);
        self.by_key.remove(&cached.key);
        vm.soft_tlb().forget_code(Va(u64::from(cached.key.pc)), id);
        Some(cached)
    }

    /// All blocks.
    pub fn iter(&self) -> impl Iterator<Item = &Cached<T>> {
        self.slots.iter()
    }

    /// About how much memory a block takes, tables included.
    #[must_use]
    pub fn bytes_of(cached: &Cached<T>) -> usize {
        size_of::<Cached<T>>() + size_of_val(&*cached.block.ops) + TABLES
    }

    /// About how much memory all blocks take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of blocks that were ever predecoded.
    #[must_use]
    pub fn predecoded(&self) -> u64 {
        self.predecoded
    }

    /// The number of blocks kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether no block is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}
