//! How many pages are what.

use super::Page;

/// How many pages of a VM are what.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PageCounts {
    /// Read from the frame of zeros.
    pub zero: u64,
    /// In frames of their own.
    pub private: u64,
    /// In shared frames.
    pub shared: u64,
    /// In the swap file.
    pub swapped: u64,
    /// In the store that the machine was loaded from.
    pub stored: u64,
    /// Given to the monitor.
    pub ballooned: u64,
}

impl PageCounts {
    pub(super) fn of(&mut self, page: Page) -> Option<&mut u64> {
        match page {
            Page::Absent => None,
            Page::Zero => Some(&mut self.zero),
            Page::Private(_) => Some(&mut self.private),
            Page::Shared(_) => Some(&mut self.shared),
            Page::Swapped(_) => Some(&mut self.swapped),
            Page::Stored(_) => Some(&mut self.stored),
            Page::Ballooned => Some(&mut self.ballooned),
        }
    }

    /// The pages that are in frames.
    #[must_use]
    pub fn resident(&self) -> u64 {
        self.private + self.shared
    }

    /// The pages that were ever touched and are not given away.
    #[must_use]
    pub fn touched(&self) -> u64 {
        self.zero + self.private + self.shared + self.swapped + self.stored
    }
}
