//! ELF files and memory made up for tests.

use mirrorball_runtime::addr::Pa;

use super::PhysicalMemory;

/// Low memory in one piece.
pub struct Memory(pub Vec<u8>);

impl PhysicalMemory for Memory {
    fn write(&mut self, pa: Pa, bytes: &[u8]) {
        let at = pa.0 as usize;
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// An ELF file as a linker could have made it; a test changes what it wants to see refused.
#[derive(Clone)]
pub struct Elf {
    pub big_endian: bool,
    pub entry: u32,
    pub segments: Vec<Part>,
}

/// A segment to load.
#[derive(Clone)]
pub struct Part {
    pub va: u32,
    pub pa: u32,
    pub bytes: Vec<u8>,
    pub size: u32,
}

impl Part {
    pub fn at(address: u32, bytes: &[u8]) -> Self {
        Self {
            va: address,
            pa: address,
            bytes: bytes.to_vec(),
            size: bytes.len() as u32,
        }
    }
}

impl Elf {
    pub fn new(big_endian: bool) -> Self {
        let code = Part::at(0x8010_0000, b"codecode");
        Self {
            big_endian,
            entry: 0x8010_0004,
            segments: vec![code],
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let half = |v: u16| {
            if self.big_endian {
                v.to_be_bytes()
            } else {
                v.to_le_bytes()
            }
        };
        let word = |v: u32| {
            if self.big_endian {
                v.to_be_bytes()
            } else {
                v.to_le_bytes()
            }
        };
        let mut file = vec![0x7f, b'E', b'L', b'F', 1, 1 + u8::from(self.big_endian), 1];
        file.resize(16, 0);
        for value in [2, 8] {
            file.extend(half(value)); // type, machine
        }
        for value in [1, self.entry, 52, 0, 0] {
            file.extend(word(value)); // version, entry, phoff, shoff, flags
        }
        for value in [52, 32, self.segments.len() as u16, 40, 0, 0] {
            file.extend(half(value)); // ehsize, phentsize, phnum, shentsize, shnum, shstrndx
        }
        let mut offset = 52 + 32 * self.segments.len() as u32;
        for Part {
            va,
            pa,
            bytes,
            size,
        } in &self.segments
        {
            let in_file = bytes.len() as u32;
            for value in [1, offset, *va, *pa, in_file, *size, 7, 4] {
                file.extend(word(value));
            }
            offset += in_file;
        }
        for part in &self.segments {
            file.extend(&part.bytes);
        }
        file
    }
}
