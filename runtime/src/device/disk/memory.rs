//! A disk in the host's memory.

use super::{Command, Disk, DiskError, Job, Reply, SECTOR};
use std::collections::BTreeMap;
use std::ops::Range;

/// A disk that is lost with the machine. A job ends when it is started.
pub struct MemoryDisk {
    content: Vec<u8>,
    read_only: bool,
    serial: String,
    replies: BTreeMap<Job, Reply>,
}

impl MemoryDisk {
    /// A disk with this content. A sector that is not whole is left out.
    #[must_use]
    pub fn new(mut content: Vec<u8>, serial: &str) -> Self {
        content.truncate(content.len() - content.len() % SECTOR as usize);
        Self {
            content,
            read_only: false,
            serial: serial.to_owned(),
            replies: BTreeMap::new(),
        }
    }

    /// The same disk, to which nothing can be written.
    #[must_use]
    pub fn protected(self) -> Self {
        Self {
            read_only: true,
            ..self
        }
    }

    fn range(&self, sector: u64, bytes: u64) -> Result<Range<usize>, DiskError> {
        let start = sector.checked_mul(SECTOR).ok_or(DiskError)?;
        let end = start.checked_add(bytes).ok_or(DiskError)?;
        if end > self.content.len() as u64 || !bytes.is_multiple_of(SECTOR) {
            return Err(DiskError);
        }
        Ok(start as usize..end as usize)
    }

    fn change(&mut self, sector: u64, bytes: u64) -> Result<&mut [u8], DiskError> {
        if self.read_only {
            return Err(DiskError);
        }
        let range = self.range(sector, bytes)?;
        Ok(&mut self.content[range])
    }

    fn run(&mut self, command: &Command) -> Reply {
        match command {
            Command::Read { sector, bytes } => {
                let range = self.range(*sector, u64::from(*bytes))?;
                return Ok(self.content[range].to_vec());
            }
            Command::Write { sector, data } => {
                self.change(*sector, data.len() as u64)?
                    .copy_from_slice(data);
            }
            Command::Flush => {}
            Command::Discard { sector, sectors } | Command::WriteZeroes { sector, sectors } => {
                let bytes = sectors.checked_mul(SECTOR).ok_or(DiskError)?;
                self.change(*sector, bytes)?.fill(0);
            }
        }
        Ok(Vec::new())
    }
}

impl Disk for MemoryDisk {
    fn sectors(&self) -> u64 {
        self.content.len() as u64 / SECTOR
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn serial(&self) -> &str {
        &self.serial
    }

    fn start(&mut self, job: Job, command: Command) {
        let reply = self.run(&command);
        self.replies.insert(job, reply);
    }

    fn ended(&mut self, _job: Job) -> bool {
        true
    }

    fn finish(&mut self, job: Job) -> Reply {
        self.replies.remove(&job).unwrap_or(Err(DiskError))
    }
}
