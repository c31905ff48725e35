//! Machine memory: the host memory that the monitor hands out to its VMs, in frames.
//!
//! One mapping, reserved whole and backed by the host as it is touched. A frame that is handed
//! out is zero: fresh ones because the host made them so, used ones because they are cleared when
//! they are handed out again. The backmap says what uses a frame. Each VM has a [`Home`] in the
//! mapping, where its pages lie in one piece as far as they can.
//!
//! Which code may look at a frame: a private frame belongs to the VM in its backmap, and only what
//! runs or holds that VM touches it; a shared frame is never written while it is shared.

use super::backmap::{Backmap, Frame, Use, User, VmId};
use super::homes::{self, Home, Homes};
use super::reserved::Private;
use super::share::{Content, Shares};
use super::swap::SwapFile;
use super::window::Window;
use crate::addr::{Ma, PAGE_BITS, PAGE_SIZE};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why machine memory could not be had.
#[derive(Debug, thiserror::Error)]
pub enum MachineMemoryError {
    /// The host refused the mapping.
    #[error(
        "the host refused to reserve {bytes} bytes for guest memory: {source}; use a smaller --memory"
    )]
    Reserve {
        /// What was asked for.
        bytes: u64,
        /// What the host said.
        source: std::io::Error,
    },
    /// The host refused address space for the software TLB.
    #[error("the host refused address space for the software TLB: {0}; see `ulimit -v`")]
    Tables(std::io::Error),
    /// The host bounds files, and the tables count as one.
    #[error(
        "the host bounds the size of files, and tables of the software TLB count as one of {bytes} \
         bytes; raise `ulimit -f`"
    )]
    FileSize {
        /// What the tables take.
        bytes: u64,
    },
    /// The machines do not fit.
    #[error(
        "machine memory of {limit} bytes is used up; give more with --machine-memory or --swap"
    )]
    Full {
        /// The limit.
        limit: u64,
    },
}

/// Frames beyond the limit, so that a VM can always come to its next instruction: then it is
/// stopped, and memory is reclaimed. The last burst of a DMA is what needs most.
const BEYOND: u64 = 1024;
/// How many times the limit frozen memory and its machines may have in frames that they have no
/// longer alike.
const LENDABLE: u64 = 2;
/// Freed frames that stay backed by the host. Twice as many, and half of them are given back to
/// it: to do that for many at a time is cheap where they adjoin, as all threads stop for it.
const WARM: usize = 1024;

/// Which frames can be handed out.
#[derive(Debug)]
struct Pool {
    /// Frames that belong to no home, and were used.
    spare: Vec<u32>,
    /// Frames of that kind from here on have never been handed out.
    fresh: u32,
    /// Where they end.
    end: u32,
    /// Frames that were freed, the oldest first: those of them that are stale still are backed by
    /// the host.
    warm: Vec<u32>,
    homes: Homes,
    /// Frames handed out.
    handed_out: u64,
    /// Those of them that had to be cleared: the host had made the others zero.
    cleared: u64,
}

impl Pool {
    /// A frame that belongs to no home.
    fn take_spare(&mut self) -> Option<Frame> {
        let frame = self.spare.pop().or_else(|| {
            let frame = self.fresh;
            self.fresh += u32::from(frame < self.end);
            (frame < self.end).then_some(frame)
        });
        frame.map(Frame)
    }
}

/// The frames of the host's memory.
#[derive(Debug)]
pub struct MachineMemory {
    map: Private,
    backmap: Backmap,
    pool: Mutex<Pool>,
    several: bool,
    /// Frames that may be in use.
    limit: u64,
    /// Frames that may be in use beyond it because memory is frozen.
    lent: AtomicU64,
    in_use: AtomicU64,
    most: AtomicU64,
    last_vm: AtomicU32,
    shares: Shares,
    swap: SwapFile,
}

// What is behind a lock is whole after each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MachineMemory {
    /// Machine memory of `bytes` (rounded up to whole pages), without swap, for one VM of that
    /// size.
    ///
    /// # Errors
    /// When the host refuses the mapping.
    pub fn new(bytes: u64) -> Result<Self, MachineMemoryError> {
        Self::with_swap(bytes, &[bytes], SwapFile::none())
    }

    /// Machine memory of `bytes`, and a file for what does not fit. There are homes for VMs with so
    /// much RAM; others find no home, and are slower.
    ///
    /// # Errors
    /// When the host refuses the mapping.
    pub fn with_swap(
        bytes: u64,
        machines: &[u64],
        swap: SwapFile,
    ) -> Result<Self, MachineMemoryError> {
        let limit = bytes.div_ceil(PAGE_SIZE).max(1);
        // The frame of zeros, the window of those without a home, the frames that belong to no
        // home, and the homes.
        let fresh = Frame::ZERO.0 + 1 + homes::WINDOW;
        let end = fresh + ((1 + LENDABLE) * limit + BEYOND) as u32;
        let homes = machines.iter().map(|bytes| bytes.div_ceil(PAGE_SIZE));
        let homes: u64 = homes.map(|pages| u64::from(homes::frames(pages))).sum();
        let most = u32::MAX - end;
        let frames = end + u32::try_from(homes).unwrap_or(most).min(most);
        let reserve = |frames: u32| Private::new((frames as usize) << PAGE_BITS);
        // A host that is short of address space has none for homes.
        let (map, frames) = match reserve(frames) {
            Ok(map) => (map, frames),
            Err(_) => (
                reserve(end).map_err(|source| MachineMemoryError::Reserve { bytes, source })?,
                end,
            ),
        };
        Ok(Self {
            map,
            backmap: Backmap::new(frames),
            pool: Mutex::new(Pool {
                spare: Vec::new(),
                fresh,
                end,
                warm: Vec::new(),
                homes: Homes::new(end..frames),
                handed_out: 0,
                cleared: 0,
            }),
            several: machines.len() > 1 || frames == end,
            limit,
            lent: AtomicU64::new(0),
            in_use: AtomicU64::new(0),
            most: AtomicU64::new(0),
            last_vm: AtomicU32::new(0),
            shares: Shares::default(),
            swap,
        })
    }

    /// Whether it was made for several VMs, which may share pages, or has no homes.
    #[must_use]
    pub fn is_for_several(&self) -> bool {
        self.several
    }

    /// A home for a VM with `bytes` of RAM, if there is a place for it.
    pub fn take_home(&self, bytes: u64) -> Option<Home> {
        let frames = homes::frames(bytes.div_ceil(PAGE_SIZE));
        lock(&self.pool).homes.take(frames)
    }

    /// Takes a home back. Other VMs may still share frames that are in it.
    pub fn give_home(&self, home: Home) {
        // The next one to live there finds an empty window, or does not live there.
        if self.return_to_host(home.window(), size_of::<Window>()) {
            lock(&self.pool).homes.give(home);
        }
    }

    /// The window of a home: the one that is always empty for a VM without one.
    #[must_use]
    pub fn window(&self, home: Option<&Home>) -> NonNull<Window> {
        let frame = home.map_or(Frame(Frame::ZERO.0 + 1), Home::window);
        // The mapping does not start at 0.
        NonNull::new(self.host(frame.ma()).cast()).unwrap_or(NonNull::dangling())
    }

    /// A number for another VM.
    pub fn next_vm(&self) -> VmId {
        VmId(self.last_vm.fetch_add(1, Ordering::Relaxed) as u16)
    }

    /// Hands out a zeroed frame to `user`, the one at `home` if it is free. `None` if there is
    /// none, even beyond the limit.
    pub fn allocate(&self, user: User, home: Option<Frame>) -> Option<Frame> {
        let (frame, stale) = {
            let mut pool = lock(&self.pool);
            let in_use = self.frames_in_use() + 1;
            if in_use > self.bound() + BEYOND {
                return None;
            }
            let frame = home.filter(|&frame| self.is_free(frame));
            let frame = frame.or_else(|| pool.take_spare())?;
            let stale = self.backmap.get(frame) == Use::Stale;
            pool.cleared += u64::from(stale);
            self.hand_out(&mut pool, frame, user);
            (frame, stale)
        };
        if stale {
            // SAFETY: the frame is inside the mapping, and unused until this returns.
            unsafe { self.host(frame.ma()).write_bytes(0, PAGE_SIZE as usize) };
        }
        Some(frame)
    }

    /// Hands out a certain frame if it is free, as it is: what was in it is there still, so that the
    /// caller writes all of it.
    pub(super) fn claim(&self, user: User, frame: Frame) -> bool {
        let mut pool = lock(&self.pool);
        let free = self.is_free(frame) && self.frames_in_use() < self.bound() + BEYOND;
        if free {
            self.hand_out(&mut pool, frame, user);
        }
        free
    }

    fn is_free(&self, frame: Frame) -> bool {
        matches!(self.backmap.get(frame), Use::Free | Use::Stale)
    }

    fn hand_out(&self, pool: &mut Pool, frame: Frame, user: User) {
        pool.handed_out += 1;
        self.set_owner(frame, user);
        let in_use = self.in_use.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(in_use, Ordering::Relaxed);
    }

    /// Lets so many more frames be in use than the limit says. False if that is too many.
    pub(super) fn lend(&self, frames: u64) -> bool {
        let more = |lent: u64| Some(lent + frames).filter(|&lent| lent <= LENDABLE * self.limit);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.lent.fetch_update(set, fetch, more).is_ok()
    }

    /// Ends that for so many frames.
    pub(super) fn take_lent(&self, frames: u64) {
        self.lent.fetch_sub(frames, Ordering::Relaxed);
    }

    /// The frames that may be in use for now.
    fn bound(&self) -> u64 {
        self.limit + self.lent.load(Ordering::Relaxed)
    }

    /// Takes a frame back that is not used any more.
    pub fn free(&self, frame: Frame) {
        let mut pool = lock(&self.pool);
        self.backmap.set(frame, Use::Stale);
        if frame.0 < pool.end {
            pool.spare.push(frame.0);
        }
        pool.warm.push(frame.0);
        if pool.warm.len() >= 2 * WARM {
            let oldest = pool.warm.drain(..WARM);
            self.cool(oldest.collect());
        }
        self.in_use.fetch_sub(1, Ordering::Relaxed);
    }

    /// Gives those of these frames back to the host that are stale still.
    fn cool(&self, mut frames: Vec<u32>) {
        frames.sort_unstable();
        frames.dedup();
        frames.retain(|&frame| self.backmap.get(Frame(frame)) == Use::Stale);
        for run in frames.chunk_by(|&frame, &next| frame + 1 == next) {
            if self.return_to_host(Frame(run[0]), run.len() << PAGE_BITS) {
                for &frame in run {
                    self.backmap.set(Frame(frame), Use::Free);
                }
            }
        }
    }

    /// Lets the host have memory that is not used. If it takes it, it is zero when it is next
    /// touched.
    fn return_to_host(&self, frame: Frame, bytes: usize) -> bool {
        // SAFETY: whole pages inside the mapping, which are not used.
        unsafe { Private::take_back(self.host(frame.ma()), bytes) }
    }

    /// Says that the frame is private to `user`.
    pub(super) fn set_owner(&self, frame: Frame, user: User) {
        self.backmap.set(frame, Use::Private(user));
    }

    /// Says that the frame is shared: what uses it is in [`Shares`].
    pub(super) fn set_shared(&self, frame: Frame) {
        self.backmap.set(frame, Use::Shared);
    }

    /// The backmap: what uses the frame.
    #[must_use]
    pub fn users(&self, frame: Frame) -> Vec<User> {
        match self.backmap.get(frame) {
            Use::Free | Use::Stale => Vec::new(),
            Use::Shared => self.shares.users(frame),
            Use::Private(user) => vec![user],
        }
    }

    /// The shared frames.
    #[must_use]
    pub fn shares(&self) -> &Shares {
        &self.shares
    }

    /// The file for what does not fit.
    #[must_use]
    pub fn swap(&self) -> &SwapFile {
        &self.swap
    }

    /// The number of frames in use.
    #[must_use]
    pub fn frames_in_use(&self) -> u64 {
        self.in_use.load(Ordering::Relaxed)
    }

    /// The most frames that were ever in use.
    #[must_use]
    pub fn most_in_use(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    /// Frames handed out so far, and those of them that had to be cleared for it: the host had
    /// made the others zero.
    #[must_use]
    pub fn handed_out(&self) -> (u64, u64) {
        let pool = lock(&self.pool);
        (pool.handed_out, pool.cleared)
    }

    /// The frames that may be in use.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether memory must be reclaimed before a VM runs on.
    #[inline]
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.frames_in_use() > self.bound()
    }

    /// How many frames are missing until memory is no longer short, with `more` to spare.
    #[must_use]
    pub fn missing(&self, more: u64) -> u64 {
        (self.frames_in_use() + more).saturating_sub(self.bound())
    }

    /// The host address of a machine address.
    ///
    /// # Panics
    /// If `ma` is not an address of this memory, which would be the monitor's own mistake.
    #[must_use]
    pub fn host(&self, ma: Ma) -> *mut u8 {
        assert!(ma.0 < self.map.bytes() as u64);
        // SAFETY: the offset is inside the mapping. Guest memory is only ever accessed through
        // raw pointers made here while the VM runs, never through references that overlap.
        unsafe { self.map.start().add(ma.0 as usize) }
    }

    /// The bytes of a frame, which are not written meanwhile: the caller holds the VM that it is
    /// private to, or it is shared.
    #[must_use]
    pub fn frame(&self, frame: Frame) -> &Content {
        // SAFETY: the whole page lies inside the mapping; see above for what may write.
        unsafe { &*self.host(frame.ma()).cast() }
    }

    /// Writes into a frame that is private to a VM that the caller holds.
    ///
    /// # Panics
    /// If the bytes do not fit into the frame, which would be the monitor's own mistake.
    pub fn write(&self, ma: Ma, bytes: &[u8]) {
        assert!(ma.page_offset() as usize + bytes.len() <= PAGE_SIZE as usize);
        // SAFETY: inside one page of the mapping; the caller is the only one to touch the frame.
        unsafe {
            self.host(ma)
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }
}

#[cfg(test)]
mod tests;
