//! The monitor as the control socket sees it.

use mirrorball_runtime::insight;
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mirrorball_runtime::account::{Holding, Kind};
use mirrorball_runtime::addr::PAGE_SIZE;
use mirrorball_runtime::device::i8042::Button;
use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::monitor::{Balloon, Command, CommandError, Phase, Standing};
use mirrorball_runtime::vm::Vm;
use mirrorball_runtime::vm::arrivals::Arrived;

use super::debugged::Attached;
use super::leaving::Leaving;
use super::saving::Running;
use super::{FleetMonitor, lock};
use crate::console::Hub;
use crate::control::api::{
    BalloonStatus, CodeCacheStatus, HostMemory, MachineMemory, MemoryStatus, Press, ShutDownKey,
};
use crate::control::{
    Action, ControlError, Machines, MonitorStatus, Process, Saves, Talks, VmState, VmStatus,
};
use crate::machine::{EngineKind, values};
use crate::report;

/// The least time that rates are taken over.
const INTERVAL: Duration = Duration::from_millis(500);

/// What a machine had at some moment.
#[derive(Clone, Copy, Default)]
struct Had {
    cpu_time: Duration,
    instructions: u64,
}

/// What machines had at two moments: between them lies the interval that rates are for.
struct Samples {
    last: (Instant, Vec<Had>),
    before: (Instant, Vec<Had>),
}

/// A monitor that is watched and told what to do.
pub struct Watch {
    monitor: Arc<FleetMonitor>,
    start: Instant,
    samples: Mutex<Samples>,
    /// For each machine, the instructions of its processes when they were last asked for.
    ran: Mutex<Vec<HashMap<ProcessKey, u64>>>,
}

/// What tells the processes of a guest apart: ASID and page table.
type ProcessKey = (u8, Option<u32>);

impl Watch {
    /// Watches `monitor`.
    #[must_use]
    pub fn new(monitor: Arc<FleetMonitor>) -> Self {
        let start = Instant::now();
        let machines = monitor.machines();
        let nothing = (start, vec![Had::default(); machines]);
        Self {
            monitor,
            start,
            ran: Mutex::new(vec![HashMap::new(); machines]),
            samples: Mutex::new(Samples {
                last: nothing.clone(),
                before: nothing,
            }),
        }
    }

    fn number(&self, name: &str) -> Result<usize, ControlError> {
        let specs = self.monitor.fleet().specs();
        let found = specs.iter().position(|spec| spec.name == name);
        found.ok_or_else(|| ControlError::NoSuchVm(name.to_owned()))
    }

    /// Seconds of the interval, and what each machine had when it began.
    fn interval(&self, now: Instant, standings: &[Standing]) -> (f64, Vec<Had>) {
        let mut samples = lock(&self.samples);
        if now - samples.last.0 >= INTERVAL {
            let had = standings.iter().map(|standing| Had {
                cpu_time: standing.cpu_time,
                instructions: standing.snapshot.instructions,
            });
            let next = (now, had.collect());
            samples.before = std::mem::replace(&mut samples.last, next);
        }
        let (since, had) = samples.before.clone();
        ((now - since).as_secs_f64(), had)
    }

    fn vm_status(&self, number: usize, standing: &Standing, seconds: f64, had: Had) -> VmStatus {
        let spec = self.monitor.fleet().spec(number);
        let snapshot = &standing.snapshot;
        let pages = &snapshot.pages;
        let spent = standing.cpu_time.saturating_sub(had.cpu_time).as_secs_f64();
        let ran = snapshot.instructions.saturating_sub(had.instructions) as f64;
        let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
        let counters = &snapshot.counters;
        VmStatus {
            name: spec.name.clone(),
            state: state(standing.phase),
            outcome: match standing.phase {
                Phase::Ended(Some(outcome)) => Some(report::outcome_name(outcome).into()),
                Phase::Ended(None) => Some("failed".into()),
                _ => None,
            },
            share: standing.share,
            cpu_share: ratio(spent, seconds),
            cpu_seconds: standing.cpu_time.as_secs_f64(),
            instructions: snapshot.instructions,
            mips: ratio(ran / 1e6, spent),
            guest_seconds: Duration::from_nanos(snapshot.guest_time.0).as_secs_f64(),
            memory: MemoryStatus {
                size: spec.memory.bytes(),
                private: pages.private * PAGE_SIZE,
                shared: pages.shared * PAGE_SIZE,
                zero: pages.zero * PAGE_SIZE,
                ballooned: pages.ballooned * PAGE_SIZE,
                swapped: pages.swapped * PAGE_SIZE,
                target: standing.target.map(|pages| pages * PAGE_SIZE),
            },
            balloon: snapshot.balloon.as_ref().map(balloon),
            host_memory: snapshot
                .account
                .holdings()
                .map(|(kind, Holding { bytes, limit })| {
                    (kind.name().to_owned(), HostMemory { bytes, limit })
                })
                .collect(),
            exits: report::exit_counts(counters).collect(),
            exceptions: report::exception_counts(counters).collect(),
            tlb_refills: counters.refills.iter().sum(),
            soft_tlb_misses: counters.soft_misses,
            shared_reads: counters.shared_reads,
            device_accesses: counters.device_accesses,
            code_cache: (spec.engine != EngineKind::Interp).then_some(CodeCacheStatus {
                bytes: snapshot.account.of(Kind::Code).bytes,
                limit: snapshot.account.of(Kind::Code).limit,
                translations: snapshot.engine.translations,
                evicted: snapshot.engine.evicted,
            }),
            engine: spec.engine.name().into(),
            console: spec.console.shown(),
        }
    }

    fn vms(&self) -> Vec<VmStatus> {
        let standings: Vec<_> = (0..self.monitor.machines())
            .map(|number| self.monitor.standing(number))
            .collect();
        let (seconds, had) = self.interval(Instant::now(), &standings);
        let vms = standings.iter().zip(had).enumerate();
        vms.map(|(number, (standing, had))| self.vm_status(number, standing, seconds, had))
            .collect()
    }
}

fn balloon(balloon: &Balloon) -> BalloonStatus {
    let told = balloon.statistics.iter();
    BalloonStatus {
        asked: balloon.asked * PAGE_SIZE,
        guest: told
            .map(|&(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

fn arrived(press: Press) -> Arrived {
    match press {
        Press::Power => Arrived::Pressed(Button::Power),
        Press::CtrlAltDel => Arrived::Pressed(Button::CtrlAltDel),
        Press::Break => Arrived::Typed(Stroke::Break),
    }
}

impl From<ShutDownKey> for Button {
    fn from(key: ShutDownKey) -> Self {
        match key {
            ShutDownKey::Power => Self::Power,
            ShutDownKey::CtrlAltDel => Self::CtrlAltDel,
        }
    }
}

fn state(phase: Phase) -> VmState {
    match phase {
        Phase::Running => VmState::Running,
        Phase::Ready | Phase::Blocked | Phase::Starved { .. } => VmState::Waiting,
        Phase::Idle { .. } => VmState::Idle,
        Phase::Paused | Phase::Halted | Phase::Parting => VmState::Paused,
        Phase::Ended(_) => VmState::Stopped,
    }
}

impl Machines for Watch {
    fn status(&self) -> MonitorStatus {
        let memory = self.monitor.memory();
        let swap = memory.swap().counters();
        let (frames, uses) = memory.shares().count();
        let used = memory.frames_in_use();
        let bytes = |pages: u64| pages * PAGE_SIZE;
        MonitorStatus {
            version: env!("CARGO_PKG_VERSION").into(),
            uptime_seconds: self.start.elapsed().as_secs_f64(),
            host_threads: self.monitor.config().threads as u32,
            machine_memory: MachineMemory {
                limit: bytes(memory.limit()),
                used: bytes(used),
                free: bytes(memory.limit().saturating_sub(used)),
                shared_saved: bytes(uses.saturating_sub(frames)),
                swap_used: bytes(swap.in_use),
                swap_limit: bytes(swap.limit),
            },
            switches: self.monitor.switches(),
            vms: self.vms(),
        }
    }

    fn processes(&self, name: &str) -> Result<Vec<Process>, ControlError> {
        let number = self.number(name)?;
        let seen = self.monitor.look(number, Vm::processes);
        let seen = seen.unwrap_or_default();
        let mut ran = lock(&self.ran);
        let before = std::mem::take(&mut ran[number]);
        let key = |process: &insight::Process| (process.asid, process.table);
        let all = |process: &insight::Process| process.user + process.kernel;
        let of_late = |process: &insight::Process| {
            let before = before.get(&key(process)).copied().unwrap_or(0);
            all(process).saturating_sub(before) as f64
        };
        let sum: f64 = seen.iter().map(of_late).sum();
        let processes = seen.iter().map(|process| Process {
            asid: process.asid.into(),
            table: process.table,
            cpu_share: if sum > 0.0 {
                of_late(process) / sum
            } else {
                0.0
            },
            instructions: all(process),
            pages: process.pages,
            name_hint: None,
        });
        let processes = processes.collect();
        ran[number] = seen
            .iter()
            .map(|process| (key(process), all(process)))
            .collect();
        Ok(processes)
    }

    fn save(&self, name: &str) -> Result<Box<dyn Saves>, ControlError> {
        let number = self.number(name)?;
        let running = Running::freeze(&self.monitor, number)?;
        Ok(Box::new(running))
    }

    fn leave(&self, name: &str) -> Result<Box<dyn Talks>, ControlError> {
        Ok(Box::new(Leaving::new(&self.monitor, self.number(name)?)?))
    }

    fn debug(&self, name: &str, history: u64) -> Result<Box<dyn Talks>, ControlError> {
        let number = self.number(name)?;
        let attached = Attached::new(&self.monitor, number, history)?;
        Ok(Box::new(attached))
    }

    fn attach(&self, name: &str) -> Result<Box<dyn Talks>, ControlError> {
        let hub = self.monitor.fleet().hub(self.number(name)?);
        let none = || ControlError::Unsupported("the monitor has no control socket".to_owned());
        Ok(Box::new(hub.cloned().ok_or_else(none)?))
    }

    fn act(&self, name: &str, action: Action) -> Result<VmStatus, ControlError> {
        let number = self.number(name)?;
        self.obey(number, action)?
            .map_err(|error: CommandError| ControlError::State {
                name: name.to_owned(),
                state: state(self.monitor.standing(number).phase),
                problem: error.to_string(),
            })?;
        self.vm(name)
            .ok_or_else(|| ControlError::NoSuchVm(name.to_owned()))
    }
}

impl Talks for Hub {
    /// Has threads of the console's serve the connection: it outlasts the request.
    fn talk(self: Box<Self>, stream: UnixStream) {
        if let Err(error) = self.join(stream) {
            tracing::warn!("a console cannot be attached: {error}");
        }
    }
}

impl Watch {
    /// Has the monitor do something with a machine, which may be in no state for it.
    fn obey(
        &self,
        number: usize,
        action: Action,
    ) -> Result<Result<(), CommandError>, ControlError> {
        let command = match action {
            Action::Start => Command::Start,
            Action::Pause => Command::Pause,
            Action::Resume => Command::Resume,
            Action::Reset => Command::Reset,
            Action::Stop => Command::Stop,
            Action::Share(share) => {
                let range = values::SHARE;
                if !range.contains(&i64::from(share)) {
                    let (least, most) = (range.start(), range.end());
                    let problem = format!("a share is a whole number from {least} to {most}");
                    return Err(ControlError::Value(problem));
                }
                Command::Share(share)
            }
            Action::MemoryTarget(bytes) => {
                let all = self.monitor.fleet().spec(number).memory.bytes();
                Command::Target((bytes < all).then_some(bytes / PAGE_SIZE))
            }
            Action::ShutDown(button) => {
                return Ok(self.monitor.shut_down(number, button.into()));
            }
            Action::Press(press) => {
                return Ok(self.monitor.operate(number, arrived(press)));
            }
        };
        Ok(self.monitor.command(number, command))
    }
}
