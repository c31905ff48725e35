//! Reading a record.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use mirrorball_runtime::clock::Cycles;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::arrivals::{Arrival, Arrived};
use xxhash_rust::xxh3::xxh3_64;

use super::format::{Ending, Entry, MAGIC, MOST_ENTRY, RecordError, START};
use crate::snapshot::Snapshot;

/// The bytes in front of an entry.
const HEAD: usize = size_of::<u32>() + size_of::<u64>();

/// A record that was opened.
pub struct Record {
    file: Arc<File>,
    snapshot: Arc<Snapshot>,
    /// Where the entries begin.
    entries: u64,
    ending: Option<Ending>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a record that goes on from {:?}", self.snapshot)
    }
}

impl Record {
    /// The record in the file at `path`, all of which is looked at.
    ///
    /// # Errors
    /// If there is none, or it is damaged, or of another version.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let shown = || path.display().to_string();
        let io = |source| RecordError::Io {
            path: shown(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let mut head = [0; START as usize];
        match file.read_exact_at(&mut head, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(RecordError::Foreign { path: shown() });
            }
            Err(source) => return Err(io(source)),
        }
        let (magic, length) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            let kind = MAGIC.len() - 3;
            return Err(match magic[..kind] == MAGIC[..kind] {
                true => RecordError::Version { path: shown() },
                false => RecordError::Foreign { path: shown() },
            });
        }
        let length = length.try_into().map_or(0, u64::from_le_bytes);
        let bytes = file.metadata().map_err(io)?.len();
        let entries = START.checked_add(length).filter(|&end| end <= bytes);
        let (Some(entries), 1..) = (entries, length) else {
            return Err(RecordError::Short { path: shown() });
        };
        let snapshot = file.try_clone().map_err(io)?;
        let snapshot = Snapshot::within(snapshot, START..entries, &shown())?;
        let mut record = Self {
            file: Arc::new(file),
            snapshot: Arc::new(snapshot),
            entries,
            ending: None,
        };
        record.ending = record.look(path)?;
        Ok(record)
    }

    /// Reads all entries; how the run ended, if that was recorded.
    fn look(&self, path: &Path) -> Result<Option<Ending>, RecordError> {
        let mut entries = self.reader();
        loop {
            let at = entries.at;
            match entries.next() {
                Ok(Some(Entry::Ending(ending))) => return Ok(Some(ending)),
                Ok(Some(Entry::Arrival(_))) => {}
                Ok(None) => return Ok(None),
                Err(error) => {
                    let path = path.display().to_string();
                    return Err(match error.kind() {
                        io::ErrorKind::InvalidData => RecordError::Damaged { path, at },
                        _ => RecordError::Io {
                            path,
                            source: error,
                        },
                    });
                }
            }
        }
    }

    /// The machine before the run.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// How the run ended, if that was recorded.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// What arrived, and where that is not known how the run ended, its end at the last arrival. If the
    /// file has changed meanwhile and is damaged, that is the end.
    pub fn arrivals(&self) -> impl Iterator<Item = Arrival> + Send + 'static {
        let mut entries = self.reader();
        let mut cut = self.ending.is_none().then_some(Cycles(0));
        std::iter::from_fn(move || match entries.next() {
            Ok(Some(Entry::Arrival(arrival))) => {
                cut = cut.map(|_| arrival.at);
                Some(arrival)
            }
            _ => cut.take().filter(|&at| at > Cycles(0)).map(|at| Arrival {
                at,
                what: Arrived::End(Outcome::Limit),
            }),
        })
    }

    fn reader(&self) -> Entries {
        let file = Arc::clone(&self.file);
        let at = self.entries;
        Entries {
            at,
            file: BufReader::with_capacity(1 << 16, At { file, at }),
        }
    }
}

/// The entries of a record.
struct Entries {
    file: BufReader<At>,
    /// Where the next one begins.
    at: u64,
}

impl Entries {
    /// The next entry; none at the end, and none if the last one is not whole.
    fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut head = [0; HEAD];
        let mut bytes = Vec::new();
        match self.file.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let [a, b, c, d, hash @ ..] = head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > MOST_ENTRY {
            return Err(io::ErrorKind::InvalidData.into());
        }
        (&mut self.file)
            .take(length as u64)
            .read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Ok(None);
        }
        self.at += (HEAD + length) as u64;
        let entry = Some(&bytes).filter(|bytes| xxh3_64(bytes) == u64::from_le_bytes(hash));
        let entry = entry.and_then(|bytes| postcard::from_bytes(bytes).ok());
        entry.map(Some).ok_or(io::ErrorKind::InvalidData.into())
    }
}

/// A file from some place on.
struct At {
    file: Arc<File>,
    at: u64,
}

impl Read for At {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(bytes, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
