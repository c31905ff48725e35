//! Swap: a file for the pages that machine memory has no room for.
//!
//! The file has no name, so that nothing of it is left when the monitor ends, however that comes
//! about. It grows as it is used. When it has reached its limit, or the disk is full, nothing more
//! is taken in, and what is in it stays.

use super::share::Content;
use crate::addr::PAGE_SIZE;
use rustc_hash::FxHashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of a page in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(pub u32);

#[derive(Debug, Default)]
struct Slots {
    free: Vec<u32>,
    /// How many users pages have beside the first, where they have more than one.
    held: FxHashMap<u32, u32>,
    fresh: u32,
    in_use: u64,
    most: u64,
    written: u64,
    read: u64,
    /// What the host said when a page could not be written.
    refused: Option<String>,
}

/// The file.
#[derive(Debug)]
pub struct SwapFile {
    file: Option<File>,
    limit: u64,
    slots: Mutex<Slots>,
    /// After how many calls of the host one is to fail; 0 for none.
    fails: AtomicU64,
}

/// What happened to a swap file.
#[derive(Clone, Debug, Default)]
pub struct SwapCounters {
    /// Pages in it.
    pub in_use: u64,
    /// The most pages that were ever in it.
    pub most: u64,
    /// The pages that may be in it.
    pub limit: u64,
    /// Pages written.
    pub written: u64,
    /// Pages read.
    pub read: u64,
    /// Why the last page that was refused could not be written, if the limit was not the reason.
    pub refused: Option<String>,
}

impl SwapFile {
    /// No file: nothing is ever swapped.
    #[must_use]
    pub fn none() -> Self {
        Self {
            file: None,
            limit: 0,
            slots: Mutex::default(),
            fails: AtomicU64::default(),
        }
    }

    /// A file of at most `bytes` in `directory`.
    ///
    /// # Errors
    /// If there can be none.
    pub fn create(directory: &Path, bytes: u64) -> io::Result<Self> {
        Ok(Self {
            file: Some(tempfile::tempfile_in(directory)?),
            limit: (bytes / PAGE_SIZE).min(u64::from(u32::MAX)),
            slots: Mutex::default(),
            fails: AtomicU64::default(),
        })
    }

    /// For tests: has the call of the host with this number fail, reads and writes together, counted
    /// from 1 and from now on.
    pub fn fail_call(&self, number: u64) {
        self.fails.store(number, Ordering::Relaxed);
    }

    /// Whether the call that was to fail is still to come.
    #[must_use]
    pub fn fails_later(&self) -> bool {
        self.fails.load(Ordering::Relaxed) > 0
    }

    /// What each call of the host asks first.
    fn call(&self) -> io::Result<()> {
        let next = |left: u64| left.checked_sub(1);
        match self
            .fails
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
        {
            Ok(1) => Err(io::Error::other("a test has it fail")),
            _ => Ok(()),
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a page in. `None` if there is no room.
    pub fn store(&self, content: &Content) -> Option<Slot> {
        let file = self.file.as_ref()?;
        let slot = {
            let mut slots = self.slots();
            if slots.in_use >= self.limit {
                return None;
            }
            let slot = slots.free.pop().unwrap_or_else(|| {
                slots.fresh += 1;
                slots.fresh - 1
            });
            slots.in_use += 1;
            slots.most = slots.most.max(slots.in_use);
            slots.written += 1;
            slot
        };
        let place = u64::from(slot) * PAGE_SIZE;
        match self.call().and_then(|()| file.write_all_at(content, place)) {
            Ok(()) => Some(Slot(slot)),
            Err(error) => {
                let mut slots = self.slots();
                slots.refused = Some(error.to_string());
                slots.written -= 1;
                drop(slots);
                self.free(Slot(slot));
                None
            }
        }
    }

    /// The content of a page that is in the file.
    ///
    /// # Errors
    /// What the host says.
    pub fn read(&self, slot: Slot) -> io::Result<Box<Content>> {
        let mut content = Box::new([0; PAGE_SIZE as usize]);
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        self.call()?;
        file.read_exact_at(&mut *content, u64::from(slot.0) * PAGE_SIZE)?;
        Ok(content)
    }

    /// The same, and it counts as read back.
    ///
    /// # Errors
    /// What the host says.
    pub fn fetch(&self, slot: Slot) -> io::Result<Box<Content>> {
        self.slots().read += 1;
        self.read(slot)
    }

    /// The page has one user more.
    pub fn hold(&self, slot: Slot) {
        *self.slots().held.entry(slot.0).or_default() += 1;
    }

    /// Ends a use of a page. The last user forgets it.
    pub fn free(&self, slot: Slot) {
        let mut slots = self.slots();
        if let Some(held) = slots.held.get_mut(&slot.0) {
            *held -= 1;
            if *held == 0 {
                slots.held.remove(&slot.0);
            }
            return;
        }
        slots.free.push(slot.0);
        slots.in_use -= 1;
    }

    /// The pages for which there is room.
    #[must_use]
    pub fn room(&self) -> u64 {
        let slots = self.slots();
        if slots.refused.is_some() {
            return slots.free.len() as u64;
        }
        self.limit - slots.in_use
    }

    /// What happened.
    #[must_use]
    pub fn counters(&self) -> SwapCounters {
        let slots = self.slots();
        SwapCounters {
            in_use: slots.in_use,
            most: slots.most,
            limit: self.limit,
            written: slots.written,
            read: slots.read,
            refused: slots.refused.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_back_as_they_were_until_the_file_is_full() {
        let swap = SwapFile::create(&std::env::temp_dir(), 2 * PAGE_SIZE).unwrap();
        let page = |byte| [byte; PAGE_SIZE as usize];
        let (one, two) = (swap.store(&page(1)).unwrap(), swap.store(&page(2)).unwrap());
        assert_eq!(swap.store(&page(3)), None);
        assert_eq!(*swap.fetch(one).unwrap(), page(1));
        swap.hold(one);
        swap.free(one);
        assert_eq!(swap.store(&page(3)), None, "it has a user still");
        swap.free(one);
        let three = swap.store(&page(3)).unwrap();
        assert_eq!(*swap.fetch(three).unwrap(), page(3));
        assert_eq!(*swap.fetch(two).unwrap(), page(2));
        assert_eq!((swap.room(), swap.counters().most), (0, 2));
        assert_eq!(SwapFile::none().store(&page(1)), None);
    }
}
