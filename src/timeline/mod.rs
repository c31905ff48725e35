//! What a guest does, as a file that Perfetto and Chrome's `about:tracing` show: tracks of slices and
//! marks over the guest's time.
//!
//! A [`Timeline`] is the machine's witness. Slices are nested as exceptions are; when user mode is
//! entered, all of them are at their end, whatever the guest has made of its returns. The format is
//! that of Chrome's trace events, in JSON.

mod file;
mod layer;

pub use file::{MOST, TraceFile};
pub use layer::Translations;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mirrorball_runtime::addr::Pa;
use mirrorball_runtime::clock::Cycles;
use mirrorball_runtime::cpu::Reg;
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::insight::{TaskName, Tasks};
use mirrorball_runtime::vm::Vm;
use mirrorball_runtime::vm::witness::{Happening, Witness};

/// The file, which several threads write to.
pub type Shared = Arc<Mutex<TraceFile>>;

/// A track of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Track {
    /// Which process the CPU runs.
    Processes = 1,
    /// Exceptions, from the guest's vector to its return.
    Exceptions,
    /// Accesses to devices.
    Devices,
    /// Code that is met and translated.
    Translations,
}

impl Track {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Processes, "processes"),
        (Self::Exceptions, "exceptions"),
        (Self::Devices, "devices"),
        (Self::Translations, "translations"),
    ];
}

/// The most exceptions that are shown within one another.
const DEEPEST: usize = 64;

/// The process that runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Runner {
    task: Option<TaskName>,
    asid: u8,
}

/// The witness that writes what it sees.
pub struct Timeline {
    file: Shared,
    tasks: Tasks,
    runner: Option<Runner>,
    /// How many exceptions are open.
    depth: usize,
    /// How often each device was accessed, to see which one was.
    accesses: Vec<(u64, u64)>,
}

/// The file, for one that writes to it.
pub fn lock(file: &Shared) -> MutexGuard<'_, TraceFile> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Timeline {
    /// A witness of a machine that is new, which writes into `file`.
    #[must_use]
    pub fn new(file: &Shared) -> Self {
        lock(file).begin_machine();
        Self {
            file: Arc::clone(file),
            tasks: Tasks::default(),
            runner: None,
            depth: 0,
            accesses: Vec::new(),
        }
    }

    /// Has another process run, if it does.
    fn switch(&mut self, vm: &Vm, file: &mut TraceFile) {
        let task = self.tasks.current(&vm.cpu, &vm.ram);
        let asid = vm.cpu.cp0.asid();
        let same = |before: Runner| match task {
            Some(_) => before.task == task,
            None => before.task.is_none() && before.asid == asid,
        };
        if self.runner.is_some_and(same) {
            return;
        }
        if self.runner.is_some() {
            file.end(Track::Processes);
        }
        let name = task.map_or_else(|| format!("ASID {asid}"), |task| task.text());
        file.begin(Track::Processes, &name, &format!("\"asid\":{asid}"));
        self.runner = Some(Runner { task, asid });
    }

    fn exception(&mut self, vm: &Vm, file: &mut TraceFile, exception: Exception, pc: u64) {
        if self.depth >= DEEPEST {
            return;
        }
        let cp0 = &vm.cpu.cp0;
        let mut about = format!("\"pc\":\"{:#010x}\"", pc as u32);
        let name = match exception {
            Exception::Syscall => {
                let number = vm.cpu.get(Reg::new(2));
                let _ = write!(about, ",\"v0\":{number}");
                format!("system call {number}")
            }
            Exception::Interrupt => {
                let pending = cp0.cause() >> 8 & cp0.status >> 8 & 0xff;
                let _ = write!(about, ",\"lines\":\"{pending:#04x}\"");
                "interrupt".to_owned()
            }
            exception => {
                let _ = write!(about, ",\"badvaddr\":\"{:#010x}\"", cp0.bad_vaddr);
                format!("{exception:?}")
            }
        };
        file.begin(Track::Exceptions, &name, &about);
        self.depth += 1;
    }

    /// Ends exceptions until there are only so many.
    fn leave(&mut self, file: &mut TraceFile, depth: usize) {
        for _ in depth..self.depth {
            file.end(Track::Exceptions);
        }
        self.depth = self.depth.min(depth);
    }

    fn access(&mut self, vm: &Vm, file: &mut TraceFile, what: &str, pa: Pa, value: Option<u32>) {
        let now = vm
            .board
            .accesses()
            .map(|(_, reads, writes)| (reads, writes));
        let now: Vec<(u64, u64)> = now.collect();
        let before = std::mem::replace(&mut self.accesses, now);
        let counts = self.accesses.iter().zip(before.iter());
        let index = counts.clone().position(|(now, before)| now != before);
        let name = index.and_then(|index| vm.board.accesses().nth(index));
        let name = name.map_or("device", |(name, ..)| name);
        let value = value.map_or_else(|| "\"none\"".to_owned(), |value| format!("\"{value:#x}\""));
        let about = format!("\"at\":\"{pa}\",\"value\":{value}");
        file.mark(Track::Devices, &format!("{what} {name}"), &about);
    }
}

impl Witness for Timeline {
    fn saw(&mut self, vm: &Vm, at: Cycles, what: Happening) {
        let shared = Arc::clone(&self.file);
        let mut file = lock(&shared);
        if let Happening::Waited(cycles) = what {
            file.slice(Track::Processes, "(idle)", at, cycles);
        }
        file.at(at);
        self.switch(vm, &mut file);
        match what {
            Happening::Exception(exception, pc) => self.exception(vm, &mut file, exception, pc),
            Happening::Return => self.leave(&mut file, self.depth.saturating_sub(1)),
            Happening::Space => {
                if !vm.cpu.mode().is_kernel() {
                    self.leave(&mut file, 0);
                }
            }
            Happening::Read(pa, _, value) => self.access(vm, &mut file, "read", pa, value),
            Happening::Write(pa, _, value) => self.access(vm, &mut file, "write", pa, Some(value)),
            Happening::Waited(_) => {}
        }
    }
}
