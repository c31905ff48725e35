//! The engine that records: another engine up to the event, then one instruction at a time.
//!
//! One instruction at a time means that the engine inside is given one cycle: it interprets, and
//! never parts a branch from its delay slot. The guest runs as it would without a recorder.

use mirrorball_runtime::insight::{TaskName, Tasks, page_table};
use std::cell::Cell;
use std::rc::Rc;

use mirrorball_runtime::addr::{PAGE_SIZE, Va};
use mirrorball_runtime::clock::Cycles;
use mirrorball_runtime::cpu::Reg;
use mirrorball_runtime::cpu::cp0::{CAUSE_BD, STATUS_EXL, STATUS_KSU_SHIFT};
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::exit::Exit;
use mirrorball_runtime::mmu::Access;
use mirrorball_runtime::mmu::segment::Mode;
use mirrorball_runtime::mmu::soft::SpaceKey;
use mirrorball_runtime::mmu::tlb::Entry;
use mirrorball_runtime::vm::host::Host;
use mirrorball_runtime::vm::{Counters, Engine, Spin, Vm};

use super::until::UntilDone;
use super::{Event, Flow, Mapped, Privileged, ProcessAsked, Sequence, Stage, Timed, Work};

/// The part of an address that says where in its page it is.
const PAGE_OFFSET: u32 = PAGE_SIZE as u32 - 1;

/// What is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The kind of event.
    pub flow: Flow,
    /// Only those of this process.
    pub process: Option<ProcessAsked>,
    /// Only those of the process's instruction at this address.
    pub at: Option<u32>,
    /// How many of those to leave out first.
    pub skip: u64,
    /// How many to record.
    pub count: u64,
}

/// An engine that records what happens around events of the guest.
pub struct Recorder<E> {
    engine: E,
    asked: Asked,
    /// How many events there were.
    met: u64,
    tasks: Tasks,
    recording: Option<Recording>,
    sequences: Vec<Sequence>,
    done: Rc<Cell<bool>>,
}

/// A sequence that is not at its end.
struct Recording {
    sequence: Sequence,
    /// The process's instruction, and what it accesses in its space.
    pc: u32,
    kind: Access,
    address: u32,
    space: SpaceKey,
    stage: Option<Run>,
}

/// The operating system's present run.
struct Run {
    stage: Stage,
    /// The counters at its start.
    counters: Counters,
    /// How many instructions the machine had run by then.
    at: u64,
}

impl Run {
    fn begin(vm: &Vm) -> Self {
        Self {
            stage: Stage::default(),
            counters: vm.counters.clone(),
            at: vm.cpu.retired(),
        }
    }
}

impl<E: Engine> Recorder<E> {
    /// A recorder of what is asked for, on a machine that `engine` is to run.
    #[must_use]
    pub fn new(engine: E, asked: Asked, vm: &mut Vm) -> Self {
        vm.stop_at = Some(match asked.flow {
            Flow::Syscall => |exception| exception == Exception::Syscall,
            Flow::Tlb => is_refill,
        });
        let done = Rc::new(Cell::new(asked.count == 0));
        Self {
            engine,
            asked,
            met: 0,
            tasks: Tasks::default(),
            recording: None,
            sequences: Vec::new(),
            done,
        }
    }

    /// The host to run the machine with, so that it ends when there is nothing more to record.
    pub fn until_done<'a>(&self, host: &'a mut dyn Host) -> UntilDone<'a> {
        UntilDone::new(host, Rc::clone(&self.done))
    }

    /// How many events of the kind there were, recorded or not.
    #[must_use]
    pub fn met(&self) -> u64 {
        self.met
    }

    /// What was recorded.
    #[must_use]
    pub fn finish(mut self) -> Vec<Sequence> {
        self.sequences
            .extend(self.recording.take().map(|recording| recording.sequence));
        self.sequences
    }

    /// Lets the guest run, until there is an event to be recorded or a reason to leave.
    fn watch(&mut self, vm: &mut Vm) -> Exit {
        let taken = vm.exceptions_taken();
        let exit = self.engine.run(vm);
        // Always, as where names are is found while the first task runs.
        let task = self.tasks.current(&vm.cpu, &vm.ram);
        if let Some(exception) = self.count(vm, taken, task)
            && self.met > self.asked.skip
        {
            self.recording = Some(Recording::begin(vm, self.met, task, exception));
        }
        exit
    }

    /// Counts the exception that was just taken, if it is an event of the kind that is wanted;
    /// `taken` is how many there were before, `task` the one that runs.
    fn count(&mut self, vm: &Vm, taken: u64, task: Option<TaskName>) -> Option<Exception> {
        let is_process = |asked: &ProcessAsked| asked.is(vm.cpu.cp0.asid(), task);
        let exception = vm.cpu.last_exception().filter(|&exception| {
            vm.exceptions_taken() != taken
                && self.is_wanted(exception)
                && from_process(vm)
                && self.asked.at.is_none_or(|at| at == vm.cpu.cp0.epc)
                && self.asked.process.as_ref().is_none_or(is_process)
        });
        self.met += u64::from(exception.is_some());
        exception
    }

    fn is_wanted(&self, exception: Exception) -> bool {
        match self.asked.flow {
            Flow::Syscall => exception == Exception::Syscall,
            Flow::Tlb => is_refill(exception),
        }
    }

    fn end(&mut self) {
        let recorded = self.recording.take().map(|recording| recording.sequence);
        self.sequences.extend(recorded.map(|sequence| Sequence {
            whole: true,
            ..sequence
        }));
        self.done
            .set(self.sequences.len() as u64 >= self.asked.count);
    }
}

impl<E: Engine> Engine for Recorder<E> {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        if self.done.get() {
            return Exit::Stop;
        }
        while vm.cpu.left > 0 {
            let Some(recording) = &mut self.recording else {
                return self.watch(vm);
            };
            let taken = vm.exceptions_taken();
            let (exit, ended) = recording.step(&mut self.engine, vm);
            // An access may miss again before it succeeds.
            let task = self.tasks.current(&vm.cpu, &vm.ram);
            self.count(vm, taken, task);
            if ended {
                self.end();
                return Exit::Stop;
            }
            if exit != Exit::Horizon {
                return exit;
            }
        }
        Exit::Horizon
    }

    fn spin(&mut self, vm: &mut Vm) -> Option<Spin> {
        // Nothing of a sequence is skipped.
        self.recording
            .is_none()
            .then(|| self.engine.spin(vm))
            .flatten()
    }
}

const fn is_refill(exception: Exception) -> bool {
    matches!(
        exception,
        Exception::TlbRefillLoad | Exception::TlbRefillStore
    )
}

/// Whether the exception that was just taken came from a process.
fn from_process(vm: &Vm) -> bool {
    vm.cpu.cp0.status >> STATUS_KSU_SHIFT & 3 != 0
}

/// The instruction word at `pc`, as far as it can be fetched.
fn word_at(vm: &Vm, pc: u32) -> Option<u32> {
    vm.cpu.peek(Va(pc.into())).map(|pa| vm.ram.word(pa))
}

/// What the monitor did since the counters were `before`.
fn work(before: &Counters, after: &Counters) -> Work {
    let all = |counters: &Counters| counters.exceptions.iter().sum::<u64>();
    Work {
        soft_misses: after.soft_misses - before.soft_misses,
        devices: after.device_accesses - before.device_accesses,
        switches: after.space_switches - before.space_switches,
        exceptions: all(after) - all(before),
    }
}

impl Recording {
    /// The CPU has just taken `exception` for the process's instruction.
    fn begin(vm: &Vm, number: u64, task: Option<TaskName>, exception: Exception) -> Self {
        let cp0 = &vm.cpu.cp0;
        let argument = |n| vm.cpu.get(Reg::new(n));
        let (pc, address) = (cp0.epc, cp0.bad_vaddr);
        // In a delay slot EPC points at the branch before it.
        let at = pc.wrapping_add(if cp0.cause & CAUSE_BD != 0 { 4 } else { 0 });
        let kind = match exception {
            Exception::TlbRefillStore => Access::Write,
            _ if address == at => Access::Fetch,
            _ => Access::Read,
        };
        let first = if exception == Exception::Syscall {
            Event::Call {
                pc,
                number: argument(2),
                arguments: [4, 5, 6, 7].map(argument),
            }
        } else {
            Event::Access {
                pc: at,
                word: word_at(vm, at),
                kind,
                address,
            }
        };
        let mut recording = Self {
            sequence: Sequence {
                number,
                at: vm.cpu.retired(),
                task,
                asid: cp0.asid(),
                table: page_table(&vm.cpu, &vm.ram),
                whole: false,
                events: Vec::new(),
            },
            pc,
            kind,
            address,
            space: SpaceKey {
                mode: Mode::of(cp0.status & !STATUS_EXL),
                ..vm.cpu.space_key()
            },
            stage: None,
        };
        recording.note(vm, first);
        recording.enter(vm, exception);
        recording
    }

    /// Adds what has just happened.
    fn note(&mut self, vm: &Vm, event: Event) {
        let at = vm.cpu.retired();
        self.sequence.events.push(Timed { at, event });
    }

    /// The CPU has just taken `exception`, and the operating system is about to run.
    fn enter(&mut self, vm: &Vm, exception: Exception) {
        let cp0 = &vm.cpu.cp0;
        let entered = Event::Exception {
            kind: exception,
            epc: cp0.epc,
            cause: cp0.cause(),
            status: cp0.status,
            address: (exception != Exception::Syscall && exception != Exception::Interrupt)
                .then_some(cp0.bad_vaddr),
            vector: vm.cpu.pc as u32,
        };
        self.note(vm, entered);
        self.stage = Some(Run::begin(vm));
    }

    /// Lets one instruction run. Says whether the sequence is at its end.
    fn step(&mut self, engine: &mut dyn Engine, vm: &mut Vm) -> (Exit, bool) {
        // An interrupt may have come between two instructions.
        if self.stage.is_none() && vm.cpu.mode().is_kernel() {
            let exception = vm.cpu.last_exception().unwrap_or(Exception::Interrupt);
            self.enter(vm, exception);
        }
        let before = Before::of(vm);
        let horizon = vm.cpu.horizon;
        let now = vm.cpu.now(0);
        vm.cpu.set_horizon(Cycles(now.0 + 1));
        let exit = engine.run(vm);
        vm.cpu.set_horizon(Cycles(horizon));
        let ended = if self.stage.is_some() {
            self.after_kernel(vm, &before);
            false
        } else {
            self.after_process(vm, &before)
        };
        (exit, ended || self.is_over(vm))
    }

    /// Whether nothing more belongs to the sequence: the process goes on behind a system call, or
    /// another goes on.
    fn is_over(&self, vm: &Vm) -> bool {
        let last = self.sequence.events.last().map(|timed| &timed.event);
        let Some(Event::Resume { pc, same, .. }) = last else {
            return false;
        };
        let call = !self.is_tlb();
        !vm.cpu.mode().is_kernel() && (call || !same || *pc != self.pc)
    }

    /// An instruction of the operating system has run.
    fn after_kernel(&mut self, vm: &mut Vm, before: &Before) {
        let Some(Run { stage, .. }) = &mut self.stage else {
            return;
        };
        let ran = vm.cpu.retired() - before.retired;
        if stage.instructions == 0 {
            stage.from = before.pc;
        }
        stage.to = before.pc;
        stage.instructions += ran;
        let words = before.words.into_iter().take(ran as usize).flatten();
        let mut wrote = None;
        let consequence = before.key != vm.cpu.space_key() || vm.cpu.stop != 0;
        for instruction in words.filter_map(Privileged::of) {
            stage
                .privileged
                .note(vm.cpu.model, instruction, consequence);
            wrote = wrote.or(instruction.tlb_write());
        }
        let left = !vm.cpu.mode().is_kernel();
        if let Some(random) = wrote.filter(|_| self.is_tlb()) {
            self.close(vm);
            let written = Event::TlbWrite {
                pc: before.pc,
                random,
                entry: before.entry,
                page: self.mapped(vm, &before.entry),
                kept: random && vm.config().second_tlb > 0,
            };
            self.note(vm, written);
            self.stage = Some(Run::begin(vm));
        }
        if left {
            self.close(vm);
            self.leave(vm, before.pc);
        }
    }

    fn is_tlb(&self) -> bool {
        let first = self.sequence.events.first();
        first.is_some_and(|timed| matches!(timed.event, Event::Access { .. }))
    }

    /// The page that was missed, as `entry` has it, which was just written.
    fn mapped(&self, vm: &mut Vm, entry: &Entry) -> Option<Mapped> {
        let address = Va(self.address.into());
        if !entry.matches(address, self.space.asid) {
            return None;
        }
        let (half, pa) = entry.translate(address);
        let space = vm.cpu.soft_tlb().find(self.space);
        let filled = space.is_some_and(|space| match self.kind {
            Access::Write => space.probe_write(address, 1).is_some(),
            Access::Read | Access::Fetch => space.probe_read(address, 1).is_some(),
        });
        Some(Mapped {
            virtual_page: self.address & !PAGE_OFFSET,
            physical_page: pa.0 as u32 & !PAGE_OFFSET,
            valid: half.valid,
            installed: filled.then(|| vm.ram.frame(pa)).flatten(),
        })
    }

    /// The operating system's present run is at its end.
    fn close(&mut self, vm: &Vm) {
        if let Some(Run {
            mut stage,
            counters,
            at,
        }) = self.stage.take()
            && stage.instructions > 0
        {
            stage.monitor = work(&counters, &vm.counters);
            let event = Event::Kernel(stage);
            self.sequence.events.push(Timed { at, event });
        }
    }

    /// The operating system has left the kernel.
    fn leave(&mut self, vm: &Vm, pc: u32) {
        let (to, asid) = (vm.cpu.pc as u32, vm.cpu.cp0.asid());
        let same =
            asid == self.sequence.asid && page_table(&vm.cpu, &vm.ram) == self.sequence.table;
        self.note(vm, Event::Return { pc, to, asid });
        self.note(vm, Event::Resume { pc: to, asid, same });
    }

    /// The process has made its access again. Says whether that ends the sequence.
    fn after_process(&mut self, vm: &Vm, before: &Before) -> bool {
        let refused = vm.exceptions_taken() != before.exceptions;
        let again = Event::Again {
            pc: self.pc,
            kind: self.kind,
            address: self.address,
            soft_misses: vm.counters.soft_misses - before.soft_misses,
            refused,
        };
        let at = before.retired;
        self.sequence.events.push(Timed { at, event: again });
        if let Some(exception) = vm.cpu.last_exception().filter(|_| refused) {
            self.address = vm.cpu.cp0.bad_vaddr;
            self.enter(vm, exception);
        }
        !refused
    }
}

/// The machine before an instruction.
struct Before {
    pc: u32,
    /// The instruction, and the one behind it, which may be in its delay slot.
    words: [Option<u32>; 2],
    retired: u64,
    key: SpaceKey,
    exceptions: u64,
    soft_misses: u64,
    /// The entry that a TLB write would write.
    entry: Entry,
}

impl Before {
    fn of(vm: &Vm) -> Self {
        let (pc, cp0) = (vm.cpu.pc as u32, &vm.cpu.cp0);
        Self {
            pc,
            words: [pc, pc.wrapping_add(4)].map(|pc| word_at(vm, pc)),
            retired: vm.cpu.retired(),
            key: vm.cpu.space_key(),
            exceptions: vm.exceptions_taken(),
            soft_misses: vm.counters.soft_misses,
            entry: Entry::from_registers(cp0.entry_hi, cp0.entry_lo, cp0.page_mask),
        }
    }
}
