//! Runs a guest in the JIT and in the interpreter and compares how it ends.

use mirrorball::cache::code::CacheConfig;
use mirrorball::engine::jit::JitCounters;
use mirrorball::engine::{Interpreter, Jit, JitConfig, Lockstep};
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::host::Host;
use mirrorball_runtime::vm::state;
use mirrorball_runtime::vm::{Engine, Vm};

/// A host that remembers what the guest wrote.
#[derive(Default)]
struct Listener {
    heard: Vec<u8>,
}

impl Host for Listener {
    fn output(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.heard.extend(bytes);
        Vec::new()
    }
}

/// How a run ended.
#[derive(PartialEq, Eq, Debug)]
pub struct End {
    pub outcome: Outcome,
    pub instructions: u64,
    pub state: u64,
    pub console: Vec<u8>,
    pub exceptions: [u64; 32],
    pub hypercalls: u64,
    pub devices: Vec<(&'static str, u64, u64)>,
}

/// Runs `vm` for at most `limit` instructions.
pub fn run(vm: &mut Vm, engine: &mut dyn Engine, limit: u64) -> End {
    run_in_steps(vm, engine, limit, u64::MAX)
}

/// As [`run`], with a stop every `step` instructions.
fn run_in_steps(vm: &mut Vm, engine: &mut dyn Engine, limit: u64, step: u64) -> End {
    let mut host = Listener::default();
    let outcome = loop {
        let next = vm.cpu.retired().saturating_add(step).min(limit);
        let outcome = vm.run(engine, &mut host, next);
        if outcome != Outcome::Limit || vm.cpu.retired() >= limit {
            break outcome;
        }
    };
    End {
        outcome,
        instructions: vm.cpu.retired(),
        state: state::hash(vm),
        console: host.heard,
        exceptions: vm.counters.exceptions,
        hypercalls: vm.counters.hypercalls.iter().sum(),
        devices: vm.board.accesses().collect(),
    }
}

/// After how many instructions a guest may have to stop. Small steps take their time.
const STEPS: [u64; 16] = {
    let mut steps = [u64::MAX; 16];
    (steps[0], steps[1], steps[2], steps[3]) = (1, 3, 13, 100);
    (steps[4], steps[5], steps[6]) = (109, 509, 1009);
    steps
};

/// How the JIT runs a guest.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How often a block runs before it is translated.
    pub hot: u32,
    /// How often a block runs before the baseline translates it; 0 is never.
    pub baseline: u32,
    /// The most instructions in a region.
    pub region: usize,
    /// The bytes of code that are kept.
    pub cache: usize,
    /// The instructions after which the engine has to stop, however they fall.
    pub step: u64,
}

impl Manner {
    /// Translating after `hot` runs, all else as usual.
    pub fn of(hot: u32) -> Self {
        Self {
            hot,
            baseline: 0,
            region: JitConfig::default().region,
            cache: 4 << 20,
            step: u64::MAX,
        }
    }

    /// One of all kinds: the baseline alone, or before regions, or not at all; blocks alone and large regions, room for all code or for next to none,
    /// stops at each instruction or none.
    pub fn random(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(!seed);
        let mut choose = |from: &[u64]| from[rng.usize(..from.len())];
        Self {
            hot: choose(&[1, 2, 3, 4, 5, 20, u64::from(u32::MAX)]) as u32,
            baseline: choose(&[0, 1, 1, 2]) as u32,
            region: choose(&[1, 20, 200, 200]) as usize,
            cache: choose(&[64 << 10, 4 << 20, 4 << 20]) as usize,
            step: choose(&STEPS),
        }
    }

    /// A JIT that is set so.
    pub fn jit(self) -> Jit {
        let config = JitConfig {
            hot: Some(self.hot),
            baseline: self.baseline,
            region: self.region,
            background: false,
            cache: CacheConfig {
                bytes: self.cache,
                unit_bytes: 0,
                ..CacheConfig::default()
            },
        };
        Jit::new(config).expect("this host has a JIT")
    }
}

/// Runs the machine that `make` makes in both engines and says how it ended, or what differs.
pub fn both(
    make: impl Fn() -> Box<Vm>,
    manner: Manner,
    limit: u64,
) -> Result<(End, JitCounters), String> {
    let (mut translated, mut interpreted) = (make(), make());
    let mut engine = manner.jit();
    let (a, b) = (
        run_in_steps(&mut translated, &mut engine, limit, manner.step),
        run(
            &mut interpreted,
            &mut Interpreter::new().expect("address space"),
            limit,
        ),
    );
    if engine.counters.refused > 0 {
        return Err("Cranelift refused a translation".into());
    }
    if a == b {
        return Ok((a, engine.counters));
    }
    let difference = state::compare_cpu(&translated.cpu, &interpreted.cpu)
        .or_else(|| state::compare_all_memory(&translated.ram, &interpreted.ram));
    let mut lockstep = Lockstep::new(manner.jit(), 0).expect("address space");
    run(&mut make(), &mut lockstep, limit);
    Err(format!(
        "{manner:?}\ntranslated:  {a:x?}\ninterpreted: {b:x?}\n{}\nin lockstep: {}",
        difference.unwrap_or_default(),
        lockstep.difference().unwrap_or("no difference")
    ))
}
