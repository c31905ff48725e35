//! What the tests share: a machine with a program in it, run by any engine to its end.
#![allow(dead_code, reason = "each test uses a part of it")]

pub mod asm;
pub mod program;

use libtest_mimic::{Completion, Failed};
use mirrorball::engine::{AnyEngine, Interpreter, Jit, JitConfig, Lockstep};
use mirrorball::image::{self, Image, MemorySize, elf};
use mirrorball::snapshot::{Saved, Snapshot};
use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::cpu::cp0::{STATUS_BEV, STATUS_ERL};
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::device::flash::ERASED;
use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::memory::Frozen;
use mirrorball_runtime::memory::machine::MachineMemory;
use mirrorball_runtime::memory::pmap::rom;
use mirrorball_runtime::vm::firmware as flash;
use mirrorball_runtime::vm::host::Host;
use mirrorball_runtime::vm::state;
use mirrorball_runtime::vm::{SavedVm, Vm, VmConfig};
use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An engine as the tests set it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Interpreter,
    /// The JIT as it comes.
    Jit,
    /// The JIT that translates nearly everything, and at once.
    EagerJit,
    /// The same, held against the interpreter after each block.
    Lockstep,
    /// The same, held against the interpreter after so many instructions.
    Strides(u64),
    /// The baseline alone, which translates nearly everything, and at once; held against the
    /// interpreter after so many instructions, or after each block.
    Baseline(u64),
}

/// The engines that every guest runs in.
pub const ENGINES: [Kind; 7] = [
    Kind::Interpreter,
    Kind::Jit,
    Kind::EagerJit,
    Kind::Lockstep,
    Kind::Strides(211),
    Kind::Baseline(0),
    Kind::Baseline(211),
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interpreter => "interp",
            Self::Jit => "jit",
            Self::EagerJit => "eager jit",
            Self::Lockstep => "lockstep",
            Self::Strides(_) => "lockstep with strides",
            Self::Baseline(0) => "lockstep of the baseline",
            Self::Baseline(_) => "lockstep of the baseline with strides",
        })
    }
}

/// A JIT that translates what has run once, at once.
pub fn eager_jit() -> Jit {
    Jit::new(JitConfig {
        hot: Some(1),
        background: false,
        ..JitConfig::default()
    })
    .expect("the host has a JIT")
}

/// A JIT in which the baseline translates what has run once, and nothing else is translated.
fn baseline_jit() -> Jit {
    Jit::new(JitConfig {
        hot: Some(u32::MAX),
        baseline: 1,
        background: false,
        ..JitConfig::default()
    })
    .expect("the host has a JIT")
}

/// This JIT, held against the interpreter.
fn lockstep(jit: Jit, stride: u64) -> AnyEngine {
    let lockstep = Lockstep::new(jit, stride).expect("the host has address space");
    AnyEngine::Lockstep(Box::new(lockstep))
}

impl Kind {
    pub fn engine(self) -> AnyEngine {
        match self {
            Self::Interpreter => AnyEngine::Interpreter(Interpreter::new().expect("address space")),
            Self::Jit => {
                let jit = Jit::new(JitConfig::default()).expect("the host has a JIT");
                AnyEngine::Jit(Box::new(jit))
            }
            Self::EagerJit => AnyEngine::Jit(Box::new(eager_jit())),
            Self::Lockstep => lockstep(eager_jit(), 0),
            Self::Strides(stride) => lockstep(eager_jit(), stride),
            Self::Baseline(stride) => lockstep(baseline_jit(), stride),
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
    fn output(&mut self, bytes: &[u8]) -> Vec<Stroke> {
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
    let refused = match &engine {
        AnyEngine::Interpreter(_) => 0,
        AnyEngine::Jit(jit) => jit.counters.refused,
        AnyEngine::Lockstep(lockstep) => lockstep.jit().counters.refused,
    };
    assert_eq!(refused, 0, "Cranelift takes everything");
    End {
        outcome,
        output: console.0,
        instructions: vm.cpu.retired(),
        state: state::hash(vm),
    }
}

/// How many instructions a guest runs before it is saved: so many times as `SAVED_COUNTS` says.
pub fn saved_counts(seed: u64, end: u64) -> Vec<u64> {
    let times = env::var("SAVED_COUNTS").map_or(2, |n| n.parse().expect("a number"));
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..times).map(|_| rng.u64(1..end)).collect()
}

/// The machine that was saved, after its way through a file.
pub fn loaded(vm: SavedVm, memory: Frozen) -> Box<Vm> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let saved = Saved {
        name: "saved".to_owned(),
        vm,
        disks: Vec::new(),
        memory,
    };
    saved.write(&mut file).expect("the disk has room");
    let snapshot = Snapshot::open(file.path()).expect("what was written");
    let machine = MachineMemory::new(snapshot.memory().bytes()).expect("the host has memory");
    snapshot.load_in(Arc::new(machine)).expect("it fits")
}

/// The CPU model that most tests run on, and the one with 64-bit registers.
pub const USUAL: &str = "24Kf";
pub const WIDE: &str = "5KEc-experimental";

fn machine(model: &str, big_endian: bool, second_tlb: usize) -> Box<Vm> {
    Vm::new(VmConfig {
        model: Model::find(model).expect("a model"),
        memory: 128 << 20,
        big_endian,
        second_tlb,
        hypercalls: true,
        rtc_base: 1_767_225_600,
    })
    .expect("the host has 128 MiB")
}

/// A machine that is about to start an ELF image.
pub fn boot(name: &str, bytes: &[u8]) -> Box<Vm> {
    boot_with(name, bytes, 0)
}

/// As [`boot`], with a second-level TLB of so many entries.
pub fn boot_with(name: &str, bytes: &[u8], second_tlb: usize) -> Box<Vm> {
    boot_on(USUAL, name, bytes, second_tlb)
}

/// As [`boot_with`], on another CPU model.
pub fn boot_on(model: &str, name: &str, bytes: &[u8], second_tlb: usize) -> Box<Vm> {
    let image = elf::parse(name, bytes).expect("an image");
    let memory: MemorySize = "128M".parse().expect("a size");
    let mut vm = machine(model, image.big_endian, second_tlb);
    if let Some(content) = firmware(&image) {
        flash::fit(&mut vm, &content).expect("it fits");
        return vm;
    }
    image::load(&image, None, "", memory, &mut *vm)
        .expect("it fits")
        .enter(&mut vm);
    vm
}

/// What flash memory holds that a program is in, if the program starts where the CPU does.
pub fn firmware(image: &Image) -> Option<Vec<u8>> {
    let [segment] = image.segments.as_slice() else {
        return None;
    };
    (segment.pa == rom::BOOT_ROM).then(|| {
        let mut content = segment.bytes.clone();
        content.resize(rom::SIZE as usize, ERASED);
        content
    })
}

/// Where the programs of [`program`] lie, as the CPU sees it.
pub const CODE: u32 = 0x8010_0000;

/// A machine that is about to run `code` at [`CODE`], in kernel mode with vectors in RAM.
pub fn program(code: &[u32]) -> Box<Vm> {
    program_with(code, 0)
}

/// As [`program`], with a second-level TLB of so many entries.
pub fn program_with(code: &[u32], second_tlb: usize) -> Box<Vm> {
    program_on(USUAL, code, second_tlb)
}

/// As [`program_with`], on another CPU model.
pub fn program_on(model: &str, code: &[u32], second_tlb: usize) -> Box<Vm> {
    let mut vm = machine(model, false, second_tlb);
    place(&mut vm, CODE, code);
    vm.cpu.pc = Va(CODE.into()).0;
    vm.cpu.cp0.status &= !(STATUS_ERL | STATUS_BEV);
    vm.select_space();
    vm
}

/// Puts instruction words where `va`, an address in kseg0, leads: as a device would by DMA.
pub fn place(vm: &mut Vm, va: u32, code: &[u32]) {
    let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    vm.view()
        .write_physical(Pa(u64::from(va & 0x1fff_ffff)), &bytes);
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
