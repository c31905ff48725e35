//! Machines whose engine is a closure over the VM: what matters here is which runs when, and in
//! which memory.

use super::*;
use crate::addr::{PAGE_SIZE, Va};
use crate::cpu::cp0::STATUS_ERL;
use crate::cpu::model::MODELS;
use crate::device::Width;
use crate::device::stroke::Stroke;
use crate::exit::Exit;
use crate::memory::swap::SwapFile;
use crate::sched::LARGEST_SHARE;
use crate::vm::VmConfig;
use crate::vm::state;
use std::sync::atomic::AtomicBool;

mod balloon;
mod commands;
mod disks;
mod greed;

type Work = dyn Fn(usize, &mut Vm, u64) -> Exit + Send + Sync;

/// Executes a closure instead of instructions; the last argument counts its calls.
struct Closure {
    number: usize,
    calls: u64,
    work: Arc<Work>,
}

impl Engine for Closure {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        self.calls += 1;
        (self.work)(self.number, vm, self.calls)
    }
}

/// A console that may be full.
struct Pipe(Arc<AtomicBool>);

impl Host for Pipe {
    fn output(&mut self, _: &[u8]) -> Vec<Stroke> {
        Vec::new()
    }

    fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Machines of this many bytes.
struct Machines {
    bytes: u64,
    work: Arc<Work>,
    /// Whether the first one's console is full.
    full: Arc<AtomicBool>,
    ended: Mutex<Vec<(usize, Option<Outcome>, u64)>>,
    notices: Mutex<Vec<String>>,
}

impl Fleet for Machines {
    type Engine = Closure;
    type Host = Pipe;

    fn make(
        &self,
        number: usize,
        memory: &Arc<MachineMemory>,
    ) -> Result<Machine<Closure, Pipe>, String> {
        let config = VmConfig {
            model: &MODELS[0],
            memory: self.bytes,
            big_endian: false,
            second_tlb: 0,
            rtc_base: 0,
            hypercalls: true,
        };
        let mut vm = Vm::in_memory(config, Arc::clone(memory)).map_err(|e| e.to_string())?;
        vm.cpu.cp0.status &= !STATUS_ERL;
        vm.select_space();
        Ok(Machine {
            vm,
            engine: Closure {
                number,
                calls: 0,
                work: Arc::clone(&self.work),
            },
            host: Pipe(if number == 0 {
                Arc::clone(&self.full)
            } else {
                Arc::default()
            }),
            limit: 1 << 30,
        })
    }

    fn engine_facts(&self, _: &Closure) -> EngineFacts {
        EngineFacts::default()
    }

    fn ended(
        &self,
        number: usize,
        machine: Machine<Closure, Pipe>,
        outcome: Option<Outcome>,
        _: Duration,
    ) {
        let hash = state::hash(&machine.vm);
        lock(&self.ended).push((number, outcome, hash));
    }

    fn restarts(&self, _: usize, _: &Vm) -> bool {
        false
    }

    fn notice(&self, number: usize, text: &str) {
        lock(&self.notices).push(format!("{number}: {text}"));
    }
}

fn monitor(
    shares: &[u32],
    bytes: u64,
    memory: MachineMemory,
    work: impl Fn(usize, &mut Vm, u64) -> Exit + Send + Sync + 'static,
) -> Monitor<Machines> {
    let config = MonitorConfig {
        slice: 100,
        turn: Duration::ZERO,
        ..MonitorConfig::default()
    };
    let fleet = Machines {
        bytes,
        work: Arc::new(work),
        full: Arc::default(),
        ended: Mutex::default(),
        notices: Mutex::default(),
    };
    Monitor::new(config, fleet, Arc::new(memory), shares)
}

/// As if so many instructions had run.
fn pass_time(vm: &mut Vm, instructions: u64) {
    vm.cpu.left -= instructions as i64;
}

const RAM: u64 = 1 << 20;

#[test]
fn busy_machines_have_time_by_their_shares() {
    let memory = MachineMemory::new(3 * RAM).unwrap();
    let monitor = monitor(&[100, 200, 400], RAM, memory, |_, vm, _| {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(50) {}
        vm.cpu.left = 0;
        Exit::Horizon
    });
    for _ in 0..7000 {
        assert!(monitor.step(0));
    }
    let times: Vec<_> = (0..3)
        .map(|number| monitor.standing(number).cpu_time.as_secs_f64())
        .collect();
    let unit = times.iter().sum::<f64>() / 7.0;
    for (time, share) in times.iter().zip([1.0, 2.0, 4.0]) {
        let off = time / unit / share;
        assert!((0.95..1.05).contains(&off), "{times:?}");
    }
}

/// However few instructions run in a second, a slice ends soon, and others have their turns.
#[test]
fn dear_instructions_keep_no_other_machine_waiting() {
    let memory = MachineMemory::new(3 * RAM).unwrap();
    let rounds = Arc::new(AtomicU64::new(0));
    let done = Arc::clone(&rounds);
    let monitor = monitor(&[100, 100], RAM, memory, move |number, vm, _| {
        if number == 1 {
            let over = done.fetch_add(1, Ordering::Relaxed) == 20;
            vm.cpu.left = 0;
            return if over {
                Exit::Difference
            } else {
                Exit::Horizon
            };
        }
        // The hundred instructions of a slice would take two seconds.
        while vm.cpu.left > 0 && !vm.is_called_back() {
            std::thread::sleep(Duration::from_millis(20));
            pass_time(vm, 1);
        }
        let over = done.load(Ordering::Relaxed) > 20;
        if over { Exit::Difference } else { Exit::Stop }
    });
    let start = Instant::now();
    monitor.run();
    assert!(rounds.load(Ordering::Relaxed) > 20);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// Writes a word to each of the pages, in an order of its own; each holds what it alone has.
fn fill(number: usize, vm: &mut Vm, call: u64, pages: u64) -> Exit {
    for step in 0..32 {
        let page = (call * 32 + step) * 7 % pages;
        let va = Va(0x8000_0000 + page * PAGE_SIZE + 8 * number as u64);
        let expected = vm.load(va, Width::Word, 0).unwrap();
        let rounds = (call * 32 + step) / pages;
        assert_eq!(u64::from(expected), rounds, "machine {number}, page {page}");
        vm.store(va, Width::Word, rounds as u32 + 1, 0).unwrap();
        // All pages of a machine differ from each other.
        let mark = Va(va.0 + 0x100);
        vm.store(mark, Width::Word, page as u32 + 1, 0).unwrap();
        pass_time(vm, 1);
        if vm.cpu.stop != 0 {
            vm.cpu.stop = 0;
        }
    }
    // The way for an engine to end a machine.
    if call == pages * 64 / 32 {
        Exit::Difference
    } else {
        Exit::Stop
    }
}

#[test]
fn more_memory_than_there_is_comes_from_the_swap_file() {
    let pages = RAM / PAGE_SIZE;
    let run = |frames: u64, swap: u64| {
        let swap = SwapFile::create(&std::env::temp_dir(), swap * PAGE_SIZE).unwrap();
        let memory = MachineMemory::with_swap(frames * PAGE_SIZE, &[RAM; 2], swap).unwrap();
        let monitor = monitor(&[100; 4], RAM, memory, move |number, vm, call| {
            fill(number, vm, call - 1, pages)
        });
        monitor.run();
        let mut ended = lock(&monitor.fleet().ended).clone();
        ended.sort_unstable_by_key(|end| end.0);
        (ended, monitor)
    };
    let (alone, _) = run(5 * pages, 0);
    let (crowded, monitor) = run(2 * pages, 4 * pages);
    assert_eq!(alone, crowded, "same outcome, same state");
    assert!(alone.iter().all(|end| end.1 == Some(Outcome::Difference)));
    let memory = monitor.memory();
    let swap = memory.swap().counters();
    assert!(swap.written > pages && swap.read > pages, "{swap:?}");
    assert!(memory.most_in_use() < 2 * pages + 100);
    assert_eq!(
        (memory.frames_in_use(), swap.in_use),
        (0, 0),
        "all is given back"
    );
    assert_eq!(memory.shares().count(), (0, 0));

    // With too small a file the machines pause, until some end and make room for the others.
    let (ended, monitor) = run(2 * pages, 64);
    let others: Vec<_> = ended.iter().filter(|end| alone.contains(end)).collect();
    let starved = ended.iter().filter(|end| end.1 == Some(Outcome::Starved));
    assert!((1..4).contains(&others.len()), "{ended:?}");
    assert_eq!(starved.count() + others.len(), 4, "{ended:?}");
    let notices = lock(&monitor.fleet().notices).clone();
    assert!(
        notices[0].contains("the swap file is full (64 pages)"),
        "{notices:?}"
    );
    assert_eq!(monitor.memory().frames_in_use(), 0);
}

#[test]
fn a_machine_that_fails_gives_its_memory_back_and_harms_no_other() {
    let memory = MachineMemory::new(3 * RAM).unwrap();
    let monitor = monitor(&[100, 100], RAM, memory, |number, vm, call| {
        assert!(number != 1 || call < 5, "the monitor's own mistake");
        fill(number, vm, call - 1, RAM / PAGE_SIZE)
    });
    monitor.run();
    let mut ended = lock(&monitor.fleet().ended).clone();
    ended.sort_unstable_by_key(|end| end.0);
    let outcomes: Vec<_> = ended.iter().map(|end| end.1).collect();
    assert_eq!(outcomes, [Some(Outcome::Difference), None]);
    assert_eq!(monitor.memory().frames_in_use(), 0);
}

#[test]
fn a_machine_is_paused_resumed_reset_and_stopped() {
    let memory = MachineMemory::new(RAM).unwrap();
    let monitor = monitor(&[100], RAM, memory, |_, vm, _| {
        pass_time(vm, 1000);
        Exit::Horizon
    });
    assert!(monitor.step(0));
    assert_eq!(
        monitor.command(0, Command::Start),
        Err(CommandError::Running)
    );
    monitor.command(0, Command::Pause).unwrap();
    assert_eq!(monitor.standing(0).phase, Phase::Paused);
    assert!(!monitor.step(0));
    monitor.command(0, Command::Resume).unwrap();
    assert!(monitor.step(0));
    let before = monitor.standing(0).snapshot.instructions;
    monitor.command(0, Command::Reset).unwrap();
    assert_eq!(monitor.standing(0).snapshot.instructions, 0);
    assert!(monitor.step(0));
    assert!(monitor.standing(0).snapshot.instructions <= before);
    monitor.command(0, Command::Stop).unwrap();
    assert_eq!(monitor.standing(0).phase, Phase::Ended(Some(Outcome::Quit)));
    assert_eq!(monitor.command(0, Command::Pause), Err(CommandError::Ended));
    monitor.command(0, Command::Start).unwrap();
    assert!(monitor.step(0));
    assert_eq!(monitor.standing(0).phase, Phase::Ready);
}

#[test]
fn an_idle_machine_waits_until_it_is_woken() {
    let memory = MachineMemory::new(RAM).unwrap();
    let monitor = monitor(&[100], RAM, memory, |_, vm, _| {
        pass_time(vm, 1000);
        Exit::Horizon
    });
    monitor.step(0);
    {
        let mut state = lock(&monitor.state);
        state.queue.remove(0);
        state.tasks[0].phase = Phase::Idle {
            since: Instant::now(),
            span: Nanos(3_600 * Nanos::SECOND.0),
            passes: true,
        };
    }
    assert!(!monitor.step(0));
    monitor.wake(0);
    let passed = lock(&monitor.state).tasks[0].passed;
    assert!(passed.is_some_and(|passed| passed < Nanos(10 * Nanos::SECOND.0)));
    assert!(monitor.step(0));
}
