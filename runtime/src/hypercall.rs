//! The hypercall interface: what a guest kernel can ask of the monitor, as numbers and types.
//! `docs/hypercalls.md` describes it to authors of guests; [`vm::hypercall`] answers.
//!
//! The instruction is HYPCALL of MIPS32's virtualization module (Volume IV-i), with code 0.
//!
//! [`vm::hypercall`]: crate::vm::hypercall

use crate::clock::Nanos;
use std::ops::Range;

/// The version of the interface: the major number in the upper half, the minor in the lower. Within
/// a major number calls are only added.
pub const VERSION: u32 = 1 << 16;

/// The most bytes that one call writes to the console.
pub const CONSOLE_MOST: u32 = 4096;
/// The most pages of a list.
pub const LIST_MOST: u32 = 1024;
/// The most work of one run of the instruction: a page or a record is one piece. What is left of a
/// call then is done by running the same instruction again.
pub const WORK_MOST: u32 = 1024;
/// The bytes for the console that are as much work as a page.
pub const CONSOLE_PIECE: u32 = 64;
/// The most records of a batch.
pub const BATCH_MOST: u32 = 256;
/// The bytes of a record of a batch: number, four arguments, status, value.
pub const RECORD_BYTES: u64 = 28;
/// Where the status is in a record.
pub const RECORD_STATUS: u64 = 20;
/// Where the value is in a record.
pub const RECORD_VALUE: u64 = 24;

/// The numbers of the calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Number {
    /// The version of the interface.
    Version,
    /// Which calls there are.
    Features,
    /// End of the time slice.
    Yield,
    /// Pages that the guest does not need for now.
    PageRelease,
    /// Pages that are to be zero.
    PageZero,
    /// How many pages the monitor wants.
    BalloonQuery,
    /// Consecutive pages for the monitor.
    BalloonGive,
    /// A list of pages for the monitor.
    BalloonGiveList,
    /// Consecutive pages back from the monitor.
    BalloonTake,
    /// Bytes for the console.
    ConsoleWrite,
    /// WAIT, with an end.
    Sleep,
    /// Several calls at once.
    Batch,
}

impl Number {
    /// Every number, in order.
    pub const ALL: [Self; 12] = [
        Self::Version,
        Self::Features,
        Self::Yield,
        Self::PageRelease,
        Self::PageZero,
        Self::BalloonQuery,
        Self::BalloonGive,
        Self::BalloonGiveList,
        Self::BalloonTake,
        Self::ConsoleWrite,
        Self::Sleep,
        Self::Batch,
    ];

    /// The call's name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Features => "features",
            Self::Yield => "yield",
            Self::PageRelease => "page release",
            Self::PageZero => "page zero",
            Self::BalloonQuery => "balloon query",
            Self::BalloonGive => "balloon give",
            Self::BalloonGiveList => "balloon give, list",
            Self::BalloonTake => "balloon take back",
            Self::ConsoleWrite => "console write",
            Self::Sleep => "sleep",
            Self::Batch => "batch",
        }
    }
}

/// What `$v0` and a record's first word say: which call, and how far it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// The number of the call.
    pub number: u8,
    /// How much of it earlier runs of the instruction have done, as the call counts that; 24 bits.
    pub done: u32,
}

impl From<u32> for Request {
    fn from(word: u32) -> Self {
        Self {
            number: word as u8,
            done: word >> 8,
        }
    }
}

impl From<Request> for u32 {
    fn from(request: Request) -> Self {
        Self::from(request.number) | request.done << 8
    }
}

/// How far a batch has come, as [`Request::done`] says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Made {
    /// The calls that were made.
    pub made: u32,
    /// Those of them that were not refused.
    pub done: u32,
}

const MADE_BITS: u32 = 12;

impl From<u32> for Made {
    fn from(word: u32) -> Self {
        Self {
            made: word & ((1 << MADE_BITS) - 1),
            done: word >> MADE_BITS,
        }
    }
}

impl From<Made> for u32 {
    fn from(Made { made, done }: Made) -> Self {
        made | done << MADE_BITS
    }
}

/// What the call for features answers: bit n is set if there is call n.
pub const FEATURES: u32 = (1 << Number::ALL.len()) - 1;

/// Consecutive physical pages, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pages {
    /// The number of the first.
    pub first: u32,
    /// How many.
    pub count: u32,
}

impl Pages {
    /// Their numbers.
    #[must_use]
    pub fn numbers(self) -> Range<u64> {
        let first = u64::from(self.first);
        first..first + u64::from(self.count)
    }

    /// Those behind the first `done`; `None` if there are not so many.
    #[must_use]
    pub fn behind(self, done: u32) -> Option<Self> {
        Some(Self {
            first: self.first.wrapping_add(done),
            count: self.count.checked_sub(done)?,
        })
    }
}

/// Things in guest memory: at `address`, physical or in kseg0 or kseg1, so many of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Items {
    /// Where the first is.
    pub address: u32,
    /// How many.
    pub count: u32,
}

/// A call with its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// [`Number::Version`].
    Version,
    /// [`Number::Features`].
    Features,
    /// [`Number::Yield`].
    Yield,
    /// [`Number::PageRelease`].
    PageRelease(Pages),
    /// [`Number::PageZero`].
    PageZero(Pages),
    /// [`Number::BalloonQuery`].
    BalloonQuery,
    /// [`Number::BalloonGive`].
    BalloonGive(Pages),
    /// [`Number::BalloonGiveList`]: of words that are page numbers.
    BalloonGiveList(Items),
    /// [`Number::BalloonTake`].
    BalloonTake(Pages),
    /// [`Number::ConsoleWrite`]: of bytes.
    ConsoleWrite(Items),
    /// [`Number::Sleep`].
    Sleep(Nanos),
    /// [`Number::Batch`]: of records.
    Batch(Items),
}

impl Call {
    /// Whether the call can be interrupted, and goes on where it was.
    const fn has_pieces(self) -> bool {
        matches!(
            self,
            Self::PageRelease(_)
                | Self::PageZero(_)
                | Self::BalloonGive(_)
                | Self::BalloonTake(_)
                | Self::Batch(_)
        )
    }
}

/// Why a call is refused. A refused call has changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[repr(i32)]
pub enum CallError {
    /// There is no such call.
    #[error("there is no such call")]
    NotSupported = -1,
    /// Part of what the call is about is not RAM, or a word is not aligned.
    #[error("not RAM, or not aligned")]
    BadAddress = -2,
    /// More than the call takes, or than there is memory.
    #[error("too many")]
    BadCount = -3,
    /// One of the pages holds the call itself.
    #[error("the page holds the running code")]
    Running = -4,
    /// One of the pages is the monitor's already.
    #[error("the page was given before")]
    Given = -5,
    /// One of the pages is the guest's own.
    #[error("the page was not given")]
    NotGiven = -6,
    /// A batch in a batch.
    #[error("a batch in a batch")]
    Nested = -7,
}

impl CallError {
    /// What the guest finds in `$v0`.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }
}

impl Call {
    /// The call that is asked for, with what the argument registers hold.
    ///
    /// # Errors
    /// When there is no such call, or none that can have been begun.
    pub fn new(request: Request, arguments: [u32; 4]) -> Result<Self, CallError> {
        let call = Self::of(request.number, arguments)?;
        if request.done != 0 && !call.has_pieces() {
            return Err(CallError::NotSupported);
        }
        Ok(call)
    }

    fn of(number: u8, [a0, a1, ..]: [u32; 4]) -> Result<Self, CallError> {
        let pages = Pages {
            first: a0,
            count: a1,
        };
        let items = Items {
            address: a0,
            count: a1,
        };
        let number = Number::ALL.get(usize::from(number));
        Ok(match number.ok_or(CallError::NotSupported)? {
            Number::Version => Self::Version,
            Number::Features => Self::Features,
            Number::Yield => Self::Yield,
            Number::PageRelease => Self::PageRelease(pages),
            Number::PageZero => Self::PageZero(pages),
            Number::BalloonQuery => Self::BalloonQuery,
            Number::BalloonGive => Self::BalloonGive(pages),
            Number::BalloonGiveList => Self::BalloonGiveList(items),
            Number::BalloonTake => Self::BalloonTake(pages),
            Number::ConsoleWrite => Self::ConsoleWrite(items),
            Number::Sleep => Self::Sleep(Nanos(a0.into())),
            Number::Batch => Self::Batch(items),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_its_place() {
        for (index, number) in Number::ALL.into_iter().enumerate() {
            assert_eq!(number as usize, index);
            assert!(FEATURES >> index & 1 != 0);
            assert!(Call::new(Request::from(number as u32), [0; 4]).is_ok());
        }
        for word in [Number::ALL.len() as u32, u32::MAX, 0x100, 0x200 | 10] {
            let beyond = Call::new(Request::from(word), [0; 4]);
            assert_eq!(beyond, Err(CallError::NotSupported), "{word:#x}");
        }
    }

    #[test]
    fn how_far_a_call_has_come_is_part_of_its_word() {
        let made = Made {
            made: 200,
            done: 190,
        };
        let request = Request {
            number: 11,
            done: made.into(),
        };
        let read = Request::from(u32::from(request));
        assert_eq!((read, Made::from(read.done)), (request, made));
        let pages = Pages { first: 7, count: 5 };
        assert_eq!(
            pages.behind(5),
            Some(Pages {
                first: 12,
                count: 0
            })
        );
        assert_eq!(pages.behind(6), None);
    }

    #[test]
    fn pages_do_not_wrap() {
        let pages = Pages {
            first: u32::MAX,
            count: u32::MAX,
        };
        assert_eq!(pages.numbers(), 0xffff_ffff..0x1_ffff_fffe);
    }
}
