//! Addresses, each kind a type of its own.
//!
//! A guest program uses virtual addresses ([`Va`]); the guest's TLB turns them into what the
//! guest calls physical ([`Pa`]); the monitor's pmap turns those into machine frames ([`Ma`]).

use std::fmt;

/// The size of the monitor's page, in bytes: what pmap and software TLB work in.
pub const PAGE_SIZE: u64 = 4096;
/// The number of address bits inside a page.
pub const PAGE_BITS: u32 = 12;

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The address of the first byte of this address's page.
            #[must_use]
            pub const fn page(self) -> Self {
                Self(self.0 & !(PAGE_SIZE - 1))
            }

            /// The number of this address's page.
            #[must_use]
            pub const fn page_number(self) -> u64 {
                self.0 >> PAGE_BITS
            }

            /// The offset of this address in its page.
            #[must_use]
            pub const fn page_offset(self) -> u64 {
                self.0 & (PAGE_SIZE - 1)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:#010x})", stringify!($name), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#010x}", self.0)
            }
        }
    };
}

address! {
    /// A virtual address of the guest. Its upper half is zero if the address is one of 32 bits, on
    /// a 64-bit CPU as well: see [`Va::of_register`].
    Va
}
address! {
    /// A physical address, as the guest sees it.
    Pa
}
address! {
    /// A machine address: the offset of a byte in the host memory that the monitor hands out.
    Ma
}

/// The pages of the 32-bit address space.
pub const VA_PAGES: usize = 1 << (32 - PAGE_BITS);

impl Pa {
    /// Where the machine knows this byte: RAM is seen twice, and from 0x80000000 on as well lies
    /// what is below 256 MiB.
    #[inline]
    #[must_use]
    pub const fn of_ram_once(self) -> Self {
        if self.0 >> 28 == 8 {
            Self(self.0 & 0x0fff_ffff)
        } else {
            self
        }
    }
}

impl Va {
    /// Whether the address lies in kseg0 or kseg1, where all address spaces of the kernel see the
    /// same.
    #[inline(always)]
    #[must_use]
    pub const fn is_direct(self) -> bool {
        self.0 >> 30 == 2
    }

    /// The address that a 64-bit register holds. A compatibility address, the sign extension of
    /// its lower half, is the 32-bit address of that half. Of any other the upper half is what it
    /// differs in from the sign extension.
    #[inline]
    #[must_use]
    pub const fn of_register(value: u64) -> Self {
        Self(value ^ Self::signs(value))
    }

    /// The address as a 64-bit register holds it.
    #[inline]
    #[must_use]
    pub const fn in_register(self) -> u64 {
        self.0 ^ Self::signs(self.0)
    }

    /// The upper half of the sign extension of a lower half.
    const fn signs(value: u64) -> u64 {
        (value as i32 as i64 as u64) & !0xffff_ffff
    }

    /// Whether the address is none of 32 bits.
    #[inline(always)]
    #[must_use]
    pub const fn is_far(self) -> bool {
        self.0 >> 32 != 0
    }

    /// The virtual address `bytes` further on, wrapping within 32 bits.
    #[must_use]
    pub const fn offset(self, bytes: u32) -> Self {
        Self((self.0 as u32).wrapping_add(bytes) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatibility_addresses_have_no_upper_half() {
        for (register, va) in [
            (0x7fff_fffc, 0x7fff_fffc),
            (0xffff_ffff_8000_1234, 0x8000_1234),
            (0xffff_ffff_ffff_fffc, 0xffff_fffc),
        ] {
            assert_eq!(Va::of_register(register), Va(va));
            assert!(!Va(va).is_far());
            assert_eq!(Va(va).in_register(), register);
        }
    }

    #[test]
    fn every_other_address_keeps_apart_from_them() {
        for register in [
            0x8000_0000,
            0xffff_ffff,
            0x1_0000_0000,
            0xffff_ffff_7fff_ffff,
            0x9800_0001_8000_0000,
        ] {
            let va = Va::of_register(register);
            assert!(va.is_far(), "{register:x}");
            assert_eq!(va.in_register(), register);
        }
    }
}
