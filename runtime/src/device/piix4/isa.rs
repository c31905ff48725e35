//! Function 0, the bridge to ISA: the routes of PCI interrupts, and the reset control port.

use super::space;
use crate::clock::Nanos;
use crate::device::pci::{ConfigSpace, PciFunction};
use crate::device::{Device, Request, Width};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

const PIRQ_ROUTE: u8 = 0x60;

/// The bridge. Its base address 0 stands for the reset control port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IsaBridge {
    config: ConfigSpace,
    reset_control: u8,
    reset: bool,
}

impl Default for IsaBridge {
    fn default() -> Self {
        Self::new()
    }
}

impl IsaBridge {
    /// The bridge after reset, with the interrupt routes that a Malta's boot code sets.
    #[must_use]
    pub fn new() -> Self {
        let values = [
            (0x04, 0x0200_0000),
            (0x0c, 0x0080_0000),
            (0x4c, 0x0003_004d),
            (PIRQ_ROUTE, 0x0b0b_0a0a),
            (0x68, 0x0000_0200),
            (0x70, 0x0000_0080),
            (0x74, 0x0c0c_0000),
            (0x78, 0x0000_0002),
            (0xa0, 0x0000_0008),
            (0xa8, 0x0000_000f),
        ];
        Self {
            config: space(0x7110, 0x06_0100, 0, &values),
            reset_control: 0,
            reset: false,
        }
    }

    /// The ISA interrupt that PCI interrupt `pirq` (0 for A to 3 for D) is routed to.
    #[must_use]
    pub fn route(&self, pirq: u8) -> Option<u8> {
        let route = self.config.read(PIRQ_ROUTE + (pirq & 3), Width::Byte) as u8;
        (route & 0x80 == 0).then_some(route & 0x0f)
    }
}

impl Device for IsaBridge {
    fn reset(&mut self) {
        *self = Self::new();
    }

    fn take_request(&mut self) -> Option<Request> {
        std::mem::take(&mut self.reset).then_some(Request::Reset)
    }
}

impl PciFunction for IsaBridge {
    fn config(&self) -> &ConfigSpace {
        &self.config
    }

    fn config_mut(&mut self) -> &mut ConfigSpace {
        &mut self.config
    }

    fn read_bar(&mut self, _bar: u8, _offset: u64, _width: Width, _now: Nanos) -> u32 {
        u32::from(self.reset_control)
    }

    fn write_bar(&mut self, _bar: u8, _offset: u64, _width: Width, value: u32, _now: Nanos) {
        self.reset_control = value as u8 & 0x02;
        self.reset |= value & 0x04 != 0;
    }
}

impl Sound for IsaBridge {
    fn is_sound(&self) -> bool {
        self.config.is_like(&Self::new().config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_more_functions_in_the_slot() {
        let bridge = IsaBridge::new();
        assert_eq!(bridge.config().read(2, Width::Half), 0x7110);
        assert_eq!(bridge.config().read(0x0e, Width::Byte) & 0x80, 0x80);
    }

    #[test]
    fn interrupts_are_routed() {
        let mut bridge = IsaBridge::new();
        assert_eq!(
            [0, 1, 2, 3].map(|pirq| bridge.route(pirq)),
            [10, 10, 11, 11].map(Some)
        );
        bridge.config_mut().write(0x63, Width::Byte, 0x80);
        assert_eq!(bridge.route(3), None);
    }

    #[test]
    fn the_reset_port_asks_once() {
        let mut bridge = IsaBridge::new();
        bridge.write_bar(0, 0, Width::Byte, 0x02, Nanos(0));
        assert_eq!(bridge.take_request(), None);
        bridge.write_bar(0, 0, Width::Byte, 0x06, Nanos(0));
        assert_eq!(bridge.take_request(), Some(Request::Reset));
        assert_eq!(bridge.take_request(), None);
        assert_eq!(bridge.read_bar(0, 0, Width::Byte, Nanos(0)), 2);
    }
}
