//! How much memory a Malta board has and where it lies.
//!
//! The first 256 MiB are at physical 0; what goes beyond lies from 0x90000000 up, where only a
//! kernel with highmem looks for it.

use std::fmt;
use std::str::FromStr;

use mirrorball_runtime::memory::pmap::LOW_LIMIT as LOW;
use thiserror::Error;

const MIB: u64 = 1 << 20;
/// The least memory that a VM can have.
const LEAST: u64 = MIB;
/// The most memory that a Malta board can have.
const MOST: u64 = 2048 * MIB;
const PAGE: u64 = mirrorball_runtime::addr::PAGE_SIZE;

/// The size of a VM's memory: whole pages, from 1 MiB to 2 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemorySize(u64);

/// Why a text is no [`MemorySize`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum MemorySizeError {
    #[error(
        "{0:?} is not a size; write a number of MiB, or a number with b, K, M, G or T, such as 256M"
    )]
    Syntax(String),
    #[error("{0} is less than a Malta board can have; give 1M to 2G")]
    TooSmall(String),
    #[error("{0} is more than a Malta board can have; give 1M to 2G")]
    TooLarge(String),
    #[error("{0} is not a whole number of 4096-byte pages")]
    Ragged(String),
}

impl MemorySize {
    /// So many bytes, if a VM can have them.
    #[must_use]
    pub const fn of_bytes(bytes: u64) -> Option<Self> {
        let fits = bytes >= LEAST && bytes <= MOST && bytes.is_multiple_of(PAGE);
        if fits { Some(Self(bytes)) } else { None }
    }

    /// All of the memory, in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// How many bytes of it are at physical 0.
    #[must_use]
    pub const fn low(self) -> u32 {
        if self.0 < LOW {
            self.0 as u32
        } else {
            LOW as u32
        }
    }
}

impl Default for MemorySize {
    /// 256 MiB: all that a kernel without highmem can use.
    fn default() -> Self {
        Self(LOW)
    }
}

impl FromStr for MemorySize {
    type Err = MemorySizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, unit) = match text.char_indices().next_back() {
            Some((at, 'b' | 'B')) => (&text[..at], 1),
            Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
            Some((at, 'm' | 'M')) => (&text[..at], MIB),
            Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
            Some((at, 't' | 'T')) => (&text[..at], 1 << 40),
            _ => (text, MIB),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(MemorySizeError::Syntax(text.to_owned()));
        }
        // Digits that do not fit 64 bits are a size all the same, one that is too large.
        let bytes = digits.parse().unwrap_or(u64::MAX).saturating_mul(unit);
        Self::of_bytes(bytes).ok_or_else(|| match bytes {
            0..LEAST => MemorySizeError::TooSmall(text.to_owned()),
            LEAST..=MOST => MemorySizeError::Ragged(text.to_owned()),
            _ => MemorySizeError::TooLarge(text.to_owned()),
        })
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(MIB) {
            write!(f, "{}M", self.0 / MIB)
        } else {
            write!(f, "{}K", self.0 >> 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("256", 256 * MIB),
            ("256M", 256 * MIB),
            ("1g", 1024 * MIB),
            ("2048K", 2 * MIB),
            ("1048576b", MIB),
            ("2G", MOST),
        ] {
            assert_eq!(
                text.parse::<MemorySize>().map(MemorySize::bytes),
                Ok(bytes),
                "{text}"
            );
        }
    }

    #[test]
    fn each_bad_size_has_its_line() {
        for (text, line) in [
            ("0", "0 is less than a Malta board can have; give 1M to 2G"),
            (
                "1023K",
                "1023K is less than a Malta board can have; give 1M to 2G",
            ),
            (
                "1T",
                "1T is more than a Malta board can have; give 1M to 2G",
            ),
            (
                "2049",
                "2049 is more than a Malta board can have; give 1M to 2G",
            ),
            (
                "99999999999999999999G",
                "99999999999999999999G is more than a Malta board can have; give 1M to 2G",
            ),
            (
                "1048577b",
                "1048577b is not a whole number of 4096-byte pages",
            ),
            (
                "-1M",
                "\"-1M\" is not a size; write a number of MiB, or a number with b, K, M, G or T, such as 256M",
            ),
        ] {
            assert_eq!(text.parse::<MemorySize>().unwrap_err().to_string(), line);
        }
        for text in ["", "M", "lots", "1.5G", "0x100", "1é"] {
            assert!(
                matches!(text.parse::<MemorySize>(), Err(MemorySizeError::Syntax(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn low_memory_ends_at_256_mib() {
        let low = |text: &str| text.parse::<MemorySize>().unwrap().low();
        assert_eq!(low("64M"), 64 << 20);
        assert_eq!(low("256M"), 256 << 20);
        assert_eq!(low("2G"), 256 << 20);
    }
}
