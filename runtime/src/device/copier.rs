//! A PCI function for tests: it copies memory by DMA, and interrupts when that is done.
//!
//! It is not on any board that was made. Its number is one that its owner, the virtio project,
//! leaves to experiments. A copy takes a microsecond and a nanosecond a byte; at the end of that time
//! all bytes are read and then all are written, so that the ranges may overlap. A copy that touches
//! anything but RAM fails, and writes nothing.
//!
//! | Range | Offset | Register |
//! |---|---|---|
//! | memory, base address 0 | 0x00, 0x08 | source and destination, 64 bits each |
//! | | 0x10 | length in bytes, at most [`LONGEST`] |
//! | ports, base address 2 | 0 | command: writing 1 starts a copy |
//! | | 4 | status: bit 0 busy, 1 done, 2 failed; ones clear bits 1 and 2, and the interrupt |

use super::pci::{Bar, ConfigSpace, Identity, PciFunction};
use super::{Device, Memory, NoMemory, Outside, Width};
use crate::addr::Pa;
use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

/// The longest copy, in bytes.
pub const LONGEST: u32 = 1 << 20;

const REGISTERS: u8 = 0;
const PORTS: u8 = 2;
const STATUS: u64 = 4;
const BUSY: u8 = 1;
const DONE: u8 = 2;
const FAILED: u8 = 4;
const START: u8 = 1;
/// How long a copy takes apart from its bytes.
const LATENCY: Nanos = Nanos(1000);
/// The capability that holds what its vendor likes: here its own length, and the base addresses
/// of registers and ports.
const VENDOR_SPECIFIC: u8 = 9;

/// A copy that was started.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Job {
    source: u64,
    destination: u64,
    length: u32,
    /// When it is done; `None` when that time is over, and only the bus is missing.
    due: Option<Nanos>,
}

/// The function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Copier {
    config: ConfigSpace,
    registers: [u8; 20],
    status: u8,
    job: Option<Job>,
}

impl Default for Copier {
    fn default() -> Self {
        Self::new()
    }
}

impl Copier {
    /// The function after reset.
    #[must_use]
    pub fn new() -> Self {
        let mut config = ConfigSpace::new(Identity {
            vendor: 0x1af4,
            device: 0x10f0,
            class: 0xff_0000,
            revision: 1,
        });
        config.add_bar(REGISTERS, Bar::Memory64(0x1000));
        config.add_bar(PORTS, Bar::Io(8));
        config.set_interrupt_pin(0);
        config.add_capability(VENDOR_SPECIFIC, &[5, REGISTERS, PORTS]);
        Self {
            config,
            registers: [0; 20],
            status: 0,
            job: None,
        }
    }

    fn wide(&self, offset: usize) -> u64 {
        let bytes = &self.registers[offset..offset + 8];
        bytes
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    fn start(&mut self, now: Nanos) {
        let [.., a, b, c, d] = self.registers;
        let length = u32::from_le_bytes([a, b, c, d]);
        self.job.get_or_insert(Job {
            source: self.wide(0),
            destination: self.wide(8),
            length,
            due: Some(now.plus(LATENCY).plus(Nanos(length.into()))),
        });
    }

    fn status(&self) -> u8 {
        self.status | if self.job.is_some() { BUSY } else { 0 }
    }
}

impl Job {
    fn run(&self, memory: &mut dyn Memory) -> Result<(), NoMemory> {
        if self.length > LONGEST {
            return Err(NoMemory(Pa(self.source)));
        }
        let mut bytes = vec![0; self.length as usize];
        memory.read(Pa(self.source), &mut bytes)?;
        memory.write(Pa(self.destination), &bytes)
    }
}

impl Device for Copier {
    fn reset(&mut self) {
        *self = Self::new();
    }

    fn interrupt(&self) -> bool {
        self.status != 0
    }

    fn deadline(&self) -> Option<Nanos> {
        self.job.and_then(|job| job.due)
    }

    fn advance(&mut self, now: Nanos) {
        if let Some(job) = &mut self.job
            && job.due.is_some_and(|due| due <= now)
        {
            job.due = None;
        }
    }

    fn wants_bus(&self) -> bool {
        self.job.is_some_and(|job| job.due.is_none())
    }

    fn master(&mut self, outside: &mut Outside<'_>, _now: Nanos) {
        if let Some(job) = self.job.take_if(|job| job.due.is_none()) {
            self.status |= if job.run(outside.memory).is_ok() {
                DONE
            } else {
                FAILED
            };
        }
    }
}

impl PciFunction for Copier {
    fn config(&self) -> &ConfigSpace {
        &self.config
    }

    fn config_mut(&mut self) -> &mut ConfigSpace {
        &mut self.config
    }

    fn read_bar(&mut self, bar: u8, offset: u64, width: Width, _now: Nanos) -> u32 {
        width.gather(|lane| match (bar, offset + lane) {
            (PORTS, STATUS) => self.status(),
            (REGISTERS, at) => self.registers.get(at as usize).copied().unwrap_or(0),
            _ => 0,
        })
    }

    fn write_bar(&mut self, bar: u8, offset: u64, width: Width, value: u32, now: Nanos) {
        for (lane, byte) in width.lanes(value) {
            match (bar, offset + lane) {
                (PORTS, 0) if byte & START != 0 => self.start(now),
                (PORTS, STATUS) => self.status &= !byte,
                (REGISTERS, at) => {
                    if let Some(register) = self.registers.get_mut(at as usize) {
                        *register = byte;
                    }
                }
                _ => {}
            }
        }
    }
}

impl Sound for Copier {
    fn is_sound(&self) -> bool {
        let due = self.job.and_then(|job| job.due);
        due.is_sound() && self.config.is_like(&Self::new().config)
    }
}

#[cfg(test)]
mod tests;
