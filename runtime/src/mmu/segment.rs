//! The segments of the address space and which modes may use them: those of 32 bits, and of
//! 64-bit ones xkphys.
//!
//! MIPS32 and MIPS64 Architecture Volume III, chapter "Virtual Memory".

use crate::addr::{Pa, Va};
use crate::cpu::cp0::{STATUS_ERL, STATUS_EXL, STATUS_KSU_SHIFT, STATUS_KX};

/// The bits of a physical address on a 64-bit CPU.
const PHYSICAL_BITS: u32 = 36;

/// The CPU's operating mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Mode {
    /// Kernel mode, with kuseg mapped.
    Kernel,
    /// Kernel mode with Status.ERL set: kuseg is unmapped.
    KernelError,
    /// Supervisor mode.
    Supervisor,
    /// User mode.
    User,
}

impl Mode {
    /// The mode that Status selects.
    #[inline]
    #[must_use]
    pub const fn of(status: u32) -> Self {
        if status & STATUS_ERL != 0 {
            Mode::KernelError
        } else if status & STATUS_EXL != 0 {
            Mode::Kernel
        } else {
            match status >> STATUS_KSU_SHIFT & 3 {
                0 => Mode::Kernel,
                1 => Mode::Supervisor,
                // 3 is reserved; the least privilege is the safest reading.
                _ => Mode::User,
            }
        }
    }

    /// Whether privileged instructions are allowed.
    #[must_use]
    pub const fn is_kernel(self) -> bool {
        matches!(self, Mode::Kernel | Mode::KernelError)
    }
}

/// How an address is turned into a physical one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segment {
    /// At a fixed place.
    Direct(Pa),
    /// By the TLB.
    Mapped,
    /// Not at all: the mode may not use it.
    Forbidden,
    /// As 64-bit addresses are: it is none of 32 bits.
    Far,
}

/// The segment that `va` lies in, for code that runs in `mode`.
#[inline]
#[must_use]
pub const fn segment(va: Va, mode: Mode) -> Segment {
    match (va.0 >> 29, mode) {
        (0..=3, Mode::KernelError) => Segment::Direct(Pa(va.0)),
        (0..=3, _) => Segment::Mapped,
        (4 | 5, Mode::Kernel | Mode::KernelError) => Segment::Direct(Pa(va.0 & 0x1fff_ffff)),
        (6, Mode::Supervisor) | (6 | 7, Mode::Kernel | Mode::KernelError) => Segment::Mapped,
        (4..=7, _) => Segment::Forbidden,
        _ => Segment::Far,
    }
}

/// Where a 64-bit address leads that is none of 32 bits, with these bits of Status: if it lies in
/// xkphys, which shows all physical addresses, whatever the cache attribute. The other 64-bit
/// segments do not exist here.
#[must_use]
pub const fn far(va: Va, status: u32) -> Option<Pa> {
    let address = va.in_register();
    let in_xkphys = address >> 62 == 2 && address << 5 >> 5 >> PHYSICAL_BITS == 0;
    if in_xkphys && Mode::of(status).is_kernel() && status & STATUS_KX != 0 {
        Some(Pa(address & ((1 << PHYSICAL_BITS) - 1)))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_reaches_its_own_segments() {
        let mapped = |address, mode| segment(Va(address), mode) == Segment::Mapped;
        let forbidden = |address, mode| segment(Va(address), mode) == Segment::Forbidden;
        for mode in [Mode::Kernel, Mode::Supervisor, Mode::User] {
            assert!(mapped(0x7fff_ffff, mode));
        }
        assert_eq!(
            segment(Va(0x1234), Mode::KernelError),
            Segment::Direct(Pa(0x1234))
        );
        assert_eq!(
            segment(Va(0x8000_1234), Mode::Kernel),
            Segment::Direct(Pa(0x1234))
        );
        assert_eq!(
            segment(Va(0xbfc0_0000), Mode::Kernel),
            Segment::Direct(Pa(0x1fc0_0000))
        );
        assert!(mapped(0xc000_0000, Mode::Kernel) && mapped(0xffff_ffff, Mode::Kernel));
        assert!(mapped(0xdfff_ffff, Mode::Supervisor) && forbidden(0xe000_0000, Mode::Supervisor));
        let far = Va::of_register(0x8000_0000);
        assert_eq!(segment(far, Mode::Kernel), Segment::Far);
        for address in [0x8000_0000, 0xa000_0000, 0xc000_0000, 0xe000_0000] {
            assert!(forbidden(address, Mode::User));
        }
    }
    #[test]
    fn xkphys_shows_physical_addresses_to_a_kernel_with_64_bit_addresses() {
        let far = |address, status| far(Va::of_register(address), status);
        for attribute in 0..8 {
            let address = 0x8000_0000_0000_0000 | attribute << 59 | 0xf_1234_5678;
            assert_eq!(far(address, STATUS_KX), Some(Pa(0xf_1234_5678)));
            assert_eq!(far(address, 0), None);
            assert_eq!(far(address, STATUS_KX | 2 << STATUS_KSU_SHIFT), None);
            assert_eq!(far(address | 1 << PHYSICAL_BITS, STATUS_KX), None);
            assert_eq!(far(address | 1 << 58, STATUS_KX), None);
        }
        for address in [0x8000_0000, 1 << 32, 0xc000_0000_0000_0000, 1 << 62] {
            assert_eq!(far(address, STATUS_KX), None, "{address:x}");
        }
    }
}
