//! What a VM is started from: a kernel, an initial RAM disk and the boot arguments, or firmware.
//!
//! [`Image`] is a parsed program, from an ELF file ([`elf`]) or from a flat binary ([`flat`]).
//! [`load`] puts it, the initial RAM disk and the argument table ([`yamon`]) into guest memory
//! and answers with the registers that a Malta kernel expects. Devices are no part of this: what
//! the boot code leaves in them is the board's business.

pub mod elf;
pub mod error;
pub mod file;
mod firmware;
pub mod flat;
pub mod initrd;
pub mod ram;
mod seed;
pub mod yamon;

use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::cpu::cp0::STATUS_ERL;
use mirrorball_runtime::vm::Vm;

pub use elf::ElfError;
pub use error::ImageError;
pub use file::FileError;
pub use firmware::{Firmware, Flash};
pub use initrd::Initrd;
pub use ram::{MemorySize, MemorySizeError};
pub use seed::Seed;
pub use yamon::Told;

/// The guest that is built in: a small operating system, little-endian, as an ELF file.
pub const TOUR: &[u8] = include_bytes!("../../guests/prebuilt/tour.el.elf");

/// Where a loader puts bytes: the memory of a VM, by what the guest calls physical addresses.
pub trait PhysicalMemory {
    /// Stores `bytes` from `pa` on. The loader has made sure that all of it is memory.
    fn write(&mut self, pa: Pa, bytes: &[u8]);
}

impl PhysicalMemory for Vm {
    fn write(&mut self, pa: Pa, bytes: &[u8]) {
        self.view().load_physical(pa, bytes);
    }
}

/// A program for the guest, parsed and checked, not yet in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file's name without its folders: what the guest is told it was booted as.
    pub name: String,
    /// Whether the program is big-endian.
    pub big_endian: bool,
    /// Where the program starts.
    pub entry: Va,
    /// The parts of the program, none of which overlap.
    pub segments: Vec<Segment>,
}

/// A contiguous part of an [`Image`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where the program expects to see this part.
    pub va: Va,
    /// Where it is stored.
    pub pa: Pa,
    /// The bytes that the file gives.
    pub bytes: Vec<u8>,
    /// The size in memory: what goes beyond `bytes` is zero.
    pub size: u64,
}

/// What the CPU's registers hold when the guest's first instruction runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootState {
    /// The program counter.
    pub entry: Va,
    /// The number of arguments.
    pub a0: u32,
    /// The address of the argument pointers.
    pub a1: u32,
    /// The address of the environment pointers.
    pub a2: u32,
    /// The size of low memory in bytes.
    pub a3: u32,
    /// The stack pointer, below the argument table.
    pub sp: u32,
    /// Whether the CPU runs big-endian.
    pub big_endian: bool,
}

impl BootState {
    /// Has the CPU of `vm`, which was just made, start like this.
    pub fn enter(&self, vm: &mut Vm) {
        vm.cpu.pc = self.entry.0;
        for (register, value) in [
            (4, self.a0),
            (5, self.a1),
            (6, self.a2),
            (7, self.a3),
            (29, self.sp),
        ] {
            vm.cpu.gpr[register] = vm.cpu.held(value);
        }
        // The boot code has left the error level that a reset starts in, unless it jumps to where
        // that level alone needs no TLB.
        if self.entry.is_direct() {
            vm.cpu.cp0.status &= !STATUS_ERL;
        }
        vm.select_space();
    }
}

impl Image {
    /// What stands for the image of a machine that boots none.
    #[must_use]
    pub fn none(name: &str, big_endian: bool) -> Self {
        Self {
            name: name.to_owned(),
            big_endian,
            entry: Va(0),
            segments: Vec::new(),
        }
    }

    /// Whether there is nothing to boot.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.segments.is_empty()
    }

    /// The four bytes at `va` as an instruction word, if the file gives all of them.
    #[must_use]
    pub fn word(&self, va: Va) -> Option<u32> {
        let segment = self.segments.iter().find(|s| s.contains(va))?;
        let start = usize::try_from(va.0 - segment.va.0).ok()?;
        let bytes: [u8; 4] = segment
            .bytes
            .get(start..start.checked_add(4)?)?
            .try_into()
            .ok()?;
        Some(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }
}

impl Segment {
    /// The physical address after the last one.
    #[must_use]
    pub fn end(&self) -> Pa {
        Pa(self.pa.0 + self.size)
    }

    /// Whether `va` is in this segment.
    #[must_use]
    pub fn contains(&self, va: Va) -> bool {
        va >= self.va && va.0 - self.va.0 < self.size
    }

    /// Whether this segment and the physical bytes from `start` to before `end` share any.
    #[must_use]
    pub fn overlaps(&self, start: Pa, end: Pa) -> bool {
        self.size > 0 && self.pa < end && start < self.end()
    }
}

/// The physical address behind `address`, if it is one that needs no TLB: in kseg0, in kseg1, or
/// already a physical one that those two reach.
#[must_use]
pub(crate) fn unmapped(address: u64) -> Option<Pa> {
    match address {
        0..0x2000_0000 | 0x8000_0000..0xc000_0000 => Some(Pa(address & 0x1fff_ffff)),
        _ => None,
    }
}

/// Puts `image`, `initrd` and the boot arguments with what the user has the kernel `told` into `sink`, the
/// still empty memory of a VM of `memory` bytes, and tells how the CPU has to start.
///
/// # Errors
///
/// When a part does not fit into memory, or parts would overlap.
pub fn load<'a>(
    image: &Image,
    initrd: Option<&Initrd>,
    told: impl Into<Told<'a>>,
    memory: MemorySize,
    sink: &mut dyn PhysicalMemory,
) -> Result<BootState, ImageError> {
    for segment in &image.segments {
        check_memory(segment, image, memory)?;
    }
    let placed = initrd
        .map(|initrd| initrd.place(image, memory))
        .transpose()?;
    let table = yamon::Arguments {
        kernel: &image.name,
        told: told.into(),
        initrd: placed,
        memory,
    }
    .table(image.big_endian)?;
    let table_end = Pa(yamon::TABLE.0 + table.len() as u64);
    for segment in &image.segments {
        check_table(segment, image, table_end)?;
    }

    for segment in &image.segments {
        sink.write(segment.pa, &segment.bytes);
    }
    if let (Some(initrd), Some(placed)) = (initrd, placed) {
        sink.write(placed.start, initrd.bytes());
    }
    sink.write(yamon::TABLE, &table);
    Ok(BootState {
        entry: image.entry,
        a0: yamon::ARGC,
        a1: yamon::ARGV,
        a2: yamon::ENVP,
        a3: memory.low(),
        sp: yamon::STACK,
        big_endian: image.big_endian,
    })
}

fn check_memory(segment: &Segment, image: &Image, memory: MemorySize) -> Result<(), ImageError> {
    if segment.end().0 > u64::from(memory.low()) {
        return Err(ImageError::OutsideMemory {
            image: image.name.clone(),
            start: segment.pa,
            end: segment.end(),
            memory,
        });
    }
    Ok(())
}

fn check_table(segment: &Segment, image: &Image, table_end: Pa) -> Result<(), ImageError> {
    if segment.overlaps(yamon::TABLE, table_end) {
        return Err(ImageError::OnArguments {
            image: image.name.clone(),
            start: segment.pa,
            end: segment.end(),
            table_end,
        });
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
