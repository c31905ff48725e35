//! The same from the heap, for Miri.

use crate::addr::PAGE_SIZE;
use rustix::io::Errno;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::RefCell;
use std::io;
use std::ptr::NonNull;

/// In how many places memory can be [`Viewed`]: what is stored in one is not seen in another.
pub const MOST_VIEWS: Option<usize> = Some(1);

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, PAGE_SIZE as usize).expect("it fits into the address space")
}

/// Memory for `count` of a type.
///
/// # Errors
/// If there is none.
pub fn reserve<T>(count: usize) -> Result<NonNull<T>, Errno> {
    // SAFETY: there are some bytes.
    let memory = unsafe { alloc_zeroed(layout(count * size_of::<T>())) };
    NonNull::new(memory.cast()).ok_or(Errno::NOMEM)
}

/// Gives memory back that was reserved for `count` of a type.
///
/// # Safety
/// Nothing has a pointer into it that is used again.
pub unsafe fn release<T>(memory: NonNull<T>, count: usize) {
    // SAFETY: it was allocated so.
    unsafe { dealloc(memory.as_ptr().cast(), layout(count * size_of::<T>())) };
}

/// Empties reserved memory.
///
/// # Safety
/// The pages are the caller's own, and nothing refers to them.
pub unsafe fn take_back(place: *mut u8, bytes: usize) -> bool {
    // SAFETY: as the caller says.
    unsafe { place.write_bytes(0, bytes) };
    true
}

/// A part of memory, and where it is seen.
struct View {
    place: *mut u8,
    bytes: usize,
    from: u64,
}

/// Memory that is seen in reserved memory: in one place, which is all that there is of it.
pub struct Viewed(RefCell<Vec<View>>);

impl Viewed {
    /// Nothing is seen yet.
    ///
    /// # Errors
    /// None.
    pub fn new(_: u64) -> Result<Self, Errno> {
        Ok(Self(RefCell::default()))
    }

    /// Empties what lies behind an offset.
    ///
    /// # Safety
    /// Nothing refers to it, wherever it is seen.
    pub unsafe fn empty(&self, start: u64) {
        for view in self.0.borrow().iter().filter(|view| view.from >= start) {
            // SAFETY: as the caller says.
            unsafe { view.place.write_bytes(0, view.bytes) };
        }
    }

    /// The bytes that the host backs, which is not known.
    #[must_use]
    pub fn backed(&self) -> usize {
        0
    }

    /// Lets a part of it be seen at `place`, where it is empty.
    ///
    /// # Errors
    /// None.
    ///
    /// # Safety
    /// The pages at `place` are reserved memory that nothing refers to.
    pub unsafe fn show(&self, place: *mut u8, bytes: usize, from: u64) -> Result<(), Errno> {
        // SAFETY: as the caller says.
        unsafe { place.write_bytes(0, bytes) };
        let mut views = self.0.borrow_mut();
        views.retain(|view| view.place != place);
        views.push(View { place, bytes, from });
        Ok(())
    }
}

/// Memory for frames.
#[derive(Debug)]
pub struct Private {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is memory that belongs to this value.
unsafe impl Send for Private {}
// SAFETY: what shares it accesses its frames by the rules of machine memory.
unsafe impl Sync for Private {}

impl Private {
    /// So many bytes.
    ///
    /// # Errors
    /// If there are none.
    pub fn new(bytes: usize) -> io::Result<Self> {
        let start = reserve(bytes)?;
        Ok(Self { start, bytes })
    }

    /// Where it starts.
    #[must_use]
    pub fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Empties a part of it.
    ///
    /// # Safety
    /// The pages lie inside it, and nothing refers to them.
    pub unsafe fn take_back(place: *mut u8, bytes: usize) -> bool {
        // SAFETY: as the caller says.
        unsafe { take_back(place, bytes) }
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // SAFETY: what has pointers into it is gone.
        unsafe { release(self.start, self.bytes) };
    }
}
