//! One virtual machine: CPU, memory and board, and the loop that runs it.
//!
//! [`Vm`] is `#[repr(C)]` with the CPU first: a pointer to it is what translated code carries.

mod access;
mod astray;
pub mod host;
mod hypercall;
mod pages;
mod processes;
mod run;
mod spin;
mod state;
mod system;
mod table;

use crate::addr::{PAGE_SIZE, Pa, Va};
use crate::board::malta::{Malta, MaltaConfig};
use crate::clock::Cycles;
use crate::cpu::cp0::{STATUS_CU0, STATUS_CU1, STATUS_FR};
use crate::cpu::exception::Exception;
use crate::cpu::model::Model;
use crate::cpu::{Cpu, STOP_CODE, STOP_SERVE};
use crate::hypercall::Number;
use crate::memory::Hands;
use crate::memory::machine::{MachineMemory, MachineMemoryError};
use crate::memory::pmap::{LOW_LIMIT, Pmap};
use crate::memory::{HostFailure, VmId};
use crate::mmu::second::SecondTlb;
use crate::mmu::segment::Mode;
use crate::mmu::soft::{Grants, SoftTlb, Space, SpaceKey};
use crate::mmu::tlb::Tlb;
use astray::Astray;
use processes::Processes;
use spin::Patience;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use astray::Way;
pub use processes::Process;
pub use run::{Engine, Rest};
pub use spin::Spin;

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct VmConfig {
    /// The CPU model.
    pub model: &'static Model,
    /// Bytes of RAM.
    pub memory: u64,
    /// The byte order of CPU and memory.
    pub big_endian: bool,
    /// Entries of the machine's second-level TLB; 0 for the bare CPU. It spares the guest refills,
    /// and so decides on its instruction count.
    pub second_tlb: usize,
    /// Whether the guest may make hypercalls. If not, HYPCALL is a reserved instruction.
    pub hypercalls: bool,
    /// What the real-time clock shows at the start, in seconds since 1970.
    pub rtc_base: u64,
}

/// Events that the monitor counts.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Exceptions by Cause.ExcCode.
    pub exceptions: [u64; 32],
    /// TLB refills, by load (0) and store (1).
    pub refills: [u64; 2],
    /// Accesses that missed the software TLB.
    pub soft_misses: u64,
    /// Accesses that went to a device.
    pub device_accesses: u64,
    /// Entries that TLBWR displaced and the second-level TLB kept.
    pub second_kept: u64,
    /// TLB entries written.
    pub tlb_writes: u64,
    /// Changes of address space or mode.
    pub space_switches: u64,
    /// Stores that hit code.
    pub code_writes: u64,
    /// Returns from the engine, by [`Exit`](crate::exit::Exit).
    pub exits: [u64; 4],
    /// Bytes that the guest wrote to its console.
    pub console_bytes: u64,
    /// Times that WAIT skipped to the next event.
    pub waits: u64,
    /// Hypercalls, by [`Number`], those in batches included.
    pub hypercalls: [u64; Number::ALL.len()],
    /// Hypercalls that were refused, those included that do not exist.
    pub hypercalls_refused: u64,
    /// Times that rounds of a loop that changes nothing were skipped.
    pub spins: u64,
    /// The instructions of these rounds.
    pub spun: u64,
    /// Host time spent asleep.
    pub slept: Duration,
}

/// A virtual machine.
#[repr(C)]
pub struct Vm {
    /// The CPU. First, so that translated code finds its fields.
    pub cpu: Cpu,
    /// The guest's own TLB.
    tlb: Tlb,
    second: SecondTlb,
    soft: SoftTlb,
    id: VmId,
    pmap: Pmap,
    machine: Arc<MachineMemory>,
    hands: Hands,
    /// How often it was stopped because it took a frame when machine memory was short.
    shortages: u64,
    /// What the host refused when the machine needed it.
    failure: OnceCell<HostFailure>,
    /// Set by another thread when the machine is to come back to the monitor.
    called_back: Arc<AtomicBool>,
    /// The board with its devices.
    pub board: Malta,
    config: VmConfig,
    /// The space that last missed the guest's TLB, until the guest has written an entry.
    refilling: Option<SpaceKey>,
    /// When the engine is next asked whether the guest spins.
    patience: Patience,
    /// The space that was in use before this one.
    previous_space: *mut Space,
    /// Bytes with code that were written to, for the engine to take.
    modified: Vec<(Pa, u64)>,
    /// Accesses of translated code that it was not made for.
    astray: Astray,
    /// If set, no store may use the software TLB and each is noted here.
    written: Option<Vec<(Pa, u8)>>,
    /// While the guest is in WAIT: for how long.
    waiting: Option<Cycles>,
    /// The loop in which the guest is idle, while the host lets time pass for it.
    spinning: Option<Spin>,
    /// How many pages the monitor wants the guest to give. The monitor sets it, between runs of
    /// the engine; the guest asks.
    pub balloon_target: u32,
    /// The numbers of the pages that the guest has given.
    given: BTreeSet<u64>,
    /// Whether the guest has ended its time slice.
    yielded: bool,
    /// When the guest's wait ends even without an interrupt.
    wake_at: Option<Cycles>,
    /// Bytes from the console that the host has not seen yet.
    output: Vec<u8>,
    /// Bytes typed so far, with the time at which they arrived.
    typed: Vec<(Cycles, u8)>,
    /// What the guest's processes did.
    processes: Processes,
    /// The exception that was last taken.
    last_exception: Option<Exception>,
    /// If this says so of an exception, the engine comes back as soon as the CPU has taken it.
    pub stop_at: Option<fn(Exception) -> bool>,
    /// What the monitor counted.
    pub counters: Counters,
}

impl Vm {
    /// A machine after reset, with machine memory of its own.
    ///
    /// # Errors
    /// When the host has no memory for it.
    pub fn new(config: VmConfig) -> Result<Box<Self>, MachineMemoryError> {
        let memory = MachineMemory::new(config.memory)?;
        Self::in_memory(config, Arc::new(memory))
    }

    /// A machine after reset, in machine memory that others may share.
    ///
    /// # Errors
    /// When the host has no memory for it.
    pub fn in_memory(
        config: VmConfig,
        memory: Arc<MachineMemory>,
    ) -> Result<Box<Self>, MachineMemoryError> {
        let id = memory.next_vm();
        let home = memory.take_home(config.memory);
        let window = memory.window(home.as_ref());
        let low_pages = home
            .as_ref()
            .map_or(0, |_| config.memory.min(LOW_LIMIT) / PAGE_SIZE);
        let grants = Grants::new(window, low_pages as usize);
        let mut vm = Box::new(Self {
            cpu: Cpu::new(config.model, config.big_endian),
            tlb: Tlb::new(config.model.tlb_entries),
            second: SecondTlb::new(config.second_tlb, config.model.tlb_entries),
            soft: SoftTlb::new(grants).map_err(|error| MachineMemoryError::Tables(error.into()))?,
            id,
            pmap: Pmap::new(id, config.memory, home),
            machine: memory,
            hands: Hands::default(),
            shortages: 0,
            failure: OnceCell::new(),
            called_back: Arc::default(),
            board: Malta::new(&MaltaConfig {
                big_endian: config.big_endian,
                rtc_base: config.rtc_base,
                ram_bytes: config.memory,
            }),
            config,
            refilling: None,
            patience: Patience::default(),
            previous_space: std::ptr::null_mut(),
            modified: Vec::new(),
            astray: Astray::default(),
            written: None,
            waiting: None,
            spinning: None,
            balloon_target: 0,
            given: BTreeSet::new(),
            yielded: false,
            wake_at: None,
            output: Vec::new(),
            typed: Vec::new(),
            processes: Processes::default(),
            last_exception: None,
            stop_at: None,
            counters: Counters::default(),
        });
        vm.cpu.window = window.as_ptr();
        vm.select_space();
        Ok(vm)
    }

    /// What the machine is made of.
    #[must_use]
    pub fn config(&self) -> &VmConfig {
        &self.config
    }

    /// Whether memory is big-endian.
    #[must_use]
    pub fn big_endian(&self) -> bool {
        self.config.big_endian
    }

    /// The current mode of the CPU.
    #[must_use]
    pub fn mode(&self) -> Mode {
        Mode::of(self.cpu.cp0.status)
    }

    /// The key of the current address space.
    #[must_use]
    pub fn space_key(&self) -> SpaceKey {
        let cp0 = &self.cpu.cp0;
        SpaceKey {
            asid: cp0.asid(),
            mode: Mode::of(cp0.status),
            status: cp0.status & (STATUS_CU0 | STATUS_CU1 | STATUS_FR),
        }
    }

    /// Points the CPU at the software TLB of its current address space and mode.
    pub fn select_space(&mut self) {
        let key = self.space_key();
        if !self.cpu.space.is_null() {
            let old = self.space().key;
            if old == key {
                return;
            }
            self.account_for_space(old, key);
        }
        // A system call and its return, the kernel and the process in use: most changes lead back.
        let previous = std::mem::replace(&mut self.previous_space, self.cpu.space);
        // SAFETY: as in `space`; one that has been given to another has its key.
        let back = unsafe { previous.as_ref() }.is_some_and(|space| space.key == key);
        self.cpu.space = if back {
            previous
        } else {
            self.soft.select(key)
        };
        self.counters.space_switches += 1;
    }

    /// Empties all software TLBs.
    pub(super) fn clear_spaces(&mut self) {
        // Only the space that is entered is sure to stay.
        self.previous_space = std::ptr::null_mut();
        self.soft.clear(self.cpu.space);
    }

    /// The current address space's software TLB.
    #[inline(always)]
    #[must_use]
    pub fn space(&self) -> &Space {
        // SAFETY: `space` points into a box that `soft` owns and never drops; it is set in `new`.
        unsafe { &*self.cpu.space }
    }

    /// The current address space's software TLB, to be filled.
    #[inline(always)]
    pub fn space_mut(&mut self) -> &mut Space {
        // SAFETY: as in `space`; `&mut self` keeps every other access away.
        unsafe { &mut *self.cpu.space }
    }

    /// All software TLBs.
    pub fn soft_tlb(&mut self) -> &mut SoftTlb {
        &mut self.soft
    }

    /// Takes `exception` for the instruction at `pc`, in a delay slot if `slot`.
    pub fn raise(&mut self, exception: Exception, pc: u64, slot: bool) {
        self.counters.exceptions[exception.code() as usize] += 1;
        match exception {
            Exception::TlbRefillLoad => self.note_refill(0, "load"),
            Exception::TlbRefillStore => self.note_refill(1, "store"),
            _ => {}
        }
        self.cpu.raise(exception, pc, slot);
        self.last_exception = Some(exception);
        if self.stop_at.is_some_and(|wanted| wanted(exception)) {
            self.request_stop();
        }
        tracing::trace!(
            target: "exceptions",
            "{exception:?} at {pc:#010x}{} -> {:#010x} badvaddr {:#010x} cause {:#010x} status {:#010x}",
            if slot { " (delay slot)" } else { "" },
            self.cpu.pc,
            self.cpu.cp0.bad_vaddr,
            self.cpu.cp0.cause(),
            self.cpu.cp0.status,
        );
        self.select_space();
    }

    /// The exception that was last taken.
    #[must_use]
    pub fn last_exception(&self) -> Option<Exception> {
        self.last_exception
    }

    /// How many exceptions were taken.
    #[must_use]
    pub fn exceptions_taken(&self) -> u64 {
        self.counters.exceptions.iter().sum()
    }

    fn note_refill(&mut self, kind: usize, name: &str) {
        self.counters.refills[kind] += 1;
        self.refilling = Some(self.space().key);
        tracing::trace!(
            target: "tlb",
            "refill for a {name} at {} asid {:#x}",
            self.cpu.bad_address,
            self.cpu.cp0.asid()
        );
    }

    /// Has the machine come back to the monitor soon after this is set. Returns what it was that did
    /// so until now.
    pub fn come_back_by(&mut self, flag: Arc<AtomicBool>) -> Arc<AtomicBool> {
        std::mem::replace(&mut self.called_back, flag)
    }

    /// Whether the machine is to come back to the monitor: engines ask after what may take long.
    #[inline]
    #[must_use]
    pub fn is_called_back(&self) -> bool {
        self.called_back.load(Ordering::Relaxed)
    }

    /// Asks the engine to come back at the next instruction boundary.
    #[inline]
    pub fn request_stop(&mut self) {
        self.cpu.stop |= STOP_SERVE;
    }

    /// Says that the engine made code from the `bytes` at `pa`: stores to them must come to the
    /// monitor from now on.
    pub fn add_code(&mut self, pa: Pa, bytes: u64) {
        if self.pmap.add_code(pa, bytes)
            && let Some(page) = self.pmap.resident(pa.page()).filter(|page| page.writable)
        {
            let mapped = self.pmap.take_mapped(pa);
            self.soft
                .protect(pa.page(), self.machine.host(page.ma), mapped);
        }
    }

    /// Says that what the engine keeps of the page of `pa` is only what it adds from now on.
    pub fn clear_code(&mut self, pa: Pa) {
        self.pmap.clear_code(pa);
    }

    /// Says that the engine keeps nothing that it made from the page of `pa`.
    pub fn remove_code(&mut self, pa: Pa) {
        self.pmap.remove_code(pa);
    }

    /// The bytes with code that were written to since the last call, as address and length. The
    /// engine must drop what it made from them.
    pub fn take_modified(&mut self) -> Vec<(Pa, u64)> {
        std::mem::take(&mut self.modified)
    }

    /// Whether [`Vm::take_modified`] has something.
    #[inline]
    #[must_use]
    pub fn has_modified(&self) -> bool {
        !self.modified.is_empty()
    }

    /// Keeps a list of every store from now on; no store uses the software TLB any more.
    pub fn watch_writes(&mut self) {
        if self.written.is_none() {
            self.written = Some(Vec::new());
            self.clear_spaces();
        }
    }

    /// The stores since the last call, with their sizes.
    pub fn take_written(&mut self) -> Vec<(Pa, u8)> {
        self.written
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Before `bytes` at `pa`, in one page, change: the engine that made code from them must know.
    fn note_code_write(&mut self, pa: Pa, bytes: u64) {
        if self.pmap.has_code(pa, bytes) {
            self.modified.push((pa, bytes));
            self.counters.code_writes += 1;
            self.cpu.stop |= STOP_CODE;
        }
    }

    /// Types bytes on the console, now.
    pub fn type_bytes(&mut self, bytes: &[u8]) {
        let now = self.cpu.now(0);
        for &byte in bytes {
            self.board.console().push_input(byte);
            self.typed.push((now, byte));
        }
    }

    /// The bytes typed so far, with their times.
    #[must_use]
    pub fn typed(&self) -> &[(Cycles, u8)] {
        &self.typed
    }

    /// The guest's own TLB.
    #[must_use]
    pub fn tlb(&self) -> &Tlb {
        &self.tlb
    }

    /// Where an instruction fetch from `va` goes, for people who look at code: no exception, no
    /// side effect.
    #[must_use]
    pub fn peek(&self, va: Va) -> Option<Pa> {
        self.translate(va, crate::mmu::Access::Fetch)
            .ok()
            .map(|page| page.pa)
    }
}

// SAFETY: the pointers in a VM lead into memory that it owns (spaces, code tables) or to frames
// that are its alone or never written; what the engine leaves in `cpu.symbols` are addresses of code.
unsafe impl Send for Vm {}

impl Drop for Vm {
    fn drop(&mut self) {
        self.pmap.clear(&self.machine);
    }
}
