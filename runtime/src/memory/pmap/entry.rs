//! A page and what is known of it.

use super::Page;

/// A page and what is known of it.
#[derive(Clone, Copy, Default)]
pub struct Entry {
    /// What it is.
    pub page: Page,
    /// Whether translations or predecoded blocks were made from this page.
    pub code: bool,
    /// Whether a space may have permission to write to the page at a mapped address.
    pub mapped: bool,
    /// Whether a space may have permission to read the page at a mapped address.
    pub read: bool,
    /// Whether the page was used in this epoch.
    pub used: bool,
}

impl Entry {
    /// Notes that a space leads to it: at an address of kseg0 or kseg1 if `direct`, else at a
    /// mapped one.
    pub fn note_space(&mut self, direct: bool, writable: bool) {
        self.used = true;
        self.read |= !direct;
        self.mapped |= !direct && writable;
    }

    /// Whether any space may have permission to read or write at a mapped address.
    pub fn is_mapped(&self) -> bool {
        self.read || self.mapped
    }

    /// The same; that is about to be taken back.
    pub fn take_mappings(&mut self) -> bool {
        std::mem::take(&mut self.read) | std::mem::take(&mut self.mapped)
    }

    /// No space leads to it, and it was not used. Says whether it was.
    pub fn begin_epoch(&mut self) -> bool {
        self.take_mappings();
        std::mem::take(&mut self.used)
    }
}
