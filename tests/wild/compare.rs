//! Runs a guest in the JIT and in the interpreter and compares how it ends.

use mirrorball::cache::code::CacheConfig;
use mirrorball::engine::jit::JitCounters;
use mirrorball::engine::{Interpreter, Jit, JitConfig, Lockstep};
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::host::Host;
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
    pub devices: Vec<(&'static str, u64, u64)>,
}

/// Runs `vm` for at most `limit` instructions.
pub fn run(vm: &mut Vm, engine: &mut dyn Engine, limit: u64) -> End {
    let mut host = Listener::default();
    let outcome = vm.run(engine, &mut host, limit);
    End {
        outcome,
        instructions: vm.cpu.retired(),
        state: vm.state_hash(),
        console: host.heard,
        exceptions: vm.counters.exceptions,
        devices: vm.board.accesses().collect(),
    }
}

pub fn jit(hot: u32) -> Jit {
    let config = JitConfig {
        hot,
        background: false,
        cache: CacheConfig {
            bytes: 4 << 20,
            ..CacheConfig::default()
        },
        ..JitConfig::default()
    };
    Jit::new(config).expect("this host has a JIT")
}

/// Runs the machine that `make` makes in both engines and says how it ended, or what differs.
pub fn both(
    make: impl Fn() -> Box<Vm>,
    hot: u32,
    limit: u64,
) -> Result<(End, JitCounters), String> {
    let (mut translated, mut interpreted) = (make(), make());
    let mut engine = jit(hot);
    let (a, b) = (
        run(&mut translated, &mut engine, limit),
        run(&mut interpreted, &mut Interpreter::default(), limit),
    );
    if engine.counters.refused > 0 {
        return Err("Cranelift refused a translation".into());
    }
    if a == b {
        return Ok((a, engine.counters));
    }
    let difference = translated
        .compare_cpu(&interpreted)
        .or_else(|| translated.compare_all_memory(&interpreted));
    let mut lockstep = Lockstep::new(jit(hot), 0);
    run(&mut make(), &mut lockstep, limit);
    Err(format!(
        "translated:  {a:x?}\ninterpreted: {b:x?}\n{}\nin lockstep: {}",
        difference.unwrap_or_default(),
        lockstep.difference().unwrap_or("no difference")
    ))
}
