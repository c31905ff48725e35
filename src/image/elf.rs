//! ELF32 executables for MIPS, in both byte orders.
//!
//! Debian's `vmlinuz` is one of these: it unpacks itself. Segments go where their physical
//! address says, which is where a linker script or `objcopy` has them loaded; the entry point is
//! compared with virtual addresses. Section headers and symbols are not looked at.

use std::path::Path;

use mirrorball_runtime::addr::{Pa, Va};
use object::Endianness;
use object::elf::{self, FileHeader32, ProgramHeader32};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use thiserror::Error;

use super::{Image, ImageError, Segment, file, unmapped};

/// Why a file is no ELF executable that this machine can run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum ElfError {
    #[error(
        "{image}: is not an ELF file, it starts with {start:02x?}; \
         unpack it first, or give --flat ADDRESS if it is a flat binary"
    )]
    NotElf { image: String, start: Vec<u8> },
    #[error(
        "{image}: ELF file is cut off: {part} would end at byte {needed}, the file ends at {size}; \
         build or download it again"
    )]
    Truncated {
        image: String,
        part: &'static str,
        needed: u64,
        size: u64,
    },
    #[error("{image}: is a 64-bit ELF file (class 2); build it for MIPS32")]
    SixtyFourBit { image: String },
    #[error("{image}: has no valid ELF class ({class}); build it again for MIPS32")]
    Class { image: String, class: u8 },
    #[error("{image}: has no valid ELF byte order ({data}); build it again for MIPS32")]
    ByteOrder { image: String, data: u8 },
    #[error("{image}: is for another machine ({machine}); build it for MIPS32")]
    Machine { image: String, machine: String },
    #[error("{image}: is not an executable but {kind}; link it with a fixed address")]
    Kind { image: String, kind: String },
    #[error(
        "{image}: program headers are {size} bytes each, not 32; build it again with a MIPS32 linker"
    )]
    HeaderSize { image: String, size: u16 },
    #[error(
        "{image}: the program headers at file offset {offset:#x} overlap the ELF header; \
         build it again with a MIPS32 linker"
    )]
    HeadersOverlap { image: String, offset: u32 },
    #[error("{image}: has nothing to load; link it as an executable")]
    NoSegments { image: String },
    #[error(
        "{image}: segment {index} has {in_file} bytes in the file but only {in_memory} in memory; \
         link it again"
    )]
    SegmentSize {
        image: String,
        index: usize,
        in_file: u32,
        in_memory: u32,
    },
    #[error(
        "{image}: segment {index} at {start:#010x}-{end:#010x} is not in kseg0, kseg1 or the memory \
         behind them; link it from 0x80000000 up"
    )]
    SegmentAddress {
        image: String,
        index: usize,
        start: u64,
        end: u64,
    },
    #[error("{image}: segments {first} and {second} overlap at physical {at}; link them apart")]
    SegmentsOverlap {
        image: String,
        first: usize,
        second: usize,
        at: Pa,
    },
    #[error(
        "{image}: the entry point {entry} is in no segment; give the linker the start symbol (-e)"
    )]
    Entry { image: String, entry: Va },
    #[error(
        "{image}: the entry point {entry} is not word-aligned, and there is no MIPS16 here; \
         link it for MIPS32"
    )]
    EntryAlignment { image: String, entry: Va },
}

/// Reads and checks the ELF executable at `path`.
///
/// # Errors
///
/// When the file cannot be read, or is no MIPS32 executable.
pub fn open(path: &Path) -> Result<Image, ImageError> {
    let bytes = file::read(path)?;
    let mut image = parse(&path.display().to_string(), &bytes)?;
    image.name = file::base_name(path);
    Ok(image)
}

/// Checks the ELF executable `bytes`, which messages call `name`.
///
/// # Errors
///
/// When it is no MIPS32 executable.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Image, ElfError> {
    let file = Reader { name, bytes };
    let (header, endian) = file.header()?;
    let mut loaded = Vec::new();
    for (index, part) in file.program_headers(header, endian)?.iter().enumerate() {
        if part.p_type(endian) == elf::PT_LOAD && part.p_memsz(endian) > 0 {
            loaded.push((index, file.segment(index, part, endian)?));
        }
    }
    file.check_apart(&loaded)?;
    let entry = Va(header.e_entry(endian).into());
    let segments: Vec<_> = loaded.into_iter().map(|(_, segment)| segment).collect();
    if segments.is_empty() {
        return Err(ElfError::NoSegments {
            image: file.image(),
        });
    }
    if !entry.0.is_multiple_of(4) {
        return Err(ElfError::EntryAlignment {
            image: file.image(),
            entry,
        });
    }
    if !segments.iter().any(|segment| reaches(segment, entry)) {
        return Err(ElfError::Entry {
            image: file.image(),
            entry,
        });
    }
    Ok(Image {
        name: name.to_owned(),
        big_endian: matches!(endian, Endianness::Big),
        entry,
        segments,
    })
}

/// Whether the CPU finds `segment` at `entry`, be it through the other one of kseg0 and kseg1.
fn reaches(segment: &Segment, entry: Va) -> bool {
    let physical = |va: Va| unmapped(va.0).filter(|_| va.0 >= 0x8000_0000);
    segment.contains(entry)
        || physical(segment.va)
            .zip(physical(entry))
            .is_some_and(|(start, entry)| entry >= start && entry.0 - start.0 < segment.size)
}

struct Reader<'a> {
    name: &'a str,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn image(&self) -> String {
        self.name.to_owned()
    }

    fn header(&self) -> Result<(&'a FileHeader32<Endianness>, Endianness), ElfError> {
        let image = || self.image();
        let start = &self.bytes[..self.bytes.len().min(4)];
        if start != &elf::ELFMAG[..start.len()] {
            return Err(ElfError::NotElf {
                image: image(),
                start: start.to_vec(),
            });
        }
        let header_size = size_of::<FileHeader32<Endianness>>();
        self.check_size("its header", header_size as u64)?;
        let (header, _) = object::pod::from_bytes::<FileHeader32<Endianness>>(self.bytes)
            .map_err(|()| self.truncated("its header", header_size as u64))?;
        match header.e_ident.class {
            elf::ELFCLASS32 => {}
            elf::ELFCLASS64 => return Err(ElfError::SixtyFourBit { image: image() }),
            class => {
                return Err(ElfError::Class {
                    image: image(),
                    class: class.0,
                });
            }
        }
        let endian = match header.e_ident.data {
            elf::ELFDATA2LSB => Endianness::Little,
            elf::ELFDATA2MSB => Endianness::Big,
            data => {
                return Err(ElfError::ByteOrder {
                    image: image(),
                    data: data.0,
                });
            }
        };
        match header.e_machine(endian) {
            elf::EM_MIPS => {}
            machine => {
                return Err(ElfError::Machine {
                    image: image(),
                    machine: machine_name(machine),
                });
            }
        }
        match header.e_type(endian) {
            elf::ET_EXEC => Ok((header, endian)),
            kind => Err(ElfError::Kind {
                image: image(),
                kind: kind_name(kind),
            }),
        }
    }

    fn program_headers(
        &self,
        header: &FileHeader32<Endianness>,
        endian: Endianness,
    ) -> Result<&'a [ProgramHeader32<Endianness>], ElfError> {
        let count = usize::from(header.e_phnum(endian));
        if count == 0 {
            return Err(ElfError::NoSegments {
                image: self.image(),
            });
        }
        let each = size_of::<ProgramHeader32<Endianness>>();
        let size = header.e_phentsize(endian);
        if usize::from(size) != each {
            return Err(ElfError::HeaderSize {
                image: self.image(),
                size,
            });
        }
        let offset = header.e_phoff(endian);
        if (offset as usize) < size_of::<FileHeader32<Endianness>>() {
            return Err(ElfError::HeadersOverlap {
                image: self.image(),
                offset,
            });
        }
        let needed = u64::from(offset) + (count * each) as u64;
        self.check_size("its program headers", needed)?;
        object::pod::slice_from_bytes(&self.bytes[offset as usize..], count)
            .map(|(headers, _)| headers)
            .map_err(|()| self.truncated("its program headers", needed))
    }

    fn segment(
        &self,
        index: usize,
        part: &ProgramHeader32<Endianness>,
        endian: Endianness,
    ) -> Result<Segment, ElfError> {
        let (in_file, in_memory) = (part.p_filesz(endian), part.p_memsz(endian));
        if in_file > in_memory {
            return Err(ElfError::SegmentSize {
                image: self.image(),
                index,
                in_file,
                in_memory,
            });
        }
        let from = u64::from(part.p_offset(endian));
        let to = from + u64::from(in_file);
        self.check_size("a segment", to)?;
        let (start, size) = (u64::from(part.p_paddr(endian)), u64::from(in_memory));
        let pa = unmapped(start)
            .zip(unmapped(start + size - 1))
            .filter(|(first, last)| {
                // Not from the end of one window into the start of the next.
                last.0.wrapping_sub(first.0) == size - 1
            });
        let Some((pa, _)) = pa else {
            let end = start + size;
            return Err(ElfError::SegmentAddress {
                image: self.image(),
                index,
                start,
                end,
            });
        };
        Ok(Segment {
            va: Va(part.p_vaddr(endian).into()),
            pa,
            bytes: self.bytes[from as usize..to as usize].to_vec(),
            size,
        })
    }

    fn check_apart(&self, loaded: &[(usize, Segment)]) -> Result<(), ElfError> {
        let mut sorted: Vec<_> = loaded.iter().collect();
        sorted.sort_by_key(|(_, segment)| segment.pa);
        for pair in sorted.windows(2) {
            let [(first, lower), (second, upper)] = pair else {
                continue;
            };
            if lower.overlaps(upper.pa, upper.end()) {
                return Err(ElfError::SegmentsOverlap {
                    image: self.image(),
                    first: *first,
                    second: *second,
                    at: upper.pa,
                });
            }
        }
        Ok(())
    }

    fn check_size(&self, part: &'static str, needed: u64) -> Result<(), ElfError> {
        if needed > self.bytes.len() as u64 {
            Err(self.truncated(part, needed))
        } else {
            Ok(())
        }
    }

    fn truncated(&self, part: &'static str, needed: u64) -> ElfError {
        ElfError::Truncated {
            image: self.image(),
            part,
            needed,
            size: self.bytes.len() as u64,
        }
    }
}

fn machine_name(machine: elf::Machine) -> String {
    match machine {
        elf::EM_386 => "x86".to_owned(),
        elf::EM_X86_64 => "x86-64".to_owned(),
        elf::EM_ARM => "ARM".to_owned(),
        elf::EM_AARCH64 => "AArch64".to_owned(),
        elf::EM_RISCV => "RISC-V".to_owned(),
        elf::EM_PPC => "PowerPC".to_owned(),
        elf::Machine(other) => format!("ELF machine {other}"),
    }
}

fn kind_name(kind: elf::FileType) -> String {
    match kind {
        elf::ET_REL => "an object file".to_owned(),
        elf::ET_DYN => "a shared object or position-independent".to_owned(),
        elf::ET_CORE => "a core dump".to_owned(),
        elf::FileType(other) => format!("ELF type {other}"),
    }
}

#[cfg(test)]
mod tests;
