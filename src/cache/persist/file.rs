//! The file of a key space: whose it may be, its lock, and finding the records in it.
//!
//! Code is executed that comes from here. So directory and file must belong to the user and no one
//! else may be able to write to them; anything else is refused. What is in the file is checked
//! record by record, and never mapped: others may change it at any time.

use super::PersistError;
use super::record::{ALIGNMENT, FIXED, Lengths, MAGIC, Record};
use super::space::KeySpace;
use rustix::fs::{AtFlags, FlockOperation, MemfdFlags, Mode, OFlags};
use std::ffi::OsString;
use std::fs::{DirBuilder, File, Metadata};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often to ask for a lock that another process has, and how long to wait in between: it has
/// it for microseconds unless it is stopped.
const PATIENCE: (u32, Duration) = (50, Duration::from_millis(2));
/// What is read at once to get at a head.
const HEAD_GUESS: usize = 2048;
/// What is read at once to find a record behind damage.
const SEARCH: usize = 1 << 16;
/// The most damage that is looked behind.
const MOST_DAMAGE: usize = 1000;
/// The most bytes of a file that are looked at.
const MOST_READ: u64 = 1 << 30;

/// The file of a key space.
pub struct CodeFile {
    file: File,
    path: PathBuf,
    /// The directory, if it is in one.
    folder: Option<File>,
    /// Whether it may be written to.
    pub writable: bool,
}

/// A record, and where its code is.
pub struct Found {
    /// The record.
    pub record: Record,
    /// Its offset.
    at: u64,
    /// Its length.
    bytes: u64,
    /// The offset of its code.
    pub code_at: u64,
}

/// What a part of the file holds.
#[derive(Default)]
pub struct Scan {
    /// The records.
    pub found: Vec<Found>,
    /// How often there was something else.
    pub damaged: usize,
}

/// Makes the directory `dir` for files of key spaces, and those above if `recursive`.
///
/// # Errors
/// If the host refuses, or it is there.
pub fn make_folder(dir: &Path, recursive: bool) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(recursive).mode(0o700).create(dir)
}

impl CodeFile {
    /// Opens the file of `space` in `dir`; both are made if they are not there, and the directories
    /// above if `recursive`.
    ///
    /// # Errors
    /// If they are not the user's alone, or the host refuses.
    pub fn open(dir: &Path, space: &KeySpace, recursive: bool) -> Result<Self, PersistError> {
        let failed = |path: &Path, source| PersistError::Io {
            path: path.to_owned(),
            source,
        };
        match make_folder(dir, recursive) {
            Err(error) if !dir.is_dir() => return Err(failed(dir, error)),
            _ => {}
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(dir, flags, Mode::empty())
            .map_err(|error| failed(dir, error.into()))?;
        let folder = File::from(folder);
        private(&folder, dir)?;
        let (name, path) = (space.file_name(), dir.join(space.file_name()));
        let common = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let open = |flags| {
            let mode = Mode::RUSR | Mode::WUSR;
            rustix::fs::openat(&folder, &*name, common | flags, mode)
        };
        let (file, writable) = match open(OFlags::RDWR | OFlags::CREATE) {
            Ok(file) => (file, true),
            Err(error) => match open(OFlags::RDONLY) {
                Ok(file) => (file, false),
                Err(_) => return Err(failed(&path, error.into())),
            },
        };
        let file = File::from(file);
        private(&file, &path)?;
        if !file.metadata().is_ok_and(|data| data.is_file()) {
            return Err(PersistError::NoFile(path));
        }
        Ok(Self {
            file,
            path,
            folder: Some(folder),
            writable,
        })
    }

    /// A file without a name, in memory.
    ///
    /// # Errors
    /// If the host has none to give.
    pub fn in_memory() -> Result<Self, PersistError> {
        let path = PathBuf::from("translations in memory");
        match rustix::fs::memfd_create("mirrorball-code", MemfdFlags::CLOEXEC) {
            Ok(file) => Ok(Self {
                file: file.into(),
                path,
                folder: None,
                writable: true,
            }),
            Err(error) => Err(PersistError::Io {
                path,
                source: error.into(),
            }),
        }
    }

    /// Its name, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length, up to where the next record would start.
    pub fn end(&self) -> std::io::Result<u64> {
        Ok(self.file.metadata()?.len().next_multiple_of(ALIGNMENT))
    }

    /// Locks the file: for reading together with others, or alone. `false` if another process
    /// does not let go of it.
    pub fn lock(&self, alone: bool) -> bool {
        let operation = if alone {
            FlockOperation::NonBlockingLockExclusive
        } else {
            FlockOperation::NonBlockingLockShared
        };
        let (times, pause) = PATIENCE;
        (0..times).any(|_| {
            let locked = rustix::fs::flock(&self.file, operation).is_ok();
            if !locked {
                std::thread::sleep(pause);
            }
            locked
        })
    }

    /// Lets go of the lock.
    pub fn unlock(&self) {
        // It goes with the file at the latest.
        let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }

    /// Reads bytes at `offset`: as many as there are.
    fn read_some(&self, offset: u64, bytes: usize) -> Vec<u8> {
        let mut buffer = vec![0; bytes];
        let mut read = 0;
        while read < bytes {
            match self.file.read_at(&mut buffer[read..], offset + read as u64) {
                Ok(count @ 1..) => read += count,
                _ => break,
            }
        }
        buffer.truncate(read);
        buffer
    }

    /// Reads the code of a record, unchecked.
    pub fn code(&self, at: u64, bytes: u32) -> Option<Vec<u8>> {
        let code = self.read_some(at, bytes as usize);
        (code.len() == bytes as usize).then_some(code)
    }

    /// Finds the records from `start` to `end`. Behind much damage, or far into the file, it gives
    /// up: what is left counts as damage.
    pub fn scan(&self, space: &KeySpace, start: u64, end: u64) -> Scan {
        let mut scan = Scan::default();
        let mut at = start;
        if end - start > MOST_READ {
            scan.damaged = 1;
        }
        let end = end.min(start + MOST_READ);
        while at < end && scan.damaged <= MOST_DAMAGE {
            match self.record(space, at, end) {
                Some((found, bytes)) => {
                    scan.found.push(found);
                    at += bytes;
                }
                None => {
                    scan.damaged += 1;
                    at = self.search(at + ALIGNMENT, end);
                }
            }
        }
        scan
    }

    /// The record at `at`, which must end before `end`, and its length.
    fn record(&self, space: &KeySpace, at: u64, end: u64) -> Option<(Found, u64)> {
        let mut head = self.read_some(at, HEAD_GUESS);
        let lengths = Lengths::of(&head)?;
        let code_end = at + lengths.bytes();
        if code_end > end || code_end > self.file.metadata().ok()?.len() {
            return None;
        }
        if lengths.head() > head.len() {
            head = self.read_some(at, lengths.head());
        }
        let found = Found {
            record: Record::decode(space, &head)?,
            at,
            code_at: at + lengths.head() as u64,
            bytes: lengths.record(),
        };
        Some((found, lengths.record()))
    }

    /// The next place from `at` on where a record may start, or `end`.
    fn search(&self, mut at: u64, end: u64) -> u64 {
        while at < end {
            let bytes = self.read_some(at, SEARCH);
            let starts = bytes.chunks(ALIGNMENT as usize);
            let start = starts
                .take_while(|bytes| !bytes.starts_with(&MAGIC))
                .count() as u64;
            at += start * ALIGNMENT;
            if bytes.is_empty() || start * ALIGNMENT < bytes.len() as u64 {
                break;
            }
        }
        if at + FIXED as u64 > end { end } else { at }
    }

    /// Puts a file in its place that has these records and no damage. Processes that have this one
    /// open, the caller's included, go on with it.
    ///
    /// # Errors
    /// If the host refuses; then nothing has changed.
    pub fn mend(&self, found: &[Found]) -> std::io::Result<()> {
        let (Some(folder), Some(name)) = (&self.folder, self.path.file_name()) else {
            return Ok(());
        };
        // A name by which [`CodeFile::make_room`] finds it if this process is killed.
        let mut other = OsString::from(format!("{}-", std::process::id()));
        other.push(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, &other, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = BufWriter::new(File::from(file));
        let copied = found
            .iter()
            .try_for_each(|found| file.write_all(&self.read_some(found.at, found.bytes as usize)))
            .and_then(|()| file.flush());
        let placed = copied.and_then(|()| Ok(rustix::fs::renameat(folder, &other, folder, name)?));
        if placed.is_err() {
            let _ = rustix::fs::unlinkat(folder, &other, AtFlags::empty());
        }
        placed
    }

    /// Notes that the file is in use.
    pub fn touch(&self) {
        // It only decides what goes first when the directory is full.
        let _ = self.file.set_modified(SystemTime::now());
    }

    /// Makes room in the directory: removes files of other key spaces, the longest unused first,
    /// until all together have `most` bytes.
    pub fn make_room(&self, most: u64) {
        let Some(entries) = self.path.parent().and_then(|dir| dir.read_dir().ok()) else {
            return;
        };
        let is_ours = |path: &PathBuf| path.extension().is_some_and(|end| end == "code");
        let others = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_ours(path) && *path != self.path);
        let mut others: Vec<_> = others
            .filter_map(|path| {
                let data = path.symlink_metadata().ok().filter(Metadata::is_file)?;
                Some((data.modified().ok()?, data.len(), path))
            })
            .collect();
        others.sort();
        let mut total: u64 = others.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in others {
            if total <= most {
                break;
            }
            total -= bytes;
            // Another process may have been faster.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Removes the file: the next run begins a new one.
    pub fn remove(&self) {
        if let (Some(folder), Some(name)) = (&self.folder, self.path.file_name()) {
            let _ = rustix::fs::unlinkat(folder, name, AtFlags::empty());
        }
    }

    /// Makes the record with its code at `code_at` one that is seen to be damaged. The caller has
    /// locked the file.
    pub fn spoil(&self, record: &Record, code_at: u64) {
        // If it fails, the record is found to be damaged once more.
        let start = code_at - record.head_bytes();
        let _ = self.file.write_all_at(&[0; MAGIC.len()], start);
    }

    /// Appends a record. The caller has locked the file and nothing else writes to it. If it fails,
    /// the file is as it was.
    pub fn append(&self, record: &[u8]) -> std::io::Result<u64> {
        let before = self.file.metadata()?.len();
        let start = before.next_multiple_of(ALIGNMENT);
        let mut bytes = vec![0; (start - before) as usize];
        bytes.extend(record);
        let written = self.file.write_all_at(&bytes, before);
        if let Err(error) = written {
            let _ = self.file.set_len(before);
            return Err(error);
        }
        Ok(start)
    }
}

/// Refuses what is not the user's own, or what others may write to.
fn private(file: &File, path: &Path) -> Result<(), PersistError> {
    let path = path.to_owned();
    let data = match file.metadata() {
        Ok(data) => data,
        Err(source) => return Err(PersistError::Io { path, source }),
    };
    if data.uid() != rustix::process::geteuid().as_raw() {
        return Err(PersistError::NotYours(path));
    }
    if data.mode() & 0o022 != 0 {
        let mode = data.mode() & 0o7777;
        return Err(PersistError::WritableByOthers { path, mode });
    }
    Ok(())
}
