//! A folder of the host, by messages of 9P (virtio device 9, which the Linux driver defines).
//!
//! A message that the driver hands out goes to the host at once. Its answer comes when the host has it,
//! and is put into the buffers that the driver gave with the message.

use super::{Broken, Chain, Order, Queues, VirtioDevice};
use crate::clock::Nanos;
use crate::device::Backends;
use crate::device::folder::Job;
use crate::sound::{Sound, is_count};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

const F_MOUNT_TAG: u32 = 0;
/// Entries of the queue.
const ENTRIES: u16 = 128;
/// The most bytes of a message, twice as many as the host agrees to.
const LONGEST: u64 = 1 << 17;
/// Where a message says which one it is, and how many bytes that has.
const TAG: u64 = 5;
/// The answer that something failed, the error `EIO`.
const RLERROR: u8 = 7;
const EIO: u32 = 5;

/// A message that waits for its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pending {
    chain: Chain,
    /// By which the driver tells its messages.
    tag: [u8; 2],
}

/// A folder behind a queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SharedFolder {
    /// The number of the folder.
    number: usize,
    tag: String,
    pending: BTreeMap<Job, Pending>,
    next_job: Job,
    /// Answers that are not in the driver's buffers.
    answers: VecDeque<(Chain, Vec<u8>)>,
}

impl SharedFolder {
    /// The folder with this number, which the guest knows by `tag`.
    #[must_use]
    pub fn new(number: usize, tag: &str) -> Self {
        Self {
            number,
            tag: tag.to_owned(),
            pending: BTreeMap::new(),
            next_job: 0,
            answers: VecDeque::new(),
        }
    }

    /// The number of the folder.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// What the guest knows it by.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The host has lost what it knew of the guest's messages: those that wait fail.
    pub fn forsake(&mut self) {
        for (_, Pending { chain, tag }) in std::mem::take(&mut self.pending) {
            let mut answer = 11_u32.to_le_bytes().to_vec();
            answer.extend([RLERROR, tag[0], tag[1]]);
            answer.extend(EIO.to_le_bytes());
            self.answers.push_back((chain, answer));
        }
    }

    /// The answer to a message comes. It is lost if the driver has forgotten the message.
    pub fn answer(&mut self, job: Job, answer: Vec<u8>) {
        if let Some(pending) = self.pending.remove(&job) {
            self.answers.push_back((pending.chain, answer));
        }
    }

    fn give_answers(&mut self, queues: &mut Queues<'_>) -> Result<(), Broken> {
        while let Some((chain, answer)) = self.answers.pop_front() {
            if chain.writable.length() < answer.len() as u64 {
                return Err(Broken);
            }
            chain.writable.write(queues.memory, 0, &answer)?;
            queues.push(0, chain.head, answer.len() as u32)?;
        }
        Ok(())
    }

    fn take_messages(
        &mut self,
        queues: &mut Queues<'_>,
        backends: &mut Backends,
    ) -> Result<(), Broken> {
        while let Some(chain) = queues.pop(0)? {
            let length = chain.readable.length();
            if length > LONGEST {
                return Err(Broken);
            }
            let tag = chain.readable.array(queues.memory, TAG)?.ok_or(Broken)?;
            let mut message = vec![0; length as usize];
            chain.readable.read(queues.memory, 0, &mut message)?;
            let job = self.next_job;
            self.next_job += 1;
            self.pending.insert(job, Pending { chain, tag });
            backends.folders.start(self.number, job, message);
        }
        Ok(())
    }
}

impl VirtioDevice for SharedFolder {
    const TYPE: u16 = 9;
    const LEGACY: Option<u16> = Some(0x1009);
    const CLASS: u32 = 0x00_ff00;
    const QUEUES: &'static [u16] = &[ENTRIES];

    fn features(&self) -> u64 {
        1 << F_MOUNT_TAG
    }

    fn config(&self, order: Order) -> Vec<u8> {
        let mut config = order.put16(self.tag.len() as u16).to_vec();
        config.extend(self.tag.bytes());
        config
    }

    fn reset(&mut self) {
        self.pending.clear();
        self.answers.clear();
    }

    fn is_due(&self) -> bool {
        !self.answers.is_empty()
    }

    fn process(
        &mut self,
        queues: &mut Queues<'_>,
        backends: &mut Backends,
        _now: Nanos,
    ) -> Result<(), Broken> {
        self.give_answers(queues)?;
        self.take_messages(queues, backends)
    }
}

impl Sound for SharedFolder {
    fn is_sound(&self) -> bool {
        let most = usize::from(ENTRIES);
        let mut waiting = self.pending.iter();
        let mut answers = self.answers.iter();
        self.tag.len() <= usize::from(u16::MAX)
            && is_count(self.next_job)
            && self.pending.len() <= most
            && self.answers.len() <= most
            && waiting.all(|(job, it)| *job < self.next_job && it.chain.is_sound())
            && answers.all(|(chain, answer)| chain.is_sound() && answer.len() as u64 <= LONGEST)
    }
}
