//! How the JIT comes by its translations and loses them: hot blocks become regions, regions are
//! translated and installed, and what is stale or in the way is forgotten.

use super::compiler::{Job, Outcome};
use super::heat::{COVERED, Extra};
use super::jit::Jit;
use crate::cache::blocks::{BlockId, Cached};
use crate::cache::code::{Entry, TranslationId};
use crate::cache::key::BlockKey;
use crate::cache::perf::{self, Name};
use crate::cache::persist::record::Member;
use crate::cache::persist::{Stored, Wanted};
use crate::cache::units::NoPlace;
use crate::interp::block::{Source, linkable};
use crate::translate::site::{self, Expectation, Sites};
use crate::translate::{Region, Translation, baseline};
use mirrorball_runtime::insight::Way;
use mirrorball_runtime::vm::Vm;
use std::sync::Arc;
use std::time::Instant;

/// From this heat on it counts that a block is looked for in the store.
const LUKEWARM: u32 = 8;
/// The most guest instructions in a region that starts inside of another: mostly control returns
/// to the middle of a function, and is soon where another region starts.
const SHORT: usize = 12;
/// A block joins a region when it has this fraction of the heat that starts one.
const WARM: u32 = 8;

impl Jit {
    /// Has the region translated that starts with block `id`, which is at the CPU's program
    /// counter.
    #[cold]
    pub(super) fn translate(&mut self, vm: &mut Vm, id: BlockId) {
        let cached = self.blocks.get(id);
        let (key, halved, heat) = (cached.key, cached.extra.halved, cached.extra.heat);
        let most = match self.is_covered(id) {
            false => self.config.region,
            true => self.config.region.min(SHORT),
        };
        let wanted = heat.max(cached.extra.wanted);
        if self.compiler.is_full() {
            return;
        }
        if self.take_around(vm, id) {
            return;
        }
        let source = Source::find(vm, key.va(vm), key.pa());
        if source.is_cut() {
            // When it has run as often again there may be more to be seen.
            self.blocks.get_mut(id).extra.heat = 0;
            self.counters.unseen += 1;
            return;
        }
        if !source.translatable() {
            self.blocks.get_mut(id).extra.declined = true;
            self.counters.trapping += 1;
            return;
        }
        let mut region = Region::of_block(vm, source);
        let store = self.store.as_ref();
        let seen = store.map_or(0, |store| store.count(Wanted::entry(key, &region)));
        let (blocks, warm) = (&self.blocks, self.hot().min(heat) / WARM);
        region.grow(most >> halved, |pc| {
            let other = key.at(pc);
            let heat = self.heat(blocks.by_key(&other)?);
            (heat > warm).then(|| Source::find(vm, other.va(vm), other.pa()))
        });
        region.learn(&self.sites);
        if let Some(store) = &self.store {
            store.teach(&mut region);
        }
        let members = region.blocks[1..].iter();
        let members = members
            .filter_map(|member| blocks.by_key(&key.at(member.pc)))
            .collect();
        let id = self.announce(id, members);
        let job = Job {
            id,
            key,
            region,
            seen,
        };
        self.compiler.submit(job, wanted);
        self.install_done(vm);
    }

    /// Whether the code of block `id` is in a region already: as a block of it, or as the end of
    /// one in whose middle control came back, as it does after an event.
    fn is_covered(&self, id: BlockId) -> bool {
        let Cached { extra, key, .. } = self.blocks.get(id);
        !extra.regions.is_empty()
            || self.blocks.overlapping(*key).any(|other| {
                let extra = &other.extra;
                extra.base == 0 && extra.code != 0 || !extra.regions.is_empty()
            })
    }

    /// Installs a translation of block `id`, which is at the CPU's program counter, that an earlier
    /// run or another machine left in the store, if there is one and the guest code is the same. If
    /// not, the block is as hot as all engines that look for it have made it together, as it is
    /// translated for all of them.
    #[cold]
    pub(super) fn recall(&mut self, vm: &mut Vm, id: BlockId) {
        let Some(store) = &self.store else {
            return;
        };
        let cached = self.blocks.get_mut(id);
        let sought = Wanted::new(cached.key, cached.print);
        let extra = &mut cached.extra;
        if extra.heat < extra.threshold(1) << extra.evicted.min(16) {
            return;
        }
        let runs = match extra.heat {
            ..LUKEWARM => 0,
            heat => heat.saturating_sub(std::mem::replace(&mut extra.told, heat)),
        };
        let (stored, wanted) = store.look(sought, runs);
        extra.wanted = wanted;
        for stored in &stored {
            if self.take(vm, id, stored) {
                return;
            }
        }
    }

    /// Installs a translation that another engine has made of a region in which block `id` is not
    /// the first: then it most likely needs none of its own. Says whether it did.
    fn take_around(&mut self, vm: &mut Vm, id: BlockId) -> bool {
        let Some(store) = &self.store else {
            return false;
        };
        let cached = self.blocks.get(id);
        if !cached.extra.regions.is_empty() {
            return false;
        }
        let key = cached.key;
        let around = store.around(Wanted::new(key, cached.print));
        around.iter().any(|stored| {
            let first = key.at(stored.record.blocks[0].pc);
            let there = linkable(key.pc, first.pc) && vm.ram.is_touched(first.pa());
            there && {
                let first = self.blocks.ensure(vm, first);
                let new = self.blocks.get(first).extra.translation == 0;
                new && self.take(vm, first, stored)
            }
        })
    }

    /// Installs a stored translation that starts with block `id`, if the guest code is the same.
    /// The CPU is in the state that the block's key says.
    fn take(&mut self, vm: &mut Vm, id: BlockId, stored: &Arc<Stored>) -> bool {
        let (key, record) = (self.blocks.get(id).key, &stored.record);
        let (bytes, links) = (record.code_bytes as usize, record.links.len());
        if !self.code.fits(bytes, links) {
            return false;
        }
        let Some(mut region) = stored_region(vm, key, &record.blocks) else {
            return false;
        };
        // What was found out here it must have known.
        region.learn(&self.sites);
        let mut sites = region.sites.iter();
        if !sites.all(|(pc, expectation)| record.sites.get(pc) >= Some(expectation)) {
            return false;
        }
        region.sites.clone_from(&record.sites);
        let store = self.store.as_ref();
        let same = store.filter(|store| store.matches(stored, key, &region));
        let Some(translation) = same.and_then(|store| store.load(stored)) else {
            return false;
        };
        let members = region.blocks[1..].iter();
        let members = members
            .map(|member| self.blocks.ensure(vm, key.at(member.pc)))
            .collect();
        let id = self.announce(id, members);
        self.counters.shared += 1;
        self.install(id, &translation);
        true
    }

    /// Notes that a translation is being made of these blocks.
    fn announce(&mut self, block: BlockId, members: Vec<BlockId>) -> TranslationId {
        let key = self.blocks.get(block).key;
        let id = self.code.announce(block, key, members.clone());
        self.blocks.get_mut(block).extra.translation = id;
        for member in members {
            self.blocks.get_mut(member).extra.regions.push(id);
        }
        id
    }

    /// Installs what the compiler has done.
    pub(super) fn install_done(&mut self, vm: &mut Vm) {
        debug_assert!(!vm.cpu.has_modified(), "stale code is dropped first");
        while let Some(done) = self.compiler.poll() {
            self.counters.compile_time += done.time;
            let id = done.job.id;
            // If not, one of its blocks was dropped meanwhile.
            let Some(entry) = self.code.get(id) else {
                continue;
            };
            let block = entry.block;
            match done.outcome {
                Outcome::Made(translation) => {
                    self.counters.translations += 1;
                    self.counters.instructions += done.job.region.instructions() as u64;
                    self.counters.code_bytes += translation.bytes.len() as u64;
                    self.install(id, &translation);
                }
                Outcome::Found(translation) => {
                    self.counters.shared += 1;
                    self.install(id, &translation);
                }
                Outcome::Overtaken => {
                    self.forget(id);
                    // One more run, and it is looked for in the store.
                    self.blocks.get_mut(block).extra.heat = self.hot();
                }
                Outcome::Refused(error) => {
                    tracing::warn!("{error}");
                    self.counters.refused += 1;
                    self.forget(id);
                    self.blocks.get_mut(block).extra.declined = true;
                }
            }
        }
    }

    /// Has the baseline translate block `id`, which is at the CPU's program counter.
    pub(super) fn translate_alone(&mut self, vm: &mut Vm, id: BlockId) {
        let start = Instant::now();
        let key = self.blocks.get(id).key;
        let source = Source::find(vm, key.va(vm), key.pa());
        let setting = baseline::Setting {
            big_endian: vm.ram.big_endian(),
            runs: (id as usize * size_of::<i16>()) as i32,
        };
        let Some(translation) = baseline::translate(&source, setting) else {
            return;
        };
        let base = self.code.announce(id, key, Vec::new());
        let Some(code) = self.place(base, &translation) else {
            self.code.forget(base);
            return;
        };
        perf::note(code, translation.bytes.len(), Name::Block(key));
        self.counters.baseline += 1;
        self.counters.baseline_time += start.elapsed();
        let extra = &mut self.blocks.get_mut(id).extra;
        (extra.base, extra.code, extra.need) = (base, code, translation.need);
        self.blocks.set_code(&key, self.code.offset_of(code));
        self.grant(id);
    }

    /// Places the code of a translation that was announced, unless it is larger than a unit or the
    /// host refuses.
    fn place(&mut self, id: TranslationId, translation: &Translation) -> Option<usize> {
        loop {
            match self.code.place(id, translation) {
                Ok(code) => return Some(code),
                Err(NoPlace::Full) => self.make_room(),
                Err(NoPlace::TooLarge | NoPlace::Refused) => return None,
            }
        }
    }

    /// Installs a translation that was announced. If it is too large for the cache, half of its
    /// region may be small enough.
    fn install(&mut self, id: TranslationId, translation: &Translation) {
        let Some(code) = self.place(id, translation) else {
            return self.give_up(id, translation);
        };
        let Some(entry) = self.code.get(id) else {
            return;
        };
        let (block, key, blocks) = (entry.block, entry.key, entry.members.len() + 1);
        perf::note(code, translation.bytes.len(), Name::Region(key));
        let base = self.blocks.get(block).extra.base;
        if base != 0 {
            self.forget(base);
        }
        let extra = &mut self.blocks.get_mut(block).extra;
        (extra.code, extra.need) = (code, translation.need);
        self.blocks.set_code(&key, self.code.offset_of(code));
        tracing::trace!(
            target: "blocks",
            "translated {:#010x} at {}: {} blocks, {} bytes",
            key.pc,
            key.pa(),
            blocks,
            translation.bytes.len()
        );
    }

    /// Forgets a translation that is larger than a unit. The next one from there is to be smaller.
    fn give_up(&mut self, id: TranslationId, translation: &Translation) {
        let Some(entry) = self.forget(id) else {
            return;
        };
        let extra = &mut self.blocks.get_mut(entry.block).extra;
        if entry.members.is_empty() {
            extra.declined = true;
            self.counters.oversized += 1;
            tracing::debug!(
                "the code for {:#010x} takes {} bytes, more than a unit of the cache has",
                entry.key.pc,
                translation.bytes.len()
            );
        } else {
            extra.halved += 1;
        }
    }

    /// Evicts what the policy chooses. The blocks stay, and become hot again if they are.
    fn make_room(&mut self) {
        for unit in self.code.victims() {
            self.counters.evicted_units += 1;
            for id in unit {
                self.counters.evicted += 1;
                if let Some(entry) = self.forget(id) {
                    let extra = &mut self.blocks.get_mut(entry.block).extra;
                    extra.evicted = extra.evicted.saturating_add(1);
                }
            }
        }
    }

    /// Forgets a translation: nothing leads to it any more.
    fn forget(&mut self, id: TranslationId) -> Option<Entry> {
        let entry = self.code.forget(id)?;
        for &member in &entry.members {
            if let Some(cached) = self.blocks.try_get_mut(member) {
                cached.extra.regions.retain(|&region| region != id);
                cached.extra.due = 0;
            }
        }
        if let Some(cached) = self.blocks.try_get_mut(entry.block) {
            let extra = &mut cached.extra;
            if extra.base == id {
                (extra.base, extra.code, extra.due) = (0, 0, 0);
            } else {
                extra.cool();
            }
            if extra.code == 0 {
                self.blocks.set_code(&entry.key, 0);
            }
        }
        Some(entry)
    }

    /// Forgets translations whose code expects memory where it is not. They are made anew when they
    /// are next wanted.
    #[cold]
    pub(super) fn drop_misses(&mut self, vm: &mut Vm) {
        let mut misses = vm.insight.misses.take();
        misses.sort_unstable();
        let found: Sites = misses
            .iter()
            .map(|&(pc, way)| match way {
                Way::Space => (pc, Expectation::Space),
                Way::Device => (pc, Expectation::Device),
            })
            .collect();
        site::merge(&mut self.sites, &found);
        if let Some(store) = &self.store {
            store.note(&found);
        }
        let hits = |cached: &Cached<Extra>| {
            let start = cached.key.pc;
            let end = start.saturating_add(cached.block.cycles() as u32 * 4);
            let at = misses.partition_point(|&(pc, _)| pc < start);
            misses.get(at).is_some_and(|&(pc, _)| pc < end)
        };
        let wrong: Vec<TranslationId> = self
            .code
            .entries()
            .filter(|(_, entry)| {
                let mut blocks = std::iter::once(&entry.block).chain(&entry.members);
                blocks.any(|&block| self.blocks.try_get(block).is_some_and(hits))
            })
            .map(|(id, _)| id)
            .collect();
        let hot = self.hot();
        for id in wrong {
            let Some(entry) = self.forget(id) else {
                continue;
            };
            self.counters.remade += 1;
            if let Some(cached) = self.blocks.try_get_mut(entry.block) {
                cached.extra.heat = hot.saturating_mul(COVERED);
            }
        }
    }

    /// Forgets all translations and drops all blocks.
    #[cold]
    pub(super) fn forget_all(&mut self, vm: &mut Vm) {
        let all: Vec<TranslationId> = self.code.entries().map(|(id, _)| id).collect();
        for id in all {
            self.forget(id);
        }
        self.blocks.drop_others(vm, |_| false);
    }

    /// Before the CPU runs: drops what was made from code that has changed, or in which breakpoints
    /// were set or taken away.
    #[inline]
    pub(super) fn drop_stale(&mut self, vm: &mut Vm) {
        if vm.cpu.has_modified() {
            self.drop_modified(vm);
        }
        if vm.cpu.stops.is_news() {
            let news = vm.cpu.stops.take_news();
            let dropped = self.blocks.drop_at(vm, &news);
            self.forget_blocks(dropped);
        }
    }

    /// Drops what was made from code that has changed.
    pub(super) fn drop_modified(&mut self, vm: &mut Vm) {
        let dropped = self.blocks.drop_modified(vm);
        self.forget_blocks(dropped);
    }

    /// Forgets the translations of blocks that were dropped.
    fn forget_blocks(&mut self, dropped: Vec<Cached<Extra>>) {
        for cached in dropped {
            let own = [cached.extra.translation, cached.extra.base].into_iter();
            for id in own.filter(|&id| id != 0).chain(cached.extra.regions) {
                if self.forget(id).is_some_and(|entry| entry.code != 0) {
                    self.counters.invalidated += 1;
                }
            }
        }
    }
}

/// The region of the blocks at these addresses as it is in guest memory now, if all of it is there.
fn stored_region(vm: &Vm, key: BlockKey, blocks: &[Member]) -> Option<Region> {
    let find = |&Member { pc, .. }: &Member| {
        let key = key.at(pc);
        let there = linkable(key.pc, pc) && vm.ram.is_touched(key.pa());
        let source = there.then(|| Source::find(vm, key.va(vm), key.pa()));
        source.filter(Source::translatable)
    };
    let mut sources = blocks.iter().map(find);
    let mut region = Region::of_block(vm, sources.next()??);
    for source in sources {
        region.blocks.push(source?);
    }
    (region.pc() == key.pc).then_some(region)
}
