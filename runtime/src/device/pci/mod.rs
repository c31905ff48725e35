//! PCI functions (PCI Local Bus Specification 3.0): a configuration space, and registers behind its
//! base addresses.
//!
//! A function does not know where it is: the board asks it which of its registers answer at an
//! address, carries its interrupt to where its pin leads, and lends it the memory when its command
//! register lets it master the bus.

mod config;

use super::{Device, Width};
use crate::clock::Nanos;
pub use config::{
    Bar, COMMAND_IO, COMMAND_MASTER, COMMAND_MEMORY, COMMAND_NO_INTERRUPT, ConfigSpace, Identity,
};

/// The two address spaces in which functions have registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Space {
    /// Ports.
    Io,
    /// Memory.
    Memory,
}

/// A function's answer to an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hit {
    /// The base address register whose range it is in.
    pub bar: u8,
    /// How far into the range it is.
    pub offset: u64,
    /// How many bytes of the range are from there on.
    pub left: u64,
}

impl Hit {
    /// The hit of an address in the range of `size` bytes from `base` on.
    #[must_use]
    pub const fn within(bar: u8, base: u64, size: u64, address: u64) -> Option<Self> {
        let offset = address.wrapping_sub(base);
        if address < base || offset >= size {
            return None;
        }
        Some(Self {
            bar,
            offset,
            left: size - offset,
        })
    }
}

/// A function of a device on PCI.
pub trait PciFunction: Device {
    /// The configuration space.
    fn config(&self) -> &ConfigSpace;
    /// The configuration space, to be written.
    fn config_mut(&mut self) -> &mut ConfigSpace;
    /// Reads the configuration space, which may change the device.
    fn read_config(&mut self, register: u8, width: Width, _now: Nanos) -> u32 {
        self.config().read(register, width)
    }
    /// Writes the configuration space.
    fn write_config(&mut self, register: u8, width: Width, value: u32, _now: Nanos) {
        self.config_mut().write(register, width, value);
    }
    /// Which registers answer at an address. Those behind the base addresses do; a function that
    /// decodes others as well says so here, and may number them as it likes.
    fn decode(&self, space: Space, address: u64) -> Option<Hit> {
        self.config().decode(space, address)
    }
    /// Reads a register behind base address `bar`. May change the device, as hardware does.
    fn read_bar(&mut self, _bar: u8, _offset: u64, width: Width, _now: Nanos) -> u32 {
        width.mask()
    }
    /// Writes a register behind base address `bar`.
    fn write_bar(&mut self, _bar: u8, _offset: u64, _width: Width, _value: u32, _now: Nanos) {}
}
