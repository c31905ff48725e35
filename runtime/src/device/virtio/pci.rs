//! Virtio on PCI (chapter 4.1): where the registers are, of version 1 and before.

mod legacy;
mod modern;

use super::VirtioDevice;
use super::transport::Transport;
use crate::clock::Nanos;
use crate::device::disk::Disks;
use crate::device::pci::{Bar, ConfigSpace, Identity, PciFunction};
use crate::device::{Device, Outside, Width};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

const VENDOR: u16 = 0x1af4;
/// The number of a device that has no legacy registers is this and its type.
const MODERN: u16 = 0x1040;
/// Subsystem vendor and device.
const SUBSYSTEM: u8 = 0x2c;
/// The base address of the legacy registers, and of those of version 1.
const LEGACY_BAR: u8 = 0;
const MODERN_BAR: u8 = 4;
const VENDOR_SPECIFIC: u8 = 9;
/// Where the parts of the capability lie by which the registers can be reached through the
/// configuration space: base address, offset, length, data.
const WINDOW_BAR: u8 = 4;
const WINDOW_OFFSET: u8 = 8;
const WINDOW_LENGTH: u8 = 12;
const WINDOW_DATA: u8 = 16;

/// A virtio device as a function on PCI.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VirtioPci<D> {
    pci: Place,
    transport: Transport<D>,
}

/// The configuration space, and which pin the function interrupts by.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place {
    config: ConfigSpace,
    pin: u8,
    /// Where the capability is that leads to the registers.
    window: u8,
}

impl Place {
    fn new<D: VirtioDevice>(pin: u8) -> Self {
        let mut config = ConfigSpace::new(Identity {
            vendor: VENDOR,
            device: D::LEGACY.unwrap_or(MODERN + D::TYPE),
            class: D::CLASS,
            revision: u8::from(D::LEGACY.is_none()),
        });
        let subsystem = u32::from(D::TYPE) << 16 | u32::from(VENDOR);
        config.put(SUBSYSTEM, Width::Word, subsystem);
        // There may be other functions in the slot.
        config.put(0x0e, Width::Byte, 0x80);
        if D::LEGACY.is_some() {
            config.add_bar(LEGACY_BAR, Bar::Io(legacy::PORTS));
        }
        config.add_bar(MODERN_BAR, Bar::Memory64(modern::LENGTH));
        config.set_interrupt_pin(pin);
        for part in modern::PARTS {
            config.add_capability(VENDOR_SPECIFIC, &part.capability(MODERN_BAR));
        }
        let window = config.add_capability(VENDOR_SPECIFIC, &modern::window());
        config.allow(window + WINDOW_BAR, Width::Byte, 0xff);
        for register in [WINDOW_OFFSET, WINDOW_LENGTH, WINDOW_DATA] {
            config.allow(window + register, Width::Word, !0);
        }
        Self {
            config,
            pin,
            window,
        }
    }

    /// The register that an access to the configuration space at `register` is for, if that is
    /// where the window's data lie.
    fn windowed(&self, register: u8) -> Option<(u8, u64, Width)> {
        if register & !3 != self.window + WINDOW_DATA {
            return None;
        }
        let read = |part, width| self.config.read(self.window + part, width);
        let width = match read(WINDOW_LENGTH, Width::Word) {
            1 => Width::Byte,
            2 => Width::Half,
            4 => Width::Word,
            _ => return None,
        };
        let bar = read(WINDOW_BAR, Width::Byte) as u8;
        let offset = u64::from(read(WINDOW_OFFSET, Width::Word));
        Some((bar, offset, width))
    }
}

impl<D: VirtioDevice> VirtioPci<D> {
    /// A device for a guest of this byte order, which interrupts by a pin: 0 is INTA.
    #[must_use]
    pub fn new(device: D, big_endian: bool, pin: u8) -> Self {
        Self {
            pci: Place::new::<D>(pin),
            transport: Transport::new(device, big_endian),
        }
    }

    /// The device itself.
    #[must_use]
    pub fn device(&self) -> &D {
        &self.transport.device
    }

    pub(super) fn device_mut(&mut self) -> &mut D {
        &mut self.transport.device
    }

    /// Something happens to the device, of which its driver hears if it changes the configuration
    /// space.
    pub fn update<T>(&mut self, update: impl FnOnce(&mut D) -> T) -> T {
        let done = update(&mut self.transport.device);
        self.transport.heed_config();
        done
    }

    /// Whether there is a driver: it uses the first queue.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.transport.serves(0)
    }

    /// Whether a driver uses this queue of the device.
    pub(super) fn serves(&self, queue: usize) -> bool {
        self.transport.serves(queue)
    }
}

impl<D: VirtioDevice> Device for VirtioPci<D> {
    fn reset(&mut self) {
        self.pci = Place::new::<D>(self.pci.pin);
        self.transport.reset();
    }

    fn interrupt(&self) -> bool {
        self.transport.interrupt()
    }

    fn deadline(&self) -> Option<Nanos> {
        self.transport.device.deadline()
    }

    fn transfers(&self) -> bool {
        self.deadline().is_some()
    }

    fn advance(&mut self, now: Nanos) {
        self.transport.device.advance(now);
    }

    fn wants_bus(&self) -> bool {
        self.transport.wants_bus()
    }

    fn master(&mut self, outside: &mut Outside<'_>, now: Nanos) {
        self.transport.process(outside, now);
    }

    fn is_held(&self, disks: &mut Disks, now: Nanos) -> bool {
        self.transport.is_held(disks, now)
    }

    fn reconnect(&mut self, disk: usize, outside: &mut Outside<'_>) {
        self.transport.reconnect(disk, outside);
    }
}

impl<D: VirtioDevice> PciFunction for VirtioPci<D> {
    fn config(&self) -> &ConfigSpace {
        &self.pci.config
    }

    fn config_mut(&mut self) -> &mut ConfigSpace {
        &mut self.pci.config
    }

    fn read_config(&mut self, register: u8, width: Width, now: Nanos) -> u32 {
        if let Some((bar, offset, wide)) = self.pci.windowed(register) {
            let value = self.read_bar(bar, offset, wide, now);
            self.pci
                .config
                .put(self.pci.window + WINDOW_DATA, Width::Word, value);
        }
        self.pci.config.read(register, width)
    }

    fn write_config(&mut self, register: u8, width: Width, value: u32, now: Nanos) {
        self.pci.config.write(register, width, value);
        if let Some((bar, offset, wide)) = self.pci.windowed(register) {
            let data = self.pci.window + WINDOW_DATA;
            let value = self.pci.config.read(data, wide);
            self.write_bar(bar, offset, wide, value, now);
        }
    }

    fn read_bar(&mut self, bar: u8, offset: u64, width: Width, _now: Nanos) -> u32 {
        let value = match bar {
            LEGACY_BAR if D::LEGACY.is_some() => self.transport.read_legacy(offset, width),
            MODERN_BAR => self.transport.read_modern(offset, width),
            _ => 0,
        };
        value & width.mask()
    }

    fn write_bar(&mut self, bar: u8, offset: u64, width: Width, value: u32, _now: Nanos) {
        match bar {
            LEGACY_BAR if D::LEGACY.is_some() => {
                self.transport.write_legacy(offset, width, value);
            }
            MODERN_BAR => self.transport.write_modern(offset, width, value),
            _ => {}
        }
    }
}

impl<D: VirtioDevice> Sound for VirtioPci<D> {
    fn is_sound(&self) -> bool {
        let Place {
            config,
            pin,
            window,
        } = &self.pci;
        let like = Place::new::<D>(*pin);
        config.is_like(&like.config) && *window == like.window && self.transport.is_sound()
    }
}
