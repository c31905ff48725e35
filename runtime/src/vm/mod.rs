//! One virtual machine: CPU, memory and board, and the loop that runs it.
//!
//! A [`Vm`] connects its parts. What belongs to a CPU is in [`Vcpu`], which lies first: a pointer
//! to a machine is one to the CPU that runs, and that is what translated code carries. All else
//! is what the CPUs of a machine would share.

mod access;
pub mod arrivals;
mod config;
mod connect;
mod console;
mod counters;
pub mod debug;
mod dma;
mod engine;
pub mod firmware;
mod history;
pub mod host;
mod hypercall;
mod idle;
mod run;
mod saved;
pub mod state;
mod travel;
mod view;
pub mod witness;

use crate::account::{Account, Holding, Kind};
use crate::board::malta::{Malta, MaltaConfig};
use crate::clock::Cycles;
use crate::cpu::exception::Exception;
use crate::device::disk::{Bus, Disk, Disks};
use crate::device::folder::Folder;
use crate::device::network::Network;
use crate::device::stroke::Stroke;
use crate::device::virtio::PRINTED;
use crate::device::{Backends, Outside};
use crate::hypercall::{CONSOLE_MOST, CONSOLE_PIECE, WORK_MOST};
use crate::insight::{Insight, Process};
use crate::memory::machine::{MachineMemory, MachineMemoryError};
use crate::memory::{HostFailure, Ram, Stored};
use crate::vcpu::{Goal, Vcpu};
use arrivals::{Arrivals, Arrived, Earlier, Recorder};
use debug::{Edit, Standstill};
use history::{History, Timeline};
use idle::{IdleBackoff, Lag};
use run::TYPED_AHEAD;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use crate::vcpu::Spin;
pub use config::VmConfig;
pub use connect::{ConnectError, NoFolder, NoPort};
pub use console::Console;
pub use counters::Counters;
pub use engine::{Engine, Rest};
pub use history::PastFacts;
pub use hypercall::{Hypercall, hypercall};
pub use saved::{LoadError, SavedVm, TwinError};
pub use travel::Back;
pub use view::View;
use witness::{Happening, Witness};

/// A virtual machine.
#[repr(C)]
pub struct Vm {
    /// The CPU. First, so that translated code finds its registers.
    pub cpu: Vcpu,
    /// The RAM.
    pub ram: Ram,
    /// The board with its devices.
    pub board: Malta,
    /// What the host has behind its devices.
    backends: Backends,
    /// What comes from outside, and what follows it: a twin, a record, or a replay.
    arrivals: Arrivals,
    /// What is on its way between the guest's console and the host.
    pub console: Console,
    /// What is known about the guest from watching it.
    pub insight: Insight,
    /// What the monitor counted.
    pub counters: Counters,
    config: VmConfig,
    /// Set by another thread when the machine is to come back to the monitor.
    called_back: Arc<AtomicBool>,
    /// When the engine is next asked whether the guest spins.
    backoff: IdleBackoff,
    lag: Lag,
    /// How long it stood still for its debugger.
    standstill: Standstill,
    /// What a debugger changed, for a twin to follow, if it has one.
    edits: Option<Vec<Edit>>,
    /// Its past, if a debugger may have it go back.
    history: Option<Box<History>>,
    /// If this says so of an exception, the engine comes back as soon as the CPU has taken it.
    pub stop_at: Option<fn(Exception) -> bool>,
    /// What looks on.
    witness: Option<Box<dyn Witness>>,
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
        let ram = Ram::new(config.memory, config.big_endian, memory);
        let cpu = Vcpu::new(config.model, config.second_tlb, &ram)?;
        let board = Malta::new(&MaltaConfig {
            big_endian: config.big_endian,
            rtc_base: config.rtc_base,
            ram_bytes: config.memory,
            test_device: false,
        });
        Ok(Box::new(Self {
            cpu,
            ram,
            board,
            backends: Backends::default(),
            arrivals: Arrivals::default(),
            console: Console::default(),
            insight: Insight::default(),
            counters: Counters::default(),
            config,
            called_back: Arc::default(),
            backoff: IdleBackoff::default(),
            lag: Lag::default(),
            standstill: Standstill::default(),
            edits: None,
            history: None,
            stop_at: None,
            witness: None,
        }))
    }

    /// A second machine in the same state. What arrives at this one from now on is kept for it: see
    /// [`Vm::catch_up`]. Its disks touch no image, but answer what the images have answered here; what
    /// it sends goes nowhere.
    ///
    /// # Errors
    /// When the host has no memory for it, or does not give a page back.
    pub fn twin(&mut self) -> Result<Box<Vm>, TwinError> {
        let memory = MachineMemory::new(self.config.memory)?;
        let mut twin = SavedVm::of(self).load_in(Arc::new(memory))?;
        for (pa, content) in self.ram.contents() {
            if let Some(content) = content {
                twin.view().load_physical(pa, &*content);
            }
        }
        if let Some(failure) = self.ram.failure() {
            return Err(failure.clone().into());
        }
        twin.backends.disks = self.backends.disks.twin();
        self.arrivals.keep();
        self.edits = Some(Vec::new());
        Ok(twin)
    }

    /// Notes that the host failed the engine. The machine ends before its next instruction.
    pub fn fail(&mut self, failure: HostFailure) {
        self.view().fail(failure);
    }

    /// Gives a machine that was loaded, and has not run, the content of its RAM.
    pub fn fill(&mut self, stored: &Stored) {
        self.ram.load(stored);
    }

    /// Puts an image behind a disk of the board: before the machine runs, which then has the disk, or
    /// after it was loaded. Jobs that had not ended when it was saved are started anew.
    ///
    /// # Errors
    /// If the board has no place for a disk of this number, or a disk of another shape there.
    pub fn connect_disk(
        &mut self,
        number: usize,
        bus: Bus,
        disk: Box<dyn Disk>,
    ) -> Result<(), ConnectError> {
        if !self.board.fit_disk(number, bus, &*disk) {
            return Err(ConnectError(number));
        }
        self.backends.disks.connect(number, disk);
        self.with_board(|board, outside| board.reconnect(number, outside));
        Ok(())
    }

    /// Takes the images away from its disks. What they were doing is done then.
    pub fn disconnect_disks(&mut self) {
        self.backends.disks = Disks::default();
    }

    /// Puts a network behind a port of the board: before the machine runs, which then has the port,
    /// or after it was loaded.
    ///
    /// # Errors
    /// If the board has no place for a port of this number, or another port there.
    pub fn connect_network(
        &mut self,
        number: usize,
        network: Box<dyn Network>,
    ) -> Result<(), NoPort> {
        if !self.board.fit_port(number, network.port()) {
            return Err(NoPort(number));
        }
        self.backends.networks.connect(number, network);
        Ok(())
    }

    /// Puts a folder of the host behind a device of the board: before the machine runs, which then has
    /// the device, or after it was loaded. What its guest had open there is lost, then.
    ///
    /// # Errors
    /// If the board has no place for a folder of this number, or another folder there.
    pub fn connect_folder(
        &mut self,
        number: usize,
        folder: Box<dyn Folder>,
    ) -> Result<(), NoFolder> {
        if !self.board.fit_folder(number, folder.tag()) {
            return Err(NoFolder(number));
        }
        self.backends.folders.connect(number, folder);
        Ok(())
    }

    /// What the machine is made of.
    #[must_use]
    pub fn config(&self) -> &VmConfig {
        &self.config
    }

    /// RAM with the CPU whose software TLB leads to it, for what changes RAM behind its back.
    #[inline]
    pub fn view(&mut self) -> View<'_> {
        self.board_and_outside().1
    }

    /// The board, and what is lent to its devices.
    #[inline]
    pub(super) fn board_and_outside(&mut self) -> (&mut Malta, View<'_>, &mut Backends) {
        let memory = View {
            ram: &mut self.ram,
            cpu: &mut self.cpu,
            counters: &mut self.counters,
        };
        (&mut self.board, memory, &mut self.backends)
    }

    /// Does something with the board and what is lent to its devices.
    #[inline]
    pub(super) fn with_board<T>(
        &mut self,
        act: impl FnOnce(&mut Malta, &mut Outside<'_>) -> T,
    ) -> T {
        let (board, mut memory, backends) = self.board_and_outside();
        let memory = &mut memory;
        act(board, &mut Outside { memory, backends })
    }

    /// Points the CPU at the software TLB of its current address space and mode.
    pub fn select_space(&mut self) {
        if let Some(change) = self.cpu.select_space() {
            self.counters.space_switches += 1;
            let refills = self.counters.refills.iter().sum();
            let processes = &mut self.insight.processes;
            processes.space_changed(change, &self.cpu, &self.ram, refills);
            self.tell(0, Happening::Space);
        }
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
        self.cpu.last_exception = Some(exception);
        if self.stop_at.is_some_and(|wanted| wanted(exception)) {
            self.cpu.request_stop();
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
        self.tell(0, Happening::Exception(exception, pc));
        self.select_space();
    }

    /// Has `witness` told what happens from now on.
    pub fn watch(&mut self, witness: Box<dyn Witness>) {
        self.witness = Some(witness);
    }

    /// Tells the witness, if there is one. `owed` is how many instructions have run that are not counted
    /// yet.
    #[inline]
    pub(super) fn tell(&mut self, owed: u32, what: Happening) {
        if self.witness.is_some() {
            self.tell_witness(owed, what);
        }
    }

    #[cold]
    fn tell_witness(&mut self, owed: u32, what: Happening) {
        if let Some(mut witness) = self.witness.take() {
            witness.saw(self, self.cpu.now(owed), what);
            self.witness = Some(witness);
        }
    }

    fn note_refill(&mut self, kind: usize, name: &str) {
        self.counters.refills[kind] += 1;
        self.cpu.refilling = Some(self.cpu.space().key);
        tracing::trace!(
            target: "tlb",
            "refill for a {name} at {} asid {:#x}",
            self.cpu.bad_address,
            self.cpu.cp0.asid()
        );
    }

    /// How many exceptions were taken.
    #[must_use]
    pub fn exceptions_taken(&self) -> u64 {
        self.counters.exceptions.iter().sum()
    }

    /// The processes that the guest was seen to run, and its kernel before there was one: those
    /// that were last seen, in the order in which they were first seen.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        let refills = self.counters.refills.iter().sum();
        self.insight.processes.list(&self.cpu, refills)
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

    /// What the machine takes of the host's memory beside its guest's, without its engine.
    #[must_use]
    pub fn account(&self) -> Account {
        let mut account = Account::default();
        account.add(Kind::Tables, self.cpu.held_by_spaces());
        let console = self.console.waiting() + self.board.typed_ahead();
        let limit = (WORK_MOST * CONSOLE_PIECE + CONSOLE_MOST) as usize + PRINTED + TYPED_AHEAD;
        account.add(Kind::Console, Holding::new(console, limit));
        account.add(Kind::Network, self.board.frames_held());
        account.add(Kind::Network, self.backends.networks.held());
        account.add(Kind::Folders, self.backends.folders.held());
        account.add(Kind::Processes, self.insight.processes.held());
        account
    }

    /// Keeps the machine's past from now on, so that it can go back. Pages of checkpoints take about
    /// `budget` bytes at the most, but there are always two of them.
    pub fn keep_history(&mut self, budget: u64) {
        Timeline(self).begin(budget);
    }

    /// Keeps the machine's past no more. If the machine has gone back, it first comes to where it was.
    pub fn forget_history(&mut self) {
        Timeline(self).end();
    }

    /// What there is of the machine's past, if it is kept.
    #[must_use]
    pub fn past(&self) -> Option<PastFacts> {
        self.history.as_ref().map(|history| history.facts())
    }

    /// Has the machine go back when it goes on next. False if its past is not kept.
    pub fn go_back(&mut self, back: Back) -> bool {
        Timeline(self).set_out(back)
    }

    /// Makes a checkpoint of the machine as it is, if its past is kept.
    pub fn make_checkpoint(&mut self) {
        Timeline(self).make_checkpoint();
    }

    /// Makes the machine, between two runs, what it was at its last checkpoint that is not behind `count`.
    /// Says how many instructions had run there; `None` if there is no such checkpoint.
    pub fn return_to(&mut self, count: u64) -> Option<u64> {
        Timeline(self).return_to(count, Goal::None)
    }

    /// Has what arrives from now on recorded, and the end of the run, which is this machine's
    /// [`Vm::arrive`] with [`Arrived::End`].
    pub fn record(&mut self, recorder: Box<dyn Recorder>) {
        self.arrivals.record(recorder);
    }

    /// Has nothing arrive from now on but what arrived in an earlier run, which began in this state.
    /// The run ends where that one was ended, and with
    /// [`Outcome::Difference`](crate::exit::Outcome) where the machine does something else.
    pub fn replay(&mut self, arrivals: Earlier) {
        self.arrivals.replay(arrivals);
    }

    /// The cycle of an arrival for which the machine was too late, and when it was.
    #[must_use]
    pub fn missed(&self) -> Option<(Cycles, Cycles)> {
        self.arrivals.missed()
    }

    /// Types bytes on the console, now.
    pub fn type_bytes(&mut self, bytes: &[u8]) {
        self.type_strokes(Stroke::typed(bytes));
    }

    /// Types on the console, now.
    pub fn type_strokes(&mut self, strokes: impl IntoIterator<Item = Stroke>) {
        for stroke in strokes {
            self.arrive(Arrived::Typed(stroke));
        }
    }

    /// An operator does something to the machine, now, unless what arrives is known. Says whether it
    /// was done.
    pub fn operate(&mut self, what: Arrived) -> bool {
        let open = !(self.is_past() || self.arrivals.is_replay());
        if open {
            self.arrive(what);
        }
        open
    }

    /// Asks the guest to have so many pages in its balloon, unless what arrives is known.
    pub fn ask_for_pages(&mut self, pages: u32) {
        self.operate(Arrived::Balloon(pages));
    }

    /// Something comes from outside, now: between two runs of the engine.
    pub fn arrive(&mut self, what: Arrived) {
        let now = self.cpu.now(0);
        self.arrivals.note(now, &what);
        match what {
            Arrived::Typed(stroke) => {
                self.with_board(|board, outside| board.push_input(stroke, outside, now.to_nanos()));
                self.console.note_typed();
            }
            Arrived::Answer {
                folder,
                job,
                answer,
            } => self.with_board(|board, outside| {
                board.answer(folder, job, answer, outside, now.to_nanos());
            }),
            Arrived::Resized(size) => self.board.resize(size),
            Arrived::Balloon(pages) => self.board.ask_for_pages(pages),
            Arrived::Pressed(button) => self.board.press(button),
            // Whatever the machine did last, what is due now is done.
            Arrived::End(_) => {
                self.serve_devices();
            }
            Arrived::Frame { port, frame } => {
                self.with_board(|board, outside| {
                    board.deliver(port, frame, outside, now.to_nanos());
                });
            }
        }
        self.collect_output(0);
    }
}
