//! What users write for numbers, addresses and dates, and what it means.

use std::io;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::UNIX_EPOCH;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mirrorball_runtime::addr::{PAGE_SIZE, Va};
use mirrorball_runtime::device::network::Mac;
use rustix::rand::{GetRandomFlags, getrandom};
use thiserror::Error;

use crate::image::{MemorySizeError, Seed};
use crate::net::{Forward, NoForward};

/// A VM's part of the host's CPUs, relative to the others'; it may change while the VM runs.
pub const SHARE: RangeInclusive<i64> = 1..=10_000;

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
    /// Not an amount of memory for all machines.
    #[error(
        "a size is a number of MiB, or a number with b, K, M, G or T, from 1M to 1T in whole pages \
         of 4K, such as 512M"
    )]
    Size,
    /// Not a date.
    #[error("a date is YYYY-MM-DDTHH:MM:SS from 1970 to 2099, such as 2026-01-01T00:00:00, or now")]
    Date,
    /// Not a seed.
    #[error("a seed is 64 hexadecimal digits, or host")]
    Seed,
    /// Not the size of a VM's memory.
    #[error(transparent)]
    Memory(#[from] MemorySizeError),
    /// Not a number, or too small or large.
    #[error("give a whole number from {0} to {1}")]
    Range(i64, i64),
    /// Neither on nor off.
    #[error("give on or off")]
    Flag,
    /// None of the names that there are.
    #[error("{0}")]
    Choice(String),
    /// Not a console.
    #[error("a console is terminal, none, file:PATH or socket:PATH")]
    Console,
    /// The path of a socket that the host would not take.
    #[error("the path of a socket has at most {limit} bytes; name a shorter one", limit = super::kinds::SOCKET_PATH)]
    SocketPath,
    /// Not a VM's name.
    #[error(
        "a name is 1 to 64 letters, digits, '-', '_' and '.', of which the first is a letter or a digit"
    )]
    Name,
    /// A part of it is wrong.
    #[error("{0}")]
    Part(String),
    /// Not the address of a network port.
    #[error("an address is that of one port, such as 52:54:00:12:34:56")]
    Mac,
    /// Not a port of the host that leads to the guest.
    #[error(transparent)]
    Forward(#[from] NoForward),
    /// Not a serial number.
    #[error("a serial number is 1 to 20 letters, digits, '-', '_' and '.'")]
    Serial,
    /// Not a path.
    #[error("give a path")]
    Path,
    /// Not text.
    #[error("is not UTF-8 text; write it anew")]
    Text,
}

impl ValueError {
    /// That `text` is none of `names`.
    pub(super) fn choice(text: &str, names: impl Iterator<Item = String>) -> Self {
        let names: Vec<String> = names.collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let hint = did_you_mean(text, &names)
            .map(|name| format!("; did you mean {name}?"))
            .unwrap_or_default();
        Self::Choice(format!("there are {}{hint}", listed(&names)))
    }
}

/// The one of `names` that `text` is likely a slip of the finger for.
pub(super) fn did_you_mean<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    let text = text.to_lowercase().replace('_', "-");
    let likeness = |name: &str| strsim::jaro_winkler(&text, &name.to_lowercase());
    let best = names
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    let slip = likeness(best) > 0.8 || strsim::osa_distance(&text, &best.to_lowercase()) == 1;
    slip.then_some(best)
}

/// `names` as a sentence has them.
pub(super) fn listed(names: &[&str]) -> String {
    joined(names, "and")
}

/// `names` as a sentence has them that leaves the choice.
pub(super) fn listed_or(names: &[&str]) -> String {
    joined(names, "or")
}

fn joined(names: &[&str], word: &str) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// What a guest sees as the serial number of a disk.
pub fn serial(text: &str) -> Result<String, ValueError> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    match (1..=20).contains(&text.len()) && text.bytes().all(good) {
        true => Ok(text.to_owned()),
        false => Err(ValueError::Serial),
    }
}

/// The address of a network port.
pub fn mac(text: &str) -> Result<Mac, ValueError> {
    let byte = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        let byte = digits.then(|| u8::from_str_radix(part, 16).ok());
        byte.flatten()
    };
    let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
    let mac = bytes.and_then(|bytes| Some(Mac(bytes.try_into().ok()?)));
    mac.filter(|mac| !mac.is_group() && *mac != Mac([0; 6]))
        .ok_or(ValueError::Mac)
}

/// A port of the host that leads to the guest.
pub fn forward(text: &str) -> Result<Forward, ValueError> {
    Ok(text.parse()?)
}

/// A whole number in `range`.
pub fn number(text: &str, range: RangeInclusive<i64>) -> Result<u32, ValueError> {
    let parsed: Option<i64> = text.parse().ok();
    parsed
        .filter(|number| range.contains(number) && !text.starts_with('+'))
        .and_then(|number| u32::try_from(number).ok())
        .ok_or(ValueError::Range(*range.start(), *range.end()))
}

/// Whether something is on.
pub fn flag(text: &str) -> Result<bool, ValueError> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(ValueError::Flag),
    }
}

/// A VM's name.
pub fn name(text: &str) -> Result<String, ValueError> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = (1..=64).contains(&text.len()) && text.chars().all(good);
    if fits && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Ok(text.to_owned())
    } else {
        Err(ValueError::Name)
    }
}

/// An amount of memory, for all machines together.
pub fn size(text: &str) -> Result<u64, ValueError> {
    with_unit(text, 1024, "bkmgt", 1 << 20)
        .filter(|bytes| (1 << 20..=1 << 40).contains(bytes) && bytes.is_multiple_of(PAGE_SIZE))
        .ok_or(ValueError::Size)
}

/// A virtual address of the guest.
pub fn address(text: &str) -> Result<Va, ValueError> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    digits
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .map(|address| Va(address.into()))
        .ok_or(ValueError::Address)
}

/// A number of instructions or the like, in thousands if it has a suffix.
pub fn count(text: &str) -> Result<u64, ValueError> {
    with_unit(text, 1000, "kmg", 1)
        .filter(|&count| count > 0)
        .ok_or(ValueError::Count)
}

/// A number of bytes of the host's, with its unit.
pub fn bytes(text: &str) -> Result<usize, ValueError> {
    with_unit(text, 1024, "bkmg", 0)
        .filter(|bytes| (4 << 10..=1 << 30).contains(bytes))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or(ValueError::Bytes)
}

/// A number with one of `units`, which are powers of `step`; without one it counts in `plain`, and
/// is none if that is 0.
fn with_unit(text: &str, step: u64, units: &str, plain: u64) -> Option<u64> {
    let last = text.chars().next_back()?.to_ascii_lowercase();
    let power = "bkmgt".find(last).filter(|_| units.contains(last));
    let (digits, unit) = match power {
        Some(power) => (&text[..text.len() - 1], step.pow(power as u32)),
        None => (text, plain),
    };
    if unit == 0 || !digits.bytes().all(|b| b.is_ascii_digit()) {
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

impl Default for RtcStart {
    /// The start of 2026.
    fn default() -> Self {
        Self::Fixed(1_767_225_600)
    }
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

/// Where the guest's random numbers start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RngSeed {
    /// From these bytes.
    Fixed(Seed),
    /// From what the host gives when the machine starts.
    Host,
}

impl Default for RngSeed {
    fn default() -> Self {
        Self::Fixed(Seed::default())
    }
}

impl RngSeed {
    /// The bytes.
    ///
    /// # Errors
    ///
    /// When the host has none.
    pub fn bytes(self) -> io::Result<Seed> {
        let mut bytes = [0; 32];
        match self {
            Self::Fixed(seed) => return Ok(seed),
            // As many as 256 bytes come at once, or none.
            Self::Host => getrandom(&mut bytes, GetRandomFlags::empty())?,
        };
        Ok(Seed(bytes))
    }
}

impl FromStr for RngSeed {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "host" => Ok(Self::Host),
            digits => Seed::parse(digits).map(Self::Fixed).ok_or(ValueError::Seed),
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
    fn an_address_is_that_of_one_port() {
        let address = Mac([0x52, 0x54, 0, 0x12, 0x34, 0xfe]);
        assert_eq!(mac("52:54:00:12:34:fe"), Ok(address));
        assert_eq!(mac("52:54:00:12:34:FE"), Ok(address));
        for text in [
            "",
            "52:54:00:12:34",
            "52:54:00:12:34:56:78",
            "52:54:00:12:34:5",
            "52:54:00:12:34:+5",
            "53:54:00:12:34:56",
            "ff:ff:ff:ff:ff:ff",
            "00:00:00:00:00:00",
        ] {
            assert_eq!(mac(text), Err(ValueError::Mac), "{text}");
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
    fn amounts_of_memory_are_whole_pages() {
        assert_eq!(size("512"), Ok(512 << 20));
        assert_eq!(size("1M"), Ok(1 << 20));
        assert_eq!(size("1T"), Ok(1 << 40));
        for text in ["", "G", "0", "1023K", "2T", "1048577b", "-1", "+1", "1.5G"] {
            assert_eq!(size(text), Err(ValueError::Size), "{text}");
        }
    }

    #[test]
    fn numbers_are_in_their_range() {
        assert_eq!(number("1", SHARE), Ok(1));
        assert_eq!(number("4294967295", 1..=u32::MAX.into()), Ok(u32::MAX));
        for text in ["0", "10001", "-1", "+1", "", "x", "1.0"] {
            assert_eq!(
                number(text, SHARE),
                Err(ValueError::Range(1, 10_000)),
                "{text}"
            );
        }
    }

    #[test]
    fn names_are_such_that_a_shell_and_a_path_take_them() {
        for text in ["a", "web-1", "v6.1_x", "0"] {
            assert_eq!(name(text).as_deref(), Ok(text));
        }
        let long = "x".repeat(65);
        for text in ["", "-a", ".", "a b", "a/b", "\u{e9}", &long] {
            assert_eq!(name(text), Err(ValueError::Name), "{text}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let names = ["memory", "name", "second-tlb"];
        assert_eq!(did_you_mean("memroy", &names), Some("memory"));
        assert_eq!(did_you_mean("second_tlb", &names), Some("second-tlb"));
        assert_eq!(did_you_mean("Name", &names), Some("name"));
        assert_eq!(did_you_mean("zebra", &names), None);
        assert_eq!(did_you_mean("jti", &["interp", "jit"]), Some("jit"));
        assert_eq!(listed(&names), "memory, name and second-tlb");
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

    #[test]
    fn a_seed_is_fixed_or_the_host_s() {
        let bytes = |text: &str| text.parse::<RngSeed>().unwrap().bytes().unwrap();
        assert_eq!(RngSeed::default().bytes().unwrap(), Seed::default());
        assert_eq!(bytes(&"0a".repeat(32)), Seed([10; 32]));
        assert_ne!(bytes("host"), bytes("host"));
        assert_eq!("guest".parse::<RngSeed>(), Err(ValueError::Seed));
    }
}
