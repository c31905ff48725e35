//! The segments of the 32-bit address space and which modes may use them.
//!
//! MIPS32 Architecture Volume III, chapter "Virtual Memory".

use crate::addr::{Pa, Va};
use crate::cpu::cp0::{STATUS_ERL, STATUS_EXL, STATUS_KSU_SHIFT};

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
}

/// The segment that `va` lies in, for code that runs in `mode`.
#[inline]
#[must_use]
pub const fn segment(va: Va, mode: Mode) -> Segment {
    let address = va.0 as u32;
    match (address >> 29, mode) {
        (0..=3, Mode::KernelError) => Segment::Direct(Pa(address as u64)),
        (0..=3, _) => Segment::Mapped,
        (4 | 5, Mode::Kernel | Mode::KernelError) => {
            Segment::Direct(Pa((address & 0x1fff_ffff) as u64))
        }
        (6, Mode::Supervisor) | (6 | 7, Mode::Kernel | Mode::KernelError) => Segment::Mapped,
        _ => Segment::Forbidden,
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
        for address in [0x8000_0000, 0xa000_0000, 0xc000_0000, 0xe000_0000] {
            assert!(forbidden(address, Mode::User));
        }
    }
}
