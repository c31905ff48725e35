//! Devices, one file a chip.
//!
//! A device knows offsets, never addresses; it knows levels, never what listens. The board maps
//! accesses to it, wires its interrupt outputs, and calls [`Device::advance`] when its deadline
//! comes. A device is a plain state machine: same accesses at the same times, same answers.

pub mod acpi;
pub mod dma8237;
pub mod fpga;
pub mod gt64120;
pub mod i8042;
pub mod i8254;
pub mod i8259;
pub mod pci;
pub mod piix4;
pub mod rtc;
pub mod uart16550;
pub mod uhci;

use crate::addr::Pa;
use crate::clock::Nanos;

/// The size of one register access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Half,
    /// 32 bits.
    Word,
}

impl Width {
    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
        }
    }

    /// A mask of the bits that the access covers.
    #[must_use]
    pub const fn mask(self) -> u32 {
        match self {
            Width::Byte => 0xff,
            Width::Half => 0xffff,
            Width::Word => 0xffff_ffff,
        }
    }
}

/// Not everything that a bus master wanted to reach at this address is RAM.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a bus master finds no memory at {0}")]
pub struct NoMemory(pub Pa);

/// The machine's memory, as a bus master reaches it: by physical address, a byte at its address.
pub trait Memory {
    /// Reads the bytes from `pa` on.
    ///
    /// # Errors
    ///
    /// Fails unless all of them are RAM.
    fn read(&mut self, pa: Pa, bytes: &mut [u8]) -> Result<(), NoMemory>;
    /// Writes the bytes from `pa` on.
    ///
    /// # Errors
    ///
    /// Fails unless all of them are RAM. Then nothing is written.
    fn write(&mut self, pa: Pa, bytes: &[u8]) -> Result<(), NoMemory>;
}

/// A chip with registers.
pub trait Device {
    /// Reads the register at `offset`. May change the device, as hardware does.
    fn read(&mut self, offset: u64, width: Width, now: Nanos) -> u32;
    /// Writes the register at `offset`.
    fn write(&mut self, offset: u64, width: Width, value: u32, now: Nanos);
    /// Puts the device into its state after a hardware reset.
    fn reset(&mut self);
    /// The level of the interrupt output.
    fn interrupt(&self) -> bool {
        false
    }
    /// When [`Device::advance`] wants to be called next; `None` for never.
    fn deadline(&self) -> Option<Nanos> {
        None
    }
    /// Lets time pass: does what was due at or before `now`.
    fn advance(&mut self, _now: Nanos) {}
    /// Before which moment every read of the register at `offset` gives what it gives `now` and
    /// changes nothing, as long as there is no write; `None` if that cannot be said.
    fn steady_until(&self, _offset: u64, _now: Nanos) -> Option<Nanos> {
        None
    }
    /// Whether writing `value` at `offset` would change nothing, now and as long as nothing
    /// else is written.
    fn ignores(&self, _offset: u64, _value: u32) -> bool {
        false
    }
}
