//! The configuration space of a PCI function (PCI Local Bus Specification 2.2, chapter 6).
//!
//! 256 bytes, and for each bit whether writing sets it, clears it by a one, or does nothing. The
//! size of a base address register is its mask. It is not a bus: what decodes what the base
//! addresses say is the board.

use super::Width;

/// The command register's I/O space bit.
pub const COMMAND_IO: u16 = 0x0001;
/// The command register's memory space bit.
pub const COMMAND_MEMORY: u16 = 0x0002;

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

/// The configuration space of one function.
#[derive(Clone, Debug)]
pub struct ConfigSpace {
    bytes: [u8; 256],
    writable: [u8; 256],
    clears: [u8; 256],
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
        };
        space.put(0x00, Width::Half, u32::from(identity.vendor));
        space.put(0x02, Width::Half, u32::from(identity.device));
        space.put(
            0x08,
            Width::Word,
            identity.class << 8 | u32::from(identity.revision),
        );
        space.allow(0x04, Width::Half, 0x0507);
        space.allow(0x0c, Width::Byte, 0xff);
        space.allow(0x3c, Width::Byte, 0xff);
        space.clears[0x07] = 0xf9;
        space.writable[0x40..].fill(0xff);
        space
    }

    /// Gives the register at `offset` a value, whatever its mask says.
    pub fn put(&mut self, offset: u8, width: Width, value: u32) {
        for (byte, lane) in (offset..=255)
            .zip(value.to_le_bytes())
            .take(width.bytes() as usize)
        {
            self.bytes[usize::from(byte)] = lane;
        }
    }

    /// Lets the guest write the bits in `mask` of the register at `offset`.
    pub fn allow(&mut self, offset: u8, width: Width, mask: u32) {
        for (byte, lane) in (offset..=255)
            .zip(mask.to_le_bytes())
            .take(width.bytes() as usize)
        {
            self.writable[usize::from(byte)] = lane;
        }
    }

    /// Makes base address register `index` an I/O range of `size` bytes, a power of two.
    pub fn add_io_bar(&mut self, index: u8, size: u32) {
        let offset = 0x10 + 4 * index;
        self.put(offset, Width::Word, 1);
        self.allow(offset, Width::Word, !(size - 1) & !3);
    }

    /// Reads the register at `offset`, as a configuration cycle does.
    #[must_use]
    pub fn read(&self, offset: u8, width: Width) -> u32 {
        let mut lanes = [0; 4];
        for (lane, byte) in lanes
            .iter_mut()
            .zip(offset..=255)
            .take(width.bytes() as usize)
        {
            *lane = self.bytes[usize::from(byte)];
        }
        u32::from_le_bytes(lanes)
    }

    /// Writes the register at `offset`, as a configuration cycle does.
    pub fn write(&mut self, offset: u8, width: Width, value: u32) {
        for (byte, lane) in (offset..=255)
            .zip(value.to_le_bytes())
            .take(width.bytes() as usize)
        {
            let at = usize::from(byte);
            let mask = self.writable[at];
            self.bytes[at] = (self.bytes[at] & !mask | lane & mask) & !(lane & self.clears[at]);
        }
    }

    /// The command register.
    #[must_use]
    pub fn command(&self) -> u16 {
        self.read(0x04, Width::Half) as u16
    }

    /// The base of I/O range `index`, if the function decodes I/O and the base is set.
    #[must_use]
    pub fn io_bar(&self, index: u8) -> Option<u64> {
        let base = self.read(0x10 + 4 * (index % 6), Width::Word) & !3;
        (self.command() & COMMAND_IO != 0 && base != 0).then_some(u64::from(base))
    }
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
        space.add_io_bar(4, 32);
        space.write(0x20, Width::Word, !0);
        assert_eq!(space.read(0x20, Width::Word), 0xffff_ffe1);
        space.write(0x20, Width::Word, 0x1040);
        assert_eq!(space.io_bar(4), None, "not decoded yet");
        space.write(0x04, Width::Half, 1);
        assert_eq!(space.io_bar(4), Some(0x1040));
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
