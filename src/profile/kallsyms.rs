//! The table of its symbols that a Linux kernel carries with it, found in the guest's memory.
//!
//! The table has, in this order: an offset for each symbol, the base of the offsets, the number of
//! symbols, their names, places among the names, in newer kernels the order of the names by alphabet,
//! tokens, and places of the tokens. A name is a number of tokens, and a token a piece of text; the
//! first letter says what kind of symbol it is. This is the order of Linux 4.6 to 6.3. Tokens for digits are what is looked for. Everything is checked, as
//! guests may have anything in memory.

use std::cell::Cell;

use mirrorball_runtime::addr::Pa;
use mirrorball_runtime::insight::syscall_handler;
use mirrorball_runtime::vm::Vm;

use super::Symbols;

/// How much of the memory is searched: kernels lie at its start.
const SEARCHED: u64 = 64 << 20;
/// The tokens of the digits, of which each is for itself.
const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
/// How many tokens come before these.
const BEFORE_DIGITS: usize = b'0' as usize;
const TOKENS: usize = 256;
/// The fewest and most symbols that a kernel has.
const SYMBOLS: std::ops::Range<usize> = 256..1 << 20;
/// How many names there are to each place among them.
const NAMES: usize = 256;
/// The longest name.
const LONGEST: usize = 1024;
/// How far before the tokens the number of symbols is looked for.
const BEFORE: usize = 16 << 20;
/// How many tokens and names are read in all: a guest may have memory full of what looks like tables.
const READ: u32 = 1 << 23;

/// The symbols of the kernel that `vm` runs, if it is a Linux that has them.
#[must_use]
pub fn find(vm: &Vm) -> Option<Symbols> {
    // A kernel that has moved leaves a table with old addresses behind.
    let handler = syscall_handler(&vm.cpu, &vm.ram)?;
    let mut memory = vec![0; vm.config().memory.min(SEARCHED) as usize];
    vm.ram.read_physical(Pa(0), &mut memory);
    Memory {
        bytes: memory,
        big_endian: vm.config().big_endian,
        left: Cell::new(READ),
    }
    .find(|symbols| symbols.starts_at(handler))
}

struct Memory {
    bytes: Vec<u8>,
    big_endian: bool,
    /// How many names may still be read.
    left: Cell<u32>,
}

impl Memory {
    /// The first table that is `right`.
    fn find(&self, right: impl Fn(&Symbols) -> bool) -> Option<Symbols> {
        let windows = self.bytes.windows(DIGITS.len()).enumerate();
        let digits = windows.filter(|&(_, window)| window == DIGITS);
        let mut tables = digits.filter_map(|(at, _)| self.table(at));
        tables.find(right)
    }

    /// One more token or name is read.
    fn spend(&self) -> Option<()> {
        self.left.set(self.left.get().checked_sub(1)?);
        Some(())
    }

    fn word(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at + 4)?.try_into().ok()?;
        Some(match self.big_endian {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        })
    }

    fn half(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at + 2)?.try_into().ok()?;
        Some(match self.big_endian {
            true => u16::from_be_bytes(bytes),
            false => u16::from_le_bytes(bytes),
        })
    }

    /// The table whose tokens for digits are at this place.
    fn table(&self, digits: usize) -> Option<Symbols> {
        let mut starts = self.first_token(digits)?;
        let (start, tokens) = starts.find_map(|at| Some((at, self.tokens(at)?)))?;
        let places = (start.saturating_sub(BEFORE)..start).step_by(4).rev();
        let found = |at| {
            let count = self.word(at)? as usize;
            let order = (3 * count).next_multiple_of(4);
            let ends = [start, start.saturating_sub(order)];
            let mut named = ends
                .iter()
                .filter_map(|&end| self.names(at, count, end, &tokens));
            self.addressed(at, &named.next()?)
        };
        places.take_while(|_| self.left.get() > 0).find_map(found)
    }

    /// Where the tokens may begin: what comes before the first may look like a part of it.
    fn first_token(&self, digits: usize) -> Option<impl Iterator<Item = usize>> {
        let mut at = digits;
        for _ in 0..BEFORE_DIGITS {
            self.spend()?;
            let text = self
                .bytes
                .get(at.saturating_sub(LONGEST)..at.checked_sub(1)?)?;
            let length = text.iter().rev().take_while(|&&byte| byte != 0).count();
            at = at.checked_sub(length + 1)?;
        }
        let text = self.bytes.get(at..digits)?;
        let length = text.iter().position(|&byte| byte == 0)?;
        Some((at.next_multiple_of(4)..at + length).step_by(4))
    }

    /// The tokens from `start` on, if the places behind them are theirs.
    fn tokens(&self, start: usize) -> Option<Vec<&[u8]>> {
        let (mut at, mut tokens, mut places) = (start, Vec::new(), Vec::new());
        for _ in 0..TOKENS {
            self.spend()?;
            let rest = self.bytes.get(at..(at + LONGEST).min(self.bytes.len()))?;
            let length = rest.iter().position(|&byte| byte == 0)?;
            places.push(u16::try_from(at - start).ok()?);
            tokens.push(&rest[..length]);
            at += length + 1;
        }
        let index = at.next_multiple_of(4);
        let mut places = places.iter().enumerate();
        places
            .all(|(number, &place)| self.half(index + 2 * number) == Some(place))
            .then_some(tokens)
    }

    /// So many names behind their number at this place, if the places among them that end at `end` are
    /// theirs.
    fn names(
        &self,
        count_at: usize,
        count: usize,
        end: usize,
        tokens: &[&[u8]],
    ) -> Option<Vec<String>> {
        if !SYMBOLS.contains(&count) {
            return None;
        }
        let marks_at = end.checked_sub(4 * count.div_ceil(NAMES))?;
        if marks_at <= count_at || self.word(marks_at)? != 0 {
            return None;
        }
        let first = count_at + 4;
        let (mut at, mut names) = (first, Vec::new());
        for number in 0..count {
            let marked = || self.word(marks_at + 4 * (number / NAMES));
            if number % NAMES == 0 && marked()? as usize != at - first {
                return None;
            }
            let (name, next) = self.name(at, tokens)?;
            at = next;
            if at > marks_at {
                return None;
            }
            names.push(name);
        }
        Some(names)
    }

    /// The name at this place, and where the next one is.
    fn name(&self, at: usize, tokens: &[&[u8]]) -> Option<(String, usize)> {
        let byte = |at: usize| self.bytes.get(at).map(|&byte| usize::from(byte));
        self.spend()?;
        let (length, from) = match byte(at)? {
            0 => return None,
            low if low & 0x80 != 0 => (low & 0x7f | byte(at + 1)? << 7, at + 2),
            length => (length, at + 1),
        };
        let parts = self.bytes.get(from..from + length)?;
        let mut name = Vec::new();
        for &part in parts {
            name.extend_from_slice(tokens[usize::from(part)]);
            if name.len() > LONGEST {
                return None;
            }
        }
        Some((String::from_utf8(name).ok()?, from + length))
    }

    /// The names with their addresses, which come before their number.
    fn addressed(&self, count_at: usize, names: &[String]) -> Option<Symbols> {
        let base_at = count_at.checked_sub(4)?;
        let base = self.word(base_at)?;
        let offsets_at = base_at.checked_sub(4 * names.len())?;
        let mut symbols = Vec::new();
        let mut last = 0;
        for (number, name) in names.iter().enumerate() {
            let offset = self.word(offsets_at + 4 * number)?;
            if offset < last || name.len() < 2 || !name.is_char_boundary(1) {
                return None;
            }
            last = offset;
            let kind = name.chars().next()?;
            symbols.push((base.wrapping_add(offset), kind, &name[1..]));
        }
        Some(Symbols::of_kinds(symbols.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of so many symbols, 16 bytes apart, with and without the order by alphabet.
    fn table(count: usize, order: bool, big_endian: bool) -> Vec<u8> {
        let word = |value: u32| match big_endian {
            true => value.to_be_bytes(),
            false => value.to_le_bytes(),
        };
        let mut names = Vec::new();
        let mut marks = Vec::new();
        for number in 0..count {
            if number % NAMES == 0 {
                marks.push(names.len() as u32);
            }
            let name = format!("Tf_{number}");
            names.push(name.len() as u8);
            names.extend_from_slice(name.as_bytes());
        }
        let (mut tokens, mut places) = (Vec::new(), Vec::new());
        for token in 0..TOKENS {
            places.push(tokens.len() as u16);
            match token as u8 {
                letter @ (b'0'..=b'9' | b'T' | b'f' | b'_') => tokens.push(letter),
                _ => tokens.extend_from_slice(b"ab"),
            }
            tokens.push(0);
        }
        let mut bytes = vec![0; 0x1000];
        let pad = |bytes: &mut Vec<u8>| bytes.resize(bytes.len().next_multiple_of(4), 0);
        (0..count as u32).for_each(|number| bytes.extend(word(16 * number)));
        bytes.extend(word(0x8010_0000));
        bytes.extend(word(count as u32));
        bytes.extend(names);
        pad(&mut bytes);
        marks.into_iter().for_each(|mark| bytes.extend(word(mark)));
        if order {
            bytes.extend((0..count).flat_map(|number| [0, (number >> 8) as u8 | 0x40, 0x11]));
            pad(&mut bytes);
        }
        bytes.extend(tokens);
        pad(&mut bytes);
        for place in places {
            match big_endian {
                true => bytes.extend(place.to_be_bytes()),
                false => bytes.extend(place.to_le_bytes()),
            }
        }
        bytes
    }

    fn search(bytes: Vec<u8>, big_endian: bool) -> Option<Symbols> {
        let left = Cell::new(READ);
        let memory = Memory {
            bytes,
            big_endian,
            left,
        };
        memory.find(|symbols| symbols.starts_at(0x8010_0010))
    }

    #[test]
    fn a_table_is_found_and_its_names_have_their_addresses() {
        for (order, big_endian) in [(false, false), (true, false), (false, true), (true, true)] {
            let symbols = search(table(700, order, big_endian), big_endian).expect("a table");
            assert_eq!(symbols.find(0x8010_0000), Some("f_0"));
            assert_eq!(symbols.find(0x8010_0000 + 16 * 699 + 15), Some("f_699"));
            assert_eq!(search(table(700, order, big_endian), !big_endian), None);
        }
    }

    #[test]
    fn a_table_that_is_damaged_is_none() {
        let good = table(300, true, false);
        for at in [0x1000 + 4 * 300 + 4, good.len() - 300, good.len() - 40] {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            assert_eq!(search(bad, false), None, "{at:#x}");
        }
        for end in (0x1000..good.len()).step_by(211) {
            assert_eq!(search(good[..end].to_vec(), false), None, "{end:#x}");
        }
    }
}
