//! A virtual CPU: everything that a second CPU of the same machine would have of its own.
//!
//! [`Vcpu`] is `#[repr(C)]` with the registers first: a pointer to it is what translated code
//! carries. It dereferences to its registers, which nearly every instruction needs.

mod privileged;
mod spaces;
mod state;
mod stops;

use crate::addr::Pa;
use crate::clock::{Cycles, Nanos};
use crate::cpu::exception::Exception;
use crate::cpu::model::Model;
use crate::cpu::{Cpu, STOP_CODE, STOP_SERVE};
use crate::memory::machine::MachineMemoryError;
use crate::memory::{Ram, Window};
use crate::mmu::second::SecondTlb;
use crate::mmu::segment::Mode;
use crate::mmu::soft::{SoftTlb, Space, SpaceKey};
use crate::mmu::tlb::Tlb;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::mem::offset_of;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

pub use privileged::TlbWrite;
pub use spaces::SpaceChange;
pub use state::CpuState;
pub use stops::{Goal, StopCause, StopPoints, WatchKind, Watchpoint};

/// A virtual CPU.
#[repr(C)]
pub struct Vcpu {
    regs: Cpu,
    /// The current address space's software TLB.
    space: *mut Space,
    /// The direct map of kseg0. Always the same.
    window: NonNull<Window>,
    /// The guest's own TLB.
    pub(crate) tlb: Tlb,
    pub(crate) second: SecondTlb,
    pub(crate) soft: SoftTlb,
    /// The space that was in use before this one.
    previous_space: *mut Space,
    /// The space that last missed the guest's TLB, until the guest has written an entry.
    pub(crate) refilling: Option<SpaceKey>,
    /// Bytes with code that were written to, for the engine to take.
    modified: Vec<(Pa, u64)>,
    /// What the CPU does while it runs no instructions.
    pub(crate) idle: Idle,
    /// The exception that was last taken.
    pub(crate) last_exception: Option<Exception>,
    /// Where a debugger wants it to stop.
    pub stops: StopPoints,
    /// The bytes of RAM that the machine has.
    ram_bytes: u64,
}

/// Where translated code finds the current address space's software TLB.
pub const SPACE: usize = offset_of!(Vcpu, space);
/// Where translated code finds the direct map of kseg0.
pub const WINDOW: usize = offset_of!(Vcpu, window);

/// A loop that changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spin {
    /// The instructions of a round.
    pub period: u64,
    /// Before which moment everything that it reads is as it is now, if no event comes.
    pub until: Nanos,
}

/// Whether and why a CPU runs no instructions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Idle {
    /// While the guest is in WAIT: for how long.
    pub waiting: Option<Cycles>,
    /// The loop in which the guest is idle, while the host lets time pass for it. It is found again
    /// where it is not saved.
    #[serde(skip)]
    pub spinning: Option<Spin>,
    /// When the guest's wait ends even without an interrupt.
    pub wake_at: Option<Cycles>,
    /// Whether the guest has ended its time slice.
    pub yielded: bool,
}

/// Why there are no tables for the software TLB.
fn no_tables(error: Errno) -> MachineMemoryError {
    match error {
        Errno::FBIG => MachineMemoryError::FileSize {
            bytes: SoftTlb::FILE_BYTES,
        },
        error => MachineMemoryError::Tables(error.into()),
    }
}

impl Vcpu {
    /// A CPU after reset, with a second-level TLB of `second` entries, in a machine with this RAM.
    ///
    /// # Errors
    /// When the host has no memory for its tables.
    pub fn new(
        model: &'static Model,
        second: usize,
        ram: &Ram,
    ) -> Result<Self, MachineMemoryError> {
        let mut cpu = Self {
            regs: Cpu::new(model, ram.big_endian()),
            space: std::ptr::null_mut(),
            window: ram.window(),
            tlb: Tlb::new(model.tlb_entries),
            second: SecondTlb::new(second, model.tlb_entries),
            soft: SoftTlb::new().map_err(no_tables)?,
            previous_space: std::ptr::null_mut(),
            refilling: None,
            modified: Vec::new(),
            idle: Idle::default(),
            last_exception: None,
            stops: StopPoints::default(),
            ram_bytes: ram.bytes(),
        };
        cpu.select_space();
        Ok(cpu)
    }

    /// The current mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        Mode::of(self.cp0.status)
    }

    /// Asks the engine to come back at the next instruction boundary.
    #[inline]
    pub fn request_stop(&mut self) {
        self.stop |= STOP_SERVE;
    }

    /// Notes that `bytes` with code at `pa` are about to change, for the engine to drop what it
    /// made from them.
    pub(crate) fn note_modified(&mut self, pa: Pa, bytes: u64) {
        self.modified.push((pa, bytes));
        self.stop |= STOP_CODE;
    }

    /// The bytes with code that were written to since the last call, as address and length. The
    /// engine must drop what it made from them.
    pub fn take_modified(&mut self) -> Vec<(Pa, u64)> {
        std::mem::take(&mut self.modified)
    }

    /// Whether [`Vcpu::take_modified`] has something.
    #[inline]
    #[must_use]
    pub fn has_modified(&self) -> bool {
        !self.modified.is_empty()
    }

    /// Whether the guest has ended its time slice since the last call.
    pub fn take_yielded(&mut self) -> bool {
        std::mem::take(&mut self.idle.yielded)
    }

    /// The guest's own TLB.
    #[must_use]
    pub fn tlb(&self) -> &Tlb {
        &self.tlb
    }

    /// The exception that was last taken.
    #[must_use]
    pub fn last_exception(&self) -> Option<Exception> {
        self.last_exception
    }
}

impl Deref for Vcpu {
    type Target = Cpu;

    #[inline(always)]
    fn deref(&self) -> &Cpu {
        &self.regs
    }
}

impl DerefMut for Vcpu {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Cpu {
        &mut self.regs
    }
}

// SAFETY: the pointers of a CPU lead into memory that it owns (spaces, code tables) or to the
// direct map of its machine; what the engine leaves in `symbols` are addresses of code.
unsafe impl Send for Vcpu {}
