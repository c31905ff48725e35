//! What the tests share: a machine with a program in it, run by any engine to its end.
#![allow(dead_code, reason = "each test uses a part of it")]

pub mod asm;

use libtest_mimic::{Completion, Failed};
use mirrorball::engine::{AnyEngine, Interpreter, Jit, JitConfig, Lockstep};
use mirrorball::image::{self, MemorySize, elf};
use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::cpu::cp0::{STATUS_BEV, STATUS_ERL};
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::host::Host;
use mirrorball_runtime::vm::{Vm, VmConfig};
use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

/// An engine, with how often a block runs before the JIT translates it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Interpreter,
    Jit(u32),
    Lockstep(u32),
}

/// The engines that every guest runs in.
pub const ENGINES: [Kind; 4] = [
    Kind::Interpreter,
    Kind::Jit(100),
    Kind::Jit(1),
    Kind::Lockstep(1),
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interpreter => write!(f, "interp"),
            Self::Jit(hot) => write!(f, "jit, hot after {hot}"),
            Self::Lockstep(hot) => write!(f, "lockstep, hot after {hot}"),
        }
    }
}

impl Kind {
    pub fn engine(self) -> AnyEngine {
        let jit = |hot| {
            let config = JitConfig {
                hot,
                ..JitConfig::default()
            };
            Jit::new(config).expect("the host has a JIT")
        };
        match self {
            Self::Interpreter => AnyEngine::Interpreter(Interpreter::default()),
            Self::Jit(hot) => AnyEngine::Jit(Box::new(jit(hot))),
            Self::Lockstep(hot) => AnyEngine::Lockstep(Box::new(Lockstep::new(jit(hot)))),
        }
    }
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    pub outcome: Outcome,
    pub output: Vec<u8>,
    pub instructions: u64,
    pub state: u64,
}

/// A console that keeps what the guest prints.
#[derive(Default)]
pub struct Recorder(pub Vec<u8>);

impl Host for Recorder {
    fn output(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(bytes);
        Vec::new()
    }
}

/// Runs a machine to its end, or for `limit` instructions.
pub fn run(kind: Kind, vm: &mut Vm, limit: u64) -> End {
    let mut engine = kind.engine();
    let mut console = Recorder::default();
    let outcome = vm.run(&mut engine, &mut console, limit);
    if let Some(difference) = engine.difference() {
        panic!("{difference}");
    }
    End {
        outcome,
        output: console.0,
        instructions: vm.cpu.retired(),
        state: vm.state_hash(),
    }
}

fn machine(big_endian: bool) -> Box<Vm> {
    Vm::new(VmConfig {
        model: Model::find("24Kf").expect("the default model"),
        memory: 128 << 20,
        big_endian,
        rtc_base: 1_767_225_600,
    })
    .expect("the host has 128 MiB")
}

/// A machine that is about to start an ELF image.
pub fn boot(name: &str, bytes: &[u8]) -> Box<Vm> {
    let image = elf::parse(name, bytes).expect("an image");
    let memory: MemorySize = "128M".parse().expect("a size");
    let mut vm = machine(image.big_endian);
    image::load(&image, None, "", memory, &mut *vm)
        .expect("it fits")
        .enter(&mut vm);
    vm
}

/// Where the programs of [`program`] lie, as the CPU sees it.
pub const CODE: u32 = 0x8010_0000;

/// A machine that is about to run `code` at [`CODE`], in kernel mode with vectors in RAM.
pub fn program(code: &[u32]) -> Box<Vm> {
    let mut vm = machine(false);
    place(&mut vm, CODE, code);
    vm.cpu.pc = Va(CODE.into()).0;
    vm.cpu.cp0.status &= !(STATUS_ERL | STATUS_BEV);
    vm.select_space();
    vm
}

/// Puts instruction words where `va`, an address in kseg0, leads: as a device would by DMA.
pub fn place(vm: &mut Vm, va: u32, code: &[u32]) {
    let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    vm.write_physical(Pa(u64::from(va & 0x1fff_ffff)), &bytes);
}

/// A file or folder of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What becomes of a test that this machine cannot run: it is ignored, with the reason. Where CI
/// is set it fails instead, because there everything has to run.
pub fn cannot_run(reason: &str) -> Result<Completion, Failed> {
    if env::var_os("CI").is_some() {
        Err(format!("cannot run, and in CI it has to: {reason}").into())
    } else {
        Ok(Completion::ignored_with(reason))
    }
}
