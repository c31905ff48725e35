//! How much of what it was promised a machine gets beside one that misbehaves, how long it stands
//! still, and how soon the other obeys when it is stopped.
//!
//! `ISOLATION_SECONDS=5 cargo test --release --test monitor isolation -- --nocapture` measures for so
//! long beside each, and prints the table.

mod attackers;

use attackers::{Attacker, CODE, attackers, victim};
use mirrorball::cache::persist::Store;
use mirrorball::engine::compiler::CompilePool;
use mirrorball::engine::{AnyEngine, Jit, JitConfig};
use mirrorball_runtime::cpu::cp0::{STATUS_BEV, STATUS_ERL};
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::memory::machine::MachineMemory;
use mirrorball_runtime::memory::swap::SwapFile;
use mirrorball_runtime::monitor::{Command, EngineFacts, Fleet, Machine, Monitor, MonitorConfig};
use mirrorball_runtime::vm::host::{Host, Input};
use mirrorball_runtime::vm::{Vm, VmConfig};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Machine memory: less than the hog wants.
const MEMORY: u64 = 64 << 20;
const SWAP: u64 = 256 << 20;
/// Until code is translated.
const WARM_UP: Duration = Duration::from_millis(300);

/// When a machine last ran, and the longest that it did not.
#[derive(Default)]
struct Stalls {
    since: Mutex<Option<Instant>>,
    worst: AtomicU64,
    counts: AtomicBool,
}

impl Stalls {
    fn note(&self) {
        let now = Instant::now();
        let before = self.since.lock().expect("no panic").replace(now);
        if self.counts.load(Ordering::Relaxed) {
            let gap = before.map_or(Duration::ZERO, |before| now - before);
            self.worst
                .fetch_max(gap.as_micros() as u64, Ordering::Relaxed);
        }
    }
}

/// The outside of a machine: nothing but a clock.
struct Watched(Option<Arc<Stalls>>);

impl Host for Watched {
    fn output(&mut self, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn input(&mut self, _: usize) -> Input {
        if let Some(stalls) = &self.0 {
            stalls.note();
        }
        Input::Bytes(Vec::new())
    }
}

/// A victim, and an attacker.
struct Pair {
    guests: [Attacker; 2],
    stalls: Arc<Stalls>,
    pool: Arc<CompilePool>,
    store: Store,
}

impl Fleet for Pair {
    type Engine = AnyEngine;
    type Host = Watched;

    fn make(
        &self,
        number: usize,
        memory: &Arc<MachineMemory>,
    ) -> Result<Machine<AnyEngine, Watched>, String> {
        let guest = &self.guests[number];
        let config = VmConfig {
            model: Model::find("24Kf").expect("the default model"),
            memory: guest.megabytes << 20,
            big_endian: false,
            second_tlb: 0,
            hypercalls: true,
            rtc_base: 0,
        };
        let vm = Vm::in_memory(config, Arc::clone(memory));
        let mut vm = vm.map_err(|error| error.to_string())?;
        vm.cpu.pc = CODE.into();
        vm.cpu.cp0.status &= !(STATUS_ERL | STATUS_BEV);
        vm.select_space();
        guest.enter(&mut vm);
        let (pool, store) = (Arc::clone(&self.pool), self.store.clone());
        let jit = Jit::among(JitConfig::new(true), Some(pool), Some(store));
        Ok(Machine {
            vm,
            engine: AnyEngine::Jit(Box::new(jit.map_err(|error| error.to_string())?)),
            host: Watched((number == 0).then(|| Arc::clone(&self.stalls))),
            limit: u64::MAX,
        })
    }

    fn engine_facts(&self, engine: &AnyEngine) -> EngineFacts {
        EngineFacts {
            account: engine.account(),
            translations: engine.jit().map_or(0, |jit| jit.counters.translations),
            ..EngineFacts::default()
        }
    }

    fn ended(&self, _: usize, _: Machine<AnyEngine, Watched>, _: Option<Outcome>, _: Duration) {}

    fn restarts(&self, _: usize, _: &Vm) -> bool {
        false
    }

    fn notice(&self, _: usize, _: &str) {}
}

/// What was measured beside an attacker.
struct Measured {
    name: &'static str,
    /// The victim's part of the thread's time, of which it was promised half.
    part: f64,
    /// The longest that it stood still.
    stall: Duration,
    /// How long it took to stop the attacker.
    stop: Duration,
    /// The most that the attacker took beside its memory.
    held: u64,
}

/// The monitor of a victim and an attacker, whose shares are alike.
fn monitor(attacker: Attacker) -> Monitor<Pair> {
    let sizes = [16 << 20, attacker.megabytes << 20];
    let swap = SwapFile::create(&std::env::temp_dir(), SWAP).expect("a file");
    let memory = MachineMemory::with_swap(MEMORY, &sizes, swap).expect("memory");
    let model = Model::find("24Kf").expect("the default model");
    let pair = Pair {
        guests: [victim(), attacker],
        stalls: Arc::default(),
        pool: CompilePool::new(1).expect("a thread"),
        store: Jit::store_in_memory(model, false).expect("a store"),
    };
    Monitor::new(
        MonitorConfig::default(),
        pair,
        Arc::new(memory),
        &[100, 100],
    )
}

/// Runs a victim beside an attacker for so long on one thread.
fn beside(attacker: Attacker, time: Duration) -> Measured {
    let (name, monitor) = (attacker.name, monitor(attacker));
    thread::scope(|scope| {
        scope.spawn(|| monitor.run());
        let stalls = &monitor.fleet().stalls;
        thread::sleep(WARM_UP);
        stalls.counts.store(true, Ordering::Relaxed);
        let mut held = 0;
        let start = Instant::now();
        while start.elapsed() < time {
            thread::sleep(Duration::from_millis(20));
            held = held.max(monitor.standing(1).snapshot.account.total().bytes);
        }
        stalls.counts.store(false, Ordering::Relaxed);
        let had = [0, 1].map(|number| monitor.standing(number).cpu_time);
        let start = Instant::now();
        monitor.command(1, Command::Stop).expect("it runs");
        let stop = start.elapsed();
        assert!(monitor.standing(1).snapshot.instructions > 0, "{name} runs");
        monitor.command(0, Command::Stop).expect("it runs");
        Measured {
            name,
            part: had[0].as_secs_f64() / (had[0] + had[1]).as_secs_f64(),
            stall: Duration::from_micros(stalls.worst.load(Ordering::Relaxed)),
            stop,
            held,
        }
    })
}

fn show(all: &[Measured]) -> String {
    let mut text = format!(
        "{:<16} {:>9} {:>11} {:>8} {:>10}\n",
        "beside", "of 50 %", "stall, ms", "stop, ms", "host, KiB"
    );
    for Measured {
        name,
        part,
        stall,
        stop,
        held,
    } in all
    {
        let milliseconds = |time: &Duration| time.as_secs_f64() * 1e3;
        text += &format!(
            "{name:<16} {:>8.1}% {:>11.1} {:>8.1} {:>10}\n",
            part * 100.0,
            milliseconds(stall),
            milliseconds(stop),
            held >> 10
        );
    }
    text
}

/// How long is measured beside each.
fn time() -> Duration {
    let seconds = std::env::var("ISOLATION_SECONDS").ok();
    let seconds = seconds.map(|text| text.parse().expect("a number of seconds"));
    Duration::from_secs_f64(seconds.unwrap_or(0.7))
}

/// With wide margins: the host may be busy with other tests.
#[test]
fn a_machine_gets_its_part_beside_any_other() {
    let all: Vec<Measured> = attackers()
        .into_iter()
        .map(|attacker| beside(attacker, time()))
        .collect();
    println!("{}", show(&all));
    for measured in &all {
        let soon = Duration::from_secs(1);
        let fair = measured.part > 0.35 && measured.stall < soon && measured.stop < soon;
        assert!(fair, "{}", measured.name);
    }
}
