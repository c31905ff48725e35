//! The JIT engine: interprets while cold, translates when hot.

use super::compiler::{Compiler, Job};
use super::lockstep::guest_listing;
use crate::cache::arena::{Arena, ArenaError};
use crate::cache::blocks::{BlockId, Blocks};
use crate::cache::link::{Incoming, LinkId, Links};
use crate::interp::block::Source;
use crate::interp::{run_block, run_part};
use crate::translate::calls::CALLS;
use crate::translate::{Region, TranslateError, Translation, Translator, host};
use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::clock::Cycles;
use mirrorball_runtime::exit::Exit;
use mirrorball_runtime::vm::{Engine, Vm};
use std::time::Duration;

/// How the JIT is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JitConfig {
    /// How often a block is interpreted before it is translated.
    pub hot: u32,
    /// The most guest instructions in a region; 1 translates block by block.
    pub region: usize,
    /// Whether translating is done on a thread beside the guest.
    pub background: bool,
    /// The most bytes of host code that are kept.
    pub cache_bytes: usize,
}

impl Default for JitConfig {
    fn default() -> Self {
        Self {
            hot: 1000,
            region: 200,
            background: true,
            cache_bytes: 64 << 20,
        }
    }
}

/// Why there is no JIT.
#[derive(Debug, thiserror::Error)]
pub enum JitError {
    /// No memory for code.
    #[error(transparent)]
    Arena(#[from] ArenaError),
    /// No thread.
    #[error("the host has no thread for translating: {0}; use --jit-threads 0")]
    Thread(#[from] std::io::Error),
    /// No translator.
    #[error(transparent)]
    Translate(#[from] TranslateError),
}

/// What the JIT counted.
#[derive(Clone, Debug, Default)]
pub struct JitCounters {
    /// Instructions that ran in the interpreter.
    pub interpreted: u64,
    /// Instructions that ran translated.
    pub translated: u64,
    /// Blocks translated.
    pub translations: u64,
    /// Guest instructions translated.
    pub instructions: u64,
    /// Time spent on it.
    pub compile_time: Duration,
    /// Bytes of host code made.
    pub code_bytes: u64,
    /// Blocks that Cranelift refused.
    pub refused: u64,
    /// Times that translated code was entered from the dispatcher.
    pub entries: u64,
    /// Returns to the dispatcher for want of a link.
    pub unlinked: u64,
    /// Links made.
    pub links: u64,
    /// Translations dropped because their page changed.
    pub invalidated: u64,
    /// Times that the whole cache was emptied.
    pub flushes: u64,
}

/// What the JIT keeps with a block.
#[derive(Default)]
struct Extra {
    /// How often the block was interpreted.
    heat: u32,
    /// Whether it is left to the interpreter for good.
    declined: bool,
    /// Whether its region is being translated.
    pending: bool,
    /// Its translation, or 0.
    code: usize,
    /// The cycles that it takes to enter it.
    need: i64,
    /// The links that lead to it.
    incoming: Incoming,
    /// The blocks in whose regions it lies.
    regions: Vec<BlockId>,
    /// Whether it lies in another block's region: then it is seldom worth one of its own.
    covered: bool,
}

/// A block joins a region when it has this fraction of the heat that starts one.
const WARM: u32 = 8;
/// A block that lies in a region already needs so many times the heat to start one of its own.
const COVERED: u32 = 16;

/// The size of the table of links, for each byte of code: about one link in 64 bytes.
const BYTES_PER_LINK: usize = 64;

/// `extern "C"` code that enters translated code.
type Entry = extern "C" fn(*mut Vm, usize) -> u64;

/// The JIT engine.
pub struct Jit {
    config: JitConfig,
    blocks: Blocks<Extra>,
    links: Links,
    arena: Arena,
    compiler: Compiler,
    entry: Entry,
    /// The link that translated code has just missed.
    missing: Option<LinkId>,
    /// What was counted.
    pub counters: JitCounters,
    /// The memory of `entry`.
    _entry_code: Arena,
}

impl Jit {
    /// A JIT for one VM.
    ///
    /// # Errors
    /// If the host has no memory for code, or Cranelift does not know its CPU.
    pub fn new(config: JitConfig) -> Result<Self, JitError> {
        let mut translator = Translator::new()?;
        let code = translator.entry()?;
        let mut entry_code = Arena::new(code.len())?;
        let address = entry_code.place(&code).unwrap_or_default();
        // SAFETY: the translator made this code with just this signature; it lives as long as
        // the engine.
        let entry = unsafe { std::mem::transmute::<usize, Entry>(address) };
        Ok(Self {
            config,
            blocks: Blocks::default(),
            links: Links::new((config.cache_bytes / BYTES_PER_LINK).max(64)),
            arena: Arena::new(config.cache_bytes)?,
            compiler: Compiler::new(translator, config.background)?,
            entry,
            missing: None,
            counters: JitCounters::default(),
            _entry_code: entry_code,
        })
    }

    /// The bytes of host code that are kept now.
    #[must_use]
    pub fn code_bytes(&self) -> usize {
        self.arena.used()
    }

    /// The number of blocks that were predecoded.
    #[must_use]
    pub fn predecoded(&self) -> u64 {
        self.blocks.predecoded()
    }

    /// Runs the block at the program counter and no more, if the budget covers it, or as much of
    /// its region as does not ask for more. The horizon is then where that ended.
    pub fn step(&mut self, vm: &mut Vm) -> Exit {
        if vm.has_modified() {
            self.drop_modified(vm);
        }
        let now = vm.cpu.now(0);
        let cycles = match self.blocks.at_pc(vm) {
            Some(id) => {
                let cached = self.blocks.get(id);
                let cycles = match cached.extra.code {
                    0 => cached.block.cycles(),
                    _ => cached.extra.need,
                };
                cycles.min(vm.cpu.left)
            }
            // The fetch was refused, which took a cycle.
            None => 1,
        };
        vm.cpu.set_horizon(Cycles(now.0 + cycles as u64));
        self.run(vm)
    }

    /// The block at `pc`, fetched from `pa`: guest code and host code as text.
    pub fn explain(&self, vm: &Vm, pc: Va, pa: Pa) -> (String, String) {
        let source = Source::find(vm, pc, pa);
        let guest = guest_listing(source.code.iter().map(|&(word, _)| word), source.pc);
        let host = if source.translatable() {
            let explained = Translator::new()
                .and_then(|mut translator| translator.explain(&Region::of_block(vm, source)));
            match explained {
                Ok((_, bytes)) => host::listing(&bytes),
                Err(error) => error.to_string(),
            }
        } else {
            "  the interpreter runs it\n".into()
        };
        (guest, host)
    }

    /// Drops what was made from code that has changed.
    fn drop_modified(&mut self, vm: &mut Vm) {
        for mut cached in self.blocks.drop_modified(vm) {
            cached.extra.incoming.open_all(&mut self.links);
            self.counters.invalidated += u64::from(cached.extra.code != 0);
            for region in cached.extra.regions {
                self.forget(vm, region);
            }
        }
    }

    /// Has the region translated that starts with block `id`, which is at the CPU's program
    /// counter.
    #[cold]
    fn translate(&mut self, vm: &mut Vm, id: BlockId) {
        let key = self.blocks.get(id).key;
        let source = Source::find(vm, Va(u64::from(key.pc)), key.pa);
        if !source.translatable() {
            self.blocks.get_mut(id).extra.declined = true;
            return;
        }
        let mut region = Region::of_block(vm, source);
        let (blocks, warm) = (&self.blocks, self.config.hot / WARM);
        region.grow(self.config.region, |pc| {
            let other = key.at(pc);
            let cached = blocks.get(blocks.by_key(&other)?);
            (cached.extra.heat > warm).then(|| Source::find(vm, Va(u64::from(pc)), other.pa))
        });
        // A block goes on to two places at the most.
        let links = region.blocks.len() * 2;
        let first_link = match self.links.reserve(key, links) {
            Some(first) => first,
            None => {
                self.flush(vm);
                let Some(first) = self.links.reserve(key, links) else {
                    return;
                };
                first
            }
        };
        for member in &region.blocks[1..] {
            if let Some(other) = self.blocks.by_key(&key.at(member.pc)) {
                self.blocks.get_mut(other).extra.covered = true;
            }
        }
        self.blocks.get_mut(id).extra.pending = true;
        self.compiler.submit(Job {
            id,
            key,
            region,
            first_link,
            flushes: self.counters.flushes,
        });
        self.install_done(vm);
    }

    /// Installs what the compiler has done.
    fn install_done(&mut self, vm: &mut Vm) {
        while let Some(done) = self.compiler.poll() {
            self.counters.compile_time += done.time;
            let job = &done.job;
            let current = self
                .blocks
                .try_get_mut(job.id)
                .filter(|cached| cached.key == job.key);
            let Some(cached) = current else {
                continue;
            };
            cached.extra.pending = false;
            match done.result {
                Ok(translation) if self.is_current(vm, job) => self.install(vm, job, &translation),
                // The guest changed the code meanwhile: it has to become hot again.
                Ok(_) => self.blocks.get_mut(job.id).extra.heat = 0,
                Err(error) => {
                    tracing::warn!("{error}");
                    self.counters.refused += 1;
                    self.blocks.get_mut(job.id).extra.declined = true;
                }
            }
        }
    }

    /// Whether what a job was made from is still there.
    fn is_current(&self, vm: &Vm, job: &Job) -> bool {
        job.flushes == self.counters.flushes
            && job.region.blocks.iter().all(|source| {
                let key = job.key.at(source.pc);
                let words = source.code.iter().zip(0u64..);
                self.blocks.by_key(&key).is_some()
                    && words
                        .clone()
                        .all(|(&(word, _), index)| vm.instruction(Pa(key.pa.0 + index * 4)) == word)
            })
    }

    fn install(&mut self, vm: &mut Vm, job: &Job, translation: &Translation) {
        let Some(code) = self.arena.place(&translation.bytes) else {
            if self.arena.used() == 0 {
                tracing::warn!(
                    "the code for {:#010x} takes {} bytes, more than the code cache has",
                    job.key.pc,
                    translation.bytes.len()
                );
                self.blocks.get_mut(job.id).extra.declined = true;
            } else {
                self.flush(vm);
            }
            return;
        };
        let targets = translation.links.iter().map(|target| target.pc);
        self.links.aim(job.first_link, targets);
        self.counters.translations += 1;
        self.counters.instructions += job.region.instructions() as u64;
        self.counters.code_bytes += translation.bytes.len() as u64;
        let extra = &mut self.blocks.get_mut(job.id).extra;
        extra.code = code;
        extra.need = i64::from(translation.need);
        // Only now: a block may have been dropped and made again since the job was submitted.
        for member in &job.region.blocks[1..] {
            if let Some(other) = self.blocks.by_key(&job.key.at(member.pc)) {
                self.blocks.get_mut(other).extra.regions.push(job.id);
            }
        }
        vm.soft_tlb()
            .set_code(Va(u64::from(job.key.pc)), job.id, code);
        tracing::trace!(
            target: "blocks",
            "translated {:#010x}: {} blocks, {} instructions, {} bytes",
            job.key.pc,
            job.region.blocks.len(),
            job.region.instructions(),
            translation.bytes.len()
        );
    }

    /// Drops the translation of block `id`.
    fn forget(&mut self, vm: &mut Vm, id: BlockId) {
        let Some(cached) = self.blocks.try_get_mut(id) else {
            return;
        };
        if std::mem::take(&mut cached.extra.code) != 0 {
            self.counters.invalidated += 1;
            cached.extra.heat = 0;
            cached.extra.incoming.open_all(&mut self.links);
            vm.soft_tlb().set_code(Va(u64::from(cached.key.pc)), id, 0);
        }
    }

    /// Empties the cache.
    fn flush(&mut self, vm: &mut Vm) {
        self.counters.flushes += 1;
        self.missing = None;
        for cached in self.blocks.iter_mut() {
            cached.extra = Extra {
                declined: cached.extra.declined,
                pending: cached.extra.pending,
                ..Extra::default()
            };
        }
        vm.soft_tlb().clear();
        self.links.clear();
        self.arena.clear();
    }

    /// Makes the link that was missing lead to block `id`.
    fn link(&mut self, link: LinkId, id: BlockId) {
        let cached = self.blocks.get_mut(id);
        if self.links.make(link, cached.key, cached.extra.code) {
            cached.extra.incoming.push(link);
            self.counters.links += 1;
        }
    }
}

impl Engine for Jit {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        vm.cpu.links = self.links.cells();
        vm.cpu.calls = (&raw const CALLS).cast();
        if vm.has_modified() {
            self.drop_modified(vm);
        }
        self.install_done(vm);
        self.missing = None;
        while vm.cpu.left > 0 {
            let Some(id) = self.blocks.at_pc(vm) else {
                self.missing = None;
                continue;
            };
            let cached = self.blocks.get_mut(id);
            let before = vm.cpu.left;
            let covered = before >= cached.block.cycles();
            if cached.extra.code == 0 && !cached.extra.declined && !cached.extra.pending {
                cached.extra.heat += 1;
                let more = if cached.extra.covered { COVERED } else { 1 };
                if cached.extra.heat > self.config.hot.saturating_mul(more) {
                    self.translate(vm, id);
                }
            }
            let cached = self.blocks.get(id);
            let code = cached.extra.code;
            let exit = if code != 0 && before >= cached.extra.need {
                if let Some(link) = self.missing.take() {
                    self.link(link, id);
                }
                let pc = Va(vm.cpu.pc);
                vm.space_mut().fill_code(pc, id, code);
                self.counters.entries += 1;
                let link = (self.entry)(vm, code);
                vm.cpu.settle_cause();
                self.missing = (link as LinkId).checked_sub(1);
                self.counters.unlinked += u64::from(self.missing.is_some());
                self.counters.translated += (before - vm.cpu.left) as u64;
                None
            } else {
                self.missing = None;
                let exit = if covered {
                    run_block(vm, &cached.block)
                } else {
                    run_part(vm, &cached.block)
                };
                self.counters.interpreted += (before - vm.cpu.left) as u64;
                exit
            };
            if exit.is_some() || vm.cpu.stop != 0 {
                vm.cpu.stop = 0;
                if vm.has_modified() {
                    self.drop_modified(vm);
                }
                return exit.unwrap_or(Exit::Stop);
            }
        }
        Exit::Horizon
    }
}
