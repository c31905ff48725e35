//! Why an image cannot be loaded, one line each: the file, the value, the way out.

use mirrorball_runtime::addr::Pa;
use mirrorball_runtime::memory::pmap::rom;
use thiserror::Error;

use super::{ElfError, FileError, MemorySize, yamon};

/// Why an image cannot be loaded.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum ImageError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Elf(#[from] ElfError),
    #[error(
        "{image}: flat binary at {address:#010x} does not lie in kseg0 or kseg1; \
         give --flat an address from 0x80000000 to 0xbfffffff"
    )]
    FlatAddress { image: String, address: u64 },
    #[error(
        "{image}: flat binary at {address:#010x} is not word-aligned; give --flat a multiple of 4"
    )]
    FlatAlignment { image: String, address: u64 },
    #[error(
        "{image}: the part at physical {start}-{end} is outside of memory \
         ({memory}, of which the first 256M are at 0); give more --memory or link it lower"
    )]
    OutsideMemory {
        image: String,
        start: Pa,
        end: Pa,
        memory: MemorySize,
    },
    #[error(
        "{image}: the part at physical {start}-{end} covers the boot arguments \
         at {}-{table_end}; link it elsewhere",
        yamon::TABLE
    )]
    OnArguments {
        image: String,
        start: Pa,
        end: Pa,
        table_end: Pa,
    },
    #[error(
        "{initrd}: initrd of {size} bytes does not fit above the kernel, which ends at {kernel_end}, \
         in {memory} of memory; give more --memory (at most 256M help) or a smaller initrd"
    )]
    InitrdTooLarge {
        initrd: String,
        size: u64,
        kernel_end: Pa,
        memory: MemorySize,
    },
    #[error(
        "command line of {length} bytes (with rd_start and rd_size) is too long; \
         at most {limit} fit, shorten --append"
    )]
    CommandLineTooLong { length: usize, limit: usize },
    #[error(
        "{name}: firmware of {size} bytes does not fit into the flash memory of {}; \
         name an image for a Malta board",
        rom::SIZE
    )]
    FirmwareTooLarge { name: String, size: u64 },
    #[error("command line has a zero byte at {position}; remove it from --append")]
    CommandLineZero { position: usize },
}
