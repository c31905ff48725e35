//! Two machines that do the same things have one image: the first one's disk works on it and
//! records what comes of it, the second one's answers from the record.
//!
//! The second machine is behind the first: a job of its own has ended there.

use super::{Command, Disk, DiskError, Job, Reply, Shape};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the first machine's jobs came to, until the second machine asks.
#[derive(Default)]
struct Record(Mutex<BTreeMap<Job, Reply>>);

impl Record {
    fn replies(&self) -> MutexGuard<'_, BTreeMap<Job, Reply>> {
        // A map is whole after a panic as well.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The disk of the first machine.
pub(super) struct Leader {
    disk: Box<dyn Disk>,
    record: Arc<Record>,
}

/// The disk of the second.
pub(super) struct Follower {
    shape: Shape,
    record: Arc<Record>,
}

/// Takes the disk of a machine apart into those of two.
pub(super) fn pair(disk: Box<dyn Disk>) -> (Leader, Follower) {
    let record = Arc::<Record>::default();
    let follower = Follower {
        shape: Shape::of(&*disk),
        record: Arc::clone(&record),
    };
    (Leader { disk, record }, follower)
}

impl Disk for Leader {
    fn sectors(&self) -> u64 {
        self.disk.sectors()
    }

    fn read_only(&self) -> bool {
        self.disk.read_only()
    }

    fn serial(&self) -> &str {
        self.disk.serial()
    }

    fn start(&mut self, job: Job, command: Command) {
        self.disk.start(job, command);
    }

    fn ended(&mut self, job: Job) -> bool {
        self.disk.ended(job)
    }

    fn finish(&mut self, job: Job) -> Reply {
        let reply = self.disk.finish(job);
        // The second machine may be gone.
        if Arc::strong_count(&self.record) > 1 {
            self.record.replies().insert(job, reply.clone());
        }
        reply
    }
}

impl Disk for Follower {
    fn sectors(&self) -> u64 {
        self.shape.sectors
    }

    fn read_only(&self) -> bool {
        self.shape.read_only
    }

    fn serial(&self) -> &str {
        &self.shape.serial
    }

    fn start(&mut self, _job: Job, _command: Command) {}

    fn ended(&mut self, _job: Job) -> bool {
        true
    }

    fn finish(&mut self, job: Job) -> Reply {
        self.record.replies().remove(&job).unwrap_or(Err(DiskError))
    }
}
