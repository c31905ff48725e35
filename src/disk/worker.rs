//! The thread of a disk: it does what the guest asks of the image, beside the guest.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use mirrorball_runtime::device::disk::{Command, Disk, DiskError, Job, Reply, SECTOR};
use rustc_hash::{FxHashMap, FxHashSet};

use super::medium::{Medium, Reach};
use super::report::Report;

/// What a guest sees of a disk, whatever it does with it.
#[derive(Clone, Debug)]
pub(super) struct Face {
    pub read_only: bool,
    pub serial: String,
    /// Whether a flush reaches the host's disk.
    pub flushes: bool,
}

/// The longest read that is done at once if the host has the bytes in memory: to wake a thread, and to be
/// woken by it, takes longer than to copy so many.
const SHORT: u32 = 128 << 10;

/// A disk whose image a thread of its own works on.
pub(super) struct HostDisk {
    face: Face,
    sectors: u64,
    /// The thread has it while it does a job.
    worker: Arc<Mutex<Worker>>,
    /// Nothing once the disk is given up.
    jobs: Option<Sender<(Job, Command)>>,
    replies: Receiver<(Job, Reply)>,
    /// What was started and has not ended, as far as was looked.
    running: FxHashSet<Job>,
    /// What ended and was not fetched.
    ended: FxHashMap<Job, Reply>,
    thread: Option<JoinHandle<()>>,
}

impl HostDisk {
    pub(super) fn start(medium: Box<dyn Medium>, face: Face, report: Report) -> io::Result<Self> {
        let (jobs, asked) = channel();
        let (answer, replies) = channel();
        let sectors = medium.size() / SECTOR;
        let worker = Arc::new(Mutex::new(Worker {
            medium,
            writes: !face.read_only,
            flushes: face.flushes,
            report,
            flush_failed: false,
        }));
        let works = Arc::clone(&worker);
        let thread = thread::Builder::new()
            .name("disk".to_owned())
            .spawn(move || work(&works, &asked, &answer))?;
        Ok(Self {
            face,
            sectors,
            worker,
            jobs: Some(jobs),
            replies,
            running: FxHashSet::default(),
            ended: FxHashMap::default(),
            thread: Some(thread),
        })
    }

    /// What is to be read, if that is short, the host has it in memory, and nothing is to be done before.
    fn at_hand(&self, command: &Command) -> Option<Vec<u8>> {
        match *command {
            Command::Read { sector, bytes } if bytes <= SHORT && self.running.is_empty() => {
                self.worker.try_lock().ok()?.at_hand(sector, bytes)
            }
            _ => None,
        }
    }

    fn note(&mut self, (job, reply): (Job, Reply)) {
        self.running.remove(&job);
        self.ended.insert(job, reply);
    }
}

impl Disk for HostDisk {
    fn sectors(&self) -> u64 {
        self.sectors
    }

    fn read_only(&self) -> bool {
        self.face.read_only
    }

    fn serial(&self) -> &str {
        &self.face.serial
    }

    fn start(&mut self, job: Job, command: Command) {
        if let Some(data) = self.at_hand(&command) {
            self.ended.insert(job, Ok(data));
            return;
        }
        let sent = self.jobs.as_ref().map(|jobs| jobs.send((job, command)));
        if matches!(sent, Some(Ok(()))) {
            self.running.insert(job);
        } else {
            self.ended.insert(job, Err(DiskError));
        }
    }

    fn ended(&mut self, job: Job) -> bool {
        while let Ok(reply) = self.replies.try_recv() {
            self.note(reply);
        }
        !self.running.contains(&job)
    }

    fn finish(&mut self, job: Job) -> Reply {
        while self.running.contains(&job) {
            match self.replies.recv() {
                Ok(reply) => self.note(reply),
                Err(_) => return Err(DiskError),
            }
        }
        // A job that was never started has failed.
        self.ended.remove(&job).unwrap_or(Err(DiskError))
    }
}

impl Drop for HostDisk {
    /// Lets all jobs that were started end, and the image be closed.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It catches what it does; there is nothing to be done about a panic beyond that.
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Worker {
    medium: Box<dyn Medium>,
    writes: bool,
    flushes: bool,
    report: Report,
    /// Whether a flush failed once. The host reports that to one flush only, and what was lost
    /// then later ones cannot bring back: none of them may claim to.
    flush_failed: bool,
}

/// Does the jobs that come in, until no more can; then closes the image.
fn work(worker: &Mutex<Worker>, asked: &Receiver<(Job, Command)>, answer: &Sender<(Job, Reply)>) {
    let worker = || worker.lock().unwrap_or_else(PoisonError::into_inner);
    for (job, command) in asked {
        let reply = worker().reply(command);
        if answer.send((job, reply)).is_err() {
            break;
        }
    }
    worker().close();
}

impl Worker {
    fn close(&mut self) {
        if self.writes {
            let closed = self.attempt(|worker| worker.medium.flush());
            closed.unwrap_or_else(|error| self.report.failed("close it", &error));
        }
    }

    /// These bytes, if the host has them in memory.
    fn at_hand(&mut self, sector: u64, bytes: u32) -> Option<Vec<u8>> {
        let read = self.attempt(|worker| worker.read(sector, bytes, Reach::AtHand));
        read.ok()
    }

    fn read(&mut self, sector: u64, bytes: u32, reach: Reach) -> io::Result<Vec<u8>> {
        let range = self.range(sector, u64::from(bytes))?;
        let mut data = vec![0; bytes as usize];
        self.medium.read(range.start, &mut data, reach)?;
        Ok(data)
    }

    fn reply(&mut self, command: Command) -> Reply {
        let what = Self::described(&command);
        self.attempt(|worker| worker.perform(command))
            .map_err(|error| {
                self.report.failed(&what, &error);
                DiskError
            })
    }

    /// What `work` makes, or why it failed. The library that reads images may panic over one that
    /// is damaged in a way that it does not expect: that is a failure like others.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        panic::catch_unwind(AssertUnwindSafe(|| work(self)))
            .unwrap_or_else(|_| Err(io::Error::other("the image is damaged")))
    }

    fn described(command: &Command) -> String {
        match command {
            Command::Read { sector, .. } => format!("read sector {sector}"),
            Command::Write { sector, .. } => format!("write sector {sector}"),
            Command::Flush => "flush it".to_owned(),
            Command::Discard { sector, .. } => format!("discard sector {sector}"),
            Command::WriteZeroes { sector, .. } => format!("zero sector {sector}"),
        }
    }

    fn perform(&mut self, command: Command) -> io::Result<Vec<u8>> {
        match command {
            Command::Read { sector, bytes } => return self.read(sector, bytes, Reach::Anywhere),
            Command::Write { sector, data } => {
                let range = self.writable(sector, data.len() as u64)?;
                self.medium.write(range.start, &data)?;
            }
            Command::Flush => self.flush()?,
            Command::Discard { sector, sectors } => {
                let range = self.writable(sector, sectors.saturating_mul(SECTOR))?;
                self.medium.discard(range)?;
            }
            Command::WriteZeroes { sector, sectors } => {
                let range = self.writable(sector, sectors.saturating_mul(SECTOR))?;
                self.medium.zero(range)?;
            }
        }
        Ok(Vec::new())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.flush_failed {
            return Err(io::Error::other("an earlier flush failed"));
        }
        let flushed = match self.writes && self.flushes {
            true => self.medium.flush(),
            false => Ok(()),
        };
        self.flush_failed = flushed.is_err();
        flushed
    }

    /// The bytes from a sector on, which have to be whole sectors of the disk.
    fn range(&self, sector: u64, bytes: u64) -> io::Result<std::ops::Range<u64>> {
        let start = sector.checked_mul(SECTOR);
        let end = start.and_then(|start| start.checked_add(bytes));
        match (start, end) {
            (Some(start), Some(end))
                if end <= self.medium.size() && bytes.is_multiple_of(SECTOR) =>
            {
                Ok(start..end)
            }
            _ => Err(io::Error::other("it has no such sectors")),
        }
    }

    fn writable(&self, sector: u64, bytes: u64) -> io::Result<std::ops::Range<u64>> {
        if !self.writes {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        self.range(sector, bytes)
    }
}
