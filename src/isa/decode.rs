//! From an instruction word to an [`Insn`].

use super::{Info, Insn, TABLE};
use std::ops::Range;
use std::sync::LazyLock;

/// The fixed bits of an encoding as the table writes it, and the mask that selects them.
pub(super) const fn fixed_bits(pattern: &str) -> (u32, u32) {
    let bytes = pattern.as_bytes();
    let (mut value, mut mask, mut bits, mut i) = (0u32, 0u32, 0, 0);
    while i < bytes.len() {
        let byte = bytes[i];
        i += 1;
        if byte == b' ' {
            continue;
        }
        value = value << 1 | (byte == b'1') as u32;
        mask = mask << 1 | (byte == b'0' || byte == b'1') as u32;
        bits += 1;
    }
    assert!(bits == 32, "an encoding has 32 bits");
    (value, mask)
}

/// The table's lines by major opcode and function, the lowest six bits.
struct Index {
    /// Fixed bits and which they are, and what that is.
    lines: Vec<(u32, u32, Insn)>,
    /// Which lines may be for a word, by [`Index::key`].
    ranges: Box<[Range<u16>]>,
}

impl Index {
    const FUNCTIONS: u32 = 64;

    fn key(word: u32) -> usize {
        ((word >> 26) * Self::FUNCTIONS + word % Self::FUNCTIONS) as usize
    }

    fn new() -> Self {
        let mut index = Self {
            lines: Vec::new(),
            ranges: Box::new([]),
        };
        let mut ranges = Vec::new();
        for major in 0..64 {
            let of_major = || TABLE.iter().filter(move |info| info.value >> 26 == major);
            let function = Self::FUNCTIONS - 1;
            if of_major().all(|info| info.mask & function == function) {
                for function in 0..Self::FUNCTIONS {
                    let lines = of_major().filter(|info| info.value % Self::FUNCTIONS == function);
                    ranges.push(index.add(lines));
                }
            } else {
                let range = index.add(of_major());
                ranges.extend((0..Self::FUNCTIONS).map(|_| range.clone()));
            }
        }
        index.ranges = ranges.into();
        index
    }

    fn add<'a>(&mut self, infos: impl Iterator<Item = &'a Info>) -> Range<u16> {
        let start = self.lines.len() as u16;
        self.lines
            .extend(infos.map(|info| (info.value, info.mask, info.insn)));
        start..self.lines.len() as u16
    }
}

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// The instruction that `word` encodes, or `None` if the encoding is reserved.
#[must_use]
pub fn decode(word: u32) -> Option<Insn> {
    let range = &INDEX.ranges[Index::key(word)];
    INDEX.lines[usize::from(range.start)..usize::from(range.end)]
        .iter()
        .find(|&&(value, mask, _)| word & mask == value)
        .map(|&(.., insn)| insn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_two_instructions() {
        for (index, a) in TABLE.iter().enumerate() {
            for b in &TABLE[index + 1..] {
                let common = a.mask & b.mask;
                assert_ne!(
                    a.value & common,
                    b.value & common,
                    "{:?} and {:?}",
                    a.insn,
                    b.insn
                );
            }
        }
    }

    #[test]
    fn words_decode_to_what_an_assembler_meant() {
        let words = [
            (0x0000_0000, Some(Insn::Sll)),
            (0x27bd_ffe0, Some(Insn::Addiu)),
            (0x03e0_0008, Some(Insn::Jr)),
            (0x4080_6000, Some(Insn::Mtc0)),
            (0x4200_0018, Some(Insn::Eret)),
            (0x7c03_e83b, Some(Insn::Rdhwr)),
            (0x4620_a032, Some(Insn::CD)),
            (0x0000_0005, None),
            (0xec00_0000, None),
        ];
        for (word, insn) in words {
            assert_eq!(decode(word), insn, "{word:#010x}");
        }
    }
}
