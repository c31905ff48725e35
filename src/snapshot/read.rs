//! Reading a snapshot: the index at once, pages when they are asked for.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mirrorball_runtime::addr::{PAGE_BITS, PAGE_SIZE, Pa};
use mirrorball_runtime::memory::machine::MachineMemory;
use mirrorball_runtime::memory::share::Content;
use mirrorball_runtime::memory::{PageStore, Stored, StoredPage};
use mirrorball_runtime::mmu::second::MOST_ENTRIES;
use mirrorball_runtime::vm::{Vm, VmConfig};
use xxhash_rust::xxh3::xxh3_64;

use crate::image::MemorySize;

use super::format::{CHUNK_PAGES, Chunk, Index, MAGIC, MOST_INDEX, SnapshotError, Trailer};

/// How many unpacked chunks are kept: what lies together is used together.
const KEPT: usize = 64;
/// How many are kept if several machines have the snapshot, each of which comes to the same pages in
/// its turn.
const KEPT_FOR_SEVERAL: usize = 512;

/// A snapshot that was opened.
pub struct Snapshot {
    path: String,
    index: Index,
    config: VmConfig,
    memory: MemorySize,
    pages: Arc<Pages>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the snapshot {}", self.path)
    }
}

impl Snapshot {
    /// The snapshot in the file at `path`.
    ///
    /// # Errors
    /// If there is none, or it is damaged, or of another version.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let shown = path.display().to_string();
        let io = |source| SnapshotError::Io {
            path: shown.clone(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        Self::within(file, 0..length, &shown)
    }

    /// The snapshot in a part of a file, which is at `path`.
    ///
    /// # Errors
    /// As [`Snapshot::open`].
    pub fn within(file: File, place: Range<u64>, path: &str) -> Result<Self, SnapshotError> {
        let file = Part { file, place };
        let io = |source| SnapshotError::Io {
            path: path.to_owned(),
            source,
        };
        let torn = |what| SnapshotError::Torn {
            path: path.to_owned(),
            what,
        };
        let length = file.place.end - file.place.start;
        is_of_this_version(&file, path)?;
        let trailer = length.checked_sub(Trailer::BYTES as u64);
        let end = trailer.ok_or_else(|| torn("it ends too soon"))?;
        let mut trailer = [0; Trailer::BYTES];
        file.read_exact_at(&mut trailer, end).map_err(io)?;
        let trailer = Trailer::from_bytes(&trailer);
        if trailer.offset.checked_add(trailer.bytes) != Some(end) {
            return Err(torn("it ends too soon, or more follows"));
        }
        if trailer.bytes > MOST_INDEX {
            return Err(torn("its index is too large"));
        }
        let mut index = vec![0; trailer.bytes as usize];
        file.read_exact_at(&mut index, trailer.offset).map_err(io)?;
        if xxh3_64(&index) != trailer.hash {
            return Err(torn("its index is damaged"));
        }
        let index = unpack(&index).ok_or_else(|| torn("its index is damaged"))?;
        if !index.is_sound(trailer.offset) {
            return Err(torn("its index contradicts itself"));
        }
        let config = (index.vm.config()).map_err(|source| SnapshotError::Load {
            path: path.to_owned(),
            source,
        })?;
        let memory = MemorySize::of_bytes(config.memory);
        let memory = memory.filter(|_| config.second_tlb <= MOST_ENTRIES);
        let memory = memory.ok_or_else(|| torn("there is no such machine"))?;
        let pages = Pages::new(file, index.chunks.clone()).map_err(io)?;
        Ok(Self {
            path: path.to_owned(),
            index,
            config,
            memory,
            pages: Arc::new(pages),
        })
    }

    /// What is in it but the content of pages.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What the machine is made of.
    #[must_use]
    pub fn config(&self) -> &VmConfig {
        &self.config
    }

    /// Whether it is of a machine that is made of the same as that of `other`.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        let parts = |config: &VmConfig| {
            let model = (config.model.name, config.big_endian);
            (model, config.memory, config.second_tlb, config.hypercalls)
        };
        parts(&self.config) == parts(&other.config)
    }

    /// How much memory the machine has.
    #[must_use]
    pub fn memory(&self) -> MemorySize {
        self.memory
    }

    /// The machine, in machine memory that others may share. Nothing is behind its disks.
    ///
    /// # Errors
    /// When the state fits no machine, or the host has no memory for it.
    pub fn load_in(&self, memory: Arc<MachineMemory>) -> Result<Box<Vm>, SnapshotError> {
        if memory.is_for_several() {
            self.pages.unpacked().most_kept = KEPT_FOR_SEVERAL;
        }
        let vm = self.index.vm.load_in(memory);
        let mut vm = vm.map_err(|source| SnapshotError::Load {
            path: self.path.clone(),
            source,
        })?;
        let pages = self.index.pages.iter();
        let pages = pages.map(|&(number, page)| (Pa(u64::from(number) << PAGE_BITS), page));
        vm.fill(&Stored {
            store: Arc::clone(&self.pages) as Arc<dyn PageStore>,
            pages: pages.map(|(pa, page)| (pa, StoredPage(page))).collect(),
        });
        Ok(vm)
    }
}

/// A part of a file.
struct Part {
    file: File,
    place: Range<u64>,
}

impl Part {
    fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        let at = self.place.start.saturating_add(at);
        let end = at.saturating_add(bytes.len() as u64);
        if end > self.place.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(bytes, at)
    }
}

fn is_of_this_version(file: &Part, path: &str) -> Result<(), SnapshotError> {
    let path = path.to_owned();
    let mut magic = [0; MAGIC.len()];
    match file.read_exact_at(&mut magic, 0) {
        Ok(()) if magic == *MAGIC => Ok(()),
        Ok(()) if magic[..MAGIC.len() - 3] == MAGIC[..MAGIC.len() - 3] => {
            Err(SnapshotError::Version { path })
        }
        Err(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
            Err(SnapshotError::Io { path, source })
        }
        _ => Err(SnapshotError::Foreign { path }),
    }
}

fn unpack(bytes: &[u8]) -> Option<Index> {
    let mut unpacked = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(bytes).ok()?;
    decoder.take(MOST_INDEX).read_to_end(&mut unpacked).ok()?;
    postcard::from_bytes(&unpacked).ok()
}

/// The pages of a file.
struct Pages {
    file: Part,
    chunks: Vec<Chunk>,
    unpacked: Mutex<Unpacked>,
}

/// The chunks that were used last, and what unpacks others.
struct Unpacked {
    decompressor: zstd::bulk::Decompressor<'static>,
    most_kept: usize,
    /// Chunks by their numbers, the oldest first.
    kept: VecDeque<(usize, Vec<u8>)>,
}

impl Pages {
    fn new(file: Part, chunks: Vec<Chunk>) -> io::Result<Self> {
        let unpacked = Unpacked {
            decompressor: zstd::bulk::Decompressor::new()?,
            most_kept: KEPT,
            kept: VecDeque::new(),
        };
        Ok(Self {
            file,
            chunks,
            unpacked: Mutex::new(unpacked),
        })
    }

    fn unpacked(&self) -> MutexGuard<'_, Unpacked> {
        // What is kept is whole after a panic as well.
        self.unpacked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn packed(&self, chunk: &Chunk) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; chunk.bytes as usize];
        self.file.read_exact_at(&mut bytes, chunk.offset)?;
        if xxh3_64(&bytes) != chunk.hash {
            return Err(damaged());
        }
        Ok(bytes)
    }
}

impl Unpacked {
    /// The bytes of a chunk.
    fn chunk(&mut self, pages: &Pages, number: usize) -> io::Result<&[u8]> {
        let kept = self.kept.iter().rposition(|(kept, _)| *kept == number);
        let place = match kept {
            Some(place) => place,
            None => {
                let chunk = pages.chunks.get(number).ok_or_else(damaged)?;
                let bytes = self.unpack(chunk, &pages.packed(chunk)?)?;
                self.kept.push_back((number, bytes));
                self.kept.len() - 1
            }
        };
        Ok(&self.kept[place].1)
    }

    /// Unpacks a chunk into the place of the oldest one.
    fn unpack(&mut self, chunk: &Chunk, packed: &[u8]) -> io::Result<Vec<u8>> {
        let oldest = (self.kept.len() >= self.most_kept).then(|| self.kept.pop_front());
        let mut bytes = oldest.flatten().map(|(_, bytes)| bytes).unwrap_or_default();
        bytes.clear();
        bytes.reserve_exact(CHUNK_PAGES << PAGE_BITS);
        self.decompressor.decompress_to_buffer(packed, &mut bytes)?;
        if bytes.len() as u64 != u64::from(chunk.pages) * PAGE_SIZE {
            return Err(damaged());
        }
        Ok(bytes)
    }
}

fn damaged() -> io::Error {
    io::Error::other("it is damaged")
}

impl PageStore for Pages {
    fn read(&self, StoredPage(page): StoredPage, into: &mut Content) -> io::Result<()> {
        let page = page as usize;
        let mut unpacked = self.unpacked();
        let (pages, _) = unpacked.chunk(self, page / CHUNK_PAGES)?.as_chunks();
        let page = pages.get(page % CHUNK_PAGES);
        *into = *page.ok_or(io::ErrorKind::NotFound)?;
        Ok(())
    }
}
