//! FCSR, the FPU's control and status register, its partial views, and how exceptions enter it.
//!
//! Volume I-A, FPU chapter, *FPU Control Registers* and *Floating Point Exceptions*.

use std::ops::{BitOr, BitOrAssign};

/// An enabled exception trapped: FCSR's Cause says why, and the destination must not be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trap;

/// What an operation delivers, unless it trapped.
pub type Outcome<T> = Result<T, Trap>;

/// A set of floating-point exceptions, in the order of FCSR's Cause field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub struct Exceptions(pub u32);

impl Exceptions {
    /// No exception.
    pub const NONE: Self = Self(0);
    /// I: the result is rounded.
    pub const INEXACT: Self = Self(1);
    /// U: the result is tiny and has lost accuracy.
    pub const UNDERFLOW: Self = Self(1 << 1);
    /// O: the result is too large for its format.
    pub const OVERFLOW: Self = Self(1 << 2);
    /// Z: a finite number was divided by zero.
    pub const DIVISION_BY_ZERO: Self = Self(1 << 3);
    /// V: the operands are invalid for the operation.
    pub const INVALID: Self = Self(1 << 4);
    /// E: the FPU leaves the operation to software. It has neither Enable nor Flag.
    pub const UNIMPLEMENTED: Self = Self(1 << 5);

    /// Inexact if `inexact`, else nothing.
    #[inline]
    pub(super) const fn inexact_if(inexact: bool) -> Self {
        Self(inexact as u32)
    }

    /// Whether the sets have a member in common.
    #[inline]
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Exceptions {
    type Output = Self;
    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Exceptions {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The rounding modes, numbered as in FCSR's RM field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rounding {
    /// RN: to the nearest, ties to even.
    Nearest = 0,
    /// RZ: toward zero.
    Zero = 1,
    /// RP: toward plus infinity.
    Up = 2,
    /// RM: toward minus infinity.
    Down = 3,
}

/// FCSR (FCR31): RM 1:0, Flags 6:2, Enables 11:7, Cause 17:12, FCC0 23, FS 24, FCC1-7 31:25.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub struct Fcsr(pub u32);

/// The bits of FCSR that exist.
const WRITABLE: u32 = 0xff83_ffff;
const ROUNDING: u32 = 0x3;
const FLAGS_SHIFT: u32 = 2;
const FLAGS: u32 = 0x1f << FLAGS_SHIFT;
const ENABLES_SHIFT: u32 = 7;
const ENABLES: u32 = 0x1f << ENABLES_SHIFT;
const CAUSE_SHIFT: u32 = 12;
const CAUSE: u32 = Fcsr::CAUSE;
const CONDITION_0: u32 = 1 << 23;
const FLUSH: u32 = 1 << 24;
const CONDITIONS_1_7: u32 = 0xfe00_0000;
/// FS as FENR shows it.
const FENR_FLUSH: u32 = 1 << 2;

impl Fcsr {
    /// Whether only bits are set that exist.
    #[must_use]
    pub(crate) const fn is_possible(self) -> bool {
        self.0 & !WRITABLE == 0
    }

    /// Where the bits lie that are clear while results are rounded to nearest and nothing traps.
    pub const MODES: u32 = ROUNDING | ENABLES;
    /// The Cause field.
    pub const CAUSE: u32 = 0x3f << CAUSE_SHIFT;
    /// Inexact among the Flags.
    pub const FLAG_INEXACT: u32 = Exceptions::INEXACT.0 << FLAGS_SHIFT;

    /// RM, the rounding mode.
    #[inline]
    #[must_use]
    pub const fn rounding(self) -> Rounding {
        match self.0 & ROUNDING {
            0 => Rounding::Nearest,
            1 => Rounding::Zero,
            2 => Rounding::Up,
            _ => Rounding::Down,
        }
    }

    /// FS: whether tiny results are replaced by zero.
    #[inline]
    #[must_use]
    pub const fn flushes(self) -> bool {
        self.0 & FLUSH != 0
    }

    /// The exceptions that trap. Unimplemented Operation always does.
    #[inline]
    #[must_use]
    pub const fn enables(self) -> Exceptions {
        let enables = (self.0 & ENABLES) >> ENABLES_SHIFT;
        Exceptions(enables | Exceptions::UNIMPLEMENTED.0)
    }

    /// What the last operation raised.
    #[inline]
    #[must_use]
    pub const fn cause(self) -> Exceptions {
        Exceptions((self.0 & CAUSE) >> CAUSE_SHIFT)
    }

    /// What operations have raised, without a trap, since software last cleared it.
    #[inline]
    #[must_use]
    pub const fn flags(self) -> Exceptions {
        Exceptions((self.0 & FLAGS) >> FLAGS_SHIFT)
    }

    /// Condition code `cc`, 0 to 7.
    #[inline]
    #[must_use]
    pub const fn condition(self, cc: u8) -> bool {
        self.0 & Self::condition_bit(cc) != 0
    }

    /// Sets condition code `cc`, 0 to 7, as a compare does.
    #[inline]
    pub const fn set_condition(&mut self, cc: u8, value: bool) {
        let bit = Self::condition_bit(cc);
        self.0 = if value { self.0 | bit } else { self.0 & !bit };
    }

    /// The bit of condition code `cc`. FCC0 stands apart from the seven codes that MIPS IV added.
    #[must_use]
    pub const fn condition_bit(cc: u8) -> u32 {
        match cc & 7 {
            0 => CONDITION_0,
            cc => 1 << (24 + cc as u32),
        }
    }

    /// What CFC1 reads from control register `reg`, or `None` if there is no such register.
    /// `fir`, the implementation register, is data of the CPU model.
    #[must_use]
    pub const fn read(self, reg: u8, fir: u32) -> Option<u32> {
        match reg {
            0 => Some(fir),
            25 => Some((self.0 & CONDITIONS_1_7) >> 24 | (self.0 & CONDITION_0) >> 23),
            26 => Some(self.0 & (CAUSE | FLAGS)),
            28 => {
                let flush = if self.flushes() { FENR_FLUSH } else { 0 };
                Some(self.0 & (ENABLES | ROUNDING) | flush)
            }
            31 => Some(self.0),
            _ => None,
        }
    }

    /// What CTC1 does to control register `reg`.
    ///
    /// The write itself always happens; it traps if it leaves a Cause bit set whose exception is
    /// enabled. A value with bits set that the views FCCR, FEXR and FENR do not have is not
    /// written at all, and neither is a register that does not exist.
    ///
    /// # Errors
    ///
    /// [`Trap`] if Cause and the enables then intersect.
    pub const fn write(&mut self, reg: u8, value: u32) -> Outcome<()> {
        const RESERVED: u32 = 0x007c_0000;
        match reg {
            25 if value & !0xff == 0 => {
                let others = self.0 & !(CONDITIONS_1_7 | CONDITION_0);
                self.0 = others | (value & 0xfe) << 24 | (value & 1) << 23;
            }
            26 if value & RESERVED == 0 => {
                self.0 = self.0 & !(CAUSE | FLAGS) | value & (CAUSE | FLAGS);
            }
            28 if value & RESERVED == 0 => {
                let flush = if value & FENR_FLUSH != 0 { FLUSH } else { 0 };
                let others = self.0 & !(ENABLES | ROUNDING | FLUSH);
                self.0 = others | value & (ENABLES | ROUNDING) | flush;
            }
            31 => self.0 = value & WRITABLE,
            _ => {}
        }
        if self.cause().intersects(self.enables()) {
            Err(Trap)
        } else {
            Ok(())
        }
    }

    /// Ends an operation that raised `raised`: Cause becomes that, and Flags collect it if
    /// nothing traps.
    #[inline]
    pub(super) fn commit<T>(&mut self, result: T, raised: Exceptions) -> Outcome<T> {
        self.0 = self.0 & !CAUSE | raised.0 << CAUSE_SHIFT;
        if raised.intersects(self.enables()) {
            return Err(Trap);
        }
        self.0 |= raised.0 << FLAGS_SHIFT;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_codes_are_where_fcsr_has_them() {
        let mut fcsr = Fcsr::default();
        for (cc, bit) in [(0, 23), (1, 25), (2, 26), (7, 31)] {
            fcsr.set_condition(cc, true);
            assert_eq!(fcsr.0, 1 << bit);
            assert!(fcsr.condition(cc));
            fcsr.set_condition(cc, false);
            assert_eq!(fcsr.0, 0);
        }
    }

    #[test]
    fn registers_that_do_not_exist_read_as_none_and_ignore_writes() {
        let mut fcsr = Fcsr(0x0180_0f7f);
        for reg in (1..=31).filter(|reg| ![25, 26, 28, 31].contains(reg)) {
            assert_eq!(fcsr.read(reg, 0), None);
            assert_eq!(fcsr.write(reg, !0), Ok(()));
        }
        assert_eq!(fcsr.write(0, !0), Ok(()), "FIR is read-only");
        assert_eq!(fcsr, Fcsr(0x0180_0f7f));
        assert_eq!(fcsr.read(0, 0x0073_9300), Some(0x0073_9300));
    }

    #[test]
    fn a_trap_shows_its_cause_and_leaves_the_flags() {
        let mut fcsr = Fcsr(0x0000_0804);
        let raised = Exceptions::INVALID | Exceptions::INEXACT;
        assert_eq!(fcsr.commit((), raised), Err(Trap));
        assert_eq!(fcsr, Fcsr(0x0001_1804));
        assert_eq!(fcsr.commit(7, Exceptions::OVERFLOW), Ok(7));
        assert_eq!(fcsr, Fcsr(0x0000_4814));
    }
}
