//! The store that a machine was loaded from: its pages come into machine memory when they are
//! touched.

use super::backmap::Frame;
use super::failure::HostFailure;
use super::machine::MachineMemory;
use super::pmap::{Page, Pmap};
use super::share::{Content, Offer, hash};
use crate::addr::{PAGE_SIZE, Pa};
use std::io;
use std::sync::Arc;

/// The number of a page in a store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct StoredPage(pub u32);

/// Pages that never change, in a file, for example.
pub trait PageStore: Send + Sync {
    /// Copies the content of a page.
    ///
    /// # Errors
    /// If the store is damaged or cannot be read.
    fn read(&self, page: StoredPage, into: &mut Content) -> io::Result<()>;
}

/// The content of a machine's RAM in a store.
#[derive(Clone)]
pub struct Stored {
    /// The store.
    pub store: Arc<dyn PageStore>,
    /// Where each page is that is not zeros.
    pub pages: Vec<(Pa, StoredPage)>,
}

impl Pmap {
    /// Says where the pages of RAM are, none of which was touched. Pages where there is no RAM are
    /// left out.
    pub(super) fn load(&mut self, stored: &Stored) {
        self.set_store(Some(Arc::clone(&stored.store)));
        for &(pa, page) in &stored.pages {
            if let Some(index) = self.index(pa) {
                self.set(index, Page::Stored(page));
            }
        }
    }

    /// The content of a page that is in the store.
    pub(super) fn stored(&self, page: StoredPage) -> Result<Content, HostFailure> {
        let mut content = [0; PAGE_SIZE as usize];
        let store = self.store().ok_or(io::ErrorKind::NotFound.into());
        let read = store.and_then(|store| store.read(page, &mut content));
        read.map_err(|error| HostFailure::Store(error.to_string()))?;
        Ok(content)
    }

    /// Gives a page that is in the store a frame of its own.
    pub(super) fn fetch_stored(
        &mut self,
        index: usize,
        page: StoredPage,
        machine: &MachineMemory,
    ) -> Result<Frame, HostFailure> {
        let content = self.stored(page)?;
        let frame = self.frame_for(index, machine)?;
        machine.write(frame.ma(), &content);
        self.set(index, Page::Private(frame));
        Ok(frame)
    }

    /// Makes a page readable that is in the store. Machines that were loaded from one store find
    /// the page in one frame.
    pub(super) fn bring_stored(
        &mut self,
        index: usize,
        page: StoredPage,
        machine: &MachineMemory,
    ) -> Result<(), HostFailure> {
        if !machine.is_for_several() {
            return self.fetch_stored(index, page, machine).map(|_| ());
        }
        let content = self.stored(page)?;
        let user = self.user(index);
        let hash = hash(&content);
        if let Some(frame) = machine.shares().find(machine, user, &content, hash) {
            self.set(index, Page::Shared(frame));
            return Ok(());
        }
        let frame = self.frame_for(index, machine)?;
        machine.write(frame.ma(), &content);
        let offer = machine.shares().offer(machine, user, frame, hash, true);
        let page = match offer {
            Offer::Alone => Page::Private(frame),
            Offer::Published => Page::Shared(frame),
            Offer::Same(same) => {
                machine.free(frame);
                Page::Shared(same)
            }
        };
        self.set(index, page);
        Ok(())
    }
}
