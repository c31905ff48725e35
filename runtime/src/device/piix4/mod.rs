//! The 82371AB (PIIX4) south bridge (82371AB data sheet, chapters 4 to 7): four PCI functions in
//! one slot.
//!
//! The ISA chips inside a PIIX4 are files of their own, and so are the registers of USB and power
//! management.

mod bus_master;
mod ide;
mod isa;
mod power;
mod usb;

use super::Width;
use super::pci::{ConfigSpace, Identity};
pub use bus_master::BusMaster;
pub use ide::{Channel, Direction, Ide};
pub use isa::IsaBridge;
pub use power::Power;
pub use usb::Usb;

/// The configuration space of a function of Intel's, with words at offsets.
fn space(device: u16, class: u32, revision: u8, values: &[(u8, u32)]) -> ConfigSpace {
    let mut space = ConfigSpace::new(Identity {
        vendor: 0x8086,
        device,
        class,
        revision,
    });
    for &(offset, value) in values {
        space.put(offset, Width::Word, value);
    }
    space
}
