//! Translations on disk: what one run has translated, the next one finds.
//!
//! There is a file for each [`KeySpace`], to which records are appended; runs at the same time
//! share it. A translation is found by the address and mode of its entry, and taken if the guest
//! code that it was made from is there, word for word: see [`record`]. What is damaged is dropped
//! with a warning, and made anew. This is neither the memory that code runs in nor the links
//! between translations: what is stored is the same for every run.

mod file;
pub mod record;
pub mod space;

pub use file::make_folder;
pub use space::KeySpace;

use super::key::BlockKey;
use crate::translate::site::{self, Sites};
use crate::translate::{CODE_ALIGNMENT, Region, Translation};
use file::{CodeFile, Scan};
use record::{Member, Record};
use rustc_hash::{FxHashMap, FxHashSet};
use space::Hash;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file of this size gets no more records.
const MOST_BYTES: u64 = 512 << 20;
/// The same in a directory that is bounded. A file that has come near to it is begun anew.
const MOST_BYTES_BOUNDED: u64 = 256 << 20;
/// What all files in such a directory have together.
const MOST_BYTES_ALL: u64 = 1 << 30;

/// Why translations cannot be kept on disk.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum PersistError {
    #[error("{path}: {source}; --code-cache needs a directory to keep translations in")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{0} belongs to another user: code is executed from there, so it must be yours; give another --code-cache"
    )]
    NotYours(PathBuf),
    #[error(
        "others may write to {path} (mode {mode:03o}): code is executed from there; chmod go-w it, or give another --code-cache"
    )]
    WritableByOthers { path: PathBuf, mode: u32 },
    #[error("{0} is not a file; give another --code-cache")]
    NoFile(PathBuf),
}

/// A translation on disk.
#[derive(Debug)]
pub struct Stored {
    /// What is known of it.
    pub record: Record,
    code_at: u64,
}

/// What the translations of a block are found by: its place and code, and the mode.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Wanted {
    member: Member,
    mode: u32,
}

impl Wanted {
    /// What the translations of the block with this key and
    /// [print](crate::interp::block::Source::print) are found by.
    #[must_use]
    pub fn new(key: BlockKey, print: u32) -> Self {
        Self {
            member: Member { pc: key.pc, print },
            mode: key.mode,
        }
    }

    /// The same for the entry of a region.
    #[must_use]
    pub fn entry(key: BlockKey, region: &Region) -> Self {
        Self::new(key, region.blocks[0].print())
    }
}

/// What is known of an entry.
#[derive(Default)]
struct Place {
    /// The translations, most blocks first.
    stored: Vec<Arc<Stored>>,
    /// How often the block has run while there was none, for all engines that look for it together.
    wanted: u32,
}

/// What is known to be on disk.
#[derive(Default)]
struct Index {
    /// By what their entry is found by.
    by_entry: FxHashMap<Wanted, Place>,
    /// By what the other blocks are found by.
    by_member: FxHashMap<Wanted, Vec<Arc<Stored>>>,
    contents: FxHashSet<Hash>,
    /// What is known of instructions that access memory.
    sites: Sites,
    /// How far the file was read.
    end: u64,
}

/// What was done with the disk.
#[derive(Default, Debug)]
pub struct StoreCounters {
    /// Translations read and used.
    pub loaded: AtomicU64,
    /// Translations written.
    pub saved: AtomicU64,
    /// Records dropped because they were damaged.
    pub damaged: AtomicU64,
}

/// The translations of a key space on disk. Clones share it.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    space: KeySpace,
    file: CodeFile,
    index: Mutex<Index>,
    /// The lock of the file is the process's: this one is among its threads.
    saving: Mutex<()>,
    /// Whether it is there for later runs.
    lasts: bool,
    /// The most bytes that the file grows to.
    most: u64,
    /// Whether records are still written.
    writes: AtomicBool,
    counters: StoreCounters,
}

impl Store {
    /// Opens the file of a key space in a directory, and reads what it has.
    ///
    /// # Errors
    /// If directory or file are not the user's alone, or the host refuses.
    pub fn open(dir: &Path, space: KeySpace) -> Result<Self, PersistError> {
        let open = || {
            let file = CodeFile::open(dir, &space, false)?;
            Ok(Self::with_file(file, space, Some(MOST_BYTES)))
        };
        let store = open()?;
        if !store.read_first() {
            return Ok(store);
        }
        let mended = open()?;
        mended.read_first();
        let damaged = store.counters().damaged.load(Ordering::Relaxed);
        let count = &mended.counters().damaged;
        count.fetch_add(damaged, Ordering::Relaxed);
        Ok(mended)
    }

    /// The same in a directory whose size is bounded: files that have not been used for long are
    /// removed. What the file has is read in the background.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_bounded(dir: &Path, space: KeySpace) -> Result<Self, PersistError> {
        let mut file = CodeFile::open(dir, &space, true)?;
        if file.end().is_ok_and(|end| end > MOST_BYTES_BOUNDED / 8 * 7) {
            file.remove();
            file = CodeFile::open(dir, &space, true)?;
        }
        file.touch();
        file.make_room(MOST_BYTES_ALL - MOST_BYTES_BOUNDED);
        let store = Self::with_file(file, space, Some(MOST_BYTES_BOUNDED));
        let reader = store.clone();
        let thread = std::thread::Builder::new().name("code-cache".to_owned());
        if thread.spawn(move || reader.read_first()).is_err() {
            store.read_first();
        }
        Ok(store)
    }

    /// A store that is in memory, and gone with its last clone: for machines that run
    /// at the same time.
    ///
    /// # Errors
    /// If the host has no memory.
    pub fn in_memory(space: KeySpace) -> Result<Self, PersistError> {
        Ok(Self::with_file(CodeFile::in_memory()?, space, None))
    }

    /// A store with this file, which lasts if it has a name, and then grows to `most` bytes.
    fn with_file(file: CodeFile, space: KeySpace, most: Option<u64>) -> Self {
        Self(Arc::new(Shared {
            space,
            // What is in the file is read first.
            writes: AtomicBool::new(most.is_none()),
            file,
            index: Mutex::default(),
            saving: Mutex::default(),
            lasts: most.is_some(),
            most: most.unwrap_or(MOST_BYTES),
            counters: StoreCounters::default(),
        }))
    }

    /// Whether what is in it will be there for later runs.
    #[must_use]
    pub fn lasts(&self) -> bool {
        self.0.lasts
    }

    /// What was done with the disk.
    #[must_use]
    pub fn counters(&self) -> &StoreCounters {
        &self.0.counters
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        let index = self.0.index.lock();
        index.unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the file has, and then lets it be written to. If it was damaged, another file has
    /// taken its place: then says so, and does not write.
    fn read_first(&self) -> bool {
        let Shared { file, writes, .. } = &*self.0;
        let locked = file.lock(true);
        let mended = self.read_on();
        if locked {
            file.unlock();
        }
        writes.store(file.writable && !mended, Ordering::Relaxed);
        mended
    }

    /// Reads what the file has beyond what was read before. Says whether another file, without
    /// damage, has taken its place.
    fn read_on(&self) -> bool {
        let file = &self.0.file;
        let start = self.index().end;
        let Ok(end) = file.end() else { return false };
        if end <= start {
            return false;
        }
        let mut mended = false;
        let Scan { found, damaged } = file.scan(&self.0.space, start, end);
        if damaged > 0 {
            self.warn_damaged(
                damaged as u64,
                "parts of it are no translations of this program",
            );
            mended = start == 0 && file.writable && file.mend(&found).is_ok();
        }
        let mut index = self.index();
        index.end = end;
        for found in found {
            index.insert(found.record, found.code_at);
        }
        mended
    }

    fn warn_damaged(&self, count: u64, what: &str) {
        self.0.counters.damaged.fetch_add(count, Ordering::Relaxed);
        let path = self.0.file.path().display();
        tracing::warn!("{path}: {what}; dropped {count}, to be translated anew");
    }

    /// The translations whose entry is this block.
    fn candidates(&self, wanted: Wanted) -> Vec<Arc<Stored>> {
        let index = self.index();
        let place = index.by_entry.get(&wanted);
        place.map_or_else(Vec::new, |place| place.stored.clone())
    }

    /// The translations whose entry is this block, for an engine where it has run so often since it
    /// last looked. If there are none, says how often it has run in all engines that look.
    #[must_use]
    pub fn look(&self, wanted: Wanted, runs: u32) -> (Vec<Arc<Stored>>, u32) {
        let mut index = self.index();
        if runs == 0 && !index.by_entry.contains_key(&wanted) {
            return Default::default();
        }
        let place = index.by_entry.entry(wanted).or_default();
        if place.stored.is_empty() {
            place.wanted = place.wanted.saturating_add(runs);
        }
        (place.stored.clone(), place.wanted)
    }

    /// The translations in which this block is not the first.
    #[must_use]
    pub fn around(&self, wanted: Wanted) -> Vec<Arc<Stored>> {
        let index = self.index();
        let around = index.by_member.get(&wanted);
        around.cloned().unwrap_or_default()
    }

    /// How many translations there are whose entry is this block.
    #[must_use]
    pub fn count(&self, wanted: Wanted) -> usize {
        let index = self.index();
        let place = index.by_entry.get(&wanted);
        place.map_or(0, |place| place.stored.len())
    }

    /// Notes what an engine found out about instructions that access memory.
    pub fn note(&self, sites: &Sites) {
        site::merge(&mut self.index().sites, sites);
    }

    /// Tells a region all that is known of its instructions.
    pub fn teach(&self, region: &mut Region) {
        region.learn(&self.index().sites);
    }

    /// Whether a stored translation was made from just this guest code.
    #[must_use]
    pub fn matches(&self, stored: &Stored, key: BlockKey, region: &Region) -> bool {
        record::content(&self.0.space, key, region) == stored.record.content
    }

    /// The translation of this very region, if it was made.
    #[must_use]
    pub fn find(&self, key: BlockKey, region: &Region) -> Option<Translation> {
        let content = record::content(&self.0.space, key, region);
        if !self.index().contents.contains(&content) {
            return None;
        }
        let candidates = self.candidates(Wanted::entry(key, region));
        let mut same = candidates
            .iter()
            .filter(|stored| stored.record.content == content);
        same.find_map(|stored| self.load(stored))
    }

    /// Reads a translation. If it is damaged it is dropped.
    #[must_use]
    pub fn load(&self, stored: &Arc<Stored>) -> Option<Translation> {
        let record = &stored.record;
        let code = self.0.file.code(stored.code_at, record.code_bytes);
        let sound = |code: &Vec<u8>| *blake3::hash(code).as_bytes() == record.code_sum;
        let Some(bytes) = code.filter(sound) else {
            self.index().remove(stored);
            self.spoil(stored);
            self.warn_damaged(
                1,
                &format!("the code for {:#010x} is damaged", record.blocks[0].pc),
            );
            return None;
        };
        self.0.counters.loaded.fetch_add(1, Ordering::Relaxed);
        Some(Translation {
            bytes,
            links: record.links.clone(),
            need: record.need,
            alignment: CODE_ALIGNMENT,
        })
    }

    /// Has later runs drop a record.
    fn spoil(&self, stored: &Stored) {
        let Shared { file, saving, .. } = &*self.0;
        let saving = saving.lock();
        let _saving = saving.unwrap_or_else(PoisonError::into_inner);
        if file.writable && file.lock(true) {
            file.spoil(&stored.record, stored.code_at);
            file.unlock();
        }
    }

    /// Writes a translation, unless it is there. If the disk refuses, nothing more is written.
    pub fn save(&self, key: BlockKey, region: &Region, made: &Translation) {
        let Shared { file, space, .. } = &*self.0;
        if !self.0.writes.load(Ordering::Relaxed) {
            return;
        }
        let content = record::content(space, key, region);
        let record = Record::new(key, region, content, made);
        let bytes = record.encode(space, &made.bytes);
        let saving = self.0.saving.lock();
        let _saving = saving.unwrap_or_else(PoisonError::into_inner);
        // Without the lock it is only work that is lost.
        if !file.lock(true) {
            return;
        }
        // Other runs may have written meanwhile, this very translation perhaps.
        self.read_on();
        let room = self.index().end + bytes.len() as u64 <= self.0.most;
        if room && !self.index().contents.contains(&content) {
            self.append(record, &bytes);
        }
        file.unlock();
    }

    fn append(&self, record: Record, bytes: &[u8]) {
        match self.0.file.append(bytes) {
            Ok(start) => {
                let head = record.head_bytes();
                let mut index = self.index();
                index.end = start + bytes.len() as u64;
                index.insert(record, start + head);
                self.0.counters.saved.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                self.0.writes.store(false, Ordering::Relaxed);
                let path = self.0.file.path().display();
                tracing::warn!("{path}: {error}; this run keeps no more translations there");
            }
        }
    }
}

impl Index {
    /// Adds a record. If there is another like it that one is damaged, perhaps: the newer is
    /// found first.
    fn insert(&mut self, record: Record, code_at: u64) {
        self.contents.insert(record.content);
        site::merge(&mut self.sites, &record.sites);
        let mode = record.mode;
        let wanted = move |&member: &Member| Wanted { member, mode };
        let place = self.by_entry.entry(wanted(&record.blocks[0]));
        let entry = &mut place.or_default().stored;
        let at = entry.partition_point(|other| other.record.blocks.len() > record.blocks.len());
        let stored = Arc::new(Stored { record, code_at });
        entry.insert(at, Arc::clone(&stored));
        for member in &stored.record.blocks[1..] {
            let around = self.by_member.entry(wanted(member));
            around.or_default().push(Arc::clone(&stored));
        }
    }

    fn remove(&mut self, stored: &Arc<Stored>) {
        let record = &stored.record;
        let mode = record.mode;
        let wanted = move |&member: &Member| Wanted { member, mode };
        let Some(place) = self.by_entry.get_mut(&wanted(&record.blocks[0])) else {
            return;
        };
        let entry = &mut place.stored;
        entry.retain(|other| !Arc::ptr_eq(other, stored));
        for member in &record.blocks[1..] {
            if let Some(around) = self.by_member.get_mut(&wanted(member)) {
                around.retain(|other| !Arc::ptr_eq(other, stored));
            }
        }
        if !entry
            .iter()
            .any(|other| other.record.content == record.content)
        {
            self.contents.remove(&record.content);
        }
    }
}
