//! The content of a machine's RAM as it was at one moment, while the machine runs on.
//!
//! Nothing is copied for it: all frames of the machine are shared from then on, and the machine
//! copies a page when it next writes to it.

use super::HostFailure;
use super::machine::MachineMemory;
use super::pmap::{Page, Pmap};
use super::ram::Ram;
use super::share::{Content, is_zero};
use crate::addr::Pa;
use std::borrow::Cow;
use std::sync::Arc;

/// Machine memory has no frames left for what frozen memory and its machine have no longer alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too many copies of the machine's memory are in use already; wait until one is written")]
pub struct Busy;

/// The content of a machine's RAM at one moment.
pub struct Frozen {
    pmap: Pmap,
    machine: Arc<MachineMemory>,
    /// Frames that machine memory may have in use beyond its limit because of this.
    lent: u64,
}

impl Ram {
    /// The content as it is now. No space may lead to any page.
    pub(crate) fn freeze(&mut self) -> Result<Frozen, Busy> {
        let machine = Arc::clone(self.machine_memory());
        let counts = self.page_counts();
        // Each of these pages may be in two frames for as long as the copy is there.
        let lent = counts.private + counts.shared + counts.swapped;
        if !machine.lend(lent) {
            return Err(Busy);
        }
        let pmap = freeze(&mut self.pmap, &machine);
        Ok(Frozen {
            pmap,
            machine,
            lent,
        })
    }

    /// Makes pages that are shared with no other private again, and brings pages home that were
    /// copied while frozen memory had their place. No space may lead to any page.
    pub(crate) fn settle(&mut self) {
        let machine = Arc::clone(self.machine_memory());
        settle(&mut self.pmap, &machine);
    }
}

impl Frozen {
    /// Every page that may hold something else than in `before`, an older copy of the same machine's
    /// memory, or of zeros without one: in order of address, with its content if it is not zeros.
    ///
    /// A frame is never written while a copy has it, and goes to no other page: a page that is in the
    /// same place in both copies is the same.
    ///
    /// # Errors
    /// For a page that the host does not give.
    pub fn changed<'a>(
        &'a self,
        before: Option<&'a Self>,
    ) -> impl Iterator<Item = Result<Changed<'a>, HostFailure>> + 'a {
        let was = move |pa| before.and_then(|before| before.pmap.page(pa));
        let pages = self.pmap.touched();
        pages
            .filter(move |&(pa, page)| was(pa) != Some(page))
            .map(|(pa, page)| {
                let content = self.pmap.content(page, &self.machine)?;
                Ok((pa, content.filter(|content| !is_zero(content))))
            })
    }
}

/// A page that may hold something else than before, and its content if it is not zeros.
pub type Changed<'a> = (Pa, Option<Cow<'a, Content>>);

impl Drop for Frozen {
    fn drop(&mut self) {
        self.pmap.clear(&self.machine);
        self.machine.take_lent(self.lent);
    }
}

/// A map of the same pages as `pmap` for a machine that does not run.
fn freeze(pmap: &mut Pmap, machine: &MachineMemory) -> Pmap {
    let mut frozen = Pmap::new(machine.next_vm(), pmap.bytes(), None);
    if pmap.has_rom() {
        frozen.add_rom();
    }
    frozen.set_store(pmap.store().cloned());
    for index in 0..pmap.len() {
        let Some(mut page) = pmap.page_at(index).filter(|&page| page != Page::Absent) else {
            continue;
        };
        let holder = frozen.user(index);
        match page {
            Page::Private(frame) => {
                let user = pmap.user(index);
                machine.shares().hold(machine, user, frame, holder);
                page = Page::Shared(frame);
                pmap.set(index, page);
            }
            Page::Shared(frame) => machine.shares().join(frame, holder),
            Page::Swapped(slot) => machine.swap().hold(slot),
            Page::Absent | Page::Zero | Page::Stored(_) | Page::Ballooned => {}
        }
        frozen.set(index, page);
    }
    frozen
}

fn settle(pmap: &mut Pmap, machine: &MachineMemory) {
    for index in 0..pmap.len() {
        let user = pmap.user(index);
        if let Some(Page::Shared(frame)) = pmap.page_at(index)
            && machine.shares().take_back(user, frame)
        {
            machine.set_owner(frame, user);
            pmap.set(index, Page::Private(frame));
        }
        bring_home(pmap, index, machine);
    }
}

/// Moves a private page to its place, if that is free.
fn bring_home(pmap: &mut Pmap, index: usize, machine: &MachineMemory) {
    let (Some(Page::Private(frame)), Some(home)) = (pmap.page_at(index), pmap.home_of(index))
    else {
        return;
    };
    if frame == home || !machine.claim(pmap.user(index), home) {
        return;
    }
    machine.write(home.ma(), machine.frame(frame));
    machine.free(frame);
    pmap.set(index, Page::Private(home));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::PAGE_SIZE;

    fn ram(pages: u64) -> Ram {
        let memory = MachineMemory::new(pages * PAGE_SIZE).unwrap();
        Ram::new(pages * PAGE_SIZE, false, Arc::new(memory))
    }

    fn write(ram: &mut Ram, page: u64, bytes: &[u8]) {
        let access = ram.write(Pa(page * PAGE_SIZE)).unwrap().unwrap();
        ram.put(access, bytes);
    }

    fn firsts(frozen: &Frozen) -> Vec<(u64, u8)> {
        let pages = frozen.changed(None).map(|page| page.unwrap());
        pages
            .filter_map(|(pa, content)| Some((pa.page_number(), content?[0])))
            .collect()
    }

    #[test]
    fn what_is_frozen_stays_while_the_machine_writes() {
        let mut ram = ram(8);
        (0..4).for_each(|page| write(&mut ram, page, &[page as u8 + 1]));
        let first = ram.freeze().unwrap();
        write(&mut ram, 1, b"x");
        write(&mut ram, 5, b"y");
        let second = ram.freeze().unwrap();
        write(&mut ram, 1, b"z");
        let before = [(0, 1), (1, 2), (2, 3), (3, 4)];
        assert_eq!(firsts(&first), before);
        let then = [(0, 1), (1, b'x'), (2, 3), (3, 4), (5, b'y')];
        assert_eq!(firsts(&second), then);
        drop(first);
        assert_eq!(firsts(&second), then, "frames of the other are still its");
        let machine = Arc::clone(ram.machine_memory());
        drop(ram);
        assert_eq!(firsts(&second), then, "it outlives its machine");
        drop(second);
        assert_eq!(machine.frames_in_use(), 0);
    }

    #[test]
    fn what_was_written_since_a_copy_is_what_differs_from_it() {
        let mut ram = ram(8);
        (0..4).for_each(|page| write(&mut ram, page, &[page as u8 + 1]));
        let changed = |now: &Frozen, before: Option<&Frozen>| {
            let pages = now.changed(before).map(|page| page.unwrap());
            let pages = pages.map(|(pa, content)| (pa.page_number(), content.map(|it| it[0])));
            pages.collect::<Vec<_>>()
        };
        let first = ram.freeze().unwrap();
        let all = [(0, Some(1)), (1, Some(2)), (2, Some(3)), (3, Some(4))];
        assert_eq!(changed(&first, None), all);
        assert_eq!(changed(&ram.freeze().unwrap(), Some(&first)), []);
        write(&mut ram, 1, b"x");
        write(&mut ram, 2, &[0; PAGE_SIZE as usize]);
        write(&mut ram, 6, b"y");
        let second = ram.freeze().unwrap();
        let since = [(1, Some(b'x')), (2, None), (6, Some(b'y'))];
        assert_eq!(changed(&second, Some(&first)), since);
        drop(first);
        write(&mut ram, 1, b"z");
        let third = ram.freeze().unwrap();
        assert_eq!(changed(&third, Some(&second)), [(1, Some(b'z'))]);
    }

    #[test]
    fn afterwards_pages_are_private_and_at_home_again() {
        let mut ram = ram(8);
        (0..4).for_each(|page| write(&mut ram, page, &[7]));
        let frozen = ram.freeze().unwrap();
        write(&mut ram, 2, b"x");
        assert_eq!(ram.page_counts().shared, 3);
        drop(frozen);
        ram.settle();
        assert_eq!(
            (ram.page_counts().shared, ram.page_counts().private),
            (0, 4)
        );
        for page in 0..4 {
            let pa = Pa(page * PAGE_SIZE);
            let access = ram.read(pa).unwrap().unwrap();
            assert!(access.writable && ram.pmap.is_at_home(pa, access.ma.into()));
            let first = if page == 2 { b'x' } else { 7 };
            assert_eq!(ram.machine_memory().frame(access.ma.into())[0], first);
        }
    }

    #[test]
    fn each_copy_may_differ_from_the_machine_in_every_page() {
        let mut ram = ram(8);
        (0..8).for_each(|page| write(&mut ram, page, &[1]));
        let first = ram.freeze().unwrap();
        let _second = ram.freeze().unwrap();
        drop(first);
        (0..8).for_each(|page| write(&mut ram, page, &[2]));
        assert!(!ram.machine_memory().is_short());
    }

    #[test]
    fn there_is_an_end_to_copies() {
        let mut ram = ram(8);
        let mut held = Vec::new();
        let busy = loop {
            (0..8).for_each(|page| write(&mut ram, page, &[1]));
            match ram.freeze() {
                Ok(frozen) => held.push(frozen),
                Err(busy) => break busy,
            }
        };
        assert_eq!(busy, Busy);
        assert!(held.len() > 1);
        (0..8).for_each(|page| write(&mut ram, page, &[2]));
    }
}
