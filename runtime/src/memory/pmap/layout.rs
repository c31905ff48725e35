//! Where a Malta's RAM lies.

use crate::addr::Pa;

/// The RAM below this address is what kseg0 can reach; more lies from [`HIGH_BASE`] up.
pub const LOW_LIMIT: u64 = 256 << 20;
/// Where a Malta's RAM beyond the first 256 MiB lies.
pub const HIGH_BASE: u64 = 0x9000_0000;

/// The most RAM that there are addresses for.
pub const MOST_RAM: u64 = LOW_LIMIT + (1 << 32) - HIGH_BASE;

/// Where a CPU with physical addresses of more than 32 bits sees all RAM again, in one piece.
pub const WHOLE_BASE: u64 = 1 << 32;

impl Pa {
    /// Where a machine with so many bytes of RAM knows this byte: see [`WHOLE_BASE`].
    #[must_use]
    pub const fn of_ram_below(self, bytes: u64) -> Self {
        match self.0.checked_sub(WHOLE_BASE) {
            Some(offset) if offset < bytes => Self::at_offset(offset),
            _ => self,
        }
    }

    /// Where the byte of RAM lies that has so many before it.
    pub(super) const fn at_offset(offset: u64) -> Self {
        Self(if offset < LOW_LIMIT {
            offset
        } else {
            offset - LOW_LIMIT + HIGH_BASE
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ram_is_seen_again_in_one_piece() {
        let bytes = LOW_LIMIT + 0x2000;
        let known = |offset| Pa(WHOLE_BASE + offset).of_ram_below(bytes);
        assert_eq!(known(0x1234), Pa(0x1234));
        assert_eq!(known(LOW_LIMIT + 0x1234), Pa(HIGH_BASE + 0x1234));
        assert_eq!(known(bytes), Pa(WHOLE_BASE + bytes), "there is none");
        assert_eq!(Pa(0x1234).of_ram_below(bytes), Pa(0x1234));
    }
}
