//! What RAM held at one moment, for the same machine to go back to it.
//!
//! Unlike [`Frozen`](super::Frozen) memory it shares no frames: the machine goes on with all pages where
//! they are, as fast as before. Pages that are as they were at an earlier moment are kept once.

use super::StoredPage;
use super::pmap::Page;
use super::ram::Ram;
use super::share::{Content, is_zero};
use crate::addr::{PAGE_SIZE, Pa};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// The unit in which a page is compared with what it was: what is the same is not written.
const GRAIN: usize = 64;

/// How many pages are kept, for all that have a clone of this.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<()>);

impl Tally {
    /// The bytes of all pages that are kept.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (Arc::strong_count(&self.0) as u64 - 1) * PAGE_SIZE
    }
}

/// A page's content, which counts while it is there.
struct Bytes {
    content: Content,
    _counts: Tally,
}

/// What a page was.
#[derive(Clone)]
enum KeptPage {
    Zero,
    /// In the store that the machine was loaded from.
    Stored(StoredPage),
    Bytes(Arc<Bytes>),
}

/// The content of a machine's RAM at one moment.
pub struct Kept(Vec<KeptPage>);

impl Kept {
    /// The content of `ram` as it is now. Pages that are as in `before` are shared with that.
    pub(crate) fn of(ram: &Ram, before: Option<&Self>, tally: &Tally) -> Self {
        let pages = (0..ram.pmap.len()).map(|index| {
            let page = ram.pmap.page_at(index).unwrap_or_default();
            let before = before.and_then(|before| before.0.get(index));
            keep(ram, page, before, tally)
        });
        Self(pages.collect())
    }

    /// The parts of RAM that are otherwise now, in order, with what they were.
    pub(crate) fn changes(&self, ram: &Ram, mut put: impl FnMut(Pa, &[u8])) {
        for (index, kept) in self.0.iter().enumerate() {
            let page = ram.pmap.page_at(index).unwrap_or_default();
            if let KeptPage::Stored(stored) = kept
                && page == Page::Stored(*stored)
            {
                continue;
            }
            let wanted = match kept {
                KeptPage::Zero => None,
                KeptPage::Stored(page) => ram.content(Page::Stored(*page)),
                KeptPage::Bytes(bytes) => Some(Cow::Borrowed(&bytes.content)),
            };
            let (now, wanted) = (or_zeros(ram.content(page)), or_zeros(wanted));
            for range in differences(&now, &wanted) {
                let pa = ram.pmap.address(index);
                put(Pa(pa.0 + range.start as u64), &wanted[range]);
            }
        }
    }
}

pub(super) fn or_zeros(content: Option<Cow<'_, Content>>) -> Cow<'_, Content> {
    const ZEROS: &Content = &[0; PAGE_SIZE as usize];
    content.unwrap_or(Cow::Borrowed(ZEROS))
}

fn keep(ram: &Ram, page: Page, before: Option<&KeptPage>, tally: &Tally) -> KeptPage {
    if let Page::Stored(page) = page {
        return KeptPage::Stored(page);
    }
    let Some(content) = ram.content(page).filter(|content| !is_zero(content)) else {
        return KeptPage::Zero;
    };
    match before {
        Some(KeptPage::Bytes(bytes)) if bytes.content == *content => {
            KeptPage::Bytes(Arc::clone(bytes))
        }
        _ => KeptPage::Bytes(Arc::new(Bytes {
            content: *content,
            _counts: tally.clone(),
        })),
    }
}

/// The ranges in which two pages differ.
fn differences<'a>(a: &'a Content, b: &'a Content) -> impl Iterator<Item = Range<usize>> + 'a {
    let grains = a.chunks(GRAIN).zip(b.chunks(GRAIN)).enumerate();
    let differ = grains.filter(|(_, (a, b))| a != b);
    differ.map(|(number, _)| number * GRAIN..(number + 1) * GRAIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::machine::MachineMemory;

    fn ram(pages: u64) -> Ram {
        let memory = MachineMemory::new(pages * PAGE_SIZE).unwrap();
        Ram::new(pages * PAGE_SIZE, false, Arc::new(memory))
    }

    fn write(ram: &mut Ram, pa: u64, bytes: &[u8]) {
        let access = ram.write(Pa(pa)).unwrap().unwrap();
        ram.put(access, bytes);
    }

    #[test]
    fn what_is_the_same_is_kept_once() {
        let (mut ram, tally) = (ram(8), Tally::default());
        write(&mut ram, 0, b"one");
        write(&mut ram, PAGE_SIZE, b"two");
        let first = Kept::of(&ram, None, &tally);
        assert_eq!(tally.bytes(), 2 * PAGE_SIZE);
        write(&mut ram, 0, b"1");
        let second = Kept::of(&ram, Some(&first), &tally);
        assert_eq!(tally.bytes(), 3 * PAGE_SIZE);
        drop(first);
        assert_eq!(tally.bytes(), 2 * PAGE_SIZE);
        drop(second);
        assert_eq!(tally.bytes(), 0);
    }

    #[test]
    fn the_changes_lead_back() {
        let (mut ram, tally) = (ram(8), Tally::default());
        write(&mut ram, 200, b"one");
        let kept = Kept::of(&ram, None, &tally);
        write(&mut ram, 200, b"two");
        write(&mut ram, 3 * PAGE_SIZE, b"new");
        let mut changes = Vec::new();
        kept.changes(&ram, |pa, bytes| changes.push((pa.0, bytes.to_vec())));
        let places: Vec<u64> = changes.iter().map(|&(pa, _)| pa).collect();
        assert_eq!(places, [192, 3 * PAGE_SIZE]);
        for (pa, bytes) in changes {
            write(&mut ram, pa, &bytes);
        }
        kept.changes(&ram, |pa, _| panic!("{pa} differs still"));
    }
}
