//! The JIT engine: interprets while cold, translates when hot.

use super::compiler::{CompilePool, CompilePoolError, Compiler};
use super::heat::Extra;
use super::spin;
use super::sweep::{self, Sweeping};
use crate::cache::blocks::{BlockId, Blocks, BlocksError};
use crate::cache::code::{CacheConfig, CacheError, CodeCache, TranslationId};
use crate::cache::persist::{KeySpace, PersistError, Store};
use crate::interp::block::Source;
use crate::interp::{run_block, run_part};
use crate::isa::disasm::listing;
use crate::translate::baseline::Unrun;
use crate::translate::glue::Symbol;
use crate::translate::listing::text;
use crate::translate::site::Sites;
use crate::translate::{INTERPRET, Region, TranslateError, Translator};
use mirrorball_runtime::account::{Account, Holding, Kind};
use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::clock::Cycles;
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::exit::Exit;
use mirrorball_runtime::memory::HostFailure;
use mirrorball_runtime::vm::{Engine, Spin, Vm};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How the JIT is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JitConfig {
    /// How often a block runs before it is translated with those around it. If it is not said,
    /// [`SPARE`](Self::SPARE) while the host has cores for translating beside the guests,
    /// [`DEAR`](Self::DEAR) while it has none.
    pub hot: Option<u32>,
    /// How often a block is interpreted before the baseline translates it; 0 is never.
    pub baseline: u32,
    /// The most guest instructions in a region; 1 translates block by block.
    pub region: usize,
    /// Whether translating is done on a thread beside the guest.
    pub background: bool,
    /// What is kept of translations.
    pub cache: CacheConfig,
}

impl JitConfig {
    /// How often a block runs before it is translated where that takes no time from guests.
    pub const SPARE: u32 = 1000;
    /// How often where it does: it must be worth more then.
    pub const DEAR: u32 = 8000;

    /// The usual, for translating beside the guest or not.
    #[must_use]
    pub fn new(background: bool) -> Self {
        Self {
            hot: None,
            baseline: 32,
            region: 200,
            background,
            cache: CacheConfig::default(),
        }
    }
}

impl Default for JitConfig {
    fn default() -> Self {
        Self::new(true)
    }
}

/// Why there is no JIT.
#[derive(Debug, thiserror::Error)]
pub enum JitError {
    /// No place for code.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// No place for blocks.
    #[error(transparent)]
    Blocks(#[from] BlocksError),
    /// No thread to translate.
    #[error(transparent)]
    CompilePool(#[from] CompilePoolError),
    /// No place on disk.
    #[error(transparent)]
    Persist(#[from] PersistError),
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
    /// Regions translated.
    pub translations: u64,
    /// Regions that another had translated, an earlier run or another machine's JIT.
    pub shared: u64,
    /// Blocks translated by the baseline.
    pub baseline: u64,
    /// Time spent on that, in the guest's way.
    pub baseline_time: Duration,
    /// Guest instructions translated.
    pub instructions: u64,
    /// Time spent on it.
    pub compile_time: Duration,
    /// Bytes of host code made.
    pub code_bytes: u64,
    /// Blocks left to the interpreter for good: Cranelift refused them.
    pub refused: u64,
    /// Because they always trap or give the CPU away.
    pub trapping: u64,
    /// Because their code alone is larger than a unit of the cache.
    pub oversized: u64,
    /// Blocks left to the interpreter for now, as their delay slot on the next page could not be
    /// seen.
    pub unseen: u64,
    /// Times that translated code was entered from the dispatcher.
    pub entries: u64,
    /// Times that the dispatcher found no translation that could be entered.
    pub misses: u64,
    /// Returns to the dispatcher for want of a link.
    pub unlinked: u64,
    /// Links made.
    pub links: u64,
    /// Translations dropped because their page changed.
    pub invalidated: u64,
    /// Translations dropped because they expected memory elsewhere.
    pub remade: u64,
    /// Translations evicted to make room.
    pub evicted: u64,
    /// Units emptied to make room.
    pub evicted_units: u64,
    /// Times that predecoded blocks were swept.
    pub sweeps: u64,
}

/// `extern "C"` code that enters translated code.
type Entry = extern "C" fn(*mut Vm, usize) -> u64;

/// The JIT engine.
pub struct Jit {
    pub(super) config: JitConfig,
    pub(super) blocks: Blocks<Extra>,
    pub(super) code: CodeCache,
    pub(super) compiler: Compiler,
    /// Translations on disk.
    pub(super) store: Option<Store>,
    enter: Entry,
    /// What was found out here about instructions that access memory.
    pub(super) sites: Sites,
    /// When predecoded blocks are swept.
    pub(super) sweeping: Sweeping,
    /// What was counted.
    pub counters: JitCounters,
}

impl Jit {
    /// A JIT for one VM.
    ///
    /// # Errors
    /// If the host has no memory for code, or Cranelift does not know its CPU.
    pub fn new(config: JitConfig) -> Result<Self, JitError> {
        Self::among(config, None, None)
    }

    /// A JIT for one of several VMs, which share a pool, and translations if those with this
    /// CPU model and byte order have a store.
    ///
    /// # Errors
    /// As [`Jit::new`].
    pub fn among(
        config: JitConfig,
        pool: Option<Arc<CompilePool>>,
        store: Option<Store>,
    ) -> Result<Self, JitError> {
        Self::build(config, Translator::new()?, pool, store)
    }

    /// A JIT that keeps its translations in a directory and takes those that it finds there. It
    /// is for machines with this CPU model and byte order.
    ///
    /// # Errors
    /// As [`Jit::new`], or if the directory is not fit for it.
    pub fn with_store(
        config: JitConfig,
        directory: &Path,
        model: &Model,
        big_endian: bool,
    ) -> Result<Self, JitError> {
        let store = Self::store_in(directory, model, big_endian)?;
        Self::among(config, None, Some(store))
    }

    /// Translations for machines with this CPU model and byte order, kept in a directory.
    ///
    /// # Errors
    /// If the directory is not fit for it.
    pub fn store_in(directory: &Path, model: &Model, big_endian: bool) -> Result<Store, JitError> {
        Ok(Store::open(directory, Self::key_space(model, big_endian)?)?)
    }

    /// The same, kept in a directory of the user's whose size is bounded. It is read in the
    /// background.
    ///
    /// # Errors
    /// As for [`Jit::store_in`].
    pub fn store_of_user(
        directory: &Path,
        model: &Model,
        big_endian: bool,
    ) -> Result<Store, JitError> {
        let space = Self::key_space(model, big_endian)?;
        Ok(Store::open_bounded(directory, space)?)
    }

    /// The same, kept in memory for as long as there is a clone of the store.
    ///
    /// # Errors
    /// If the host has no memory.
    pub fn store_in_memory(model: &Model, big_endian: bool) -> Result<Store, JitError> {
        Ok(Store::in_memory(Self::key_space(model, big_endian)?)?)
    }

    fn key_space(model: &Model, big_endian: bool) -> Result<KeySpace, JitError> {
        Ok(KeySpace::new(&Translator::new()?, model, big_endian)?)
    }

    fn build(
        config: JitConfig,
        mut translator: Translator,
        pool: Option<Arc<CompilePool>>,
        store: Option<Store>,
    ) -> Result<Self, JitError> {
        let code = CodeCache::new(config.cache, &mut translator)?;
        // SAFETY: the translator made this code with just this signature; it lives as long as
        // the engine.
        let enter = unsafe { std::mem::transmute::<usize, Entry>(code.symbol(Symbol::Enter)) };
        let compiler = if config.background {
            let pool = pool.map_or_else(CompilePool::for_one, Ok)?;
            Compiler::beside(pool, store.clone())
        } else {
            Compiler::inline(translator, store.clone())
        };
        Ok(Self {
            config,
            blocks: Blocks::new(config.cache.all_blocks_bytes())?,
            code,
            compiler,
            store,
            enter,
            sites: Sites::new(),
            sweeping: Sweeping::new(&config.cache),
            counters: JitCounters::default(),
        })
    }

    /// What is kept of translations.
    #[must_use]
    pub fn code(&self) -> &CodeCache {
        &self.code
    }

    /// The translations on disk, if there are.
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// About how many bytes predecoded blocks take.
    #[must_use]
    pub fn block_bytes(&self) -> usize {
        self.blocks.bytes()
    }

    /// How many bytes the tables take that lead to code.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        self.blocks.code_bytes()
    }

    /// What the engine takes of the host's memory.
    #[must_use]
    pub fn account(&self) -> Account {
        let mut account = Account::default();
        let units = self.code.units();
        account.add(Kind::Code, Holding::new(units.used(), units.bytes()));
        // Each translation has a block, and takes no more beside it.
        let blocks = self.blocks.bytes() + self.code.table_bytes();
        let most = 2 * self.config.cache.all_blocks_bytes();
        account.add(Kind::Blocks, Holding::new(blocks, most));
        account.add(Kind::CodePages, self.blocks.code_held());
        account.add(Kind::Waiting, self.compiler.held());
        account
    }

    /// The number of blocks that were predecoded although they had been before.
    #[must_use]
    pub fn predecoded_again(&self) -> u64 {
        self.blocks.predecoded_again()
    }

    /// The number of blocks that were predecoded.
    #[must_use]
    pub fn predecoded(&self) -> u64 {
        self.blocks.predecoded()
    }

    /// Runs the block at the program counter and no more, if the budget covers it, or as much of
    /// its region as does not ask for more. The horizon is then where that ended.
    pub fn step(&mut self, vm: &mut Vm) -> Exit {
        self.drop_stale(vm);
        let now = vm.cpu.now(0);
        let cycles = match self.blocks.at_pc(vm) {
            Some(id) => {
                let cached = self.blocks.get(id);
                let cycles = match cached.extra.code {
                    0 => cached.block.cycles(),
                    _ => i64::from(cached.extra.need),
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
        let guest = listing(source.code.iter().map(|&(word, _)| word), pc.0 as u32);
        let host = if source.translatable() {
            let explained = Translator::new()
                .and_then(|mut translator| translator.explain(&Region::of_block(vm, source)));
            match explained {
                Ok(explained) => text(&explained.listing),
                Err(error) => error.to_string(),
            }
        } else {
            "  the interpreter runs it\n".into()
        };
        (guest, host)
    }
}

/// What a block that runs has to know of the one before.
#[derive(Default)]
struct Carry {
    /// The link that translated code has just missed.
    unlinked: Option<UnlinkedExit>,
    /// Whether the block is to be interpreted, although there is code for it.
    interpret: bool,
    /// Whether the block has code of the baseline that did not run.
    promote: bool,
}

impl Jit {
    /// Runs block `id`, which is at the CPU's program counter: by its code, if it has some that the
    /// cycles that are left cover.
    #[inline]
    fn run_next(&mut self, vm: &mut Vm, id: BlockId, carry: &mut Carry) -> Option<Exit> {
        if std::mem::take(&mut carry.promote) {
            self.promote(vm, id);
        }
        let extra = &mut self.blocks.get_mut(id).extra;
        if extra.code == 0 && extra.warm() {
            self.advance_tier(vm, id);
        }
        let extra = &self.blocks.get(id).extra;
        let covered = vm.cpu.left >= i64::from(extra.need);
        let forced = std::mem::take(&mut carry.interpret);
        if extra.code != 0 && covered && !forced {
            self.enter_code(vm, id, carry);
            None
        } else {
            carry.unlinked = None;
            self.interpret(vm, id)
        }
    }

    /// Links the exit that led to block `id` to its code, and runs that.
    #[inline]
    fn enter_code(&mut self, vm: &mut Vm, id: BlockId, carry: &mut Carry) {
        let extra = &self.blocks.get(id).extra;
        let code = extra.code;
        if let Some(UnlinkedExit { from, pc }) = carry.unlinked.take()
            && self.code.link(from, pc, extra.installed())
        {
            self.counters.links += 1;
        }
        if let Some(failure) = self.code.failure() {
            return vm.fail(HostFailure::Code(failure.to_string()));
        }
        let before = vm.cpu.left;
        vm.cpu.code_base = Va(vm.cpu.pc).page().0 as u32;
        self.counters.entries += 1;
        self.code.units_mut().note_use(code);
        let note = (self.enter)(vm, code);
        vm.cpu.materialize_cause();
        carry.unlinked = UnlinkedExit::from_note(note);
        carry.interpret = note == INTERPRET;
        if let Some(Unrun { pc, cycles }) = Unrun::from_note(note) {
            carry.unlinked = None;
            vm.cpu.pc = vm.cpu.code_va(pc).0;
            vm.cpu.left += i64::from(cycles);
            carry.promote = true;
        }
        if let Some(exit) = &carry.unlinked {
            vm.cpu.pc = vm.cpu.code_va(exit.pc).0;
            self.counters.unlinked += 1;
        }
        self.counters.translated += (before - vm.cpu.left) as u64;
    }

    /// Interprets block `id`, or as much of it as the cycles that are left cover.
    #[inline]
    fn interpret(&mut self, vm: &mut Vm, id: BlockId) -> Option<Exit> {
        self.counters.misses += 1;
        let before = vm.cpu.left;
        let block = &self.blocks.get(id).block;
        let exit = if before >= block.cycles() {
            run_block(vm, block)
        } else {
            run_part(vm, block)
        };
        self.counters.interpreted += (before - vm.cpu.left) as u64;
        exit
    }
}

impl Engine for Jit {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        vm.cpu.symbols = self.code.symbols();
        vm.cpu.code_pages = self.blocks.code_pages();
        vm.cpu.code_runs = self.blocks.runs_address();
        self.drop_stale(vm);
        if vm.insight.misses.any() {
            self.drop_misses(vm);
        }
        self.install_done(vm);
        if self.blocks.bytes() > self.sweeping.at {
            sweep::sweep(self, vm);
        }
        let mut carry = Carry::default();
        while vm.cpu.left > 0 {
            let Some(id) = self.blocks.at_pc(vm) else {
                carry.unlinked = None;
                if self.blocks.is_full() {
                    self.forget_all(vm);
                }
                if let Some(exit) = vm.cpu.take_stop() {
                    return exit;
                }
                continue;
            };
            let exit = self.run_next(vm, id, &mut carry);
            if vm.is_called_back() {
                vm.cpu.request_stop();
            }
            if exit.is_some() || vm.cpu.stop != 0 {
                let exit = exit.or(vm.cpu.take_stop());
                if vm.cpu.has_modified() {
                    carry.unlinked = None;
                    self.drop_modified(vm);
                }
                if let Some(exit) = exit {
                    return exit;
                }
            }
        }
        Exit::Horizon
    }

    fn spin(&mut self, vm: &mut Vm) -> Option<Spin> {
        spin::find(vm)
    }
}

/// A link that was open when translated code came to it.
struct UnlinkedExit {
    from: TranslationId,
    /// The [`code_address`](crate::interp::block::code_address) that it leads to: control goes on
    /// there.
    pc: u32,
}

impl UnlinkedExit {
    /// What a [`Cell::note`](crate::translate::Cell) says; translation 0 is no link.
    fn from_note(note: u64) -> Option<Self> {
        (note as TranslationId != 0).then_some(Self {
            from: note as TranslationId,
            pc: (note >> 32) as u32,
        })
    }
}
