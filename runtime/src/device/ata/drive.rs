//! A disk: what it does at the moment, and the data on its way.

use super::identify::{MOST_IN_BLOCK, Settings};
use crate::clock::Nanos;
use crate::device::Width;
use crate::device::disk::{Command, Disks, Job, Pace, Reply, SECTOR, Shape, is_job};
use crate::device::piix4::Direction;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

const READY: u8 = 0x50;
const BUSY: u8 = 0xd0;
const WANTS_DATA: u8 = 0x58;
const STATUS_ERROR: u8 = 0x01;

/// The most data of a command.
const LONGEST: u64 = 0x1_0000 * SECTOR;

/// The command was refused.
pub(super) const ABORTED: u8 = 0x04;
/// There is no such sector.
pub(super) const NOT_FOUND: u8 = 0x10;
/// The data could not be read.
const UNREADABLE: u8 = 0x40;

/// How data moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum By {
    /// The CPU moves it, so many bytes to an interrupt.
    Cpu(usize),
    /// The bus master moves it.
    Master,
}

/// Data on its way between guest and drive, and how much of it has passed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Transfer {
    data: Vec<u8>,
    passed: usize,
    by: By,
}

/// What a drive does.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Phase {
    Idle,
    /// The host is to do this.
    Starts(Command, By),
    /// The host works on it; its result is shown at a moment.
    Runs {
        job: Job,
        command: Command,
        by: By,
        due: Nanos,
    },
    /// The guest takes data.
    Gives(Transfer),
    /// The guest gives data, which goes to the disk from a sector on.
    Takes(u64, Transfer),
}

/// A disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Drive {
    disk: usize,
    pub shape: Shape,
    pub settings: Settings,
    pace: Pace,
    next_job: Job,
    phase: Phase,
    /// A job that a reset left behind: it ends before another starts.
    left: Option<Job>,
    error: u8,
    interrupt: bool,
    reached: Nanos,
}

impl Drive {
    pub fn new(disk: usize, shape: Shape) -> Self {
        Self {
            disk,
            shape,
            settings: Settings::default(),
            pace: Pace::default(),
            next_job: 0,
            phase: Phase::Idle,
            left: None,
            error: 1,
            interrupt: false,
            reached: Nanos(0),
        }
    }

    /// Whether this is the drive of a disk.
    pub fn is(&self, disk: usize, shape: &Shape) -> bool {
        self.disk == disk && self.shape == *shape
    }

    /// The number of the disk.
    pub fn disk(&self) -> usize {
        self.disk
    }

    pub fn reset(&mut self) {
        if let Phase::Runs { job, .. } = self.phase {
            self.left = Some(job);
        }
        self.phase = Phase::Idle;
        self.settings = Settings::default();
        // What diagnostics say of a drive that is well.
        self.error = 1;
        self.interrupt = false;
    }

    pub fn status(&self) -> u8 {
        match &self.phase {
            Phase::Idle if self.error & !1 != 0 => READY | STATUS_ERROR,
            Phase::Idle => READY,
            Phase::Gives(transfer) | Phase::Takes(_, transfer) if transfer.by != By::Master => {
                WANTS_DATA
            }
            _ => BUSY,
        }
    }

    pub fn error(&self) -> u8 {
        self.error
    }

    pub fn interrupt(&self) -> bool {
        self.interrupt
    }

    /// The guest has seen the status.
    pub fn acknowledge(&mut self) {
        self.interrupt = false;
    }

    /// Whether the host works on something: then no other command is taken.
    pub fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Starts(..) | Phase::Runs { .. })
    }

    /// Begins a command: what the last one left is gone.
    pub fn begin(&mut self) {
        self.phase = Phase::Idle;
        self.error = 0;
        self.interrupt = false;
    }

    /// Ends a command.
    pub fn end(&mut self, error: u8) {
        self.phase = Phase::Idle;
        self.error = error;
        self.interrupt = true;
    }

    /// Has the host do something.
    pub fn start(&mut self, command: Command, by: By) {
        self.phase = Phase::Starts(command, by);
    }

    /// Hands out data that the drive has.
    pub fn show(&mut self, data: Vec<u8>, by: By) {
        let passed = 0;
        self.phase = Phase::Gives(Transfer { data, passed, by });
        self.interrupt = by != By::Master;
    }

    /// Waits for data, which goes to the disk.
    pub fn collect(&mut self, sector: u64, bytes: usize, by: By) {
        let data = vec![0; bytes];
        let passed = 0;
        self.phase = Phase::Takes(sector, Transfer { data, passed, by });
    }

    pub fn deadline(&self) -> Option<Nanos> {
        match self.phase {
            Phase::Runs { due, .. } => Some(due).filter(|&due| due > self.reached),
            _ => None,
        }
    }

    pub fn advance(&mut self, now: Nanos) {
        self.reached = self.reached.max(now);
    }

    pub fn is_held(&self, disks: &mut Disks, now: Nanos) -> bool {
        matches!(self.phase, Phase::Runs { job, due, .. } if due <= now && !disks.ended(self.disk, job))
    }

    /// Starts what is to be started, and shows what is due.
    pub fn use_disks(&mut self, disks: &mut Disks, now: Nanos) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Starts(command, by) => {
                if let Some(job) = self.left.take() {
                    // Nothing is shown of it.
                    let _ = disks.finish(self.disk, job);
                }
                let job = self.next_job;
                self.next_job += 1;
                disks.start(self.disk, job, command.clone());
                let due = self.pace.due(now, command.bytes());
                self.phase = Phase::Runs {
                    job,
                    command,
                    by,
                    due,
                };
            }
            Phase::Runs {
                job,
                command,
                by,
                due,
            } if due <= self.reached => {
                let reply = disks.finish(self.disk, job);
                self.finish(&command, by, reply);
            }
            other => self.phase = other,
        }
    }

    fn finish(&mut self, command: &Command, by: By, reply: Reply) {
        match (command, reply) {
            (Command::Read { .. }, Ok(data)) if !data.is_empty() => self.show(data, by),
            (_, Ok(_)) => self.end(0),
            (Command::Read { .. }, Err(_)) => self.end(UNREADABLE),
            (_, Err(_)) => self.end(ABORTED),
        }
    }

    pub fn reconnect(&mut self, disk: usize, disks: &mut Disks) {
        if disk != self.disk {
            return;
        }
        self.left = None;
        if let Phase::Runs { job, command, .. } = &self.phase {
            disks.start(disk, *job, command.clone());
        }
    }

    /// Moves up to `most` bytes, and says where in the data they are. What comes at the end of a
    /// block, or of all data, follows.
    fn pass(transfer: &mut Transfer, most: usize) -> std::ops::Range<usize> {
        let first = transfer.passed;
        transfer.passed = (first + most).min(transfer.data.len());
        first..transfer.passed
    }

    /// After data has passed: whether all of it has. The CPU hears of each block.
    fn passed(&mut self) -> bool {
        let (Phase::Gives(transfer) | Phase::Takes(_, transfer)) = &self.phase else {
            return false;
        };
        if let By::Cpu(block) = transfer.by
            && transfer.passed.is_multiple_of(block)
            && transfer.passed < transfer.data.len()
        {
            self.interrupt = true;
        }
        transfer.passed == transfer.data.len()
    }

    /// The drive has given all its data. The CPU knows.
    fn end_giving(&mut self) {
        if let Phase::Gives(transfer) = &self.phase {
            self.interrupt |= transfer.by == By::Master;
        }
        self.phase = Phase::Idle;
    }

    /// The drive has all data for the disk.
    fn end_taking(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Takes(sector, Transfer { data, by, .. }) => {
                self.start(Command::Write { sector, data }, by);
            }
            other => self.phase = other,
        }
    }

    /// Gives data, to the CPU or the bus master.
    pub fn give(&mut self, bytes: &mut [u8]) -> usize {
        let Phase::Gives(transfer) = &mut self.phase else {
            return 0;
        };
        let range = Self::pass(transfer, bytes.len());
        bytes[..range.len()].copy_from_slice(&transfer.data[range.clone()]);
        if self.passed() {
            self.end_giving();
        }
        range.len()
    }

    /// Takes data, from the CPU or the bus master.
    pub fn take(&mut self, bytes: &[u8]) -> usize {
        let Phase::Takes(_, transfer) = &mut self.phase else {
            return 0;
        };
        let range = Self::pass(transfer, bytes.len());
        transfer.data[range.clone()].copy_from_slice(&bytes[..range.len()]);
        if self.passed() {
            self.end_taking();
        }
        range.len()
    }

    fn moves_by_cpu(&self) -> bool {
        let (Phase::Gives(transfer) | Phase::Takes(_, transfer)) = &self.phase else {
            return false;
        };
        transfer.by != By::Master
    }

    /// The data register.
    pub fn read_data(&mut self, width: Width) -> u32 {
        let mut bytes = [0; 4];
        if self.moves_by_cpu() {
            self.give(&mut bytes[..width.bytes() as usize]);
        }
        u32::from_le_bytes(bytes)
    }

    /// The data register.
    pub fn write_data(&mut self, width: Width, value: u32) {
        if self.moves_by_cpu() {
            self.take(&value.to_le_bytes()[..width.bytes() as usize]);
        }
    }

    /// The direction in which the bus master is to move data.
    pub fn dma_request(&self) -> Option<Direction> {
        match &self.phase {
            Phase::Gives(transfer) if transfer.by == By::Master => Some(Direction::ToMemory),
            Phase::Takes(_, transfer) if transfer.by == By::Master => Some(Direction::FromMemory),
            _ => None,
        }
    }
}

/// The bytes of so many sectors.
pub(super) fn bytes(sectors: u64) -> usize {
    (sectors * SECTOR) as usize
}

impl Sound for Transfer {
    fn is_sound(&self) -> bool {
        let known = match self.by {
            By::Cpu(block) => (bytes(1)..=bytes(MOST_IN_BLOCK.into())).contains(&block),
            By::Master => true,
        };
        known && self.data.len() as u64 <= LONGEST && self.passed <= self.data.len()
    }
}

impl Drive {
    /// Whether the host can do what is asked for, and be asked for its end once.
    fn is_possible(&self, command: &Command, job: Option<Job>) -> bool {
        command.fits(&self.shape, LONGEST) && job.is_none_or(|job| job < self.next_job)
    }
}

impl Sound for Drive {
    fn is_sound(&self) -> bool {
        let phase = match &self.phase {
            Phase::Idle => true,
            Phase::Starts(command, _) => self.is_possible(command, None),
            Phase::Runs {
                job, command, due, ..
            } => due.is_sound() && self.is_possible(command, Some(*job)),
            Phase::Gives(transfer) => transfer.is_sound(),
            Phase::Takes(sector, transfer) => {
                let sectors = transfer.data.len() as u64 / SECTOR;
                transfer.is_sound() && self.shape.holds(*sector, sectors)
            }
        };
        phase
            && self.shape.is_sound()
            && self.settings.is_sound()
            && self.pace.is_sound()
            && self.reached.is_sound()
            && self.left.is_none_or(|job| job < self.next_job)
            && is_job(self.next_job)
    }
}
