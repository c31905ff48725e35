//! Writing a record while the machine runs.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::iter;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use mirrorball_runtime::vm::Vm;
use mirrorball_runtime::vm::arrivals::{Arrival, Recorder};
use xxhash_rust::xxh3::xxh3_64;

use super::format::{Ending, Entry, LENGTH, MAGIC, RecordError, START};
use crate::snapshot::Saved;

/// How many entries may wait to be written. For more, the machine waits, which takes no time of its own.
const AHEAD: usize = 1024;

/// A record that is being written, by a thread beside the machine.
pub struct Recording {
    path: String,
    entries: SyncSender<Entry>,
    thread: JoinHandle<io::Result<()>>,
}

/// The end of it that the machine has.
struct Tape(SyncSender<Entry>);

impl Recorder for Tape {
    fn arrived(&mut self, arrival: &Arrival) {
        // If it cannot be written, that is told at the end.
        let _ = self.0.send(Entry::Arrival(arrival.clone()));
    }
}

impl Recording {
    /// Records what reaches `vm` from now on in a new file at `path`. Its state now is `saved`.
    ///
    /// # Errors
    /// If the file cannot be made, or the host has no thread for it.
    pub fn start(path: &Path, saved: Saved, vm: &mut Vm) -> Result<Self, RecordError> {
        let failed = |source| RecordError::Io {
            path: path.display().to_string(),
            source,
        };
        let file = File::create(path).map_err(failed)?;
        let (entries, received) = sync_channel(AHEAD);
        let thread = thread::Builder::new().name("record".to_owned());
        let thread = thread.spawn(move || write(&file, saved, &received));
        vm.record(Box::new(Tape(entries.clone())));
        Ok(Self {
            path: path.display().to_string(),
            entries,
            thread: thread.map_err(failed)?,
        })
    }

    /// Says how the run ended, and waits until all is written.
    ///
    /// # Errors
    /// If it could not be.
    pub fn finish(self, ending: Ending) -> Result<(), RecordError> {
        let _ = self.entries.send(Entry::Ending(ending));
        drop(self.entries);
        let crashed = |_| Err(io::Error::other("its thread has crashed"));
        let written = self.thread.join().unwrap_or_else(crashed);
        let path = self.path;
        written.map_err(|source| RecordError::Io { path, source })
    }
}

fn write(file: &File, saved: Saved, entries: &Receiver<Entry>) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    out.write_all(MAGIC)?;
    out.write_all(&[0; LENGTH])?;
    saved.write(&mut out)?;
    drop(saved);
    let end = out.stream_position()?;
    out.seek(SeekFrom::Start(MAGIC.len() as u64))?;
    out.write_all(&(end - START).to_le_bytes())?;
    out.seek(SeekFrom::Start(end))?;
    // The machine's end of the channel lives longer than the run.
    while let Ok(first) = entries.recv() {
        // What has come together is written together.
        for entry in iter::once(first).chain(entries.try_iter()) {
            put(&mut out, &entry)?;
            if let Entry::Ending(_) = entry {
                return out.flush();
            }
        }
        out.flush()?;
    }
    Ok(())
}

fn put(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let bytes = postcard::to_stdvec(entry).map_err(io::Error::other)?;
    out.write_all(&(bytes.len() as u32).to_le_bytes())?;
    out.write_all(&xxh3_64(&bytes).to_le_bytes())?;
    out.write_all(&bytes)
}
