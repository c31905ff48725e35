//! A driver of any device, by the registers of version 1: queue `n` lies at `0x1000 * (n + 1)`, and
//! each has 16 entries.

use super::wild::{next, some};
use super::*;
use crate::device::testing::Ram;

pub const ENTRIES: u16 = 16;
/// Where buffers may lie.
pub const DATA: u32 = 0x8000;
/// The bytes of memory.
pub const MEMORY: u32 = 0x2_0000;
const AVAILABLE: u32 = 0x400;
const USED: u32 = 0x800;
/// The part of a chain that the device writes.
const WRITABLE: u16 = 2;
const NEXT: u16 = 1;

pub struct Bench<D> {
    pub function: VirtioPci<D>,
    pub memory: Ram,
    pub backends: Backends,
    pub now: Nanos,
    features: u64,
    handed: Vec<u16>,
    taken: Vec<u16>,
}

impl<D: VirtioDevice> Bench<D> {
    /// A driver that has agreed to these features and set all queues up.
    pub fn new(device: D, features: u64) -> Self {
        let mut bench = Self {
            function: VirtioPci::new(device, false, 0),
            memory: Ram::new(MEMORY),
            backends: Backends::default(),
            now: Nanos(0),
            features,
            handed: vec![0; D::QUEUES.len()],
            taken: vec![0; D::QUEUES.len()],
        };
        bench.start();
        bench
    }

    /// Resets the device and sets it up.
    pub fn start(&mut self) {
        self.memory.at(0, DATA).fill(0);
        self.handed.fill(0);
        self.taken.fill(0);
        self.write(0x14, Width::Byte, 0);
        for (half, word) in [(0, self.features as u32), (1, 1)] {
            self.write(0x08, Width::Word, half);
            self.write(0x0c, Width::Word, word);
        }
        self.write(0x14, Width::Byte, 11);
        for queue in 0..D::QUEUES.len() as u32 {
            let place = Self::place(queue as usize);
            for (offset, width, value) in [
                (0x16, Width::Half, queue),
                (0x18, Width::Half, ENTRIES.into()),
                (0x20, Width::Word, place),
                (0x28, Width::Word, place + AVAILABLE),
                (0x30, Width::Word, place + USED),
                (0x1c, Width::Half, 1),
            ] {
                self.write(offset, width, value);
            }
        }
        self.write(0x14, Width::Byte, 15);
        assert_eq!(self.status(), 15);
    }

    fn place(queue: usize) -> u32 {
        0x1000 * (queue as u32 + 1)
    }

    pub fn read(&mut self, offset: u64, width: Width) -> u32 {
        self.function.read_bar(4, offset, width, self.now)
    }

    pub fn write(&mut self, offset: u64, width: Width, value: u32) {
        self.function.write_bar(4, offset, width, value, self.now);
        self.lend();
    }

    /// What the board does after a write, and when time has passed.
    pub fn lend(&mut self) {
        if self.function.wants_bus() {
            let mut outside = Outside {
                memory: &mut self.memory,
                backends: &mut self.backends,
            };
            self.function.master(&mut outside, self.now);
        }
    }

    pub fn status(&mut self) -> u32 {
        self.read(0x14, Width::Byte)
    }

    /// Why there is an interrupt, which ends it.
    pub fn cause(&mut self) -> u32 {
        self.read(0x1000, Width::Byte)
    }

    pub fn config(&mut self, offset: u64, width: Width) -> u32 {
        self.read(0x2000 + offset, width)
    }

    pub fn put(&mut self, at: u32, bytes: &[u8]) {
        let place = self.memory.at(at, bytes.len() as u32);
        place.copy_from_slice(bytes);
    }

    fn descriptor(&mut self, queue: usize, index: u16, piece: (u64, u32), flags: u16, next: u16) {
        let mut bytes = piece.0.to_le_bytes().to_vec();
        bytes.extend(piece.1.to_le_bytes());
        bytes.extend([flags, next].map(u16::to_le_bytes).concat());
        self.put(Self::place(queue) + 16 * u32::from(index), &bytes);
    }

    /// Hands out a chain of pieces, the last `writable` of which the device may write, and rings.
    pub fn hand_out(&mut self, queue: usize, first: u16, pieces: &[(u64, u32)], writable: usize) {
        let last = pieces.len() - 1;
        for (index, &piece) in pieces.iter().enumerate() {
            let write = if index + writable > last { WRITABLE } else { 0 };
            let goes_on = if index < last { NEXT } else { 0 };
            let at = first + index as u16;
            self.descriptor(queue, at, piece, write | goes_on, at + 1);
        }
        self.offer(queue, first, 1);
        self.ring(queue);
    }

    fn offer(&mut self, queue: usize, first: u16, count: u16) {
        let handed = self.handed[queue];
        let ring = Self::place(queue) + AVAILABLE;
        let slot = ring + 4 + 2 * u32::from(handed % ENTRIES);
        self.put(slot, &first.to_le_bytes());
        self.handed[queue] = handed.wrapping_add(count);
        self.put(ring + 2, &self.handed[queue].to_le_bytes());
    }

    pub fn ring(&mut self, queue: usize) {
        self.write(0x3000 + 4 * queue as u64, Width::Half, queue as u32);
    }

    /// The chains that were given back since this was last asked, each with the bytes written.
    pub fn given_back(&mut self, queue: usize) -> Vec<(u32, u32)> {
        let ring = Self::place(queue) + USED;
        let mut chains = Vec::new();
        loop {
            let half: [u8; 2] = self.memory.at(ring + 2, 2).try_into().expect("two");
            let taken = self.taken[queue];
            if u16::from_le_bytes(half) == taken {
                return chains;
            }
            let entry = ring + 4 + 8 * u32::from(taken % ENTRIES);
            let mut word = |at| {
                let bytes: [u8; 4] = self.memory.at(at, 4).try_into().expect("four");
                u32::from_le_bytes(bytes)
            };
            chains.push((word(entry), word(entry + 4)));
            self.taken[queue] = taken.wrapping_add(1);
        }
    }

    /// Lets time pass to the next moment at which something is due.
    pub fn wait(&mut self) {
        self.now = self.function.deadline().expect("something is due");
        self.function.advance(self.now);
        self.lend();
        assert!(self.function.deadline().is_none_or(|due| due > self.now));
    }

    /// Something that a driver might do, or could not mean.
    fn wild_step(&mut self, state: &mut u64) {
        let queue = next(state) as usize % D::QUEUES.len();
        match next(state) % 16 {
            0..6 => {
                let index = next(state) as u16 % ENTRIES;
                let (at, length) = (some(state) % 0x2_2000, some(state) as u32 % 0x4000);
                let (flags, after) = (next(state) as u16 % 4, next(state) as u16 % 17);
                self.descriptor(queue, index, (at, length), flags, after);
            }
            6..10 => self.offer(queue, next(state) as u16 % ENTRIES, 1),
            10 if next(state).is_multiple_of(64) => self.offer(queue, 0, next(state) as u16),
            10..13 => self.ring(queue),
            13 => {
                let at = next(state) as u32 % DATA;
                self.put(at, &[next(state) as u8]);
            }
            14 if self.function.deadline().is_some() => self.wait(),
            _ => {
                let offset = 0x2000 + next(state) % 64;
                self.write(offset, Width::Word, some(state) as u32);
            }
        }
    }

    /// A driver that does anything at all: nothing panics and nothing hangs. How often the device
    /// gave up, and how many chains it gave back.
    pub fn run_wild(
        &mut self,
        seed: u64,
        mut between: impl FnMut(&mut Self, &mut u64),
    ) -> [u64; 2] {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (mut broken, mut answers) = (0, 0);
        for _ in 0..40_000 {
            self.wild_step(&mut state);
            between(self, &mut state);
            answers += u64::from(self.cause() & 1);
            if self.status() & 0x40 != 0 {
                broken += 1;
                self.start();
            }
        }
        self.start();
        [broken, answers]
    }
}
