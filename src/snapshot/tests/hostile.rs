//! Snapshots that were written to do harm.

use super::*;
use crate::engine::{Interpreter, Jit, JitConfig};
use crate::snapshot::format::Index;
use crate::snapshot::made_up::{taken_apart, with_pages};
use mirrorball_runtime::device::disk::{Bus, MemoryDisk};
use mirrorball_runtime::vm::Engine;
use mirrorball_runtime::vm::host::Nowhere;

/// How many snapshots are tried, unless `HOSTILE_CASES` says so.
const CASES: usize = 1_000;
/// How far each machine runs.
const INSTRUCTIONS: u64 = 3_000;
/// Where a guest's code is, in kseg0.
const CODE: u32 = 0x8000_1000;
/// One of so many machines runs in translated code.
const TRANSLATED: usize = 16;

const HANDLERS: [u64; 4] = [0, 0x100, 0x180, 0x200];
/// Behind the instruction that was refused: mfc0 $k0, $14; addiu $k0, 4; mtc0 $k0, $14; eret.
const HANDLER: [u32; 4] = [0x401a_7000, 0x275a_0004, 0x409a_7000, 0x4200_0018];

/// Code that reads and writes at random addresses of devices, without an end.
fn code(rng: &mut fastrand::Rng) -> Vec<u32> {
    let windows = [
        (0x1800_0000, 0x600),
        (0x1800_1000, 0x800),
        (0x1be0_0c00, 0x100),
        (0x1f00_0000, 0x1000),
        (0x1e00_0000, 0x40),
        (0x1300_0000, 0x3_8000),
    ];
    let mut code = Vec::new();
    for _ in 0..300 {
        let (base, length) = windows[rng.usize(..windows.len())];
        let [address, value] = [
            0xa000_0000 + base + rng.u32(..length),
            rng.u32(..) >> rng.u32(..32),
        ];
        for (register, word) in [(8, address), (9, value)] {
            code.extend([0x3c00_0000 | register << 16 | word >> 16]);
            code.extend([0x3400_0000 | register << 21 | register << 16 | word & 0xffff]);
        }
        let access = [0x20, 0x21, 0x23, 0x28, 0x29, 0x2b][rng.usize(..6)];
        code.push(access << 26 | 8 << 21 | 9 << 16);
    }
    code.extend([0x0800_0000 | CODE << 4 >> 6, 0]);
    code
}

/// A machine with all devices, which uses them.
fn busy(rng: &mut fastrand::Rng) -> Box<Vm> {
    let mut vm = machine(0);
    vm.board.fit_entropy(1);
    vm.board.fit_balloon();
    vm.board.fit_console();
    connect(&mut vm);
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|it| it.to_le_bytes())
            .collect::<Vec<_>>()
    };
    for at in HANDLERS {
        vm.view().write_physical(Pa(at), &words(&HANDLER));
    }
    vm.view().write_physical(Pa(0x1000), &words(&code(rng)));
    vm.cpu.pc = CODE.into();
    vm.cpu.cp0.status = 0x1000_ff01;
    vm.view().give_page(Pa(0x8_0000));
    vm.run(&mut Interpreter::new().unwrap(), &mut Nowhere, 2_000);
    vm
}

/// Puts disks behind the devices, as far as they are such as the machine has.
fn connect(vm: &mut Vm) {
    for (number, bus) in [Bus::Virtio, Bus::Virtio, Bus::Ide].into_iter().enumerate() {
        let disk = MemoryDisk::new(vec![number as u8; 0x4000], "serial");
        let _ = vm.connect_disk(number, bus, Box::new(disk));
    }
}

/// Changes some bytes, half of them where CPU and configuration are: the rest is longer.
fn spoil(index: &mut [u8], rng: &mut fastrand::Rng) {
    for _ in 0..rng.usize(1..4) {
        let part = if rng.bool() { 2_000 } else { index.len() };
        let place = rng.usize(..part.min(index.len()));
        index[place] = match rng.u8(..4) {
            0 => 0xff,
            1 => index[place] ^ 1 << rng.u8(..8),
            2 => 0,
            _ => rng.u8(..),
        };
    }
}

/// Runs a machine from a snapshot, if there is one in `bytes`: says whether there was.
fn runs(bytes: &[u8], engine: &mut dyn Engine) -> bool {
    let file = file(bytes);
    let memory = Arc::new(MachineMemory::new(1 << 20).unwrap());
    let snapshot = Snapshot::open(file.path()).ok();
    let vm = snapshot.and_then(|snapshot| snapshot.load_in(memory).ok());
    let Some(mut vm) = vm else { return false };
    connect(&mut vm);
    let limit = vm.cpu.retired().saturating_add(INSTRUCTIONS);
    vm.run(engine, &mut Nowhere, limit);
    let memory = MachineMemory::new(vm.config().memory).unwrap();
    let again = SavedVm::of(&vm).load_in(Arc::new(memory));
    assert!(again.is_ok(), "what was sound stays so: {:?}", again.err());
    true
}

/// An index that anyone may have written is refused, or is that of a machine that does no harm.
#[test]
fn no_index_does_harm() {
    let cases = std::env::var("HOSTILE_CASES").map_or(CASES, |it| it.parse().unwrap());
    let seed = std::env::var("HOSTILE_SEED").map_or(7, |it| it.parse().unwrap());
    let good = bytes(&mut busy(&mut fastrand::Rng::with_seed(seed)));
    let (start, index) = taken_apart(&good);
    let _: Index = postcard::from_bytes(&index).unwrap();
    assert!(runs(&good, &mut Interpreter::new().unwrap()));
    let mut ran = 0;
    for case in 0..cases {
        let mut rng = fastrand::Rng::with_seed(seed << 32 | case as u64);
        let mut index = index.clone();
        spoil(&mut index, &mut rng);
        let bytes = with_pages(&good[..start], &index);
        let run = || {
            if case % TRANSLATED == 0 {
                runs(&bytes, &mut Jit::new(JitConfig::default()).unwrap())
            } else {
                runs(&bytes, &mut Interpreter::new().unwrap())
            }
        };
        let ran_now = std::panic::catch_unwind(run);
        ran += usize::from(ran_now.unwrap_or_else(|_| panic!("case {case} of seed {seed}")));
    }
    let some = cases / 20..cases - cases / 20;
    assert!(some.contains(&ran), "{ran} ran");
}

/// What is in a snapshot stands for an index, a divisor or a length: each is refused that is none.
#[test]
fn what_no_machine_comes_to_is_named() {
    let mut vm = machine(1);
    let saved = |vm: &Vm| serde_json::to_value(SavedVm::of(vm)).unwrap();
    let good = saved(&vm);
    let refusal = |place: &str, value: serde_json::Value| {
        let mut saved = good.clone();
        *saved.pointer_mut(place).unwrap() = value;
        let saved: SavedVm = serde_json::from_value(saved).unwrap();
        let memory = MachineMemory::new(1 << 20).unwrap();
        saved.load_in(Arc::new(memory)).err().unwrap().to_string()
    };
    for (place, value, part) in [
        ("/board/state/chips/rtc/index", 128_u64.into(), "rtc"),
        ("/board/state/chips/pit/counters/0/count", 0.into(), "i8254"),
        (
            "/board/state/chips/ide/config/bars/4",
            serde_json::json!({"Io": 32}),
            "ide",
        ),
        ("/board/state/next", 0.into(), "deadlines"),
        ("/cpus/state/0/gpr/0", 1.into(), "CPU"),
        ("/cpus/state/0/gpr/4", (1_u64 << 32).into(), "CPU"),
        ("/cpus/state/0/now", u64::MAX.into(), "CPU"),
        ("/cpus/state/0/cp0/wired", 16.into(), "CPU"),
        ("/cpus/state/0/tlb/3/mask", 0.into(), "CPU"),
        ("/ram/state/given", serde_json::json!([256]), "memory"),
        ("/ram/state/given", serde_json::json!([3, 3]), "memory"),
        (
            "/config/state/memory",
            (1_u64 << 60).into(),
            "configuration",
        ),
    ] {
        let told = refusal(place, value);
        let expected = format!("the saved {part} is in a state that no machine comes to");
        assert_eq!(told, expected, "{place}");
    }
    vm.view().give_page(Pa(PAGE_SIZE));
    assert_eq!(saved(&vm)["ram"]["state"]["given"], serde_json::json!([1]));
}
