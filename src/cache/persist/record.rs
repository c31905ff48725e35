//! A stored translation as bytes.
//!
//! ```text
//! magic  head sum  lengths, key …  content  code sum  blocks  links  sites │ code │ padding to 64 bytes
//!                  └──────────────── head sum ───────────────────────────┘
//! ```
//!
//! All numbers are little-endian. The head sum is keyed with the key space, so that a record from
//! elsewhere does not pass for one of ours. Nothing is believed before its sum is checked.

use super::space::{Hash, KeySpace};
use crate::cache::key::BlockKey;
use crate::interp::block::Source;
use crate::translate::site::{self, Sites};
use crate::translate::{Region, Translation};

/// Records start at multiples of this.
pub const ALIGNMENT: u64 = 64;
/// What a record starts with.
pub const MAGIC: [u8; 8] = *b"mbcode\x003";
/// The part of the head that every record has.
pub const FIXED: usize = 128;
/// Where what the head sum covers begins.
const SUMMED: usize = 40;
/// The most that any of the lists has; far more than regions do.
const MOST: u32 = 1 << 14;
/// The most bytes of code.
const MOST_CODE: u32 = 1 << 22;

/// All of a record but the code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// See [`BlockKey::mode`].
    pub mode: u32,
    /// The hash of the guest code.
    pub content: Hash,
    /// The hash of the host code.
    pub code_sum: Hash,
    /// The bytes of host code.
    pub code_bytes: u32,
    /// As in [`Translation`].
    pub need: u32,
    /// The region's blocks.
    pub blocks: Vec<Member>,
    /// As in [`Translation`].
    pub links: Vec<u32>,
    /// As in [`Region`].
    pub sites: Sites,
}

/// A block of a region, as far as it is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Member {
    /// Its [`code_address`](crate::interp::block::code_address).
    pub pc: u32,
    /// See [`Source::print`].
    pub print: u32,
}

impl Member {
    fn of(block: &Source) -> Self {
        Self {
            pc: block.pc,
            print: block.print(),
        }
    }
}

/// The hash of all guest code in a region, in a key space.
#[must_use]
pub fn content(space: &KeySpace, key: BlockKey, region: &Region) -> Hash {
    let mut hasher = blake3::Hasher::new_keyed(&space.0);
    hasher.update(&key.mode.to_le_bytes());
    region.feed(|bytes| {
        hasher.update(bytes);
    });
    *hasher.finalize().as_bytes()
}

/// The lengths in a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lengths {
    code: u32,
    blocks: u32,
    links: u32,
    sites: u32,
}

impl Lengths {
    /// What the fixed part of a head says, if it can be one.
    #[must_use]
    pub fn of(fixed: &[u8]) -> Option<Self> {
        if fixed.len() < FIXED || fixed[..8] != MAGIC {
            return None;
        }
        let lengths = Self {
            code: word(fixed, 40)?,
            blocks: word(fixed, 44)?,
            links: word(fixed, 48)?,
            sites: word(fixed, 52)?,
        };
        let sound = (1..=MOST).contains(&lengths.blocks)
            && lengths.links <= MOST
            && lengths.sites <= MOST
            && lengths.code <= MOST_CODE;
        sound.then_some(lengths)
    }

    /// The bytes of the head.
    #[must_use]
    pub fn head(self) -> usize {
        FIXED + 4 * (2 * self.blocks as usize + self.links as usize + self.sites as usize)
    }

    /// The bytes of head and code.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.head() as u64 + u64::from(self.code)
    }

    /// The bytes of the record, with its padding.
    #[must_use]
    pub fn record(self) -> u64 {
        self.bytes().next_multiple_of(ALIGNMENT)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn hash(bytes: &[u8], at: usize) -> Option<Hash> {
    bytes.get(at..at + 32)?.try_into().ok()
}

impl Record {
    /// The record of a translation.
    #[must_use]
    pub fn new(key: BlockKey, region: &Region, content: Hash, made: &Translation) -> Self {
        Self {
            mode: key.mode,
            content,
            code_sum: *blake3::hash(&made.bytes).as_bytes(),
            code_bytes: made.bytes.len() as u32,
            need: made.need,
            blocks: region.blocks.iter().map(Member::of).collect(),
            links: made.links.clone(),
            sites: region.sites.clone(),
        }
    }

    /// The bytes before its code.
    #[must_use]
    pub fn head_bytes(&self) -> u64 {
        (FIXED + 4 * (2 * self.blocks.len() + self.links.len() + self.sites.len())) as u64
    }

    /// The record with its code, as it is stored.
    #[must_use]
    pub fn encode(&self, space: &KeySpace, code: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([0; 32]);
        let sites: Vec<u32> = self
            .sites
            .iter()
            .map(|(&pc, &e)| site::pack((pc, e)))
            .collect();
        let words = [
            self.code_bytes,
            self.blocks.len() as u32,
            self.links.len() as u32,
            sites.len() as u32,
            self.mode,
            self.need,
        ];
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend(self.content);
        bytes.extend(self.code_sum);
        let blocks = self.blocks.iter().flat_map(|block| [block.pc, block.print]);
        let lists = blocks.chain(self.links.iter().chain(&sites).copied());
        bytes.extend(lists.flat_map(u32::to_le_bytes));
        let sum = blake3::keyed_hash(&space.0, &bytes[SUMMED..]);
        bytes[8..SUMMED].copy_from_slice(sum.as_bytes());
        bytes.extend(code);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT as usize), 0);
        bytes
    }

    /// The record that a head describes, if its sum is right.
    #[must_use]
    pub fn decode(space: &KeySpace, head: &[u8]) -> Option<Self> {
        let lengths = Lengths::of(head)?;
        let head = head.get(..lengths.head())?;
        if blake3::keyed_hash(&space.0, &head[SUMMED..]) != hash(head, 8)? {
            return None;
        }
        let (blocks, rest) = head[FIXED..].split_at(8 * lengths.blocks as usize);
        let (links, sites) = rest.split_at(4 * lengths.links as usize);
        let list = |bytes: &[u8]| -> Vec<u32> {
            let words = bytes.chunks_exact(4);
            words.filter_map(|bytes| word(bytes, 0)).collect()
        };
        let sites: Option<_> = list(sites).into_iter().map(site::unpack).collect();
        Some(Self {
            mode: word(head, 56)?,
            content: hash(head, 64)?,
            code_sum: hash(head, 96)?,
            code_bytes: lengths.code,
            need: word(head, 60)?,
            blocks: list(blocks)
                .chunks_exact(2)
                .map(|words| Member {
                    pc: words[0],
                    print: words[1],
                })
                .collect(),
            links: list(links),
            sites: sites?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::site::Expectation;

    fn record(code: &[u8]) -> Record {
        Record {
            mode: 1,
            content: [7; 32],
            code_sum: *blake3::hash(code).as_bytes(),
            code_bytes: code.len() as u32,
            need: 12,
            blocks: [(0x8010_0000, 5), (0x8010_0020, 6)]
                .map(|(pc, print)| Member { pc, print })
                .to_vec(),
            links: vec![0x8010_0040],
            sites: Sites::from([(0x8010_0024, Expectation::Space)]),
        }
    }

    #[test]
    fn a_record_survives_the_disk_but_not_a_flipped_bit() {
        let (space, code) = (KeySpace([1; 32]), [0x90; 100]);
        let record = record(&code);
        let bytes = record.encode(&space, &code);
        let lengths = Lengths::of(&bytes).unwrap();
        assert_eq!((lengths.head(), lengths.record()), (152, 256));
        assert_eq!(bytes.len(), 256);
        assert_eq!(Record::decode(&space, &bytes), Some(record));
        assert_eq!(Record::decode(&KeySpace([2; 32]), &bytes), None);
        for bit in 0..lengths.head() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::decode(&space, &bytes), None, "bit {bit}");
        }
        for length in 0..lengths.head() {
            assert_eq!(Record::decode(&space, &bytes[..length]), None);
        }
    }
}
