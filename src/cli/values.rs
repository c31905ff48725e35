//! What users write for numbers, addresses and dates, and what it means.

use std::str::FromStr;
use std::time::UNIX_EPOCH;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mirrorball_runtime::addr::Va;
use thiserror::Error;

/// Why a text is no value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Not an address.
    #[error("an address is 0x and up to 8 hexadecimal digits, such as 0x80100000")]
    Address,
    /// Not a count.
    #[error("a count is a whole number from 1 up with k, M or G (thousands), such as 300M")]
    Count,
    /// Not a number of bytes.
    #[error("a size is a whole number with b, K, M or G, from 4K to 1G, such as 256K")]
    Bytes,
    /// Not an amount of memory.
    #[error("an amount of memory is a whole number with b, K, M or G, such as 64M")]
    Memory,
    /// Not a date.
    #[error("a date is YYYY-MM-DDTHH:MM:SS from 1970 to 2099, such as 2026-01-01T00:00:00, or now")]
    Date,
}

/// A virtual address of the guest.
pub(super) fn address(text: &str) -> Result<Va, ValueError> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    digits
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .map(|address| Va(address.into()))
        .ok_or(ValueError::Address)
}

/// A number of instructions or the like, in thousands if it has a suffix.
pub(super) fn count(text: &str) -> Result<u64, ValueError> {
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 1_000),
        Some((at, 'm' | 'M')) => (&text[..at], 1_000_000),
        Some((at, 'g' | 'G')) => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ValueError::Count);
    }
    let number: u64 = digits.parse().map_err(|_| ValueError::Count)?;
    number
        .checked_mul(unit)
        .filter(|&count| count > 0)
        .ok_or(ValueError::Count)
}

/// A number of bytes of the host's, with its unit.
pub(super) fn bytes(text: &str) -> Result<usize, ValueError> {
    with_unit(text)
        .and_then(|bytes| bytes.try_into().ok())
        .filter(|bytes| (4 << 10..=1 << 30).contains(bytes))
        .ok_or(ValueError::Bytes)
}

/// How much memory, with its unit; what is too much or too little is for the monitor to say.
pub(super) fn memory(text: &str) -> Result<u64, ValueError> {
    with_unit(text).ok_or(ValueError::Memory)
}

/// A number with b, K, M or G.
fn with_unit(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().next_back()? {
        (at, 'b' | 'B') => (&text[..at], 1),
        (at, 'k' | 'K') => (&text[..at], 1 << 10),
        (at, 'm' | 'M') => (&text[..at], 1 << 20),
        (at, 'g' | 'G') => (&text[..at], 1 << 30),
        _ => return None,
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// What the guest's clock shows when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcStart {
    /// Always the same: seconds since 1970-01-01T00:00:00.
    Fixed(u64),
    /// The host's time (UTC); two runs then differ.
    Now,
}

impl RtcStart {
    /// Seconds since 1970-01-01T00:00:00.
    #[must_use]
    pub fn seconds(self) -> u64 {
        match self {
            Self::Fixed(seconds) => seconds,
            // A host whose clock is before 1970 has no better time to give.
            Self::Now => UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        }
    }
}

impl FromStr for RtcStart {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text == "now" {
            return Ok(Self::Now);
        }
        let date: DateTime = text.parse().map_err(|_| ValueError::Date)?;
        if !(1970..2100).contains(&date.year()) {
            return Err(ValueError::Date);
        }
        let moment = TimeZone::UTC
            .to_timestamp(date)
            .map_err(|_| ValueError::Date)?;
        u64::try_from(moment.as_second())
            .map(Self::Fixed)
            .map_err(|_| ValueError::Date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hexadecimal() {
        assert_eq!(address("0x80100000"), Ok(Va(0x8010_0000)));
        for text in ["", "0x", "80100000", "0x180000000", "0x+8", "start"] {
            assert_eq!(address(text), Err(ValueError::Address), "{text}");
        }
    }

    #[test]
    fn counts_have_decimal_suffixes() {
        assert_eq!(count("7"), Ok(7));
        assert_eq!(count("5k"), Ok(5_000));
        assert_eq!(count("300M"), Ok(300_000_000));
        assert_eq!(count("2G"), Ok(2_000_000_000));
        for text in ["", "M", "0", "-1", "+1", "1.5M", "1T", "99999999999G", "1é"] {
            assert_eq!(count(text), Err(ValueError::Count), "{text}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        for (text, size) in [("4096b", 4096), ("256K", 256 << 10), ("64m", 64 << 20)] {
            assert_eq!(bytes(text), Ok(size));
        }
        assert_eq!(bytes("1G"), Ok(1 << 30));
        for text in [
            "",
            "K",
            "4095b",
            "3K",
            "2G",
            "256",
            "+1M",
            "1.5M",
            "99999999999999999999G",
        ] {
            assert_eq!(bytes(text), Err(ValueError::Bytes), "{text}");
        }
    }

    #[test]
    fn memory_has_a_unit() {
        assert_eq!(memory("64M"), Ok(64 << 20));
        assert_eq!(memory("3g"), Ok(3 << 30));
        for text in ["", "64", "M", "-1M", "99999999999999999999G"] {
            assert_eq!(memory(text), Err(ValueError::Memory), "{text}");
        }
    }

    #[test]
    fn dates_are_utc() {
        assert_eq!(
            "2026-01-01T00:00:00".parse(),
            Ok(RtcStart::Fixed(1_767_225_600))
        );
        assert_eq!("1970-01-01T00:00:01".parse(), Ok(RtcStart::Fixed(1)));
        assert_eq!("now".parse(), Ok(RtcStart::Now));
        for text in [
            "",
            "2026-02-30T00:00:00",
            "1969-12-31T23:59:59",
            "2100-01-01T00:00:00",
            "x",
        ] {
            assert_eq!(text.parse::<RtcStart>(), Err(ValueError::Date), "{text}");
        }
    }
}
