//! Machines under a monitor that the tests can set as they like: short slices, and all that is
//! known of each machine at its end.

use crate::common::{Recorder, project};
use mirrorball::cache::persist::Store;
use mirrorball::engine::{AnyEngine, Jit};
use mirrorball::machine::{EngineKind, Files, MachineSpec, short};
use mirrorball_runtime::addr::PAGE_SIZE;
use mirrorball_runtime::exit::{Exit, Outcome};
use mirrorball_runtime::memory::machine::MachineMemory;
use mirrorball_runtime::memory::swap::SwapFile;
use mirrorball_runtime::monitor::{EngineFacts, Fleet, Machine, Monitor, MonitorConfig};
use mirrorball_runtime::vm::state;
use mirrorball_runtime::vm::{Engine, Spin, Vm};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How a machine ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// `None` if the monitor failed in running it.
    pub outcome: Option<Outcome>,
    pub instructions: u64,
    pub state: u64,
    pub output: String,
    /// What lockstep found.
    pub difference: Option<String>,
}

impl End {
    /// Says that the guest found nothing wrong and switched its machine off.
    #[track_caller]
    pub fn passed(&self) -> &Self {
        assert_eq!(self.difference, None);
        assert_eq!(self.outcome, Some(Outcome::PowerOff), "{}", self.output);
        assert!(self.output.contains("PASS"), "{}", self.output);
        self
    }
}

/// An engine that may fail as a mistake in the monitor would.
pub struct Runner {
    engine: AnyEngine,
    /// After so many runs.
    fails: Option<u64>,
}

impl Engine for Runner {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        if let Some(left) = &mut self.fails {
            if *left == 0 {
                // As a panic, but without the words.
                resume_unwind(Box::new("a mistake"));
            }
            *left -= 1;
        }
        self.engine.run(vm)
    }

    fn spin(&mut self, vm: &mut Vm) -> Option<Spin> {
        self.engine.spin(vm)
    }
}

/// How the machines are run.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub threads: usize,
    /// Instructions in a slice.
    pub slice: u64,
    /// Pages looked at after each slice.
    pub share_pages: usize,
    /// Frames of machine memory.
    pub frames: u64,
    /// Pages of the swap file.
    pub swap: u64,
}

/// No machine is short of anything, on one thread.
pub const PLENTY: Setting = Setting {
    threads: 1,
    slice: 1 << 16,
    share_pages: 0,
    frames: 1 << 16,
    swap: 0,
};

/// The machines.
pub struct Crowd {
    specs: Vec<MachineSpec>,
    store: Option<Store>,
    ends: Mutex<Vec<Vec<End>>>,
    translations: Mutex<Vec<(u64, u64)>>,
    notices: Mutex<Vec<String>>,
    /// Machine and runs of its engine, if one is to fail.
    fails: Option<(usize, u64)>,
}

impl Crowd {
    /// How the machines ended, each as often as it did.
    pub fn ends(&self) -> Vec<Vec<End>> {
        self.ends.lock().expect("no panic").clone()
    }

    /// The translations of each machine that has ended: those that its engine made, and those that
    /// it found.
    pub fn translations(&self) -> Vec<(u64, u64)> {
        self.translations.lock().expect("no panic").clone()
    }

    /// What there was to tell.
    pub fn notices(&self) -> Vec<String> {
        self.notices.lock().expect("no panic").clone()
    }
}

impl Fleet for Crowd {
    type Engine = Runner;
    type Host = Recorder;

    fn make(
        &self,
        number: usize,
        memory: &Arc<MachineMemory>,
    ) -> Result<Machine<Runner, Recorder>, String> {
        let spec = &self.specs[number];
        let engine = spec.engine_among(None, self.store.clone());
        Ok(Machine {
            vm: spec
                .vm_in(Arc::clone(memory))
                .map_err(|error| error.to_string())?,
            engine: Runner {
                engine: engine.map_err(|error| error.to_string())?,
                fails: self
                    .fails
                    .and_then(|(machine, runs)| (machine == number).then_some(runs)),
            },
            host: Recorder::default(),
            limit: spec.limit.unwrap_or(u64::MAX),
        })
    }

    fn engine_facts(&self, _: &Runner) -> EngineFacts {
        EngineFacts::default()
    }

    fn ended(
        &self,
        number: usize,
        machine: Machine<Runner, Recorder>,
        outcome: Option<Outcome>,
        _: Duration,
    ) {
        let state = state::hash(&machine.vm);
        let after = outcome.map(|outcome| state::outcome_after(&machine.vm, outcome));
        if after != outcome
            && let Some(failure) = machine.vm.ram.failure()
        {
            self.notice(number, &format!("ends: {failure}"));
        }
        let end = End {
            outcome: after,
            instructions: machine.vm.cpu.retired(),
            state,
            output: String::from_utf8_lossy(&machine.host.0).into_owned(),
            difference: machine.engine.engine.difference().map(str::to_owned),
        };
        if let Some(jit) = machine.engine.engine.jit() {
            let counted = (jit.counters.translations, jit.counters.shared);
            self.translations.lock().expect("no panic")[number] = counted;
        }
        self.ends.lock().expect("no panic")[number].push(end);
    }

    fn restarts(&self, _: usize, _: &Vm) -> bool {
        false
    }

    fn notice(&self, number: usize, text: &str) {
        let notice = format!("{}: {text}", self.specs[number].name);
        self.notices.lock().expect("no panic").push(notice);
    }
}

/// A machine as `--vm` describes it, whose image is one of `guests/prebuilt`. It translates in its
/// own time, so that its engine does the same in each run.
pub fn machine(image: &str, settings: &str) -> MachineSpec {
    let path = project("guests/prebuilt").join(format!("{image}.el.elf"));
    let text = format!(
        "jit-threads=0,console=none,image={},{settings}",
        path.display()
    );
    let settings = short::parse(&text).expect("settings");
    settings.machine(&mut Files::default()).expect("an image")
}

/// The monitor of such machines, before their first instruction.
pub fn monitor(specs: Vec<MachineSpec>, setting: Setting) -> Monitor<Crowd> {
    monitor_that_fails(specs, setting, None)
}

/// The same, in which the engine of a machine fails after so many runs.
pub fn monitor_that_fails(
    specs: Vec<MachineSpec>,
    setting: Setting,
    fails: Option<(usize, u64)>,
) -> Monitor<Crowd> {
    let swap = match setting.swap {
        0 => SwapFile::none(),
        pages => SwapFile::create(&std::env::temp_dir(), pages * PAGE_SIZE).expect("a file"),
    };
    let machines: Vec<u64> = specs.iter().map(|spec| spec.memory.bytes()).collect();
    let memory = MachineMemory::with_swap(setting.frames * PAGE_SIZE, &machines, swap);
    let memory = memory.expect("the host has memory");
    let config = MonitorConfig {
        turn: Duration::ZERO,
        threads: setting.threads,
        slice: setting.slice,
        share_pages: setting.share_pages,
        // Each run is to do the same.
        slice_time: Duration::MAX,
    };
    // All have the same CPU and byte order, so that they can have the same translations.
    let translates = |spec: &&MachineSpec| spec.engine != EngineKind::Interp;
    let store = specs
        .iter()
        .find(translates)
        .map(|spec| Jit::store_in_memory(spec.cpu, false).expect("the host has a JIT"));
    let shares: Vec<u32> = specs.iter().map(|spec| spec.share).collect();
    let crowd = Crowd {
        ends: Mutex::new(vec![Vec::new(); specs.len()]),
        translations: Mutex::new(vec![(0, 0); specs.len()]),
        specs,
        store,
        notices: Mutex::default(),
        fails,
    };
    Monitor::new(config, crowd, Arc::new(memory), &shares)
}

/// Runs machines to their ends, one each.
#[track_caller]
pub fn run(specs: Vec<MachineSpec>, setting: Setting) -> (Vec<End>, Monitor<Crowd>) {
    let monitor = monitor(specs, setting);
    monitor.run();
    nothing_is_left(&monitor);
    let ends = monitor.fleet().ends().into_iter();
    let last = |mut ends: Vec<End>| ends.pop();
    let ends: Option<Vec<End>> = ends.map(last).collect();
    let ends = ends.unwrap_or_else(|| panic!("{:?}", monitor.fleet().notices()));
    (ends, monitor)
}

/// How the machine ends that has the monitor for itself.
pub fn alone(spec: &MachineSpec) -> End {
    let (mut ends, _) = run(vec![spec.clone()], PLENTY);
    ends.remove(0)
}

/// Says that no machine holds any of the machine memory.
#[track_caller]
pub fn nothing_is_left(monitor: &Monitor<Crowd>) {
    let memory = monitor.memory();
    assert_eq!(memory.frames_in_use(), 0, "frames");
    assert_eq!(memory.shares().count(), (0, 0), "shared frames");
    assert_eq!(memory.swap().counters().in_use, 0, "pages in the swap file");
}

/// Ends the test's process when something takes longer than it can.
pub struct Watchdog(Arc<AtomicBool>);

impl Watchdog {
    /// Waits for at most so many seconds; `what` says what hung, and how to run it again.
    pub fn new(seconds: u64, what: impl Fn() -> String + Send + 'static) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&done);
        thread::spawn(move || {
            let start = Instant::now();
            while !watched.load(Ordering::Relaxed) {
                if start.elapsed() > Duration::from_secs(seconds) {
                    eprintln!("after {seconds} seconds still at work: {}", what());
                    std::process::exit(101);
                }
                thread::sleep(Duration::from_millis(50));
            }
        });
        Self(done)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
