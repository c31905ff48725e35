//! A disk (chapter 5.2).
//!
//! Requests are taken in the order in which they come, and their results are shown in that order.
//! All of them run on the host at the same time, but for those that touch the same sectors, of which
//! one is a write: they run one after the other, so that what a read gives does not depend on how
//! fast the host is.

mod request;

use super::{Broken, Buffers, Chain, Order, Queues, VirtioDevice};
use crate::clock::Nanos;
use crate::device::disk::{Command, Disks, Job, Pace, Reply, SECTOR, Shape, is_job};
use crate::device::{Backends, Memory, Outside};
use crate::sound::Sound;
use request::{Status, Work};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_RO,
    VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_SIZE_MAX, VIRTIO_BLK_F_WRITE_ZEROES,
};

/// Entries of the queue.
const ENTRIES: u16 = 256;
/// Pieces of a request's data, and the bytes of one.
const PIECES: u32 = ENTRIES as u32 - 2;
const PIECE: u32 = 1 << 16;
/// The most bytes that are on their way at once. What comes beyond waits in the queue.
const IN_FLIGHT: u64 = 32 << 20;
/// The most requests of a device that is loaded: those that resets left behind are among them.
const PENDING: usize = 1 << 16;
/// The most sectors that are discarded or zeroed at once.
const SPAN: u32 = 1 << 22;

/// A disk behind a queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Block {
    /// The number of the image.
    disk: usize,
    shape: Shape,
    pace: Pace,
    /// The requests that were taken, in the order in which their results are shown.
    pending: VecDeque<Pending>,
    next_job: Job,
    /// What is due by this moment is to be shown.
    reached: Nanos,
}

/// A request that was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pending {
    /// The driver's buffers; nothing after a reset.
    chain: Option<Chain>,
    due: Nanos,
    /// How much data it moves.
    bytes: u64,
    progress: Progress,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Progress {
    /// The host works on it.
    Runs { job: Job, touches: Touches },
    /// This came of it.
    Ended { status: Status, data: Vec<u8> },
}

/// The sectors that a job has to do with.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Touches {
    first: u64,
    end: u64,
    changes: bool,
}

impl Touches {
    fn of(command: &Command) -> Self {
        let (first, sectors, changes) = match command {
            Command::Read { sector, bytes } => (*sector, u64::from(*bytes) / SECTOR, false),
            Command::Write { sector, data } => (*sector, data.len() as u64 / SECTOR, true),
            Command::Flush => (0, 0, false),
            Command::Discard { sector, sectors } | Command::WriteZeroes { sector, sectors } => {
                (*sector, *sectors, true)
            }
        };
        Self {
            first,
            end: first + sectors,
            changes,
        }
    }

    fn conflicts(&self, other: &Self) -> bool {
        (self.changes || other.changes) && self.first < other.end && other.first < self.end
    }
}

impl Progress {
    fn of(reply: Reply) -> Self {
        let (status, data) = match reply {
            Ok(data) => (Status::Ok, data),
            Err(_) => (Status::Failed, Vec::new()),
        };
        Self::Ended { status, data }
    }

    /// What came of it: waits for the host.
    fn ended(self, disk: usize, disks: &mut Disks) -> (Status, Vec<u8>) {
        match self {
            Self::Runs { job, .. } => Self::of(disks.finish(disk, job)).ended(disk, disks),
            Self::Ended { status, data } => (status, data),
        }
    }
}

impl Block {
    /// A device for the image with this number.
    #[must_use]
    pub fn new(disk: usize, shape: Shape) -> Self {
        Self {
            disk,
            shape,
            pace: Pace::default(),
            pending: VecDeque::new(),
            next_job: 0,
            reached: Nanos(0),
        }
    }

    /// The number of its image.
    #[must_use]
    pub fn disk(&self) -> usize {
        self.disk
    }

    /// What the guest sees of the disk without reading it.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How much data is on its way.
    fn bytes(&self) -> u64 {
        self.pending.iter().map(|pending| pending.bytes).sum()
    }

    fn has_room(&self) -> bool {
        self.bytes() < IN_FLIGHT
    }

    /// Takes a request: starts what is for the host, and notes when its result is shown.
    fn begin(
        &mut self,
        chain: Chain,
        order: Order,
        outside: &mut Outside<'_>,
        now: Nanos,
    ) -> Result<(), Broken> {
        let (progress, bytes) = match Work::of(&chain, order, &self.shape, outside.memory)? {
            Work::Host(command) => {
                let bytes = command.bytes();
                (self.start(command, &mut outside.backends.disks), bytes)
            }
            Work::Answer(status, data) => (Progress::Ended { status, data }, 0),
        };
        self.pending.push_back(Pending {
            chain: Some(chain),
            due: self.pace.due(now, bytes),
            bytes,
            progress,
        });
        Ok(())
    }

    fn start(&mut self, command: Command, disks: &mut Disks) -> Progress {
        let touches = Touches::of(&command);
        self.settle(&touches, disks);
        let job = self.next_job;
        self.next_job += 1;
        disks.start(self.disk, job, command);
        Progress::Runs { job, touches }
    }

    /// Waits for the jobs that touch the same sectors.
    fn settle(&mut self, touches: &Touches, disks: &mut Disks) {
        for pending in &mut self.pending {
            if let Progress::Runs { job, touches: own } = &pending.progress
                && own.conflicts(touches)
            {
                pending.progress = Progress::of(disks.finish(self.disk, *job));
            }
        }
    }

    /// Shows the results that are due.
    fn complete(&mut self, queues: &mut Queues<'_>, disks: &mut Disks) -> Result<(), Broken> {
        while let Some(pending) = self.pending.pop_front_if(|it| it.due <= self.reached) {
            let (status, data) = pending.progress.ended(self.disk, disks);
            if let Some(chain) = pending.chain {
                let written = answer(&chain.writable, status, &data, queues.memory)?;
                queues.push(0, chain.head, written)?;
            }
        }
        Ok(())
    }
}

/// Writes what came of a request, with the status as the last byte. Says how many bytes those were.
fn answer(
    writable: &Buffers,
    status: Status,
    data: &[u8],
    memory: &mut dyn Memory,
) -> Result<u32, Broken> {
    let room = writable.length().saturating_sub(1);
    let data = &data[..data.len().min(room as usize)];
    writable.write(memory, 0, data)?;
    writable.write(memory, room, &[status as u8])?;
    Ok(data.len() as u32 + 1)
}

impl Pending {
    /// What the host does for it.
    fn job(&self) -> Option<Job> {
        match self.progress {
            Progress::Runs { job, .. } => Some(job),
            Progress::Ended { .. } => None,
        }
    }

    /// Starts its job anew, as far as the driver's buffers say still what it was.
    fn restart(&mut self, shape: &Shape, disk: usize, order: Order, outside: &mut Outside<'_>) {
        let Progress::Runs { job, .. } = self.progress else {
            return;
        };
        let chain = self.chain.as_ref();
        let work = chain.map(|chain| Work::of(chain, order, shape, outside.memory));
        self.progress = match work {
            Some(Ok(Work::Host(command))) => {
                let touches = Touches::of(&command);
                outside.backends.disks.start(disk, job, command);
                Progress::Runs { job, touches }
            }
            _ => Progress::Ended {
                status: Status::Failed,
                data: Vec::new(),
            },
        };
    }
}

impl VirtioDevice for Block {
    const TYPE: u16 = 2;
    const LEGACY: Option<u16> = Some(0x1001);
    const CLASS: u32 = 0x01_0000;
    const QUEUES: &'static [u16] = &[ENTRIES];

    fn features(&self) -> u64 {
        let always = [
            VIRTIO_BLK_F_SIZE_MAX,
            VIRTIO_BLK_F_SEG_MAX,
            VIRTIO_BLK_F_BLK_SIZE,
            VIRTIO_BLK_F_FLUSH,
        ];
        let other: &[u32] = if self.shape.read_only {
            &[VIRTIO_BLK_F_RO]
        } else {
            &[VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_WRITE_ZEROES]
        };
        let bits = always.iter().chain(other);
        bits.fold(0, |features, bit| features | 1 << bit)
    }

    fn config(&self, order: Order) -> Vec<u8> {
        let mut config = Vec::with_capacity(60);
        config.extend(order.put64(self.shape.sectors));
        config.extend([PIECE, PIECES].map(|it| order.put32(it)).concat());
        // No geometry.
        config.extend([0; 4]);
        config.extend(order.put32(SECTOR as u32));
        // No topology, and a cache that is always written back; one queue.
        config.extend([0; 8]);
        config.extend([1, 0]);
        config.extend(order.put16(1));
        // Discarding: so many sectors in one range, of any alignment. Zeroing: the same, and it may
        // free what it zeroes.
        config.extend([SPAN, 1, 1, SPAN, 1].map(|it| order.put32(it)).concat());
        config.extend([1, 0, 0, 0]);
        config
    }

    /// Jobs of the host go on to their ends; nothing is shown of them.
    fn reset(&mut self) {
        for pending in &mut self.pending {
            pending.chain = None;
        }
    }

    fn deadline(&self) -> Option<Nanos> {
        let mut due = self.pending.iter().map(|pending| pending.due);
        due.find(|&due| due > self.reached)
    }

    fn advance(&mut self, now: Nanos) {
        self.reached = self.reached.max(now);
    }

    fn is_due(&self) -> bool {
        let first = self.pending.front();
        first.is_some_and(|pending| pending.due <= self.reached)
    }

    fn process(
        &mut self,
        queues: &mut Queues<'_>,
        backends: &mut Backends,
        now: Nanos,
    ) -> Result<(), Broken> {
        self.complete(queues, &mut backends.disks)?;
        let order = queues.order();
        while self.has_room()
            && let Some(chain) = queues.pop(0)?
        {
            let mut outside = Outside {
                memory: &mut *queues.memory,
                backends: &mut *backends,
            };
            self.begin(chain, order, &mut outside, now)?;
        }
        Ok(())
    }

    fn is_held(&self, disks: &mut Disks, now: Nanos) -> bool {
        let mut due = self.pending.iter().take_while(|it| it.due <= now);
        due.any(
            |it| matches!(it.progress, Progress::Runs { job, .. } if !disks.ended(self.disk, job)),
        )
    }

    fn reconnect(&mut self, disk: usize, order: Order, outside: &mut Outside<'_>) {
        if disk != self.disk {
            return;
        }
        for pending in &mut self.pending {
            pending.restart(&self.shape, self.disk, order, outside);
        }
    }
}

impl Sound for Pending {
    fn is_sound(&self) -> bool {
        let progress = match &self.progress {
            Progress::Runs { touches, .. } => touches.first <= touches.end,
            Progress::Ended { data, .. } => data.len() as u64 <= self.bytes.max(SECTOR),
        };
        progress && self.bytes <= request::LONGEST && self.due.is_sound() && self.chain.is_sound()
    }
}

impl Sound for Block {
    fn is_sound(&self) -> bool {
        let mut jobs = self.pending.iter().filter_map(Pending::job);
        // Each job of the host is waited for once.
        let once = jobs.clone().is_sorted_by(|before, after| before < after);
        once && jobs.all(|job| job < self.next_job)
            && is_job(self.next_job)
            && self.shape.is_sound()
            && self.pace.is_sound()
            && self.reached.is_sound()
            && self.pending.len() <= PENDING
            && self.pending.is_sound()
            && self.bytes() < IN_FLIGHT + request::LONGEST
    }
}
