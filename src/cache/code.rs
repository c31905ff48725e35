//! The translations of one VM: where they lie, how they are linked, what they were made from.
//!
//! Each has a number from the moment that it is asked for. It is forgotten when a block that it is
//! made from is dropped, or its unit is evicted; one that is still being made then comes to
//! nothing. Links are kept in both directions, so that no cell ever leads to code that is gone.

use super::arena::{ArenaError, WriteError};
use super::blocks::BlockId;
use super::glue::{self, GlueError, Placed};
use super::key::BlockKey;
use super::perf::{self, Name};
use super::units::{NoPlace, Policy, Units};
use crate::translate::baseline::UNRUN;
use crate::translate::glue::Symbol;
use crate::translate::{CODE_ALIGNMENT, Cell, Translation, Translator};
use mirrorball_runtime::cpu::SYMBOLS;
use rustc_hash::FxHashMap;
use std::mem::size_of;
use std::ops::RangeInclusive;

/// The number of a translation, from 1 to below [`UNRUN`]; 0 is none.
pub type TranslationId = u32;

/// How the cache is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheConfig {
    /// The most bytes of host code that are kept.
    pub bytes: usize,
    /// The bytes of a unit of eviction; 0 leaves it to the cache.
    pub unit_bytes: usize,
    /// Which unit goes when all are full.
    pub policy: Policy,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            bytes: 128 << 20,
            unit_bytes: 0,
            policy: Policy::default(),
        }
    }
}

impl CacheConfig {
    /// The bytes of predecoded blocks that are kept beside the code, at the least and at the most.
    #[must_use]
    pub fn blocks_bytes(&self) -> RangeInclusive<usize> {
        self.bytes.clamp(4 << 20, 5 << 20)..=(4 * self.bytes).clamp(8 << 20, 96 << 20)
    }

    /// The most bytes of blocks, those of translations included, which are kept as long as the code
    /// is: when there are more, blocks and code are made anew.
    #[must_use]
    pub fn all_blocks_bytes(&self) -> usize {
        2 * self.blocks_bytes().end()
    }
}

/// A link: one cell of a translation.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// The guest address that it is for.
    pc: u32,
    /// The translation that it leads to, or 0.
    to: TranslationId,
}

/// A translation, or one that is being made.
#[derive(Debug)]
pub struct Entry {
    /// The block that it starts with.
    pub block: BlockId,
    /// What that block depends on.
    pub key: BlockKey,
    /// The other blocks that it is made from.
    pub members: Vec<BlockId>,
    /// Where its code is, or 0 while it is being made.
    pub code: usize,
    /// Where its cells are.
    cells: usize,
    links: Vec<Link>,
    /// Those whose links lead here.
    incoming: Vec<TranslationId>,
}

/// About what a translation takes beside its code, links and table places included.
const ENTRY_BYTES: usize = 2 * (size_of::<Entry>() + size_of::<TranslationId>());

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// No memory for code.
    #[error(transparent)]
    Arena(#[from] ArenaError),
    /// No code around translations.
    #[error(transparent)]
    Glue(#[from] GlueError),
}

/// All translations of one VM.
pub struct CodeCache {
    units: Units,
    entries: FxHashMap<TranslationId, Entry>,
    /// The translations in each unit.
    resident: Vec<Vec<TranslationId>>,
    last: TranslationId,
    /// The functions around translations, in the order of [`Symbol`].
    glue: [Placed; SYMBOLS],
    /// The first refusal to write.
    failure: Option<WriteError>,
}

/// What the functions around translations take at the most.
const GLUE: usize = 4096;

impl CodeCache {
    /// A cache with no code but the functions around translations.
    ///
    /// # Errors
    /// If the host has no memory for code, or none of it can be made.
    pub fn new(config: CacheConfig, translator: &mut Translator) -> Result<Self, CacheError> {
        let mut units = Units::new(config.bytes, config.unit_bytes, config.policy, GLUE)?;
        let end = units.bytes();
        let glue = glue::place(translator, units.arena(), end, GLUE)?;
        for Placed {
            symbol,
            address,
            bytes,
        } in glue
        {
            perf::note(address, bytes, Name::Glue(symbol.name()));
        }
        Ok(Self {
            resident: vec![Vec::new(); units.count()],
            units,
            entries: FxHashMap::default(),
            last: 0,
            glue,
            failure: None,
        })
    }

    /// Why the host did not write what was to be written, if that has happened. Then a link may lead
    /// to code that is gone: none of it is to be entered any more.
    #[must_use]
    pub fn failure(&self) -> Option<&WriteError> {
        self.failure.as_ref()
    }

    /// Where the functions around translations are, in the order of [`Symbol`].
    #[must_use]
    pub fn symbols(&self) -> [usize; SYMBOLS] {
        self.glue.map(|placed| placed.address)
    }

    /// Where one of them is.
    #[must_use]
    pub fn symbol(&self, symbol: Symbol) -> usize {
        self.glue[symbol as usize].address
    }

    /// The offset of code at an address.
    #[must_use]
    pub fn offset_of(&self, code: usize) -> i32 {
        code.wrapping_sub(self.symbol(Symbol::Untranslated)) as i32
    }

    /// A number for a translation that is about to be made from `block` and `members`.
    pub fn announce(
        &mut self,
        block: BlockId,
        key: BlockKey,
        members: Vec<BlockId>,
    ) -> TranslationId {
        loop {
            self.last = self.last.wrapping_add(1);
            if (1..UNRUN).contains(&self.last) && !self.entries.contains_key(&self.last) {
                break;
            }
        }
        let entry = Entry {
            block,
            key,
            members,
            code: 0,
            cells: 0,
            links: Vec::new(),
            incoming: Vec::new(),
        };
        self.entries.insert(self.last, entry);
        self.last
    }

    /// The translation with this number, if it was not forgotten.
    #[must_use]
    pub fn get(&self, id: TranslationId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// About what is known of translations takes, their code apart.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        self.entries.len() * ENTRY_BYTES
    }

    /// All translations, those being made included.
    pub fn entries(&self) -> impl Iterator<Item = (TranslationId, &Entry)> {
        self.entries.iter().map(|(&id, entry)| (id, entry))
    }

    /// Whether so much code with so many links can be placed at all.
    #[must_use]
    pub fn fits(&self, code: usize, links: usize) -> bool {
        code.next_multiple_of(CODE_ALIGNMENT) + links * size_of::<Cell>() <= self.units.unit_bytes()
    }

    /// Places the code of an announced translation, and returns its address.
    ///
    /// # Errors
    /// If there is no place for it.
    pub fn place(&mut self, id: TranslationId, made: &Translation) -> Result<usize, NoPlace> {
        let start = made.bytes.len().next_multiple_of(made.alignment);
        let bytes = start + made.links.len() * size_of::<Cell>();
        let offset = self.units.reserve(bytes, made.alignment)?;
        let stub = self.symbol(Symbol::Unlinked) as u64;
        let cell = |&pc: &u32| [stub, u64::from(pc) << 32 | u64::from(id)];
        let cells = made.links.iter().flat_map(cell).flat_map(u64::to_ne_bytes);
        let padding = std::iter::repeat_n(0xcc, start - made.bytes.len());
        let mut whole = Vec::with_capacity(bytes);
        whole.extend_from_slice(&made.bytes);
        whole.extend(padding.chain(cells));
        let code = self.write(offset, &whole).ok_or(NoPlace::Refused)?;
        self.resident[self.units.unit_of(code)].push(id);
        let links = made.links.iter().map(|&pc| Link { pc, to: 0 }).collect();
        if let Some(entry) = self.entries.get_mut(&id) {
            (entry.code, entry.cells, entry.links) = (code, code + start, links);
        }
        Ok(code)
    }

    /// Writes to the arena, and says where that is executed, or notes why it is not there.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Option<usize> {
        let written = self.units.arena().write(offset, bytes);
        written
            .map_err(|error| self.failure.get_or_insert(error))
            .ok()
    }

    /// Makes a link, or opens it: the one store. Says whether it did.
    fn write_cell(&mut self, cells: usize, index: usize, code: u64) -> bool {
        let at = self.units.arena().offset(cells) + index * size_of::<Cell>();
        self.write(at, &code.to_ne_bytes()).is_some()
    }

    /// Makes the link of `from` for the guest address `pc` lead to the translation `to`, if that
    /// is what it is for. Says whether it did.
    pub fn link(&mut self, from: TranslationId, pc: u32, to: TranslationId) -> bool {
        let (Some(source), Some(target)) = (self.entries.get(&from), self.entries.get(&to)) else {
            return false;
        };
        let (key, other) = (source.key, target.key);
        let fits = pc == other.pc && target.code != 0 && key.leads_to(other);
        let link = |link: &Link| link.pc == pc && link.to == 0;
        let Some(index) = source.links.iter().position(link).filter(|_| fits) else {
            return false;
        };
        let (cells, code) = (source.cells, target.code as u64);
        if !self.write_cell(cells, index, code) {
            return false;
        }
        if let Some(source) = self.entries.get_mut(&from) {
            source.links[index].to = to;
        }
        if let Some(target) = self.entries.get_mut(&to) {
            target.incoming.push(from);
        }
        true
    }

    /// Forgets a translation: every link that leads to it is open again. Its space is free when
    /// its unit is emptied. Returns what it was.
    pub fn forget(&mut self, id: TranslationId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        for from in &entry.incoming {
            self.open(*from, id);
        }
        for link in &entry.links {
            if let Some(target) = self.entries.get_mut(&link.to) {
                target.incoming.retain(|&from| from != id);
            }
        }
        if entry.code != 0 {
            let unit = self.units.unit_of(entry.code);
            self.resident[unit].retain(|&other| other != id);
            if self.resident[unit].is_empty() {
                self.units.empty(unit);
            }
        }
        Some(entry)
    }

    /// Opens the link of `from` that leads to `to`.
    fn open(&mut self, from: TranslationId, to: TranslationId) {
        let Some(source) = self.entries.get_mut(&from) else {
            return;
        };
        let cells = source.cells;
        let Some(index) = source.links.iter().position(|link| link.to == to) else {
            return;
        };
        source.links[index].to = 0;
        self.write_cell(cells, index, self.symbol(Symbol::Unlinked) as u64);
    }

    /// Chooses the units to be emptied to make room. What lies in them is to be forgotten, which
    /// empties them.
    pub fn victims(&mut self) -> Vec<Vec<TranslationId>> {
        let units = self.units.victims();
        units
            .iter()
            .map(|&unit| self.resident[unit].clone())
            .collect()
    }

    /// The memory.
    #[must_use]
    pub fn units(&self) -> &Units {
        &self.units
    }

    /// The memory, to note uses of it.
    pub fn units_mut(&mut self) -> &mut Units {
        &mut self.units
    }
}
