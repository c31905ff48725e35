//! The configuration space of a PCI function (PCI Local Bus Specification 3.0, chapter 6).
//!
//! 256 bytes, and for each bit whether writing sets it, clears it by a one, or does nothing. The
//! size of a base address register is its mask.

use super::{Hit, Space};
use crate::device::Width;
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;

/// The command register's I/O space bit.
pub const COMMAND_IO: u16 = 0x0001;
/// The command register's memory space bit.
pub const COMMAND_MEMORY: u16 = 0x0002;
/// The command register's bus master bit.
pub const COMMAND_MASTER: u16 = 0x0004;
/// The command register's interrupt disable bit.
pub const COMMAND_NO_INTERRUPT: u16 = 0x0400;

const COMMAND: u8 = 0x04;
const STATUS: u8 = 0x06;
const BARS: u8 = 0x10;
const CAPABILITIES: u8 = 0x34;
const INTERRUPT_PIN: u8 = 0x3d;
/// The first of the function's own registers.
const OWN: u8 = 0x40;

const STATUS_INTERRUPT: u8 = 0x08;
const STATUS_CAPABILITIES: u8 = 0x10;

const BAR_IO: u32 = 0x1;
const BAR_WIDE: u32 = 0x4;

/// What identifies a function and says what kind it is.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The maker.
    pub vendor: u16,
    /// The maker's number for the device.
    pub device: u16,
    /// Class, subclass and programming interface.
    pub class: u32,
    /// The revision.
    pub revision: u8,
}

/// What a base address register decodes: a range of so many bytes, a power of two.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Bar {
    /// Nothing; or the upper half of the 64-bit register before it.
    #[default]
    None,
    /// A range of I/O space.
    Io(u32),
    /// A range of memory space, at a 32-bit address.
    Memory(u32),
    /// A range of memory space, at an address of 64 bits that takes two registers.
    Memory64(u64),
}

/// The configuration space of one function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigSpace {
    #[serde(with = "BigArray")]
    bytes: [u8; 256],
    #[serde(with = "BigArray")]
    writable: [u8; 256],
    #[serde(with = "BigArray")]
    clears: [u8; 256],
    bars: [Bar; 6],
    /// Where the list of capabilities goes on, and the first byte behind the last of them.
    link: u8,
    free: u8,
}

impl ConfigSpace {
    /// A function with no base addresses, nothing decoded, and its own registers (0x40 and up)
    /// plain storage.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        let mut space = Self {
            bytes: [0; 256],
            writable: [0; 256],
            clears: [0; 256],
            bars: [Bar::None; 6],
            link: CAPABILITIES,
            free: OWN,
        };
        space.put(0x00, Width::Half, u32::from(identity.vendor));
        space.put(0x02, Width::Half, u32::from(identity.device));
        space.put(
            0x08,
            Width::Word,
            identity.class << 8 | u32::from(identity.revision),
        );
        space.allow(COMMAND, Width::Half, 0x0507);
        space.allow(0x0c, Width::Byte, 0xff);
        space.allow(0x3c, Width::Byte, 0xff);
        space.clears[0x07] = 0xf9;
        space.writable[usize::from(OWN)..].fill(0xff);
        space
    }

    /// Gives the register at `offset` a value, whatever its mask says.
    pub fn put(&mut self, offset: u8, width: Width, value: u32) {
        for (byte, lane) in lanes(offset, width, value) {
            self.bytes[byte] = lane;
        }
    }

    /// Lets the guest write the bits in `mask` of the register at `offset`.
    pub fn allow(&mut self, offset: u8, width: Width, mask: u32) {
        for (byte, lane) in lanes(offset, width, mask) {
            self.writable[byte] = lane;
        }
    }

    /// Says what base address register `index` decodes.
    pub fn add_bar(&mut self, index: u8, bar: Bar) {
        let offset = BARS + 4 * index;
        let (kind, mask) = match bar {
            Bar::None => (0, 0),
            Bar::Io(size) => (BAR_IO, u64::from(!(size - 1) & !3)),
            Bar::Memory(size) => (0, u64::from(!(size - 1) & !0xf)),
            Bar::Memory64(size) => (BAR_WIDE, !(size - 1) & !0xf),
        };
        self.bars[usize::from(index)] = bar;
        self.put(offset, Width::Word, kind);
        self.allow(offset, Width::Word, mask as u32);
        if let Bar::Memory64(_) = bar {
            self.allow(offset + 4, Width::Word, (mask >> 32) as u32);
        }
    }

    /// Adds a capability to the list: its number, and what follows the link, which the guest can
    /// only read. Gives the offset of the capability.
    ///
    /// # Panics
    ///
    /// If there is no room for it, which is a mistake of the device.
    pub fn add_capability(&mut self, id: u8, body: &[u8]) -> u8 {
        let at = self.free;
        let end = usize::from(at) + 2 + body.len();
        assert!(
            end <= 252,
            "the capabilities of a function fit into its space"
        );
        self.put(self.link, Width::Byte, at.into());
        self.link = at + 1;
        self.free = end.next_multiple_of(4) as u8;
        let at = usize::from(at);
        self.bytes[at] = id;
        self.bytes[at + 1] = 0;
        self.bytes[at + 2..end].copy_from_slice(body);
        self.writable[at..end].fill(0);
        self.bytes[usize::from(STATUS)] |= STATUS_CAPABILITIES;
        at as u8
    }

    /// Connects the interrupt output to a pin: 0 is INTA, 3 is INTD.
    pub fn set_interrupt_pin(&mut self, pin: u8) {
        self.put(INTERRUPT_PIN, Width::Byte, u32::from(pin & 3) + 1);
    }

    /// The interrupt pin that the function uses: 0 is INTA, 3 is INTD.
    #[must_use]
    pub fn interrupt_pin(&self) -> Option<u8> {
        let pin = self.bytes[usize::from(INTERRUPT_PIN)];
        (1..=4).contains(&pin).then(|| pin - 1)
    }

    /// Shows in the status register whether the function asks for an interrupt, and says whether
    /// its pin may show that too.
    pub fn show_interrupt(&mut self, level: bool) -> bool {
        let status = &mut self.bytes[usize::from(STATUS)];
        *status = *status & !STATUS_INTERRUPT | if level { STATUS_INTERRUPT } else { 0 };
        level && self.command() & COMMAND_NO_INTERRUPT == 0
    }

    /// Whether the function may master the bus.
    #[must_use]
    pub fn may_master(&self) -> bool {
        self.command() & COMMAND_MASTER != 0
    }

    /// Whether it is the space of the same function: both may differ in what a guest can change, and in
    /// what the function shows of itself.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let same = |(at, byte): (usize, &u8)| {
            let shown = if at == usize::from(STATUS) {
                STATUS_INTERRUPT
            } else {
                0
            };
            (byte ^ other.bytes[at]) & !(self.writable[at] | self.clears[at] | shown) == 0
        };
        self.writable == other.writable
            && self.clears == other.clears
            && (self.bars, self.link, self.free) == (other.bars, other.link, other.free)
            && self.bytes.iter().enumerate().all(same)
    }

    /// Reads the register at `offset`, as a configuration cycle does.
    #[must_use]
    pub fn read(&self, offset: u8, width: Width) -> u32 {
        let byte = |lane| self.bytes.get(usize::from(offset) + lane as usize);
        width.gather(|lane| byte(lane).copied().unwrap_or(0))
    }

    /// Writes the register at `offset`, as a configuration cycle does.
    pub fn write(&mut self, offset: u8, width: Width, value: u32) {
        for (at, lane) in lanes(offset, width, value) {
            let mask = self.writable[at];
            self.bytes[at] = (self.bytes[at] & !mask | lane & mask) & !(lane & self.clears[at]);
        }
    }

    /// The command register.
    #[must_use]
    pub fn command(&self) -> u16 {
        self.read(COMMAND, Width::Half) as u16
    }

    /// Which base address register answers at an address, if the function decodes that space. A
    /// register that is zero was not set.
    #[must_use]
    pub fn decode(&self, space: Space, address: u64) -> Option<Hit> {
        let enable = match space {
            Space::Io => COMMAND_IO,
            Space::Memory => COMMAND_MEMORY,
        };
        if self.command() & enable == 0 {
            return None;
        }
        (0..).zip(self.bars).find_map(|(bar, kind)| {
            let (base, size) = self.range(space, bar, kind)?;
            Hit::within(bar, base, size, address).filter(|_| base != 0)
        })
    }

    /// Base and size of what a base address register decodes in a space.
    fn range(&self, space: Space, index: u8, bar: Bar) -> Option<(u64, u64)> {
        let offset = BARS + 4 * index;
        let low = self.read(offset, Width::Word);
        match (space, bar) {
            (Space::Io, Bar::Io(size)) => Some((u64::from(low & !3), size.into())),
            (Space::Memory, Bar::Memory(size)) => Some((u64::from(low & !0xf), size.into())),
            (Space::Memory, Bar::Memory64(size)) => {
                let high = u64::from(self.read(offset + 4, Width::Word));
                Some((high << 32 | u64::from(low & !0xf), size))
            }
            _ => None,
        }
    }
}

/// The bytes of a value at `offset`, as far as the space goes.
fn lanes(offset: u8, width: Width, value: u32) -> impl Iterator<Item = (usize, u8)> {
    let bytes = width.lanes(value);
    bytes
        .map(move |(lane, byte)| (usize::from(offset) + lane as usize, byte))
        .filter(|(at, _)| *at < 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> ConfigSpace {
        ConfigSpace::new(Identity {
            vendor: 0x8086,
            device: 0x7112,
            class: 0x0c_0300,
            revision: 1,
        })
    }

    #[test]
    fn the_identity_is_read_only() {
        let mut space = space();
        space.write(0, Width::Word, 0);
        space.write(8, Width::Word, !0);
        assert_eq!(space.read(0, Width::Word), 0x7112_8086);
        assert_eq!(space.read(8, Width::Word), 0x0c03_0001);
        assert_eq!(space.read(0x0b, Width::Byte), 0x0c);
    }

    #[test]
    fn a_base_address_tells_its_size() {
        let mut space = space();
        space.add_bar(4, Bar::Io(32));
        space.write(0x20, Width::Word, !0);
        assert_eq!(space.read(0x20, Width::Word), 0xffff_ffe1);
        space.write(0x20, Width::Word, 0x1040);
        assert_eq!(space.decode(Space::Io, 0x1043), None, "not decoded yet");
        space.write(0x04, Width::Half, 1);
        let hit = space.decode(Space::Io, 0x1043).expect("decoded now");
        assert_eq!((hit.bar, hit.offset, hit.left), (4, 3, 29));
        assert_eq!(space.decode(Space::Io, 0x1060), None, "behind it");
        assert_eq!(space.decode(Space::Memory, 0x1043), None);
    }

    #[test]
    fn a_memory_range_has_32_or_64_bits() {
        let mut space = space();
        space.add_bar(0, Bar::Memory64(1 << 33));
        space.add_bar(2, Bar::Memory(4096));
        for offset in [0x10, 0x14, 0x18] {
            space.write(offset, Width::Word, !0);
        }
        assert_eq!(space.read(0x10, Width::Word), 4, "64 bits");
        assert_eq!(space.read(0x14, Width::Word), 0xffff_fffe, "8 GiB");
        assert_eq!(space.read(0x18, Width::Word), 0xffff_f000, "4 KiB");
        space.write(0x14, Width::Word, 2);
        space.write(0x18, Width::Word, 0x1234_5678);
        space.write(0x04, Width::Half, 2);
        let hit = space.decode(Space::Memory, 0x3_0000_0010).expect("a hit");
        assert_eq!((hit.bar, hit.offset), (0, 0x1_0000_0010));
        let hit = space.decode(Space::Memory, 0x1234_5fff).expect("a hit");
        assert_eq!((hit.bar, hit.offset, hit.left), (2, 0xfff, 1));
        space.write(0x14, Width::Word, 0);
        assert_eq!(space.decode(Space::Memory, 0x10), None, "not set");
    }

    #[test]
    fn capabilities_are_a_list() {
        let mut space = space();
        assert_eq!(space.read(0x06, Width::Half) & 0x10, 0);
        let first = space.add_capability(9, &[5, 6, 7]);
        let second = space.add_capability(0x11, &[]);
        space.write(second, Width::Word, !0);
        assert_eq!(space.read(0x06, Width::Half) & 0x10, 0x10);
        assert_eq!(space.read(0x34, Width::Byte), u32::from(first));
        let link = u32::from(second) << 8;
        assert_eq!(space.read(first, Width::Word), 0x0605_0009 | link);
        assert_eq!(space.read(second, Width::Half), 0x11, "the last one");
    }

    #[test]
    fn an_interrupt_shows_where_it_may() {
        let mut space = space();
        assert_eq!(space.interrupt_pin(), None);
        space.set_interrupt_pin(3);
        assert_eq!(space.interrupt_pin(), Some(3));
        assert!(space.show_interrupt(true));
        space.write(0x04, Width::Half, u32::from(COMMAND_NO_INTERRUPT));
        assert!(!space.show_interrupt(true), "disabled");
        assert_eq!(space.read(0x06, Width::Byte) & 8, 8, "pending all the same");
        assert!(!space.show_interrupt(false));
        assert_eq!(space.read(0x06, Width::Byte) & 8, 0);
    }

    #[test]
    fn status_bits_clear_by_ones() {
        let mut space = space();
        space.put(0x06, Width::Half, 0x2280);
        space.write(0x06, Width::Half, 0xffff);
        assert_eq!(space.read(0x06, Width::Half), 0x0280);
    }

    #[test]
    fn the_end_of_the_space_is_the_end() {
        let mut space = space();
        space.write(0xfe, Width::Word, !0);
        assert_eq!(space.read(0xfe, Width::Word), 0xffff);
        assert_eq!(space.read(0xff, Width::Half), 0xff);
    }
}
