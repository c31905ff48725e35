//! Pages of the same content, kept once: which frames are shared, by content and by user.
//!
//! A page is found by the hash of its content and believed only when every byte is the same. It
//! is not shared when it is first seen, as there may never be another like it: the hash is noted,
//! and a VM that comes with the same content later publishes a frame and tells the first by mail.
//! All that happens to a VM's map is done by what holds that VM; here is only what VMs share.

use super::backmap::{Frame, User, VmId};
use super::machine::MachineMemory;
use crate::addr::{PAGE_SIZE, Pa};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_64;

/// A page's content.
pub type Content = [u8; PAGE_SIZE as usize];

/// Whether the content is all zeros.
#[must_use]
pub fn is_zero(content: &Content) -> bool {
    let (words, _) = content.as_chunks::<8>();
    words.iter().all(|&word| u64::from_ne_bytes(word) == 0)
}

/// The hash that content is found by.
#[must_use]
pub fn hash(content: &Content) -> u64 {
    xxh3_64(content)
}

/// A frame that is shared.
#[derive(Debug)]
struct Shared {
    /// The hash by which others find it, if it was shared for its content.
    hash: Option<u64>,
    users: Vec<User>,
}

#[derive(Default, Debug)]
struct Tables {
    by_hash: FxHashMap<u64, Frame>,
    frames: FxHashMap<Frame, Shared>,
    /// Private pages that were looked at, by their content then.
    hints: FxHashMap<u64, User>,
    /// Pages that have met their like, for their VM to look at again.
    mail: FxHashMap<VmId, Vec<Pa>>,
    /// Uses of all shared frames.
    uses: u64,
    /// The most frames that were ever saved.
    most_saved: u64,
}

/// The shared frames.
#[derive(Default, Debug)]
pub struct Shares {
    tables: Mutex<Tables>,
    broken: AtomicU64,
    at_once: AtomicBool,
}

/// What became of a page that was offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offer {
    /// There is no other like it, for now.
    Alone,
    /// The page's own frame is a shared one now.
    Published,
    /// This frame, which is shared, has the same content; the page uses it now.
    Same(Frame),
}

impl Shares {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers the page of `user`, whose content is in its private `frame`, to be shared; at
    /// once if `eager`, else if another has had the same content.
    pub fn offer(
        &self,
        memory: &MachineMemory,
        user: User,
        frame: Frame,
        hash: u64,
        eager: bool,
    ) -> Offer {
        let mut tables = self.tables();
        if let Some(&same) = tables.by_hash.get(&hash) {
            if memory.frame(same) != memory.frame(frame) {
                return Offer::Alone;
            }
            tables.join(same, user);
            return Offer::Same(same);
        }
        let met = tables
            .hints
            .get(&hash)
            .copied()
            .filter(|&other| other != user);
        if !eager && met.is_none() {
            // Hints are cheap to lose: a page is looked at again.
            if tables.hints.len() as u64 > 2 * memory.limit() {
                tables.hints.clear();
            }
            tables.hints.insert(hash, user);
            return Offer::Alone;
        }
        if let Some(other) = met {
            tables.hints.remove(&hash);
            tables.mail.entry(other.vm).or_default().push(other.pa);
        }
        tables.by_hash.insert(hash, frame);
        tables.publish(memory, frame, Some(hash), user);
        Offer::Published
    }

    /// A second user of a frame that is private to `user`, whatever its content: it is shared from
    /// now on.
    pub fn hold(&self, memory: &MachineMemory, user: User, frame: Frame, holder: User) {
        let mut tables = self.tables();
        tables.publish(memory, frame, None, user);
        tables.join(frame, holder);
    }

    /// Another user of a frame that is shared.
    pub fn join(&self, frame: Frame, user: User) {
        self.tables().join(frame, user);
    }

    /// From now on, pages that are written whole are shared when they are written.
    pub fn share_at_once(&self) {
        self.at_once.store(true, Ordering::Relaxed);
    }

    /// Whether they are.
    #[must_use]
    pub fn shares_at_once(&self) -> bool {
        self.at_once.load(Ordering::Relaxed)
    }

    /// A shared frame with this content, which has this hash, and which `user` uses from now on.
    pub fn find(
        &self,
        memory: &MachineMemory,
        user: User,
        content: &Content,
        hash: u64,
    ) -> Option<Frame> {
        let mut tables = self.tables();
        let frame = *tables.by_hash.get(&hash)?;
        if memory.frame(frame) != content {
            return None;
        }
        tables.join(frame, user);
        Some(frame)
    }

    /// Ends one use of a shared frame. Says whether it was the last: then the frame is no longer
    /// shared, and the caller's.
    pub fn leave(&self, user: User, frame: Frame) -> bool {
        self.broken.fetch_add(1, Ordering::Relaxed);
        self.tables().leave(user, frame)
    }

    /// Ends the use of a shared frame that has no other user: it is the caller's then.
    pub fn take_back(&self, user: User, frame: Frame) -> bool {
        let mut tables = self.tables();
        let sole = |shared: &Shared| shared.users == [user];
        tables.frames.get(&frame).is_some_and(sole) && tables.leave(user, frame)
    }

    /// How often a page was shared no longer.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }

    /// What uses a shared frame.
    #[must_use]
    pub fn users(&self, frame: Frame) -> Vec<User> {
        let tables = self.tables();
        let shared = tables.frames.get(&frame);
        shared.map_or_else(Vec::new, |shared| shared.users.clone())
    }

    /// The shared frames, and their uses.
    #[must_use]
    pub fn count(&self) -> (u64, u64) {
        let tables = self.tables();
        (tables.frames.len() as u64, tables.uses)
    }

    /// The most frames that sharing ever saved at a time.
    #[must_use]
    pub fn most_saved(&self) -> u64 {
        self.tables().most_saved
    }

    /// The pages of a VM that have met their like since the last call.
    pub fn take_mail(&self, vm: VmId) -> Vec<Pa> {
        self.tables().mail.remove(&vm).unwrap_or_default()
    }
}

impl Tables {
    fn publish(&mut self, memory: &MachineMemory, frame: Frame, hash: Option<u64>, user: User) {
        let users = Vec::with_capacity(2);
        self.frames.insert(frame, Shared { hash, users });
        self.join(frame, user);
        memory.set_shared(frame);
    }

    fn join(&mut self, frame: Frame, user: User) {
        if let Some(shared) = self.frames.get_mut(&frame) {
            shared.users.push(user);
            self.uses += 1;
            self.most_saved = self.most_saved.max(self.uses - self.frames.len() as u64);
        }
    }

    fn leave(&mut self, user: User, frame: Frame) -> bool {
        let Some(shared) = self.frames.get_mut(&frame) else {
            return false;
        };
        let Some(place) = shared.users.iter().position(|&other| other == user) else {
            return false;
        };
        shared.users.swap_remove(place);
        let (last, hash) = (shared.users.is_empty(), shared.hash);
        self.uses -= 1;
        if last {
            self.frames.remove(&frame);
            hash.and_then(|hash| self.by_hash.remove(&hash));
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(vm: u16) -> User {
        User {
            vm: VmId(vm),
            pa: Pa(0x1000),
        }
    }

    #[test]
    fn a_page_is_shared_when_its_like_is_met() {
        let memory = MachineMemory::new(16 * PAGE_SIZE).unwrap();
        let shares = memory.shares();
        let frames: Vec<_> = (1..=3)
            .map(|vm| {
                let frame = memory.allocate(user(vm), None).unwrap();
                memory.write(frame.ma(), b"the same in all");
                frame
            })
            .collect();
        let hash = hash(memory.frame(frames[0]));
        let offer =
            |vm: u16| shares.offer(&memory, user(vm), frames[usize::from(vm) - 1], hash, false);
        assert_eq!(offer(1), Offer::Alone);
        assert_eq!(offer(1), Offer::Alone, "not its own like");
        assert_eq!(offer(2), Offer::Published);
        assert_eq!(shares.take_mail(VmId(1)), [Pa(0x1000)]);
        assert_eq!(offer(1), Offer::Same(frames[1]));
        assert_eq!(offer(3), Offer::Same(frames[1]));
        assert_eq!(shares.count(), (1, 3));
        assert_eq!(memory.users(frames[1]), [user(2), user(1), user(3)]);
        assert!(!shares.leave(user(2), frames[1]) && !shares.leave(user(1), frames[1]));
        assert!(
            shares.leave(user(3), frames[1]),
            "the last one takes it back"
        );
        assert_eq!(shares.count(), (0, 0));
    }

    #[test]
    fn content_is_believed_when_every_byte_is_the_same() {
        let memory = MachineMemory::new(16 * PAGE_SIZE).unwrap();
        let (one, two) = (
            memory.allocate(user(1), None).unwrap(),
            memory.allocate(user(2), None).unwrap(),
        );
        memory.write(one.ma(), b"one");
        memory.write(two.ma(), b"two");
        let shares = memory.shares();
        assert_eq!(
            shares.offer(&memory, user(1), one, 5, true),
            Offer::Published
        );
        assert_eq!(shares.offer(&memory, user(2), two, 5, true), Offer::Alone);
    }
}
