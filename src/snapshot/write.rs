//! Writing a snapshot, from front to back.

use std::collections::BTreeMap;
use std::io::{self, Write};

use mirrorball_runtime::addr::{PAGE_BITS, PAGE_SIZE};
use mirrorball_runtime::memory::Frozen;
use mirrorball_runtime::memory::share::Content;
use mirrorball_runtime::vm::SavedVm;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::disk::Mark;

use super::format::{CHUNK_PAGES, Chunk, Index, MAGIC, Trailer};

/// How hard zstd tries: a guest's pages are written as fast as they are read.
const LEVEL: i32 = 1;

/// A machine as it was at one moment.
pub struct Saved {
    /// What it is called.
    pub name: String,
    /// Its state.
    pub vm: SavedVm,
    /// Its disks.
    pub disks: Vec<Mark>,
    /// Its memory, which was frozen in that state.
    pub memory: Frozen,
}

impl Saved {
    /// Writes all of it.
    ///
    /// # Errors
    /// If the host does not give a page, or `out` takes no more.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut writer = Writer::new(out)?;
        writer.add(&self.memory, None)?;
        writer.finish(&self.name, &self.vm, &self.disks)
    }
}

/// A snapshot that is being written. A page may be written again: what is written last counts.
pub struct Writer<'a> {
    out: &'a mut dyn Write,
    compressor: zstd::bulk::Compressor<'static>,
    /// How many bytes were written.
    at: u64,
    /// The pages of the chunk that is being filled.
    filling: Vec<u8>,
    /// The stored pages, by the hash of their content.
    known: FxHashMap<blake3::Hash, u32>,
    /// Which stored page each page of RAM is like, unless it is zeros.
    pages: BTreeMap<u32, u32>,
    chunks: Vec<Chunk>,
}

impl<'a> Writer<'a> {
    /// Begins a snapshot.
    ///
    /// # Errors
    /// If `out` takes nothing.
    pub fn new(out: &'a mut dyn Write) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        Ok(Self {
            out,
            compressor: zstd::bulk::Compressor::new(LEVEL)?,
            at: MAGIC.len() as u64,
            filling: Vec::with_capacity(CHUNK_PAGES << PAGE_BITS),
            known: FxHashMap::default(),
            pages: BTreeMap::new(),
            chunks: Vec::new(),
        })
    }

    /// How many bytes were written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.at
    }

    /// Writes the pages of `memory` that may differ from those of `before`, which were written. Says how
    /// many these are.
    ///
    /// # Errors
    /// If the host does not give a page, or `out` takes no more.
    pub fn add(&mut self, memory: &Frozen, before: Option<&Frozen>) -> io::Result<u64> {
        let mut count = 0;
        for page in memory.changed(before) {
            let (pa, content) = page.map_err(io::Error::other)?;
            let number = (pa.0 >> PAGE_BITS) as u32;
            match content {
                Some(content) => self.put_page(number, &content)?,
                None => drop(self.pages.remove(&number)),
            }
            count += 1;
        }
        Ok(count)
    }

    fn put_page(&mut self, number: u32, content: &Content) -> io::Result<()> {
        let next = self.known.len() as u32;
        let stored = *self.known.entry(blake3::hash(content)).or_insert(next);
        self.pages.insert(number, stored);
        if stored == next {
            self.filling.extend_from_slice(content);
        }
        if self.filling.len() == CHUNK_PAGES << PAGE_BITS {
            self.end_chunk()?;
        }
        Ok(())
    }

    fn end_chunk(&mut self) -> io::Result<()> {
        let bytes = self.compressor.compress(&self.filling)?;
        self.chunks.push(Chunk {
            offset: self.at,
            bytes: bytes.len() as u32,
            pages: (self.filling.len() as u64 / PAGE_SIZE) as u32,
            hash: xxh3_64(&bytes),
        });
        self.filling.clear();
        self.put(&bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Writes the rest: the state of a machine that is called `name` and has these disks.
    ///
    /// # Errors
    /// If `out` takes no more.
    pub fn finish(mut self, name: &str, vm: &SavedVm, disks: &[Mark]) -> io::Result<()> {
        if !self.filling.is_empty() {
            self.end_chunk()?;
        }
        let index = Index {
            name: name.to_owned(),
            vm: vm.clone(),
            disks: disks.to_vec(),
            pages: std::mem::take(&mut self.pages).into_iter().collect(),
            chunks: std::mem::take(&mut self.chunks),
        };
        let index = postcard::to_stdvec(&index).map_err(io::Error::other)?;
        let index = self.compressor.compress(&index)?;
        let trailer = Trailer {
            offset: self.at,
            bytes: index.len() as u64,
            hash: xxh3_64(&index),
        };
        self.put(&index)?;
        self.put(&trailer.to_bytes())?;
        self.out.flush()
    }
}
