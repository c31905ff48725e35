//! The Galileo GT-64120 system controller: the bridge between CPU and PCI (GT-64120 data sheet,
//! revision 1.4: address decoding in section 3, PCI in section 7, registers in section 15).
//!
//! It holds the windows through which the CPU sees PCI, and the doors to configuration space and
//! to the interrupt acknowledge cycle. What lies behind these is the board's to say. Memory
//! controller, DMA and timer registers are storage at most.
//!
//! Offsets and values are as on a little-endian bus. The byte order that the chip is told by its
//! CPU interface register (bit 12) matters only where it disagrees with the CPU's.

use super::pci::{ConfigSpace, Identity, PciFunction};
use super::{Device, Registers, Width};
use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};
use serde_big_array::Array;

/// The size of the register block.
pub const REGISTERS: u64 = 0x1000;

const CPU: usize = 0x000;
const ISD: usize = 0x068;
const PCI_COMMAND: usize = 0xc00;
const CAUSE: usize = 0xc18;
const INTERRUPT_ACKNOWLEDGE: usize = 0xc34;
const CONFIG_ADDRESS: usize = 0xcf8;
const CONFIG_DATA: usize = 0xcfc;

const CPU_LITTLE_ENDIAN: u32 = 1 << 12;
const PCI_NO_BYTE_SWAP: u32 = 1;
const CAUSE_MASTER_ABORT: u32 = 1 << 18;
const CONFIG_ENABLE: u32 = 1 << 31;

/// Register values after reset of a chip that is strapped for a little-endian CPU, at the
/// addresses where a Malta's core card has things. What is not here is zero.
const AFTER_RESET: &[(usize, u32)] = &[
    (CPU, CPU_LITTLE_ENDIAN),
    (0x010, 0x07),
    (0x018, 0x08),
    (0x020, 0x0f),
    (0x028, 0xe0),
    (0x030, 0x70),
    (0x038, 0xf8),
    (0x040, 0x7f),
    (0x048, 0x80),
    (0x050, 0x0f),
    (0x058, 0x90),
    (0x060, 0x1f),
    (ISD, 0xa0),
    (0x080, 0x790),
    (0x088, 0x1f),
    (0x090, 0x100),
    (0x098, 0x0f),
    (0x0a0, 0x110),
    (0x0a8, 0x1f),
    (0x0b0, 0x120),
    (0x0b8, 0x2f),
    (0x0c0, 0xc000_ffee),
    (0x0c8, 0xc000_ffee),
    (0x0d8, 0x08),
    (0x0e0, 0xe0),
    (0x0e8, 0xf8),
    (0x0f0, 0x80),
    (0x0f8, 0x90),
    (0x100, 0x790),
    (0x108, 0x100),
    (0x110, 0x110),
    (0x118, 0x120),
    (0x120, 0x03),
    (0x128, 0xffff_ffff),
    (0x130, 0xffff_ffff),
    (0x138, 0xff),
    (0x404, 0x07),
    (0x408, 0x08),
    (0x40c, 0x0f),
    (0x410, 0x10),
    (0x414, 0x17),
    (0x418, 0x18),
    (0x41c, 0x1f),
    (0x420, 0xc0),
    (0x424, 0xc7),
    (0x428, 0xc8),
    (0x42c, 0xcf),
    (0x430, 0xd0),
    (0x434, 0xdf),
    (0x438, 0xf0),
    (0x43c, 0xfb),
    (0x440, 0xfc),
    (0x444, 0xff),
    (0x448, 0x200),
    (0x44c, 0x05),
    (0x450, 0x05),
    (0x454, 0x05),
    (0x458, 0x05),
    (0x45c, 0x386f_ffff),
    (0x460, 0x386f_ffff),
    (0x464, 0x386f_ffff),
    (0x468, 0x386f_ffff),
    (0x46c, 0x146f_ffff),
    (0x470, 0xffff_ffff),
    (0x478, 0x07),
    (0x47c, 0x02),
    (0x850, 0xffff_ffff),
    (0x854, 0x00ff_ffff),
    (0x858, 0x00ff_ffff),
    (0x85c, 0x00ff_ffff),
    (PCI_COMMAND, 0x0001_0001),
    (0xc04, 0x70f),
    (0xc08, 0x00ff_f000),
    (0xc0c, 0x00ff_f000),
    (0xc10, 0x01ff_f000),
    (0xc14, 0x00ff_f000),
    (0xc3c, 0x0f),
    (0xc40, 0x40),
    (0xc4c, 0x0100_0000),
    (0xc50, 0x1c00_0000),
    (0xc54, 0x1f00_0000),
    (0xc5c, 0x0100_0000),
    (0xc64, 0x1f00_0000),
    (0xc80, 0x0001_0001),
    (0xc84, 0x70f),
    (0xc88, 0x00ff_f000),
    (0xc8c, 0x00ff_f000),
    (0xc90, 0x01ff_f000),
    (0xc94, 0x00ff_f000),
    (0xcbc, 0x0f),
    (0xcc0, 0x40),
    (0xccc, 0x0100_0000),
    (0xcd0, 0x1c00_0000),
    (0xcd4, 0x1f00_0000),
    (0xcdc, 0x0100_0000),
    (0xce4, 0x1f00_0000),
];

/// The decode registers of a window: low, high, remap.
const WINDOWS: [[usize; 3]; 6] = [
    [0x048, 0x050, 0x0f0],
    [0x058, 0x060, 0x0f8],
    [0x080, 0x088, 0x100],
    [0x090, 0x098, 0x108],
    [0x0a0, 0x0a8, 0x110],
    [0x0b0, 0x0b8, 0x118],
];

/// What the boot code of a Malta leaves in the registers.
const AFTER_BOOT: &[(usize, u32)] = &[
    (ISD, 0xdf),
    (0x048, 0xc0),
    (0x050, 0x40),
    (0x058, 0x80),
    (0x060, 0x3f),
    (0x080, 0xc1),
    (0x088, 0x5e),
];

/// The bits of a register that the CPU can write.
fn write_mask(register: usize) -> u32 {
    match register {
        CPU | 0x400..=0x458 | 0x470..=0x47c => !0,
        ISD => 0x7fff,
        PCI_COMMAND | 0xc80 => 0x0401_fc0f,
        0xc1c => 0x3c3f_fffe,
        0xc24 => 0x03ff_fffe,
        0xc28 => 0x3f,
        CONFIG_ADDRESS => 0x80ff_fffc,
        _ => match WINDOWS
            .iter()
            .find_map(|window| window.iter().position(|r| *r == register))
        {
            Some(0) => 0x7fff,
            Some(1) => 0x7f,
            Some(_) => 0x7ff,
            None => 0,
        },
    }
}

/// A range of CPU addresses that leads to PCI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Window {
    /// The first address.
    pub base: u64,
    /// The number of bytes, zero for none.
    pub length: u64,
}

impl Window {
    /// How far into the window `address` is.
    #[must_use]
    pub fn offset(self, address: u64) -> Option<u64> {
        address
            .checked_sub(self.base)
            .filter(|offset| *offset < self.length)
    }
}

/// What an access to the register block is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// A register of this chip.
    Register,
    /// The data of the configuration cycle that the address register describes.
    ConfigData,
    /// The interrupt acknowledge cycle.
    InterruptAcknowledge,
}

/// A function's register in configuration space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConfigTarget {
    /// The bus; zero is the one that the chip is on.
    pub bus: u8,
    /// The slot.
    pub slot: u8,
    /// The function in the slot.
    pub function: u8,
    /// The number of the 32-bit register, in bytes.
    pub register: u8,
}

/// The GT-64120.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Gt64120 {
    big_endian: bool,
    registers: Box<Array<u32, 1024>>,
    config: ConfigSpace,
}

impl Gt64120 {
    /// The chip after reset, next to a CPU of the given byte order.
    #[must_use]
    pub fn new(big_endian: bool) -> Self {
        let mut config = ConfigSpace::new(Identity {
            vendor: 0x11ab,
            device: 0x4620,
            class: 0x06_0000,
            revision: 0x10,
        });
        config.put(0x06, Width::Half, 0x0280);
        config.put(0x3d, Width::Byte, 1);
        let bases = [
            0x0000_0008,
            0x0100_0008,
            0x1c00_0000,
            0x1f00_0000,
            0x1400_0000,
            0x1400_0001,
        ];
        for (offset, base) in (0x10..).step_by(4).zip(bases) {
            config.put(offset, Width::Word, base);
        }
        let mut chip = Self {
            big_endian,
            registers: Box::new(Array([0; 1024])),
            config,
        };
        for &(register, value) in AFTER_RESET {
            chip.registers[register / 4] = value;
        }
        if big_endian {
            for register in [CPU, PCI_COMMAND, 0xc80] {
                chip.registers[register / 4] = 0;
            }
        }
        chip
    }

    /// Does what the boot code does: moves the registers and opens the windows.
    pub fn boot_state(&mut self) {
        for &(register, value) in AFTER_BOOT {
            self.store(register, value, !0);
        }
    }

    fn get(&self, register: usize) -> u32 {
        self.registers[register / 4]
    }

    /// Writes the bits in `lanes` of a register.
    fn store(&mut self, register: usize, value: u32, lanes: u32) {
        if register == CAUSE {
            self.registers[CAUSE / 4] &= value | !lanes;
            return;
        }
        let mask = write_mask(register) & lanes;
        let merged = self.get(register) & !mask | value & mask;
        self.registers[register / 4] = merged;
        // A new base is also the new remapped base.
        if let Some([_, _, remap]) = WINDOWS.iter().find(|window| window[0] == register) {
            self.registers[remap / 4] = merged & 0x7ff;
        }
    }

    fn window(&self, [low, high, _]: [usize; 3]) -> Window {
        let (low, high) = (u64::from(self.get(low)), u64::from(self.get(high)));
        Window {
            base: low << 21,
            length: ((high + 1).wrapping_sub(low & 0x7f) & 0x7f) << 21,
        }
    }

    /// Where the register block is.
    #[must_use]
    pub fn register_window(&self) -> Window {
        Window {
            base: u64::from(self.get(ISD)) << 21,
            length: REGISTERS,
        }
    }

    /// The window to PCI I/O space. Its first byte is port 0, whatever the remap register says.
    #[must_use]
    pub fn io_window(&self) -> Window {
        self.window(WINDOWS[0])
    }

    /// The two windows to PCI memory space, where CPU and PCI addresses are the same.
    #[must_use]
    pub fn memory_windows(&self) -> [Window; 2] {
        [self.window(WINDOWS[1]), self.window(WINDOWS[2])]
    }

    /// What lies behind `offset`.
    #[must_use]
    pub fn door(offset: u64) -> Door {
        match offset as usize & 0xffc {
            CONFIG_DATA => Door::ConfigData,
            INTERRUPT_ACKNOWLEDGE => Door::InterruptAcknowledge,
            _ => Door::Register,
        }
    }

    /// What the configuration address register points at, if it is enabled.
    #[must_use]
    pub fn config_target(&self) -> Option<ConfigTarget> {
        let address = self.get(CONFIG_ADDRESS);
        let [register, function, bus, _] = address.to_le_bytes();
        (address & CONFIG_ENABLE != 0).then_some(ConfigTarget {
            bus,
            slot: function >> 3,
            function: function & 7,
            register: register & 0xfc,
        })
    }

    /// Notes that a cycle on PCI found no target that answered.
    pub fn master_abort(&mut self) {
        self.registers[CAUSE / 4] |= CAUSE_MASTER_ABORT;
    }

    /// Whether the CPU sees register bytes in the wrong order.
    fn disagrees(&self) -> bool {
        (self.get(CPU) & CPU_LITTLE_ENDIAN != 0) == self.big_endian
    }

    /// Whether the bytes of configuration data for `slot` change places on their way.
    #[must_use]
    pub fn swaps_config(&self, slot: u8) -> bool {
        let by_pci = slot != 0 && self.get(PCI_COMMAND) & PCI_NO_BYTE_SWAP == 0;
        by_pci != self.disagrees()
    }

    /// Whether the bytes of registers change places on their way.
    #[must_use]
    pub fn swaps_registers(&self) -> bool {
        self.disagrees()
    }
}

/// Turns an access around in its 32-bit word: what byte 0 was becomes byte 3.
#[must_use]
pub fn swapped(offset: u64, width: Width, value: u32) -> (u64, u32) {
    let value = value.swap_bytes() >> (32 - 8 * width.bytes());
    let lane = 4 - width.bytes();
    (offset & !3 | lane.wrapping_sub(offset & 3) & 3, value)
}

impl Registers for Gt64120 {
    fn read(&mut self, offset: u64, width: Width, _now: Nanos) -> u32 {
        let swap = self.disagrees();
        let at = if swap {
            swapped(offset, width, 0).0
        } else {
            offset
        };
        let word = self.get(at as usize & 0xffc);
        let value = word >> (8 * (at & 3)) & width.mask();
        if swap {
            swapped(0, width, value).1
        } else {
            value
        }
    }

    fn write(&mut self, offset: u64, width: Width, value: u32, _now: Nanos) {
        let (at, value) = if self.disagrees() {
            swapped(offset, width, value)
        } else {
            (offset, value)
        };
        let shift = 8 * (at & 3);
        let lanes = width.mask() << shift;
        self.store(at as usize & 0xffc, value << shift, lanes);
    }
}

impl Device for Gt64120 {
    fn reset(&mut self) {
        *self = Self::new(self.big_endian);
    }
}

/// The chip's own function, 00:00.0. Its base addresses are those at which PCI sees the memory,
/// which no bus master here is to move.
impl PciFunction for Gt64120 {
    fn config(&self) -> &ConfigSpace {
        &self.config
    }

    fn config_mut(&mut self) -> &mut ConfigSpace {
        &mut self.config
    }
}

impl Sound for Gt64120 {
    fn is_sound(&self) -> bool {
        self.config.is_like(&Self::new(self.big_endian).config)
    }
}

#[cfg(test)]
mod tests;
