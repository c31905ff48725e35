//! The window: a VM's RAM as kseg0 shows it, in one piece of the host's memory, behind a table of
//! what may be accessed there.
//!
//! A page that lies in its own place of the window is reached without asking where it is: the grant
//! only says whether, and so the access does not wait for it. Pages elsewhere (shared with others,
//! read as zeros, not there) have no grant, and go the way of the other tables.

use crate::addr::{PAGE_BITS, Pa, VA_PAGES};
use std::mem::offset_of;
use std::ptr::NonNull;

/// The grants come first, one for each page of the address space. More of them follow that are
/// always empty: a probe for aligned bytes rotates the lowest bits of the address to its top,
/// and so finds nothing at others. There are eight times as many for eight bytes.
#[repr(C, align(4096))]
pub struct Window {
    /// 0 for nothing, 1 for a page that may be read, -1 for one that may be written to as well.
    pub grants: [i8; VA_PAGES << 3],
}

/// May be read.
const READ: i8 = 1;
/// May be read and written to: less than zero, as [`READ`] is not.
const WRITE: i8 = -1;

/// Where kseg0 begins.
const KSEG0: u64 = 0x8000_0000;
/// What to add to the address of a window and to one in kseg0 to get where the byte is.
pub const TO_KSEG0: i64 = size_of::<Window>() as i64 - KSEG0 as i64;
/// Where the grants are in a window.
pub const GRANTS: usize = offset_of!(Window, grants);

/// The grants of one VM.
pub struct Grants {
    window: NonNull<Window>,
    pages: usize,
}

impl Grants {
    /// The grants in `window`, all empty, for so many pages of kseg0. Nothing else changes them.
    pub fn new(window: NonNull<Window>, pages: usize) -> Self {
        Self { window, pages }
    }

    /// Where the window is.
    #[must_use]
    pub fn window(&self) -> NonNull<Window> {
        self.window
    }

    fn table(&mut self) -> &mut [i8] {
        let table = self.window.as_ptr().cast::<i8>().wrapping_add(GRANTS);
        let first = table.wrapping_add((KSEG0 >> PAGE_BITS) as usize);
        // SAFETY: the window is mapped as long as the VM lives and has no fewer grants; translated
        // code, which reads them too, does not run meanwhile.
        unsafe { std::slice::from_raw_parts_mut(first, self.pages) }
    }

    fn grant(&mut self, pa: Pa) -> Option<&mut i8> {
        self.table().get_mut(pa.page_number() as usize)
    }

    /// The page of `pa` is in its place of the window.
    pub fn allow(&mut self, pa: Pa, writable: bool) {
        if let Some(grant) = self.grant(pa) {
            *grant = if writable { WRITE } else { READ };
        }
    }

    /// Takes the permission to write to the page of `pa` back.
    pub fn protect(&mut self, pa: Pa) {
        if let Some(grant) = self.grant(pa) {
            *grant = (*grant).abs();
        }
    }

    /// Takes everything back that concerns the page of `pa`.
    pub fn forbid(&mut self, pa: Pa) {
        if let Some(grant) = self.grant(pa) {
            *grant = 0;
        }
    }

    /// Takes everything back.
    pub fn clear(&mut self) {
        self.table().fill(0);
    }
}

// SAFETY: nothing else changes the grants of a window, and it stays where it is.
unsafe impl Send for Grants {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::PAGE_SIZE;

    #[test]
    fn what_is_granted_is_what_was_allowed_last() {
        // SAFETY: all zero is a window.
        let mut window: Box<Window> = unsafe { Box::new_zeroed().assume_init() };
        let mut grants = Grants::new(NonNull::from(&mut *window), 2);
        grants.allow(Pa(0), true);
        grants.allow(Pa(PAGE_SIZE + 5), false);
        grants.allow(Pa(2 * PAGE_SIZE), true);
        assert_eq!(grants.table(), [WRITE, READ], "there is no third page");
        grants.protect(Pa(0));
        grants.protect(Pa(PAGE_SIZE));
        assert_eq!(grants.table(), [READ, READ]);
        grants.forbid(Pa(0));
        grants.protect(Pa(0));
        assert_eq!(grants.table(), [0, READ]);
        grants.clear();
        assert_eq!(grants.table(), [0, 0]);
    }
}
