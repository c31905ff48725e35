//! What happens at a system call and at a TLB miss, step by step: the process, the operating
//! system and the monitor take turns, and each turn is an event.
//!
//! A [`Recorder`] is an engine around another: it lets that one run up to an exception of the kind
//! that is wanted, and then takes the guest through it one instruction at a time. The events are
//! data; [`Story`] tells them in three columns, as the machine that they happened in has them or as
//! one without a monitor would, and [`render`] writes that as text.

mod privileged;
mod process;
mod recorder;
mod render;
mod story;
mod until;

pub use privileged::{Privileged, Tally};
pub use process::{NotAProcess, ProcessAsked};
pub use recorder::{Asked, Recorder};
pub use render::render;
pub use story::{Step, Story, Under};
pub use until::UntilDone;

use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::insight::TaskName;
use mirrorball_runtime::memory::Frame;
use mirrorball_runtime::mmu::Access;
use mirrorball_runtime::mmu::tlb::Entry;

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// System calls of processes.
    Syscall,
    /// TLB misses of processes, up to the access that succeeds.
    Tlb,
}

/// What happened from a process's instruction to the one that follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The number of its first event among all of the kind, from 1.
    pub number: u64,
    /// How many instructions the machine had run.
    pub at: u64,
    /// The process's name, if the guest is Linux.
    pub task: Option<TaskName>,
    /// The process's ASID.
    pub asid: u8,
    /// The process's page table, if it is known.
    pub table: Option<u32>,
    /// Whether it is seen to its end: the machine may have ended before.
    pub whole: bool,
    /// What happened.
    pub events: Vec<Timed>,
}

/// An event and when it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    /// How many instructions the machine had run when it began.
    pub at: u64,
    /// The event.
    pub event: Event,
}

/// One turn of one of the three.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each variant says what it is, and its fields have the manual's names"
)]
pub enum Event {
    /// The process makes a system call: v0 is its number, a0 to a3 are arguments.
    Call {
        pc: u32,
        number: u32,
        arguments: [u32; 4],
    },
    /// The process's instruction at `pc`, as far as it could be fetched, accesses `address`.
    Access {
        pc: u32,
        word: Option<u32>,
        kind: Access,
        address: u32,
    },
    /// The monitor has the CPU take an exception: registers as the guest finds them, BadVAddr if
    /// it says something, and where the guest's kernel is entered.
    Exception {
        kind: Exception,
        epc: u32,
        cause: u32,
        status: u32,
        address: Option<u32>,
        vector: u32,
    },
    /// The operating system runs.
    Kernel(Stage),
    /// The operating system writes an entry of its TLB, by TLBWR if `random`, else by TLBWI.
    /// `page` is the one that was missed, as far as the entry has it; `kept` says that the second level
    /// of the TLB may keep what is displaced.
    TlbWrite {
        pc: u32,
        random: bool,
        entry: Entry,
        page: Option<Mapped>,
        kept: bool,
    },
    /// The operating system's instruction at `pc` leaves the kernel.
    Return { pc: u32, to: u32, asid: u8 },
    /// A process goes on; `same` if it is the one that the sequence began with.
    Resume { pc: u32, asid: u8, same: bool },
    /// The process makes its access again, with so many misses of the software TLB that the
    /// guest's TLB could answer; or is `refused` once more, with the exception that follows.
    Again {
        pc: u32,
        kind: Access,
        address: u32,
        soft_misses: u64,
        refused: bool,
    },
}

/// A page as the operating system maps it, and as the monitor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// The address of the virtual page.
    pub virtual_page: u32,
    /// The address of the physical page that the operating system gives it.
    pub physical_page: u32,
    /// Whether the operating system says that it may be used.
    pub valid: bool,
    /// The frame of machine memory behind it, if the software TLB then allows the access that was
    /// refused.
    pub installed: Option<Frame>,
}

/// A run of the operating system's instructions, and what the monitor did meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// The address of the first instruction.
    pub from: u32,
    /// That of the last.
    pub to: u32,
    /// How many ran.
    pub instructions: u64,
    /// The privileged ones among them.
    pub privileged: Tally,
    /// What the monitor did.
    pub monitor: Work,
}

/// What the monitor did, besides privileged instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Accesses that the software TLB could not answer, and the long way did.
    pub soft_misses: u64,
    /// Accesses that went to devices.
    pub devices: u64,
    /// Changes of space: of mode or ASID.
    pub switches: u64,
    /// Further exceptions, interrupts included.
    pub exceptions: u64,
}
