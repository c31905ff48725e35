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
    /// A virtual address of the guest. On a 32-bit CPU the upper half is zero.
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
        self.0 as u32 >> 30 == 2
    }

    /// The virtual address `bytes` further on, wrapping within 32 bits.
    #[must_use]
    pub const fn offset(self, bytes: u32) -> Self {
        Self((self.0 as u32).wrapping_add(bytes) as u64)
    }
}
